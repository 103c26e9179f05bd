"""The servers that other tests lean on do what they say: they come back, they freeze, and they never stay behind."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaTimeoutError, TopicAuthorizationFailedError

from tests.servers.addresses import Address, broker_for_processes
from tests.servers.errors import NotStarted
from tests.servers.fixtures import need_kafka
from tests.servers.folder import claim
from tests.servers.jars import kafka_jars, listed
from tests.servers.kafka import Broker, Cluster
from tests.servers.readiness import admin
from tests.servers.secured import READER, Secured

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def kafka_parts(pytestconfig: pytest.Config) -> None:
    """For tests that start brokers of their own."""
    need_kafka(pytestconfig)


@pytest.fixture(scope="module")
def mortal(kafka_parts: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker that these tests may kill; the run's own one is everybody's."""
    with Broker(data=tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture
def own(mortal: Broker) -> Broker:
    return mortal.start()


def test_the_runs_broker_answers_here_and_in_processes(kafka_broker: Broker | Address) -> None:
    assert broker_for_processes() == kafka_broker.bootstrap
    with admin(kafka_broker.client()) as opened:
        assert opened.describe_cluster()["controller_id"] >= 0


@pytest.mark.slow
def test_killed_and_started_again_it_has_the_same_data_and_ports(own: Broker) -> None:
    own.create_topic("kept", retention_ms="-1")
    assert written(own, "kept", b"before the kill") == 0
    bootstrap, pid = own.bootstrap, own.pid

    own.kill()
    assert not alive(pid)
    own.start()
    assert own.bootstrap == bootstrap
    assert own.pid != pid
    assert read(own, "kept") == [b"before the kill"]


@pytest.mark.slow
def test_frozen_it_answers_nothing_and_thawed_it_goes_on(own: Broker) -> None:
    own.freeze()
    with pytest.raises(KafkaTimeoutError), own.admin(bootstrap_timeout_ms=500):
        pass
    own.thaw()
    own.await_ready()
    own.freeze()
    own.freeze()  # twice is once
    own.kill()  # what is frozen can be killed
    assert not own.running


@pytest.mark.slow
def test_a_broker_that_can_not_come_up_says_what_its_log_says(kafka_parts: None) -> None:
    broker = Broker(properties={"log.segment.bytes": "none"})
    try:
        with pytest.raises(NotStarted, match=r"log\.segment\.bytes"):
            broker.start()
    finally:
        broker.close()
    assert not broker.folder.exists()


@pytest.mark.slow
def test_properties_of_ones_own_count(kafka_parts: None, tmp_path: Path) -> None:
    broker = Broker(
        data=tmp_path, properties={"message.max.bytes": "77777", "log.dirs": str(tmp_path / "small-{node}")}
    )
    text = broker.nodes[1].properties_file.read_text()
    assert "message.max.bytes=77777\n" in text
    assert f"log.dirs={tmp_path}/small-1\n" in text
    broker.close()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["kill -9", "SIGTERM", "Ctrl-C"])
def test_when_the_starter_ends_nothing_stays_behind(kafka_parts: None, how: str, tmp_path: Path) -> None:
    number = {"kill -9": signal.SIGKILL, "SIGTERM": signal.SIGTERM, "Ctrl-C": signal.SIGINT}[how]
    command = [sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(600)"]
    with started("kafka", "--", *command, temporary=tmp_path) as starter:
        assert starter.stdout is not None
        address, commands_pid = starter.stdout.readline(), int(starter.stdout.readline())
        assert address.startswith("UNBROKEN_KAFKA=127.0.0.1:")
        family = [*descendants(starter.pid)]
        assert commands_pid in family
        assert len(family) == 4, "the broker and the command, each with its supervisor"

        starter.send_signal(number)
        assert starter.wait(30) == (-9 if number == signal.SIGKILL else 128 + number)
        eventually(lambda: not any(map(alive, family)))
        eventually(lambda: not list(tmp_path.iterdir()))  # nor a temporary folder


@pytest.mark.slow
def test_when_the_supervisor_is_killed_java_ends_too(own: Broker) -> None:
    if sys.platform != "linux":
        pytest.skip("the kernel does this on Linux only")
    pid = own.pid
    os.kill(parent(pid), signal.SIGKILL)
    eventually(lambda: not alive(pid))


@pytest.mark.slow
def test_the_commands_exit_code_is_ours_and_its_broker_is_gone(kafka_parts: None, tmp_path: Path) -> None:
    with started("kafka", "--", "sh", "-c", "sleep 600 & exit 5", temporary=tmp_path) as starter:
        assert starter.wait(60) == 5
    assert not list(tmp_path.iterdir())


def test_a_folder_of_somebody_else_is_never_emptied(kafka_parts: None, tmp_path: Path) -> None:
    precious = tmp_path / "thesis.tex"
    precious.write_text("ten years")
    done = subprocess.run(
        [sys.executable, "-m", "tests.servers", "kafka", "--data", tmp_path, "--fresh", "--", "true"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (7, "")
    assert "so nothing was touched" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == [precious]


def test_fresh_removes_what_a_broker_left_and_nothing_else(tmp_path: Path) -> None:
    os.close(claim(tmp_path, fresh=False))
    (tmp_path / "node-1" / "data").mkdir(parents=True)
    (tmp_path / "unbroken-kafka.json").write_text("{}")
    (tmp_path / "notes.txt").write_text("put there later, by hand")
    os.close(claim(tmp_path, fresh=True))
    assert {path.name for path in tmp_path.iterdir()} == {"notes.txt", "unbroken-kafka.lock"}


@pytest.mark.slow
def test_a_jar_that_was_tampered_with_is_noticed_and_fetched_again(kafka_parts: None, tmp_path: Path) -> None:
    small = [jar for jar in listed() if jar.file in {"jspecify-1.0.0.jar", "log4j-slf4j-impl-2.24.3.jar"}]
    first, second = kafka_jars(lambda _line: None, wanted=small, folder=tmp_path)
    sound = first.read_bytes()
    first.write_bytes(sound[:-1] + b"!")
    untouched = second.stat().st_mtime_ns
    told: list[str] = []
    kafka_jars(told.append, wanted=small, folder=tmp_path)
    assert first.read_bytes() == sound
    assert second.stat().st_mtime_ns == untouched
    assert f"{first} is not the file that is listed; it is fetched again" in told[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(jar.file for jar in small)


@pytest.mark.slow
def test_the_secured_broker_lets_in_who_has_the_password_and_the_permission(kafka_secured: Secured) -> None:
    for topic in ("allowed", "forbidden"):
        kafka_secured.create_topic(topic)
    kafka_secured.add_user("writer")
    kafka_secured.add_user("reader")
    kafka_secured.grant("writer", "allowed")
    kafka_secured.grant("reader", "allowed", READER)

    with pytest.raises(KafkaTimeoutError), admin(kafka_secured.client("writer", "wrong"), bootstrap_timeout_ms=1500):
        pass
    with (
        pytest.raises(KafkaTimeoutError),
        admin(kafka_secured.client("writer", ca_file=kafka_secured.foreign_ca_file), bootstrap_timeout_ms=1500),
    ):
        pass
    with (
        pytest.raises(KafkaTimeoutError),
        admin({"bootstrap_servers": kafka_secured.bootstrap}, bootstrap_timeout_ms=1500),
    ):
        pass

    assert written(kafka_secured, "allowed", b"mine", user="writer") == 0
    assert read(kafka_secured, "allowed", user="reader") == [b"mine"]
    with pytest.raises(TopicAuthorizationFailedError):
        written(kafka_secured, "forbidden", b"not mine", user="writer")
    with pytest.raises(TopicAuthorizationFailedError):
        written(kafka_secured, "allowed", b"only a reader", user="reader")


@pytest.mark.slow
def test_of_three_nodes_another_leads_when_the_leader_is_killed(kafka_three: Cluster) -> None:
    kafka_three.create_topic("replicated")
    led = kafka_three.leader_of("replicated")
    assert led is not None
    assert written(kafka_three, "replicated", b"on all three") == 0

    kafka_three.kill(led)
    assert kafka_three.await_leader("replicated", other_than=led) != led
    assert written(kafka_three, "replicated", b"on two") == 1

    kafka_three.start(led)
    assert read(kafka_three, "replicated") == [b"on all three", b"on two"]


def client_of(cluster: Cluster, user: str | None) -> dict:
    return cluster.client(user) if isinstance(cluster, Secured) and user else cluster.client()


def written(cluster: Cluster, topic: str, value: bytes, *, user: str | None = None) -> int:
    producer = KafkaProducer(**client_of(cluster, user), acks="all", enable_idempotence=False)
    try:
        return producer.send(topic, value, partition=0).get(20).offset
    finally:
        producer.close(timeout=1)


def read(cluster: Cluster, topic: str, *, user: str | None = None) -> list[bytes]:
    consumer = KafkaConsumer(**client_of(cluster, user), enable_auto_commit=False)
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        end = consumer.end_offsets([partition])[partition]
        consumer.seek(partition, 0)
        values: list[bytes] = []
        limit = time.monotonic() + 20
        while len(values) < end and time.monotonic() < limit:
            values += [record.value for records in consumer.poll(200).values() for record in records]
        return values
    finally:
        consumer.close()


@contextlib.contextmanager
def started(*arguments: str, temporary: Path) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.servers", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        preexec_fn=_hears_ctrl_c,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _hears_ctrl_c() -> None:
    """Whoever runs the tests in the background of a shell may ignore SIGINT, and every process would inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def alive(pid: int) -> bool:
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return bool(done.stdout.strip()) and not done.stdout.strip().startswith("Z")


def parent(pid: int) -> int:
    return int(subprocess.run(["ps", "-o", "ppid=", "-p", str(pid)], capture_output=True, text=True).stdout)


def descendants(pid: int) -> Iterator[int]:
    listing = subprocess.run(["ps", "-Ao", "pid=,ppid="], capture_output=True, text=True).stdout
    pairs = [tuple(map(int, line.split())) for line in listing.splitlines()]
    for child, its_parent in pairs:
        if its_parent == pid:
            yield child
            yield from descendants(child)


def eventually(holds: Callable[[], bool], seconds: float = 15) -> None:
    limit = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < limit
        time.sleep(0.05)
