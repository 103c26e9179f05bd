"""Moving a whole log: from the file of a site to a Kafka topic, and back. Same id, same records, same verdicts.

The place that is left is sealed first, by a record in the log itself: whoever still writes there is refused by every reader.
So nothing that was acknowledged can be missing where the log goes on. Interrupted at any instant, the same command goes on.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from console.where import COPY, FILE, kafka_access, open_log
from events.authority import STREAM
from events.errors import Corrupt, Refused
from events.facts.authority import LogMoved
from events.merkle import Tree

if TYPE_CHECKING:
    from console.site import Site
    from events.log import EventLog
    from events.store import Store
    from protocol.desk import Sitting

Told = Callable[[str], None]
PART = 500
"""Records kept in one transaction."""


class Moved(NamedTuple):
    """What was moved: from where to where, how many records, and the root over them, the same in both places."""

    origin: str
    destination: str
    size: int
    root: str


def to_kafka(site: Site, kafka: dict[str, Any], sitting: Sitting | None, told: Told) -> Moved:
    """Move a site's log to a topic, which is made if it is not there.

    Args:
        sitting: the administrator who seals the place that is left; None for a log that nobody else ever saw.

    Raises:
        Refused: the topic holds something else. Unavailable: it cannot be reached; the same command goes on later.
    """
    from events.kafka.topic import make
    from events.kafka.whole import ends, write

    access = kafka_access(site.folder, kafka)
    log = site.log
    topic = make(access)
    told(f"the topic {access} stands, id {topic.id}")
    about = {**kafka, "topic_id": topic.id}
    there = ends(access)
    if there:
        _refuse_other(site, about, log)  # before anything is sealed
        told(f"{there} records stand there already; going on")
    size = _seal(site, log, topic.place, sitting, told)
    write(
        access,
        (stored.value for stored in log.read(there, size)),
        there,
        lambda done: told(f"{done} of {size} records sent"),
    )
    _set_aside(site.folder)
    moved = open_log(site.folder, about, log.id)
    try:
        result = _compared(log, moved, size)
    finally:
        moved.close()
    site.keep_at(about)
    if sitting is None:
        _remove(site.folder / FILE)
    return result


def to_file(site: Site, sitting: Sitting, told: Told) -> Moved:
    """Move a site's log from its topic into a file of its folder.

    Raises:
        Refused: there is a log in that file already.
    """
    from events.copy import Copy
    from events.judge import read
    from events.log_sqlite import new_place
    from events.store import refuse_remains

    log, path = site.log, site.folder / FILE
    making = path.with_name(f"{FILE}.moving")
    refuse_remains(path)
    first = next(iter(log.read(0, 1)))
    there = Copy.begun(making, first.value, new_place(), synced=True)
    place = there.place
    size = _seal(site, log, place, sitting, told)
    for start in range(there.size(), size, PART):
        part = [(stored.value, read(stored.value)) for stored in log.read(start, min(start + PART, size))]
        there.keep(start, part)
        told(f"{min(start + PART, size)} of {size} records kept")
    try:
        result = _compared(log, there, size)
    finally:
        there.close()
    making.rename(path)
    site.keep_at(None)
    return result


def _refuse_other(site: Site, about: dict[str, Any], log: EventLog) -> None:
    """What stands in the topic must be the beginning of this log, as an interrupted move left it."""
    with tempfile.TemporaryDirectory(prefix="moving-", dir=site.folder) as folder:
        there = open_log(site.folder, about, None, copy=Path(folder) / "there.db")
        try:
            pairs = zip(there.read(), log.read(), strict=False)
            same = there.size() <= log.size() and all(one.value == other.value for one, other in pairs)
        finally:
            there.close()
    if not same:
        raise Refused(
            "log.copy",
            f"The topic {about['topic']} holds another log, or goes on otherwise than this one.",
            values={"topic": about["topic"]},
            advice="Name a new topic; nothing was sealed or copied.",
        )


def _seal(site: Site, log: EventLog, destination: str, sitting: Sitting | None, told: Told) -> int:
    """Seal the place that is left; returns how many records go with the log, the sealing one being the last."""
    if sitting is None:
        return log.size()
    left = log.authority().left
    if log.place in left:
        if left[log.place] != destination:
            raise Refused(
                "log.sealed",
                f"This log has left {log.place} and goes on at {left[log.place]}, not at {destination}.",
                advice="Go on with the move that was begun, or tell the site where the log is: unbroken log use.",
            )
        told("the place that is left is sealed already; going on")
        return _sealed_at(log) + 1
    if log.authority().judge < 2:
        raise Refused(
            "log.judge-version",
            "This log was opened under the first version of the judge, which knows no move.",
            advice="It stays where it is; new sites are opened under a later version.",
        )
    fact = LogMoved(origin=log.place, destination=destination, why=f"moved to {destination.partition(':')[0]}")
    done = site.desk().authorise(lambda _actor, _authority: [fact], sitting)
    told(f"sealed: nothing is accepted at {log.place} any more")
    return done.position + 1


def _sealed_at(log: EventLog) -> int:
    from events.reading import verified_stream

    for record in verified_stream(log, STREAM):
        if any(fact["fact"] == LogMoved.wire and fact["origin"] == log.place for fact in record.statement.facts):
            return record.position
    raise AssertionError("authority says that the log has left, and no record of it does")


def _compared(log: EventLog, moved: EventLog | Store, size: int) -> Moved:
    """Both logs, record for record: bytes, verdicts and root."""
    tree = Tree()
    for one, other in zip(log.read(0, size), moved.read(0, size), strict=True):
        tree = tree.add(one.value)
        if one != other:
            raise Corrupt(
                "log.copy",
                f"Record {one.position} of the copy is not what was copied (its verdict or its bytes differ).",
                values={"position": one.position},
                advice="The site stays where it was. Keep both, and call QA.",
            )
    if moved.size() != size or moved.tree() != tree:
        raise Corrupt(
            "log.copy",
            f"The copy has {moved.size()} records, {size} were copied.",
            advice="The site stays where it was. Somebody else writes to the copy; name another place.",
        )
    return Moved(log.place, moved.place, size, tree.root().hex())


def _remove(path: Path) -> None:
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).unlink(missing_ok=True)


def use(site: Site, kafka: dict[str, Any] | None) -> str:
    """Tell a site where its log is kept; returns the place. A local copy of another place stays, as left-copy.db.

    Raises:
        Refused: the log there has left that place. Corrupt: it is another log.
    """
    about = None
    if kafka is not None:
        from events.kafka.topic import look

        about = {**kafka, "topic_id": look(kafka_access(site.folder, kafka)).id}
    # Looked at through a copy of its own: the site's may alone hold what was lost where the log was.
    with tempfile.TemporaryDirectory(prefix="looking-", dir=site.folder) as folder:
        place = _sound(open_log(site.folder, about, site.log_id, copy=Path(folder) / "there.db"), site)
    site.close()
    _set_aside(site.folder)
    site.keep_at(about)
    return place


def _set_aside(folder: Path) -> None:
    """Keep a local copy of another place under another name, with its journal."""
    for path in sorted(folder.glob(f"{COPY}*")):
        path.rename(path.with_name(f"left-{path.name}"))


def _sound(log: EventLog, site: Site) -> str:
    """The place of a log that is this site's, and is not left."""
    try:
        place, left = log.place, log.authority().left
        if log.id != site.log_id:
            raise Corrupt(
                "site.log-id",
                f"What is kept there is log {log.id[:16]}, this site's is {site.log_id[:16]}.",
                advice="Name the place of this site's own log.",
            )
        if place in left:
            raise Refused(
                "log.sealed",
                f"The log has left {place} and goes on at {left[place]}.",
                values={"left": place, "goes on": left[place]},
                advice="Name the place where it goes on.",
            )
        return place
    finally:
        log.close()
