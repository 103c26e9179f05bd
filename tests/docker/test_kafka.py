"""The brokers of the compose files for real: founded once, let in by certificate and password only, grown, and mended."""

import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import KafkaError, TopicAuthorizationFailedError, TopicDeletionDisabledError

from events.errors import Unavailable
from events.kafka.topic import check, look
from tests.docker.brokers import ONE_BROKER, THREE_BROKERS, Deployment
from tests.docker.composed import DOCKER

# Every day test_application.py starts one broker of these, with everything else beside it.
pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory, secrets: Path) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("brokers")
    own = folder / "secrets"
    shutil.copytree(secrets, own)  # one story changes a password
    made = Deployment(folder, own)
    yield made
    for broker in made.brokers.values():
        broker.stop(2)


def write(deployment: Deployment, value: bytes) -> int:
    producer = KafkaProducer(**deployment.settings(acks="all", enable_idempotence=False))
    try:
        return int(producer.send("unbroken", value, partition=0).get(30).offset)
    finally:
        producer.close(timeout=5)


def values(deployment: Deployment) -> list[bytes]:
    consumer = KafkaConsumer(**deployment.settings())
    try:
        partition = TopicPartition("unbroken", 0)
        consumer.assign([partition])
        consumer.seek_to_beginning()
        end = consumer.end_offsets([partition])[partition]
        found: list[bytes] = []
        while len(found) < end:
            found += [record.value for records in consumer.poll(5000).values() for record in records]
        return found
    finally:
        consumer.close()


# These follow each other as a deployment's life does; each needs the one before.


def test_an_empty_disk_does_not_become_a_log_by_itself(deployment: Deployment) -> None:
    refused = deployment.broker(1, ONE_BROKER).run(*deployment.brokers[1].service["command"])
    assert refused.returncode == 78
    assert "this broker's disk is empty" in refused.stderr
    assert "docker compose run --rm found" in refused.stderr


def test_it_is_founded_once(deployment: Deployment) -> None:
    found = deployment.broker(1, ONE_BROKER, "found")
    first = found.run(*found.service["command"])
    assert first.returncode == 0, first.stdout + first.stderr
    meta = (found.root / "data" / "log" / "meta.properties").read_text(encoding="utf-8")
    assert (deployment.secrets / "kafka-cluster-id").read_text(encoding="utf-8") in meta
    again = found.run(*found.service["command"])
    assert "founded already" in again.stdout
    assert (found.root / "data" / "log" / "meta.properties").read_text(encoding="utf-8") == meta


def test_the_broker_comes_up_and_its_health_check_sees_it(deployment: Deployment) -> None:
    broker = deployment.broker(1, ONE_BROKER)
    assert not broker.healthy()
    broker.start()
    broker.await_healthy()


def test_the_administrator_makes_the_topic_as_the_application_wants_it(deployment: Deployment) -> None:
    done = deployment.admin(ONE_BROKER)
    assert done.returncode == 0, done.stdout + done.stderr
    password = (deployment.secrets / "kafka-writer-password").read_text(encoding="utf-8")
    assert password not in done.stdout + done.stderr
    topic = look(deployment.access())
    check(deployment.access(), topic)
    assert (topic.partitions, topic.replicas) == (1, 1)
    assert topic.configuration["flush.messages"] == "1"
    assert deployment.admin(ONE_BROKER).returncode == 0
    assert look(deployment.access()).id == topic.id


def test_the_writer_writes_and_reads_and_may_do_nothing_else(deployment: Deployment) -> None:
    assert write(deployment, b"first") == 0
    assert values(deployment) == [b"first"]
    writer = KafkaAdminClient(**deployment.settings())
    try:
        with pytest.raises((TopicDeletionDisabledError, TopicAuthorizationFailedError)):
            writer.delete_topics(["unbroken"])
        with pytest.raises(KafkaError):
            writer.delete_records({TopicPartition("unbroken", 0): 1})
        with pytest.raises(TopicAuthorizationFailedError):
            writer.create_topics([NewTopic("other", 1, 1)])
        with pytest.raises(KafkaError):
            writer.create_partitions({"unbroken": 2})
    finally:
        writer.close()
    assert values(deployment) == [b"first"]
    assert "is Denied operation" in deployment.brokers[1].said()


def test_nobody_else_is_let_in(deployment: Deployment) -> None:
    at = deployment.access()
    plain = {"bootstrap_servers": list(at.servers), "bootstrap_timeout_ms": 1500, "request_timeout_ms": 1500}
    no_encryption = {**plain, "security_protocol": "PLAINTEXT"}
    no_password = {**plain, "security_protocol": "SSL", "ssl_cafile": str(at.ca)}
    wrong = deployment.settings(sasl_plain_password="wrong", bootstrap_timeout_ms=1500)
    other_authority = deployment.settings(ssl_cafile=None, ssl_context=ssl.create_default_context(), bootstrap_timeout_ms=1500)  # fmt: skip
    for settings in (no_encryption, no_password, wrong, other_authority):
        with pytest.raises(KafkaError):
            KafkaAdminClient(**settings).list_topics()


def test_the_brokers_own_door_opens_to_our_certificates_only(deployment: Deployment) -> None:
    door = f"localhost:{deployment.ports[0]['BROKER']}"
    settings = {
        "bootstrap_servers": [door],
        "security_protocol": "SSL",
        "ssl_cafile": str(deployment.secrets / "ca.pem"),
        "bootstrap_timeout_ms": 3000,
        "request_timeout_ms": 3000,
    }
    with pytest.raises(KafkaError):
        KafkaAdminClient(**settings).list_topics()
    pem = str(deployment.secrets / "kafka-admin.pem")
    admin = KafkaAdminClient(**settings, ssl_certfile=pem, ssl_keyfile=pem)
    assert "unbroken" in admin.list_topics()
    admin.close()


def test_a_new_password_is_in_force_when_access_has_run_again(deployment: Deployment) -> None:
    before = deployment.settings(bootstrap_timeout_ms=1500)
    (deployment.secrets / "kafka-writer-password").rename(deployment.folder / "old-password")
    again = {**os.environ, "AGAIN": "yes"}
    done = subprocess.run([DOCKER / "secrets.sh", deployment.secrets], env=again, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert deployment.admin(ONE_BROKER).returncode == 0
    assert write(deployment, b"second") == 1
    with pytest.raises(KafkaError):
        KafkaAdminClient(**before).list_topics()


def test_told_to_stop_it_ends_in_order_and_goes_on_where_it_stood(deployment: Deployment) -> None:
    broker = deployment.brokers[1]
    assert broker.stop() in {0, 143}  # 143: Java's own word for having ended on SIGTERM
    assert "App info kafka.server for 1 unregistered" in broker.said()  # its last words when nothing is left open
    with pytest.raises(Unavailable):
        look(deployment.access())
    broker.start()
    broker.await_healthy()
    assert values(deployment) == [b"first", b"second"]


def test_two_more_brokers_join_and_take_the_log_over_too(deployment: Deployment) -> None:
    topic = look(deployment.access()).id
    deployment.brokers[1].stop()  # as compose does: its settings have changed
    for number in (1, 2, 3):
        deployment.broker(number, THREE_BROKERS).start()
    for broker in deployment.brokers.values():
        broker.await_healthy()
    done = deployment.admin(THREE_BROKERS)
    assert done.returncode == 0, done.stdout + done.stderr
    grown = look(deployment.access())
    check(deployment.access(), grown)
    assert grown.id == topic
    assert grown.replicas == 3
    assert grown.configuration["min.insync.replicas"] == "2"
    assert grown.configuration["unclean.leader.election.enable"] == "false"
    assert write(deployment, b"third") == 2
    assert deployment.admin(THREE_BROKERS).returncode == 0


def test_the_broker_that_founded_it_loses_its_disk_and_gets_everything_back_from_the_others(
    deployment: Deployment,
) -> None:
    before = values(deployment)
    broker = deployment.brokers[1]
    await_in_sync(deployment, {1, 2, 3}, at=3)
    broker.lose_its_disk()
    # Sent again until the cluster has noticed, so it may stand there twice; the log's own rules settle that.
    write(deployment, b"without the first")
    broker.start()
    broker.await_healthy()
    await_in_sync(deployment, {1, 2, 3}, at=3)
    after = values(deployment)
    assert after[: len(before)] == before
    assert set(after[len(before) :]) == {b"without the first"}


def await_in_sync(deployment: Deployment, wanted: set[int], *, at: int) -> None:
    """Until the topic is held, and the cluster is steered, by all of these."""
    end = time.monotonic() + 90
    while True:
        status = deployment.ask("kafka-metadata-quorum.sh", "describe", "--status", at=at)
        voters = next(line for line in status.splitlines() if line.startswith("CurrentVoters"))
        if all(f'"id": {number},' in voters for number in wanted):
            described = deployment.ask("kafka-topics.sh", "--describe", "--topic", "unbroken", at=at)
            in_sync = described.partition("Isr: ")[2].split()[0]
            if {int(number) for number in in_sync.split(",")} == wanted:
                return
            status += described
        assert time.monotonic() < end, status
        time.sleep(0.5)
