"""One namespace for every code that is scanned: what a code is already, and what it therefore cannot become.

A patient's codes (materials, labels, wristband, numbers) and the therapy's own id are bound once, in the stream ``code/CODE``. Lots,
devices, rooms, bookable resources have streams of their own; the first record of such a stream extends ``code/CODE`` too, so two
people who make two things of one code at the same moment never both stand.
"""

from __future__ import annotations

from collections.abc import Mapping

from events.authority import Authority
from events.errors import Corrupt, Refused
from events.facts.base import TherapyFact
from events.facts.happened import ActHappened
from events.facts.steps import ProcessPerformed, SlotsBooked, StepFact
from events.identifiers import read_code
from events.reading import Record
from protocol.decision import code_stream
from protocol.model import StudyProtocol
from protocol.refusals import refuse
from protocol.state import Therapy

ALSO: dict[str, tuple[str, ...]] = {
    "lot": ("lot",),
    "device": ("device", "slot"),
    "room": ("room", "slot"),
    "slot": ("slot", "room", "device", "person"),
    "person": ("person",),
}
"""What a code of each kind may be at the same time: a suite is booked and worked in, an apheresis machine is booked and calibrated."""
OF_THE_SITE = ("lot", "device", "room", "slot")
"""Kinds whose codes have a stream of the kind's name."""
WORDS = {
    "lot": "a lot",
    "device": "a device",
    "room": "a room",
    "slot": "a resource that is booked",
    "person": "a person",
}

ON_THE_ROAD = frozenset({"hand_over", "transport", "receipt"})

Known = Mapping[str, str]
"""Kind to words ("a lot of vector"): what a code is already, beside a patient's own."""


def site_code(stream: str) -> tuple[str, str]:
    """The kind and the code that a stream of the site is about; two empty texts for any other stream."""
    kind, _, code = stream.partition("/")
    return (kind, code) if kind in OF_THE_SITE and code else ("", "")


def own_code(record: Record) -> str:
    """The stream of the code of a lot, a device or a room, which its first record extends too; an empty text for any other record."""
    kind, code = site_code(record.statement.subject)
    first = record.statement.heads[record.statement.subject].number == 0
    return code_stream(code) if kind and first else ""


def used_as(record: Record, code: str) -> bool:
    """Whether a therapy's record stands in the stream of a code because it used a room or a resource of it, and bound nothing."""
    try:
        facts = [fact for fact in record.facts if isinstance(fact, TherapyFact)]
    except Corrupt:
        return False
    rooms = {fact.suite for fact in facts if isinstance(fact, ProcessPerformed)}
    rooms |= {fact.room for fact in facts if isinstance(fact, ActHappened)}
    slots = {slot.code for fact in facts if isinstance(fact, SlotsBooked) for slot in fact.slots}
    made = {new.code for fact in facts if isinstance(fact, StepFact) for new in fact.created}
    return code in rooms | slots and code not in made


def person_of(authority: Authority, code: str, before: int | None) -> str:
    """Whose number or account a code is, in words; nothing if nobody's."""
    for account, known in authority.people.items():
        if code in (known.person, account.upper()) and known.roles_at(before):
            return f"{'the number' if code == known.person else 'the account'} of a person ({account})"
    return ""


def first_use(kind: str, code: str, known: Mapping[str, Known]) -> tuple[str, ...]:
    """The stream of a code that is used as a room or a resource for the first time, so that nobody binds it meanwhile."""
    return () if kind in known.get(code, {}) else (code_stream(code),)


def check_unused(code: str, name: str, known: Mapping[str, Known]) -> None:
    """Refuse as a patient's new code what is a code of something else.

    Raises:
        Refused: naming what it is.
    """
    if words := known.get(code):
        raise refuse(
            "identity.new-code",
            f"{code} is {' and '.join(words.values())}; {name} needs a code that is nothing else.",
            f"Scan the label of the {name}, not what lies beside it. A code names one thing.",
            scan=name,
            code=code,
        )


def check_kind(kind: str, code: str, known: Known, owner: str = "", what: str = "") -> None:
    """Refuse a code as a lot, a device, a room, a resource or a person where it is something else already.

    Args:
        owner: the therapy that it is bound to; `what`: as what, in words.

    Raises:
        Refused: naming what it is.
    """
    others = [words for other, words in known.items() if other not in ALSO[kind]]
    if owner:
        others.insert(0, f"{what or 'a code'} of {owner}")
    if others:
        raise refuse(
            "identity.new-code",
            f"{code} is {' and '.join(others)}; it cannot be {WORDS[kind]} too.",
            f"Look at the label again: {WORDS[kind]} has a code of its own.",
            code=code,
            kind=kind,
        )


def bound_as(therapy: Therapy, code: str) -> str:
    """What a code is of a patient's, in words."""
    if code in therapy.materials:
        return f"the {therapy.materials[code].kind.replace('_', ' ')}"
    if code in therapy.labels:
        return "a label"
    named = {
        therapy.subject: "the subject number",
        therapy.coi: "the chain-of-identity id",
        therapy.wristband: "the wristband",
        therapy.opened.screening if therapy.opened else "": "the screening number",
        therapy.id: "the id",
    }
    return named.get(code, "a code")


def travels_as(therapy: Therapy, protocol: StudyProtocol, code: str) -> str:
    """Which number of a shipment of this patient's a code is (a seal, a shipper, a logger, a waybill), in words; nothing if none."""
    for (at, name), now in therapy.readings.items():
        step = protocol.by_id.get(at.step)
        record = step.record_by_name.get(name) if step and step.kind in ON_THE_ROAD else None
        if record is not None and record.type == "text" and canonical(now.value) == code:
            return f"{record.title or name} of {at}"
    return ""


def canonical(text: str) -> str:
    """A code as the log spells it; nothing where it is none."""
    try:
        return read_code(text)
    except Refused:
        return ""
