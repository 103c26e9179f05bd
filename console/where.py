"""Where a site's log is kept: in a file of its folder, or in a Kafka topic with a verified local copy in the folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from console.given import text_of
from console.show import say
from events.errors import Refused

if TYPE_CHECKING:
    from events.kafka.client import Access
    from events.log import EventLog

FILE, COPY = "log.db", "copy.db"
TOPIC = "unbroken"
"""The topic's name where nobody names another."""


def open_log(folder: Path, kafka: dict[str, Any] | None, log_id: str | None, copy: Path | None = None) -> EventLog:
    """The log of a site.

    Args:
        copy: another file for the local copy than the site's own.
        kafka: what site.json says of the topic; None where the log is a file.
        log_id: as the site was set up with; None: whatever log is there.

    Raises:
        Corrupt, Unavailable, Refused: as the log's kind says.
    """
    if kafka is None:
        from events.log_sqlite import SqliteLog

        return SqliteLog(folder / FILE)
    from events.log_kafka import KafkaLog

    return KafkaLog(
        kafka_access(folder, kafka),
        copy or folder / COPY,
        topic_id=kafka["topic_id"],
        log_id=log_id,
        told=say,
        progress=_catching_up(),
    )


def refuse_half(kafka: str | None, topic: str, security: Path | None) -> None:
    """Raise where a topic or its security is named, and no broker: the log would end up in a file, unasked."""
    if kafka is None and (topic != TOPIC or security is not None):
        raise Refused(
            "log.destination",
            "A topic is named, and no broker.",
            values={"topic": topic},
            advice="Add --kafka HOST:PORT, or leave --topic and --kafka-security out: then the log is kept in a file.",
        )


def copied(folder: Path) -> int | None:
    """How many records the local copy of a log in Kafka holds, before anybody follows on; None where there is none."""
    from events.copy import Copy

    path = folder / COPY
    if not path.is_file():
        return None
    copy = Copy(path, synced=False)
    try:
        return copy.size()
    finally:
        copy.close()


def kafka_access(folder: Path, kafka: dict[str, Any]) -> Access:
    """How the topic is reached; UNBROKEN_KAFKA says where the brokers are, if it is set."""
    from events.kafka.client import access

    document = {**kafka}
    if given := os.environ.get("UNBROKEN_KAFKA"):
        document["servers"] = given
    return access(document, folder)


def kafka_settings(servers: str, topic: str, security: Path | None) -> dict[str, Any]:
    """What site.json says of a topic: `security` is a YAML file of protocol, ca, user, password_file, certificate, key.

    Raises:
        Refused: the file or a field of it is wrong.
    """
    from console.acts import read_document
    from events.kafka.client import access, servers_of

    told: dict[str, Any] = {}
    if security is not None:
        told = dict(read_document(_text(security), str(security)))
        if both := sorted({"servers", "topic", "topic_id"} & set(told)):
            raise Refused(
                "kafka.field",
                f"{security} names {', '.join(both)}, which the command line does.",
                advice="Leave it out of the file.",
            )
        # Paths in the file are relative to it, and stay right wherever a command is run.
        for name in ("ca", "password_file", "certificate", "key"):
            if told.get(name):
                told[name] = str((security.absolute().parent / str(told[name])).resolve())
    document = {"servers": list(servers_of(servers)), "topic": topic, **told}
    access(document, Path("/"))
    return document


def _text(security: Path) -> str:
    try:
        return text_of(security)
    except Refused as problem:
        raise Refused(
            "kafka.file",
            f"The security file cannot be read: {problem.says}",
            values=problem.values,
            advice="Name a YAML file of protocol, ca, user, password_file, certificate, key.",
        ) from None


def _catching_up() -> Callable[[int, int], None]:
    """Says how far the local copy is, where it has much to fetch: one line that counts on a terminal, a line now and then else."""
    terminal = sys.stderr.isatty()
    every = 5_000 if terminal else 50_000
    told: list[int] = []

    def progress(done: int, of: int) -> None:
        if not told:
            told.append(done)
        if done - told[-1] < every and not (done == of and len(told) > 1):
            return
        told.append(done)
        end = "\r" if terminal and done < of else "\n"
        print(f"the local copy: {done} of {of} records judged", end=end, file=sys.stderr, flush=True)

    return progress
