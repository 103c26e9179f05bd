"""A TCP proxy before a broker that knows just enough of Kafka's protocol to lose the answer to a produce request.

The broker has written the record; who sent it is never told. That is what a network does at the worst moment.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading

_PRODUCE = 0


class Proxy:
    """Listens on loopback and passes everything on, until it is told to lose something.

    Args:
        port: where it listens.
        to: the broker's own port.
    """

    def __init__(self, port: int, to: int) -> None:
        self._to = to
        self._listening = socket.create_server(("127.0.0.1", port), backlog=64)
        self._open: set[socket.socket] = set()
        self._closed = False
        self.lose_acks = 0
        """How many more answers to produce requests are lost."""
        self.lose_all = False
        """Whether no answer to anything comes back."""
        self.lost = 0
        threading.Thread(target=self._accept, daemon=True, name="proxy").start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                try:
                    broker = socket.create_connection(("127.0.0.1", self._to), 5)
                except OSError:
                    client.close()
                    continue
                for end in (client, broker):
                    end.settimeout(None)
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._open |= {client, broker}
                produced: dict[int, bool] = {}
                for target in (self._requests, self._answers):
                    threading.Thread(target=target, args=(client, broker, produced), daemon=True).start()

    def _requests(self, client: socket.socket, broker: socket.socket, produced: dict[int, bool]) -> None:
        with contextlib.suppress(OSError, EOFError):
            while True:
                message = _message(client)
                key, _version, correlation = struct.unpack_from(">hhi", message, 4)
                produced[correlation] = key == _PRODUCE
                broker.sendall(message)
        self._end(client, broker)

    def _answers(self, client: socket.socket, broker: socket.socket, produced: dict[int, bool]) -> None:
        with contextlib.suppress(OSError, EOFError):
            while True:
                message = _message(broker)
                (correlation,) = struct.unpack_from(">i", message, 4)
                if not self._loses(produced.pop(correlation, False)):
                    client.sendall(message)
        self._end(client, broker)

    def _loses(self, produced: bool) -> bool:
        if produced and self.lose_acks:
            self.lose_acks -= 1
        elif not self.lose_all:
            return False
        self.lost += produced
        return True

    def _end(self, *ends: socket.socket) -> None:
        for end in ends:
            self._open.discard(end)
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def cut(self) -> None:
        """Close every connection that there is; new ones may be made."""
        self._end(*self._open)

    def heal(self) -> None:
        """Lose nothing more."""
        self.lose_acks, self.lose_all = 0, False

    def close(self) -> None:
        """Listen no more."""
        self._listening.close()
        self.cut()


def _message(end: socket.socket) -> bytes:
    size = _exactly(end, 4)
    return size + _exactly(end, struct.unpack(">i", size)[0])


def _exactly(end: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = end.recv(count - len(found))
        if not part:
            raise EOFError
        found += part
    return found
