"""Which raw files the log names: by readings of type `file`, and by facts that hold a raw file. The files lie elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from events.errors import Corrupt, Refused
from events.facts import course, steps
from events.facts.amendments import AmendmentDecided, AmendmentProposed
from events.facts.base import Fact, RawFile, Reading, TherapyFact, Value
from events.reading import Record, verified_stream
from protocol.decision import therapy_stream
from protocol.model import StudyProtocol
from protocol.reader import Reader
from protocol.state import instance


class Named(NamedTuple):
    """A raw file as a record names it: its hash, and what it is and where, in words."""

    sha256: str
    therapy: str
    position: int
    what: str


def files_of_record(record: Record, therapy: str, protocol: StudyProtocol | None) -> Iterator[Named]:
    """The raw files that a record names for a therapy.

    Args:
        protocol: says which readings are files; None: only facts that hold a raw file are looked at.
    """
    for fact in record.facts:
        if not isinstance(fact, TherapyFact) or fact.therapy != therapy:
            continue
        for at, reading in _readings(fact):
            step = protocol.by_id.get(at) if protocol else None
            spec = step.record_by_name.get(reading.name) if step else None
            if spec is not None and spec.type == "file":
                yield Named(reading.value, therapy, record.position, f"{reading.name} of {at}")
        for held in _held(fact):
            yield Named(held.sha256, therapy, record.position, held.what)


def files_of_log(reader: Reader) -> Iterator[Named]:
    """Every raw file that the log names, in the order of its therapies; what cannot be read names none."""
    for stream in reader.log.streams("therapy/"):
        yield from files_of_therapy(reader, stream.removeprefix("therapy/"))


def files_of_therapy(reader: Reader, therapy: str) -> Iterator[Named]:
    """Every raw file that one therapy's records name."""
    protocol: StudyProtocol | None = None
    proposed: dict[str, str] = {}
    for record in verified_stream(reader.log, therapy_stream(therapy)):
        try:
            opened = next((f for f in record.facts if isinstance(f, course.TherapyOpened)), None)
            if opened is not None:
                protocol = reader.protocol(opened.digest)
            proposed |= {f.amendment: f.digest for f in record.facts if isinstance(f, AmendmentProposed)}
            yield from files_of_record(record, therapy, protocol)
            for fact in record.facts:
                if isinstance(fact, AmendmentDecided) and fact.decision == "approved" and fact.amendment in proposed:
                    protocol = reader.protocol(proposed[fact.amendment])
        except (Corrupt, Refused):
            continue  # the audit names it


def _readings(fact: Fact) -> Iterator[tuple[str, Reading]]:
    match fact:
        case steps.StepFact() | course.ReadingReported():
            for reading in fact.readings:
                yield instance(fact.key).step, reading
        case course.FactCorrected():
            yield instance(fact.key).step, fact.new
        case _:
            pass


def _held(value: object) -> Iterator[RawFile]:
    """The raw files in a value, however deep."""
    if isinstance(value, RawFile):
        yield value
    elif isinstance(value, Value):
        for _, below in value:
            yield from _held(below)
    elif isinstance(value, tuple):
        for below in value:
            yield from _held(below)
