"""Real Apache Kafka brokers on loopback: start, kill, freeze, thaw and restart them, all or one by one.

Only what a test needs differs from a production broker: less memory, few partitions of the internal topics, and a dead
node is noticed within 4 seconds. Retention is Kafka's own default, so a topic that must last has to say so itself.
"""

import atexit
import contextlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from kafka.errors import KafkaError

from tests.servers.errors import FolderRefused, NotStarted
from tests.servers.folder import STATE, claim
from tests.servers.jars import kafka_jars
from tests.servers.java import java
from tests.servers.node import Node, new_id
from tests.servers.ports import free_ports, is_free
from tests.servers.readiness import admin, await_ready

_TIMEOUT = 90.0
_TAKEN = "Address already in use"


def silent(_line: str) -> None:
    pass


class Cluster:
    """A Kafka cluster of combined nodes (broker and controller), numbered from 1, plaintext on loopback.

    It never outlives this process, not even by kill -9 or by a forgotten `close`.

    Args:
        nodes: how many; with three or more, topics are replicated three times and two replicas must acknowledge.
        data: the folder it lives in, kept; started again on it, it has the same data and the same ports if they are
            free. None: a temporary folder, removed in the end.
        fresh: forget what an earlier cluster left in that folder.
        properties: broker properties of your own, over ours; "{node}" in a value becomes the node's number, as in
            `log.dirs=/mnt/small/{node}`.
        heap: memory for each node's objects.
        java_flags: for the Java of each node, beside ours.
        say: is given a plain line for each thing that takes time.

    Raises:
        PartMissing: Java or the jars can't be had.
        FolderRefused: the data folder is somebody else's or in use.
    """

    listener = "PLAINTEXT"

    def __init__(
        self,
        nodes: int = 1,
        *,
        data: Path | str | None = None,
        fresh: bool = False,
        properties: Mapping[str, str] | None = None,
        heap: str = "384m",
        java_flags: Sequence[str] = (),
        say: Callable[[str], None] = silent,
    ) -> None:
        self._say = say
        self._extra = dict(properties or {})
        self._owner = os.getpid()
        self._temporary = data is None
        self._lock: int | None = None
        self.nodes: dict[int, Node] = {}
        java()
        jars = kafka_jars(say)
        if data is None:
            self.folder = Path(tempfile.mkdtemp(prefix="unbroken-kafka-"))
        else:
            self.folder = Path(data).absolute()
            self._lock = claim(self.folder, fresh=fresh)
        # At the latest then; a forgotten broker on kept data is stopped in order, too.
        atexit.register(self.close)
        remove = self.folder if self._temporary else None
        hold = () if self._lock is None else (self._lock,)  # or a restart would find the ports of a dying broker taken
        for number in range(1, nodes + 1):
            folder = self.folder / f"node-{number}"
            self.nodes[number] = Node(number, folder, jars, heap=heap, flags=java_flags, remove=remove, hold=hold)
        self._read_or_found()

    # What it is

    def _read_or_found(self) -> None:
        """Be the cluster that this folder holds, or a new one."""
        path = self.folder / STATE
        self._new = not path.exists()
        if self._new:
            self.cluster_id = new_id()
            self._take_new_ports()
            return
        state = json.loads(path.read_text(encoding="utf-8"))
        if len(state["ports"]) != len(self.nodes):
            raise FolderRefused(
                f"{self.folder} holds a cluster of {len(state['ports'])} nodes, not of {len(self.nodes)}"
            )
        self.cluster_id = state["cluster"]
        self._ports = {int(number): (ports[0], ports[1]) for number, ports in state["ports"].items()}
        for number, taken in self._ports.items():
            for place, port in enumerate(taken):
                if not is_free(port):
                    other = free_ports(1)[0]
                    pair = (other, taken[1]) if place == 0 else (self._ports[number][0], other)
                    self._ports[number] = pair
                    self._say(f"kafka: port {port}, which was used last time, is taken by somebody else; now {other}")
        self._write()

    def _take_new_ports(self) -> None:
        ports = free_ports(2 * len(self.nodes))
        self._ports = {number: (ports.pop(), ports.pop()) for number in self.nodes}
        self._write()

    def _write(self) -> None:
        state = {"cluster": self.cluster_id, "ports": self._ports}
        part = self.folder / f".{STATE}.part"
        part.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
        part.replace(self.folder / STATE)
        for number, node in self.nodes.items():
            node.write({**self._common(), **self._own(number), **{k: _of(number, v) for k, v in self._extra.items()}})

    def _common(self) -> dict[str, str]:
        copies = str(min(3, len(self.nodes)))
        in_sync = "2" if len(self.nodes) > 2 else "1"
        return {
            "process.roles": "broker,controller",
            "controller.quorum.voters": ",".join(f"{n}@127.0.0.1:{ports[1]}" for n, ports in self._ports.items()),
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": self.listener,
            "listener.security.protocol.map": f"CONTROLLER:PLAINTEXT,{self.listener}:{self.listener}",
            "auto.create.topics.enable": "false",
            "default.replication.factor": copies,
            "min.insync.replicas": in_sync,
            "unclean.leader.election.enable": "false",
            "offsets.topic.replication.factor": copies,
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": in_sync,
            "share.coordinator.state.topic.replication.factor": copies,
            "share.coordinator.state.topic.min.isr": in_sync,
            "group.initial.rebalance.delay.ms": "0",
            # Fifty partitions each would be made when first used, for one group of one member.
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.num.partitions": "4",
            "share.coordinator.state.topic.num.partitions": "4",
            "log.cleaner.dedupe.buffer.size": "8388608",  # 128 MB of a heap of 384 would be the default
            # A broker killed by -9 is not let in again before its old session has ended.
            "broker.heartbeat.interval.ms": "500",
            "broker.session.timeout.ms": "4000" if len(self.nodes) > 1 else "2500",
        }

    def _own(self, number: int) -> dict[str, str]:
        client, controller = self._ports[number]
        return {
            "listeners": f"{self.listener}://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"{self.listener}://127.0.0.1:{client}",
        }

    def _format_arguments(self) -> list[str]:
        return []

    @property
    def bootstrap(self) -> str:
        """Every node's address, as clients take it: "127.0.0.1:PORT,..."."""
        return ",".join(f"127.0.0.1:{client}" for client, _ in self._ports.values())

    @property
    def ports(self) -> dict[int, int]:
        """The port of each node for clients."""
        return {number: client for number, (client, _) in self._ports.items()}

    def client(self) -> dict[str, Any]:
        """Keyword arguments with which any of kafka-python's clients reaches it."""
        return {"bootstrap_servers": self.bootstrap}

    # What is done to it

    def start(self, node: int | None = None, *, wait: bool = True, timeout: float = _TIMEOUT) -> Self:
        """Start what does not run, and return when it takes part. Started again, it has the same data and ports.

        Raises:
            NotStarted: with the end of the log.
        """
        began = time.monotonic()
        launched = [chosen for chosen in self._chosen(node) if not chosen.running]
        for attempt in range(3):
            self._format()
            for chosen in launched:
                chosen.launch()
            if not wait or not launched:
                return self
            try:
                self.await_ready(timeout)
            except NotStarted:
                # A port that was free when it was chosen may be gone a second later; nobody knows the ports yet.
                taken = any(_TAKEN in chosen.tail(400) for chosen in launched)
                if not (self._new and taken and attempt < 2):
                    raise
                self.kill()
                self._take_new_ports()
            else:
                break
        self._new = False
        self._say(f"kafka: {len(launched)} node(s) up at {self.bootstrap} after {time.monotonic() - began:.1f} s")
        return self

    def _format(self) -> None:
        unformatted = [node for node in self.nodes.values() if not node.formatted]
        for node in unformatted:
            formatted = next((other for other in self.nodes.values() if other.formatted), None)
            if formatted is None:
                node.format(self.cluster_id, self._format_arguments())
            else:
                node.format_like(formatted, self.cluster_id)

    def await_ready(self, timeout: float = _TIMEOUT) -> None:
        """Return when every node that was started and is not frozen takes part in the cluster.

        Raises:
            NotStarted: one ended, or the time is over; with the end of its log.
        """
        started = [node for node in self.nodes.values() if node.launched and not node.frozen]
        await_ready(started, self.ports, self.client(), timeout)

    def stop(self, node: int | None = None) -> None:
        """End it in order (SIGTERM), so that it writes what it holds; hard after 15 seconds."""
        for chosen in self._chosen(node):
            chosen.ask_to_stop()
        for chosen in self._chosen(node):
            chosen.stop()

    def kill(self, node: int | None = None) -> None:
        """End it by SIGKILL; returns when it is gone."""
        for chosen in self._chosen(node):
            chosen.kill()

    def freeze(self, node: int | None = None) -> None:
        """SIGSTOP: it keeps its connections and answers nothing. Returns when it has stopped."""
        for chosen in self._chosen(node):
            chosen.freeze()

    def thaw(self, node: int | None = None) -> None:
        """SIGCONT: it goes on where it was."""
        for chosen in self._chosen(node):
            chosen.thaw()

    def restart(self, node: int | None = None, *, timeout: float = _TIMEOUT) -> Self:
        """Stop it in order if it runs, and start it on the same data and ports."""
        self.stop(node)
        return self.start(node, timeout=timeout)

    def close(self) -> None:
        """End it; a temporary folder is removed, and then there is no order to keep."""
        if os.getpid() != self._owner:
            return  # a forked process runs its parent's `atexit`, too
        if self._temporary:
            self.kill()
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            self.stop()
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None
        atexit.unregister(self.close)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _chosen(self, node: int | None) -> list[Node]:
        return list(self.nodes.values()) if node is None else [self.nodes[node]]

    # What is asked of it

    def admin(self, **settings: Any) -> contextlib.AbstractContextManager[Any]:
        """A kafka-python admin client, to be used in a `with`; it first asks a node that runs and is not frozen."""
        awake = [self.ports[number] for number, node in self.nodes.items() if node.running and not node.frozen]
        first = {"bootstrap_servers": [f"127.0.0.1:{port}" for port in awake]} if awake else {}
        return admin({**self.client(), **first}, **settings)

    def create_topic(self, name: str, partitions: int = 1, **configs: str) -> None:
        """Make a topic and wait until it has leaders; `retention_ms="-1"` stands for retention.ms."""
        named = {key.replace("_", "."): value for key, value in configs.items()}
        with self.admin() as opened:
            topic = {"num_partitions": partitions, "replication_factor": -1, "configs": named}
            opened.create_topics({name: topic}, wait_for_metadata=True)

    def leader_of(self, topic: str, partition: int = 0) -> int | None:
        """The node that leads this partition; None while nobody does."""
        with self.admin() as opened:
            return _leader(opened, topic, partition)

    def await_leader(
        self, topic: str, partition: int = 0, *, other_than: int | None = None, timeout: float = 30
    ) -> int:
        """The leader, once there is one that is not the node named here.

        Raises:
            TimeoutError: there was none in that time.
        """
        limit = time.monotonic() + timeout
        while time.monotonic() < limit:
            # What is asked of a frozen node is asked again of another soon.
            with contextlib.suppress(KafkaError), self.admin(request_timeout_ms=1500) as opened:
                while time.monotonic() < limit:
                    leader = _leader(opened, topic, partition)
                    if leader is not None and leader != other_than:
                        return leader
                    time.sleep(0.1)
        raise TimeoutError(f"{topic}/{partition} has no leader other than node {other_than} after {timeout:.0f} s")

    def tail(self, node: int = 1, lines: int = 25) -> str:
        """The end of what a node wrote since it was started."""
        return self.nodes[node].tail(lines)


class Broker(Cluster):
    """A cluster of one node, which is what most tests need."""

    def __init__(
        self,
        *,
        data: Path | str | None = None,
        fresh: bool = False,
        properties: Mapping[str, str] | None = None,
        heap: str = "384m",
        java_flags: Sequence[str] = (),
        say: Callable[[str], None] = silent,
    ) -> None:
        super().__init__(1, data=data, fresh=fresh, properties=properties, heap=heap, java_flags=java_flags, say=say)

    @property
    def pid(self) -> int:
        """The process id of its Java."""
        return self.nodes[1].pid

    @property
    def running(self) -> bool:
        return self.nodes[1].running


def _of(number: int, value: str) -> str:
    return value.replace("{node}", str(number))


def _leader(opened: Any, topic: str, partition: int) -> int | None:
    described = opened.describe_topics([topic])[0]
    for part in described["partitions"]:
        if part["partition_index"] == partition and part["leader_id"] >= 0:
            leader: int = part["leader_id"]
            return leader
    return None
