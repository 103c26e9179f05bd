"""Free TCP ports on loopback, chosen so that a broker can have the same ones again after it was killed."""

import contextlib
import random
import socket
from pathlib import Path

_LOWEST, _HIGHEST = 15_000, 32_000


def is_free(port: int) -> bool:
    """Whether a server could listen there now, as a broker would: connections that are still closing do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """Ports below those the kernel gives to outgoing connections.

    From those the kernel gives out, a client that keeps trying to reach a dead broker may be given the broker's own
    port: it then connects to itself, and the broker can't come back.
    """
    highest = min(_HIGHEST, _first_outgoing() - 1)
    found: set[int] = set()
    for _ in range(1000):
        if len(found) == count:
            return sorted(found)
        port = random.randint(_LOWEST, highest) if highest > _LOWEST + 1000 else _any_port()
        if is_free(port):
            found.add(port)
    raise OSError("no free TCP ports on this machine")


def _first_outgoing() -> int:
    with contextlib.suppress(OSError, ValueError):
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    return 49_152  # where macOS and the registry of ports begin


def _any_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
