"""Whether a cluster does its work, asked of the cluster itself: no sleeps, a deadline, and the log's last words."""

import contextlib
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from tests.servers.errors import NotStarted
from tests.servers.node import Node

_PAUSE = 0.05


@contextmanager
def admin(client: Mapping[str, Any], **settings: Any) -> Iterator[Any]:
    """An admin client that gives up after seconds, not after its usual half minute, and is closed in any case."""
    opened = KafkaAdminClient(**{"bootstrap_timeout_ms": 10_000, "request_timeout_ms": 10_000, **client, **settings})
    try:
        yield opened
    finally:
        opened.close()


def await_ready(nodes: Sequence[Node], ports: Mapping[int, int], client: Mapping[str, Any], timeout: float) -> None:
    """Return when every one of these nodes takes part: its port is open, it is not fenced, there is a controller.

    Raises:
        NotStarted: one of them ended, or the time is over; with the end of its log.
    """
    limit = time.monotonic() + timeout
    for node in nodes:
        while not _listens(ports[node.number]):
            _go_on([node], limit, timeout, "does not listen yet")
    wanted = {node.number for node in nodes}
    seen: set[int] = set()
    while True:
        with contextlib.suppress(KafkaError), admin(client) as asked:
            while True:
                cluster = asked.describe_cluster()
                seen = {broker["broker_id"] for broker in cluster["brokers"] if not broker.get("is_fenced")}
                if wanted <= seen and cluster["controller_id"] >= 0:
                    return
                _go_on(nodes, limit, timeout, f"is up, but the cluster counts only nodes {sorted(seen)} as its own")
        _go_on(nodes, limit, timeout, "listens, but does not answer an admin client")


def _go_on(nodes: Sequence[Node], limit: float, timeout: float, state: str) -> None:
    for node in nodes:
        if not node.running:
            raise NotStarted(f"Kafka's node {node.number} ended by itself. The end of {node.output}:\n{node.tail()}")
    if time.monotonic() > limit:
        told = "\n".join(f"{node.output}:\n{node.tail()}" for node in nodes)
        raise NotStarted(f"Kafka {state} after {timeout:.0f} s. {told}")
    time.sleep(_PAUSE)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
