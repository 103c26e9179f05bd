"""A broker that wants TLS, a password and a permission: what a writer may do, what it may not, and what it is told."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kafka.admin import KafkaAdminClient
from kafka.errors import AuthorizationError, KafkaError

from events.errors import Refused, Unavailable
from events.kafka.client import Access
from events.kafka.topic import make
from events.kafka.whole import begin
from events.log_kafka import KafkaLog
from tests.ground import deviation, small_log

pytestmark = [pytest.mark.contract, pytest.mark.slow]
WRITER = "site-anna"


@pytest.fixture(scope="module")
def granted(kafka_secured: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Access, Path]:
    """A log that the administrator began, and the access of a writer to it."""
    folder = tmp_path_factory.mktemp("secured")
    passwords = {"admin": kafka_secured.passwords["admin"], WRITER: kafka_secured.add_user(WRITER)}
    for user, password in passwords.items():
        (folder / user).write_text(password + "\n")
    admin = Access(
        servers=(kafka_secured.bootstrap,), topic="secured-log", protocol="SASL_SSL", ca=kafka_secured.ca_file,
        user="admin", password_file=folder / "admin",
    )  # fmt: skip
    begin(admin, small_log().values[0])
    kafka_secured.grant(WRITER, admin.topic)
    return replace(admin, user=WRITER, password_file=folder / WRITER), folder


def test_a_writer_appends_and_reads(granted: tuple[Access, Path], tmp_path: Path) -> None:
    access, _ = granted
    small = small_log()
    log = KafkaLog(access, tmp_path / "copy.db", log_id=small.id)
    for value in small.values[1:]:
        log.append(value)
    done = log.append(small.record("nurse", ["therapy/T-7"], deviation()))
    assert [stored.value for stored in log.read(0, len(small.values))] == small.values
    assert log.size() == done.position + 1
    log.close()


@pytest.mark.parametrize(
    "attempt",
    [
        lambda client, topic: client.delete_topics([topic]),
        lambda client, topic: client.delete_records({_partition(topic): 1}),
        lambda client, topic: client.create_partitions({topic: 2}),
        lambda client, topic: client.alter_configs([_retention(topic)]),
    ],
    ids=["delete", "truncate", "repartition", "reconfigure"],
)
def test_a_writer_may_do_nothing_else(granted: tuple[Access, Path], attempt: Any) -> None:
    access, _ = granted
    client = KafkaAdminClient(**access.settings())
    try:
        refused = False
        try:
            answer = attempt(client, access.topic)
            refused = "Authorization" in str(answer) or "29" in str(answer)
        except AuthorizationError:
            refused = True
        except KafkaError as problem:
            refused = "Authorization" in f"{type(problem).__name__} {problem}"
        assert refused
    finally:
        client.close()


def _partition(topic: str) -> Any:
    from kafka import TopicPartition

    return TopicPartition(topic, 0)


def _retention(topic: str) -> Any:
    from kafka.admin import ConfigResource, ConfigResourceType

    return ConfigResource(ConfigResourceType.TOPIC, topic, configs={"retention.ms": "1000"})


def test_a_writer_makes_no_topic(granted: tuple[Access, Path]) -> None:
    access, _ = granted
    with pytest.raises(Unavailable) as told:
        make(replace(access, topic="another-log"))
    assert "not allow" in told.value.says


def test_a_wrong_password_is_said(granted: tuple[Access, Path], tmp_path: Path) -> None:
    access, _ = granted
    (tmp_path / "wrong").write_text("not the password")
    told = _refused(replace(access, password_file=tmp_path / "wrong"), tmp_path)
    assert f"password of {WRITER} is wrong" in told


def test_a_strangers_certificate_is_said(granted: tuple[Access, Path], kafka_secured: Any, tmp_path: Path) -> None:
    access, _ = granted
    told = _refused(replace(access, ca=kafka_secured.foreign_ca_file), tmp_path)
    assert "not signed by the authority that is trusted here" in told


def test_no_tls_where_it_is_wanted_is_said(granted: tuple[Access, Path], tmp_path: Path) -> None:
    access, _ = granted
    told = _refused(Access(access.servers, access.topic), tmp_path)
    assert "no answer that makes sense" in told


def test_tls_where_there_is_none_is_said(granted: tuple[Access, Path], kafka_broker: Any, tmp_path: Path) -> None:
    access, _ = granted
    told = _refused(replace(access, servers=(kafka_broker.bootstrap,)), tmp_path)
    assert "speaks no TLS" in told


def test_a_topic_that_may_not_be_seen(granted: tuple[Access, Path], tmp_path: Path) -> None:
    access, _ = granted
    with pytest.raises(Exception, match="is not there, or this user may not see it"):
        KafkaLog(replace(access, topic="somebody-elses"), tmp_path / "copy.db")


def test_a_password_file_that_is_not_there(granted: tuple[Access, Path], tmp_path: Path) -> None:
    access, _ = granted
    with pytest.raises(Refused, match="cannot be read"):
        KafkaLog(replace(access, password_file=tmp_path / "nowhere"), tmp_path / "copy.db")


def _refused(access: Access, tmp_path: Path) -> str:
    began = time.monotonic()
    with pytest.raises(Unavailable) as told:
        KafkaLog(access, tmp_path / "copy.db")
    assert time.monotonic() - began < 10
    assert not (tmp_path / "copy.db").exists()
    return told.value.says
