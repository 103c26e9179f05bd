"""The broker's address and how to be let in; kafka-python's clients with the settings that were measured; its errors in words."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError, UnknownTopicOrPartitionError
from kafka.net.compat import KafkaNetClient
from kafka.serializer import Serializer

from events.errors import Refused, Unavailable
from events.kafka import batches

CONNECT_MS = 6_000
"""How long a first contact may take before a person is told that nobody answers."""
REQUEST_MS = 6_000
"""How long one request may take before it is given up and, where that is harmless, sent again."""
PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
LARGEST_BATCH = 1_048_576
"""``max.message.bytes`` of the topic: a record has at most 256 kB, so several share a batch."""

_MOST_HEARD = 40
_heard: list[str] = []


class _Listening(logging.Handler):
    """The client says why it cannot connect only in its log; what it said last goes into the error that a person reads."""

    def emit(self, record: logging.LogRecord) -> None:
        if len(_heard) < _MOST_HEARD:
            _heard.append(record.getMessage())


batches.install()
_logger = logging.getLogger("kafka")
_logger.addHandler(_Listening(logging.WARNING))
_logger.propagate = False  # a person at a terminal is told in our words


@dataclass(frozen=True, slots=True)
class Access:
    """Which topic of which cluster, and how to be let in.

    Args:
        servers: ``host:port`` of one or more brokers.
        protocol: one of `PROTOCOLS`.
        ca: PEM file with the authority that signed the brokers' certificates; None: the system's own.
        user, password_file: for SCRAM-SHA-512, where the protocol says SASL.
        certificate, key: PEM files of a client certificate, where the listener asks for one.
    """

    servers: tuple[str, ...]
    topic: str
    protocol: str = "PLAINTEXT"
    ca: Path | None = None
    user: str = ""
    password_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def __str__(self) -> str:
        return f"{self.topic} at {', '.join(self.servers)}"

    def settings(self) -> dict[str, Any]:
        """What every client of kafka-python is told.

        Raises:
            Refused: the password or a certificate cannot be read.
        """
        told: dict[str, Any] = {
            "bootstrap_servers": list(self.servers),
            "client_id": "unbroken",
            "security_protocol": self.protocol,
            "bootstrap_timeout_ms": CONNECT_MS,
            "request_timeout_ms": REQUEST_MS,
            "reconnect_backoff_max_ms": 1_000,
            "metadata_max_age_ms": 30_000,
        }
        for name, path in (("ca", self.ca), ("certificate", self.certificate), ("key", self.key)):
            if path is not None and not path.is_file():
                raise _bad("kafka.file", f"{name}: there is no file {path}.", **{name: path})
        if self.protocol.endswith("SSL"):
            told |= {
                "ssl_cafile": _text(self.ca),
                "ssl_certfile": _text(self.certificate),
                "ssl_keyfile": _text(self.key),
            }
        if self.protocol.startswith("SASL"):
            told |= {
                "sasl_mechanism": "SCRAM-SHA-512",
                "sasl_plain_username": self.user,
                "sasl_plain_password": self._password(),
            }
        return told

    def _password(self) -> str:
        if not self.user or self.password_file is None:
            raise _bad("kafka.user", f"{self.protocol} asks for a user and a password_file.")
        try:
            return self.password_file.read_text(encoding="utf-8").strip()
        except OSError as problem:
            raise _bad(
                "kafka.file", f"password_file: {self.password_file} cannot be read ({problem.strerror})."
            ) from None


def access(document: Mapping[str, Any], base: Path) -> Access:
    """Read ``servers topic protocol ca user password_file certificate key``; paths are relative to `base`.

    Raises:
        Refused: an unknown field, protocol or spelling.
    """
    known = set("servers topic topic_id protocol ca user password_file certificate key".split())
    if unknown := sorted(set(document) - known):
        raise _bad("kafka.field", f"{', '.join(unknown)} is not known here; known are {', '.join(sorted(known))}.")
    protocol = document.get("protocol", "PLAINTEXT")
    if protocol not in PROTOCOLS:
        raise _bad("kafka.protocol", f"protocol {protocol!r} is none of {', '.join(PROTOCOLS)}.", protocol=protocol)
    topic = str(document.get("topic", ""))
    if not re.fullmatch(r"[A-Za-z0-9._\-]{1,249}", topic, re.ASCII):
        raise _bad(
            "kafka.topic-name",
            f"{topic!r} is no name of a topic: letters, digits, dot, underscore and hyphen.",
            topic=topic,
        )
    paths = {
        name: (base / str(document[name]))
        for name in ("ca", "password_file", "certificate", "key")
        if document.get(name)
    }
    return Access(
        servers=servers_of(document.get("servers", "")),
        topic=topic,
        protocol=protocol,
        user=str(document.get("user", "")),
        **paths,
    )


_SERVER = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._\-]{0,252})|\[[0-9A-Fa-f:.%a-z]{2,64}\]):[0-9]{1,5}", re.ASCII)
"""A host's name or address (that of IPv6 in brackets), a colon, and a port."""


def servers_of(told: object) -> tuple[str, ...]:
    """``host:port`` from a list or a comma-separated text.

    Raises:
        Refused: none, or one without a port.
    """
    words = told.split(",") if isinstance(told, str) else [str(one) for one in told] if isinstance(told, list) else []
    servers = tuple(word.strip() for word in words if word.strip())
    if not servers or not all(
        _SERVER.fullmatch(server) and 0 < int(server.rpartition(":")[2]) < 65536 for server in servers
    ):
        shown = str(told)[:80]
        raise _bad("kafka.servers", f"{shown!r} names no broker as host:port.", servers=shown)
    return servers


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _bad(rule: str, says: str, **values: object) -> Refused:
    return Refused(
        rule,
        f"Kafka's settings: {says}",
        values=values,
        advice="Correct them in the file that was given, or in site.json.",
    )


def _knowing(topic: str) -> Callable[..., KafkaNetClient]:
    """A client that asks for the topic with its first question: else the answer waits for the client's pause of 100 ms."""

    def client(**settings: Any) -> KafkaNetClient:
        made = KafkaNetClient(**settings)
        with suppress(AttributeError):  # not a promise of kafka-python's; without it everything works, later
            made.cluster._topics.add(topic)
        return made

    return client


def consumer(access: Access, most: int = 4 * LARGEST_BATCH) -> KafkaConsumer:
    """A reader that is told what to read (`assign`), decides nothing by itself, and sees every record.

    Args:
        most: bytes of one fetch; at least one batch comes, however large it is.
    """
    return KafkaConsumer(
        **access.settings(),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_uncommitted",
        fetch_max_wait_ms=500,
        metrics_enabled=False,  # a fifth of the client's work, and nobody reads them
        fetch_min_bytes=1,
        max_partition_fetch_bytes=most,
        max_poll_records=500,
        check_crcs=True,
        retry_backoff_ms=20,
        kafka_client=_knowing(access.topic),
    )


def knows_too_little(reader: KafkaConsumer) -> bool:
    """Whether something has made the client doubt what it knows of the topic, and it has not been told anew."""
    return bool(reader._cluster.need_update)


def ask_anew(reader: KafkaConsumer, topic: str) -> None:
    """Have the cluster say what the topic is now, later than whatever this reader was given before.

    Raises:
        KafkaError: nobody says so, or there is no such topic.
    """
    cluster = reader._cluster
    # An answer that is on its way may be older than what was read: the one after it is not.
    for _ in range(2 if cluster.metadata_refresh_in_progress else 1):
        reader._net.run(cluster.refresh_metadata)
    if cluster.topic_id(topic) is None:
        raise UnknownTopicOrPartitionError(topic)


class _Nothing(bytes):
    """Stands for null where kafka-python wants bytes."""


NOTHING = _Nothing()
"""A key, or a header's value, that is null: kafka-python refuses to send some such records, and a stranger's may be one."""


class Headers(list[tuple[str, Any]]):
    """Headers among which a value may become null. They say that they are none to kafka-python's own statistics, which
    would add up the lengths of the values; whoever writes them goes through them and finds them."""

    def __bool__(self) -> bool:
        return False


class Nulls(Serializer):  # type: ignore[misc]  # it ships no types
    """The last to touch a record before it is written: what stands for null becomes null."""

    def serialize(self, _topic: str, headers: list[Any], data: Any) -> bytes | None:
        """The key's bytes; the headers are changed in place."""
        headers[:] = [(name, None if value is NOTHING else value) for name, value in headers]
        return None if data is NOTHING else data


def producer(access: Access, **more: Any) -> KafkaProducer:
    """A writer that tries each record once and says what became of it; who asked decides whether to send again.

    Not idempotent: kafka-python's idempotent producer wedges for ever when a batch expires, and one oversize record
    poisons it. Nothing is lost by that: the heads inside the signed bytes make every resend harmless.
    """
    return KafkaProducer(
        **access.settings(),
        acks="all",
        enable_idempotence=False,
        retries=0,
        max_in_flight_requests_per_connection=1,
        metrics_enabled=False,
        delivery_timeout_ms=REQUEST_MS + 1_000,
        max_block_ms=REQUEST_MS,
        max_request_size=LARGEST_BATCH,
        batch_size=262_144,
        retry_backoff_ms=50,
        kafka_client=_knowing(access.topic),
        **{"linger_ms": 0, **more},
    )


def admin(access: Access) -> KafkaAdminClient:
    """For looking at a topic, and for making one."""
    return KafkaAdminClient(**access.settings())


@contextmanager
def reaching(access: Access) -> Iterator[None]:
    """Say what Kafka's errors mean where nothing has been sent yet."""
    _heard.clear()
    try:
        yield
    except (KafkaError, OSError) as problem:
        raise unavailable(access, problem, "nothing was read or recorded") from problem


def unavailable(access: Access, problem: BaseException, so: str) -> Unavailable:
    """Nobody answers, or not as hoped; `so` says what that means for the record."""
    likely, advice = _likely(" ".join([str(problem), *_heard]), access)
    return Unavailable(
        "log.kafka",
        f"The log, Kafka topic {access}, cannot be reached: {likely}; {so}.",
        values={"servers": ", ".join(access.servers), "topic": access.topic, "protocol": access.protocol},
        advice=advice,
    )


def _likely(said: str, access: Access) -> tuple[str, str]:
    if "SaslAuthenticationFailed" in said or "Authentication failed" in said:
        return f"the password of {access.user} is wrong, or nobody has that name", "Check user and password_file."
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return (
            "the broker's certificate is not signed by the authority that is trusted here",
            "Check the file named `ca`.",
        )
    if "WRONG_VERSION_NUMBER" in said or "record layer" in said or "UNEXPECTED_EOF" in said:
        return "the broker speaks no TLS on this port", "Check the port and the protocol."
    if "certificate required" in said or "bad certificate" in said:
        return "the broker asks for a client certificate", "Name `certificate` and `key` in the settings."
    if access.user and "socket disconnected" in said:
        # A broker says no to a password by closing the connection, and nothing else.
        return (
            f"the broker ends the connection at sign-in: the password of {access.user} is wrong, or nobody has that name",
            "Check user and password_file.",
        )
    if "Authorization" in said:
        return "the broker does not allow it", "Ask for READ, WRITE, DESCRIBE and DESCRIBE_CONFIGS on the topic."
    if "ECONNREFUSED" in said or "refused" in said.lower():
        return "nobody listens there", "Start the broker, or check the address."
    return (
        f"no answer that makes sense within {CONNECT_MS // 1000} seconds",
        "Check that the broker runs, its address, and that the protocol (TLS or not) is the listener's.",
    )
