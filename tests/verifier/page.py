"""The computed parts of docs/record-format.md: forms, catalogue of facts, worked example.

A test holds the page equal to them. After a change of the facts: ``python -m tests.verifier.page`` writes them anew.
"""

from __future__ import annotations

import inspect
import json
import types
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, StringConstraints
from pydantic.fields import FieldInfo

from events import identifiers
from events.checkpoint import Checkpoint, write_checkpoint
from events.envelope import open_envelope, pre_authentication, seal
from events.facts import amendments, base, happened, logger, steps
from events.facts.authority import LogOpened, PersonEnrolled, Place, Zone
from events.facts.base import Fact, Value
from events.facts.catalogue import AUTHORITY_FACTS, CATALOGUE
from events.facts.quality import DeviationOpened
from events.facts.steps import StepFact
from events.heads import NOWHERE, Head
from events.instant import WIRE
from events.judge import read
from events.kafka.frame import Framed, framed, kept
from events.keys import FileKey, key_id
from events.merkle import Tree, leaf_hash
from events.statement import Statement
from tests.ground import Small, deviation

PAGE = Path(__file__).resolve().parents[2] / "docs" / "record-format.md"
FORMS = {
    "Code": identifiers.Code,
    "TherapyId": identifiers.TherapyId,
    "Account": identifiers.Account,
    "PersonId": identifiers.PersonId,
    "Name": identifiers.Name,
    "Zone": Zone,
    "Place": Place,
    "Hex64": identifiers.Digest,
    "Seconds": logger.Seconds,
    "Celsius": logger.Celsius,
    "DegreeMinutes": logger.DegreeMinutes,
}
_BY_PATTERN = {get_args(form)[1].pattern: name for name, form in FORMS.items()}
VALUES = (
    base.ActKey, base.Reading, base.Scan, base.Used, base.NewMaterial, base.Choice, base.Slot, base.LabelFate,
    base.Criterion, base.RawFile, base.LabelLine, base.LabelStatement,
    logger.OutsideBand, logger.LogFigures, amendments.Change, amendments.ConsentedAgain,
    base.DoneBy, steps.OnPaper, steps.TakenOver, happened.BrokenRule,
    happened.ForeignItem,
)  # fmt: skip


def forms() -> str:
    """The table of forms that fields of facts have."""
    rows = [(name, f"`{pattern[1:-1]}`") for pattern, name in _BY_PATTERN.items()]
    rows += [
        ("Time", f"`{WIRE.pattern}`, and a day that exists"),
        ("Time or day", "a Time, or `[0-9]{4}-[0-9]{2}-[0-9]{2}`, a day that exists"),
        ("Text", "1 to 2,000 code points after White_Space at both ends is removed"),
        ("Short", "0 to 500 code points after White_Space at both ends is removed"),
        ("flag", "`true` or `false`"),
        ("count", "an integer"),
    ]
    return _table(("form", "what it is"), rows)


def catalogue() -> str:
    """Every fact with all its members, and the values that members are made of."""
    step = ["### A step\n", f"Members of every fact that performs a step: {_members(StepFact, ())}.\n"]
    values = [(f"`{value.__name__}`", _first_sentence(value), _members(value, ())) for value in VALUES]
    facts = []
    for wire, fact in CATALOGUE.items():
        shared = StepFact.model_fields if issubclass(fact, StepFact) else ()
        said = "; ".join(filter(None, ["the members of a step" if shared else "", _members(fact, shared)]))
        judged = " **Read by the judge.**" if fact in AUTHORITY_FACTS else ""
        facts.append((f"`{wire}`", _first_sentence(fact) + judged, said))
    return "\n".join(
        [
            *step,
            "### Values\n",
            _table(("value", "what it is", "members"), values),
            "",
            "### Facts\n",
            _table(("fact", "what it says", "members beside `fact`"), facts),
        ]
    )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    # A bar would end a cell, in code too.
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _first_sentence(model: type) -> str:
    text = " ".join((inspect.getdoc(model) or "").split("\n\n")[0].split()).replace("``", "`")
    return text if text.endswith(".") else text + "."


def _members(model: type[BaseModel], without: Iterable[str]) -> str:
    hints = get_type_hints(model, include_extras=True)
    left_out = set(without)
    return "; ".join(
        f"`{name}` {_form(hints[name])}{_default(field)}"
        for name, field in model.model_fields.items()
        if name not in left_out
    )


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return ""
    if field.default is None:
        return ", or left out"
    return f" = `{json.dumps(field.default)}`"


def _form(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _annotated(arguments[0], arguments[1:])
    if origin in (Union, types.UnionType):
        (one,) = (argument for argument in arguments if argument is not type(None))
        return _form(one)
    if origin is tuple:
        return f"list of {_form(arguments[0])}"
    if origin is Literal:
        return " or ".join(f"`{argument}`" for argument in arguments)
    assert issubclass(hint, Value), hint
    wire = getattr(hint, "wire", None)
    return f"the members of `{wire}`" if wire else hint.__name__


def _annotated(kind: type, details: tuple[Any, ...]) -> str:
    if kind in (bool, int, datetime, date):
        return {bool: "flag", int: "count", datetime: "Time", date: "Time or day"}[kind]
    (constraints,) = (detail for detail in details if isinstance(detail, StringConstraints))
    if constraints.pattern:
        return _BY_PATTERN[str(constraints.pattern)]
    known: dict[tuple[int | None, int | None], str] = {(1, 2000): "Text", (None, 500): "Short"}
    bounds = constraints.min_length, constraints.max_length
    return known.get(bounds) or f"text of {bounds[0]} to {bounds[1]:,} code points"


# ------------------------------------------------------------------------------------------------------- worked example

ROOT, NURSE, SYSTEM = (FileKey.from_seed(bytes([number]) * 32) for number in (1, 2, 3))
BEGAN = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def _signed(log: Small, number: int, account: str, stream: str, fact: Fact, meaning: str) -> bytes:
    person, key = {"root": ("P-ROOT", ROOT), "nurse": ("P-NURSE", NURSE)}[account]
    happened = BEGAN + timedelta(minutes=number)
    statement = Statement(
        id=f"{number:032x}",
        log=log.id or None,
        subject=stream,
        heads={stream: log.head(stream) if number else Head(0, NOWHERE)},
        happened=happened,
        recorded=happened + timedelta(seconds=30),
        person=person,
        account=account,
        key=key_id(key.public),
        meaning=meaning,
        rulebook=1,
        facts=(fact.to_wire(),),
    )
    value = seal(statement.payload(), key).value()
    log.append(value)
    return value


def example_log() -> Small:
    """The log of the worked example: genesis, an enrolment, a deviation."""
    log = Small()
    root = PersonEnrolled(
        person="P-ROOT", account="root", printed_name="Ada Root", public_key=ROOT.public.hex(), roles=("administrator",)
    )
    opened = LogOpened(site="Example Hospital", zone="Europe/Berlin", root=root, judge=2)
    log.heads["authority"] = Head(0, NOWHERE)
    _signed(log, 0, "root", "authority", opened, "authorised")
    nurse = PersonEnrolled(
        person="P-NURSE",
        account="nurse",
        printed_name="Örjan Nurse",
        public_key=NURSE.public.hex(),
        roles=("apheresis_nurse",),
    )
    _signed(log, 1, "root", "authority", nurse, "authorised")
    late = DeviationOpened(therapy="T-7", deviation="DEV-1", grade="minor", rule="pickup", says="12 min late")
    assert late.to_wire() == deviation(rule="pickup", says="12 min late")
    _signed(log, 2, "nurse", "therapy/T-7", late, "performed")
    return log


def example() -> str:
    """The worked example, every value computed."""
    log = example_log()
    keys = [
        (f"`{name}`", f"32 times `{number:02x}`", f"`{key.public.hex()}`", f"`{key_id(key.public)}`")
        for number, (name, key) in enumerate((("root", ROOT), ("nurse", NURSE), ("system", SYSTEM)), 1)
    ]
    lines = [_table(("key", "seed", "public key", "key id"), keys), ""]
    for position, value in enumerate(log.values):
        envelope = open_envelope(value)
        signed = pre_authentication(envelope.payload)
        lines += [
            f"### Record {position}\n",
            f"Payload, {len(envelope.payload)} bytes:\n",
            f"```json\n{envelope.payload.decode()}\n```\n",
            f"What is signed begins `{signed[: signed.index(b'{')].decode()}` and goes on with the payload: "
            f"{len(signed)} bytes.\n",
            f"Link: `{envelope.link}`\n",
            f"Signature: `{envelope.signature.hex()}`\n",
            f"The record, {len(value)} bytes:\n",
            f"```\n{value.decode()}\n```\n",
            f"Merkle leaf: `{leaf_hash(value).hex()}`\n",
        ]
    lines += in_kafka(log.values[2])
    tree = Tree().add_all(log.values)
    note = write_checkpoint(Checkpoint(log.id, tree.size, tree.root()), SYSTEM)
    lines += [
        "### The log\n",
        f"Its id is the link of record 0: `{log.id}`\n",
        f"All three records are accepted. The Merkle root over them is `{tree.root().hex()}`.\n",
        "A checkpoint, signed by `system`:\n",
        f"```\n{note}```\n",
        "Had the nurse signed record 1 with her own key, its verdict would be `key`: she is enrolled by it, not before it.",
    ]
    return "\n".join(lines)


def in_kafka(value: bytes) -> list[str]:
    """A record's frame, and what it would be without."""
    frame = framed(read(value), value)
    parts = [("key", frame.key), *((f"header `{name}`", held) for name, held in frame.headers)]
    bare = kept(Framed(None, value, ()))[0]
    odd = kept(Framed(b"", None, (("é\n", None), ("a", b"\x00"))))[0]
    return [
        "### Record 2 in Kafka\n",
        _table(("part", "bytes"), [(part, f"`{(held or b'').decode()}`") for part, held in parts]),
        "",
        f"With a null key and no headers it would be a wrapping of {len(bare)} bytes with the leaf "
        f"`{leaf_hash(bare).hex()}`.\n",
        "A message with an empty key, a null value and two headers, of which one is called U+00E9 U+000A and is null and the "
        f"other is called `a` and holds the byte `00`, is this wrapping of {len(odd)} bytes, in hex:\n",
        f"```\n{odd.hex()}\n```\n",
    ]


PARTS: dict[str, Callable[[], str]] = {"forms": forms, "catalogue": catalogue, "example": example}


def with_parts(page: str) -> str:
    """The page with its computed parts as they must be."""
    for name, part in PARTS.items():
        begin, end = f"<!-- {name}: computed -->\n", f"<!-- {name}: end -->"
        before, found, rest = page.partition(begin)
        _, closed, after = rest.partition(end)
        assert found, f"the page has lost its mark before {name}"
        assert closed, f"the page has lost its mark after {name}"
        page = f"{before}{begin}{part()}\n{end}{after}"
    return page


if __name__ == "__main__":
    PAGE.write_text(with_parts(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
