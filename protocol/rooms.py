"""What the stream of a room says: who was there and when, and what its environmental monitoring found."""

from __future__ import annotations

from collections.abc import Iterable

from events.errors import Corrupt
from events.facts.base import Fact, TherapyFact
from events.facts.environment import EnvironmentReported, RoomChangedOver, RoomCleared
from events.facts.steps import ProcessPerformed
from events.reading import Record
from protocol.equipment import Believed
from protocol.surroundings import ChangedOver, Interval, Report, Room


def read_room(code: str, records: Iterable[Record], believed: Believed) -> Room:
    """A room from the records of its stream.

    Args:
        believed: whether the signer of a record of the site might record this fact; what a therapy's own record says of the
            room is that therapy's, and its audit's.
    """
    intervals: list[Interval] = []
    reports: dict[str, Report] = {}
    changeovers: dict[str, ChangedOver] = {}
    for record in records:
        for fact in _facts(record, believed):
            match fact:
                case ProcessPerformed(suite=suite) if suite == code:
                    intervals.append(Interval(fact.therapy, fact.started, fact.ended, fact.changeover))
                case EnvironmentReported(room=room) if room == code:
                    person, why = record.statement.person, fact.why or ""
                    reports[record.link] = Report(fact.started, fact.ended, fact.readings, record.link, person, why)
                    if fact.corrects in reports:
                        reports[fact.corrects] = reports[fact.corrects]._replace(corrected=True)
                case RoomChangedOver(room=room) if room == code:
                    s = record.statement
                    changeovers[record.link] = ChangedOver(fact.at, s.person, s.account, fact.says, record.link)
                case RoomCleared(room=room, changeover=link) if room == code and link in changeovers:
                    if changeovers[link].person != record.statement.person:
                        changeovers[link] = changeovers[link]._replace(cleared=True)
                case _:
                    pass
    return Room(code, tuple(intervals), tuple(reports.values()), tuple(changeovers.values()))


def _facts(record: Record, believed: Believed) -> list[Fact]:
    subject = record.statement.subject
    if subject.startswith("therapy/"):
        # A fact about another therapy than the record's own is that one's to tell.
        own = subject.removeprefix("therapy/")
        return [fact for fact in record.facts if isinstance(fact, TherapyFact) and fact.therapy == own]
    try:
        return [fact for fact in record.facts if not isinstance(fact, TherapyFact) and believed(record, fact)]
    except Corrupt:
        return []
