"""The Prefect API server as a child of the driver. Run by server.py, never by hand: `python -P server_child.py
SOCKET_FD`.

It lives exactly as long as its parent: standard input is a pipe whose other end only the driver holds, so the kernel
closes it when the driver ends, by kill -9 too. PDEATHSIG would do less: it fires when the THREAD that forked ends,
which kills a healthy server whenever it was restarted from a pool thread, and it exists on Linux only. On end of file
the server is asked to finish, which writes what its recorder still holds, and is ended hard after `_GRACE`.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time

_GRACE = 5.0


def _end_with_parent() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE)
    os._exit(70)


def main() -> None:
    """Serve Prefect's API on the listening socket that the driver bound."""
    threading.Thread(target=_end_with_parent, daemon=True, name="end-with-parent").start()
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C reaches the whole terminal group; the driver decides when the server ends

    import uvicorn
    from prefect.server.api.server import create_app

    listening = socket.socket(fileno=int(sys.argv[1]))
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(final=True),
            lifespan="on",
            log_level="warning",
            access_log=False,
            # longer than a client's pool keeps a connection (httpx: 5 s), or a request meets one that is just closing
            timeout_keep_alive=60,
            timeout_graceful_shutdown=3,
        )
    )
    server.run(sockets=[listening])
    if not server.started:
        raise SystemExit(3)


if __name__ == "__main__":
    main()
