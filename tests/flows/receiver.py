"""A real HTTP receiver on the loopback, as a channel's far end: keeps what it was sent, and answers as it is told."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver:
    """Answers each POST with the next of `answers`, then with 200; `got` holds (path, document) of those it answered 200."""

    def __init__(self, *answers: int) -> None:
        self.answers, self.got, self.tried = list(answers), list[tuple[str, Any]](), 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                receiver.tried += 1
                code = receiver.answers.pop(0) if receiver.answers else 200
                if code == 200:
                    receiver.got.append((self.path, json.loads(body)))
                self.send_response(code)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def at(self, path: str) -> list[Any]:
        """What came to one path."""
        return [document for where, document in self.got if where == path]

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
