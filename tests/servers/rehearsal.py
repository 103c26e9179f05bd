"""One broker started and stopped for Java to learn from; see snapshot.py."""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.servers.errors import NotStarted
from tests.servers.jars import kafka_jars
from tests.servers.java import java
from tests.servers.kafka import Broker
from tests.servers.snapshot import forget_others, recording_flags, snapshot_of


def rehearse(say: Callable[[str], None] = print) -> None:
    """Make the snapshot unless it is there. Where it can't be made, nothing is lost but time.

    Raises:
        PartMissing: Java or the jars can't be had.
    """
    java()
    path = snapshot_of(kafka_jars(say))
    if path is None or path.exists():
        return
    say("kafka: starting and stopping one broker, once, so that Java starts every later one in half the time")
    began = time.monotonic()
    try:
        # Written beside and renamed: another process may be at it, too, and a broker may be starting from the old one.
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=path.parent) as staging:
            written = Path(staging) / path.name
            broker = Broker(java_flags=recording_flags(written))
            try:
                broker.start()
                broker.create_topic("rehearsal")
                broker.stop()
            finally:
                broker.close()
            os.replace(written, path)
        forget_others(path)
    except (NotStarted, OSError) as error:
        say(f"kafka: that did not work, so brokers start as slowly as ever: {error}")
    else:
        say(f"kafka: done after {time.monotonic() - began:.0f} s")
