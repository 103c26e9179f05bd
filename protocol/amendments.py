"""What changes for one patient when a therapy goes on under another version of its study.

Two protocol files are compared only in what still lies before the patient: steps to be done, their limits, clocks, visits and
roles; the criteria, if the release is still to come; what can go wrong on those steps; and the dates of the deadlines that run.
The same two files and the same record give the same list, to the byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from events.facts.amendments import Change
from events.facts.base import ActKey
from events.instant import to_wire
from protocol.ahead import lies_ahead
from protocol.automatic import deadlines
from protocol.due import of_step
from protocol.model import Part, Step, StudyProtocol
from protocol.state import Therapy

Lines = dict[str, str]
IN_PIECES = frozenset({"protocol", "steps", "release", "choices", "incidents", "labels"})
"""Parts of a file of which only the pieces that concern this patient are compared; the others are compared whole."""
NOT_COMPARED = frozenset({"amendments", "digest", "text", "earlier"})
"""`amendments` itself says only who moves a therapy here; the rest is computed."""
ONLY_BEFORE = {"dose": {"infusion"}, "manufacture": {"disposition", "infusion"}}
"""Parts that concern a patient only while a step of one of these kinds is still to come."""
LONGEST = 400
"""Characters up to which a list is told as one value."""


def under(therapy: Therapy, passes: Iterable[ActKey]) -> Therapy:
    """The therapy as it would stand once these steps and visits are passed over."""
    return replace(therapy, passed=therapy.passed | {(key.step, key.occurrence) for key in passes})


def changes(
    therapy: Therapy, present: StudyProtocol, new: StudyProtocol, passes: tuple[ActKey, ...]
) -> tuple[Change, ...]:
    """Everything that changes in what lies before this patient, in the order of the study."""
    moved = under(therapy, passes)
    found: list[Change] = [*_differ("protocol", _head(present), _head(new))]
    coming = _coming(therapy, present) | _coming(moved, new)
    for name in dict.fromkeys([*new.by_id, *present.by_id]):
        if name in coming:
            sides = _step(therapy, present, name), _step(moved, new, name)
            found += _differ(f"step {name}", *sides)
    kinds: set[str] = {p.by_id[name].kind for p in (present, new) for name in coming if name in p.by_id}
    found += _release(present, new) if "disposition" in kinds else ()
    found += _choices(therapy, present, new) if kinds & {"enrolment", "disposition", "infusion"} else ()
    found += _named("incident", _incidents(present, coming), _incidents(new, coming))
    found += _named("label", _labels(therapy, present, coming), _labels(therapy, new, coming))
    for part in _parts(kinds):
        found += _differ(part, _lines(getattr(present, part)), _lines(getattr(new, part)))
    return (*found, *_dates(therapy, present, moved, new))


def _parts(kinds: set[str]) -> Iterator[str]:
    for part in StudyProtocol.model_fields:
        concerns = part not in ONLY_BEFORE or bool(kinds & ONLY_BEFORE[part])
        if concerns and part not in IN_PIECES | NOT_COMPARED:
            yield part


def _coming(therapy: Therapy, protocol: StudyProtocol) -> set[str]:
    return {step.id for step in protocol.steps if lies_ahead(therapy, protocol, step)}


# ------------------------------------------------------------------ the parts of a file as lines


def _head(protocol: StudyProtocol) -> Lines:
    return {"version": protocol.protocol.version, "product": protocol.protocol.product}


def _step(therapy: Therapy, protocol: StudyProtocol, name: str) -> Lines:
    step = protocol.by_id.get(name)
    if step is None:
        return {}
    return _lines(step.model_copy(update={"visits": _visits_ahead(therapy, protocol, step)}))


def _visits_ahead(therapy: Therapy, protocol: StudyProtocol, step: Step) -> tuple[Any, ...]:
    settled = {due.at.occurrence for due in of_step(therapy, protocol, step) if due.standing in ("done", "missed")}
    return tuple(v for v in step.visits if v.id not in settled and not therapy.passes(step.id, v.id))


def _release(present: StudyProtocol, new: StudyProtocol) -> list[Change]:
    def criteria(protocol: StudyProtocol) -> dict[str, Lines]:
        return {c.id: _lines(c) for c in protocol.release.criteria} if protocol.release else {}

    def rest(protocol: StudyProtocol) -> Lines:
        return _lines(protocol.release.model_copy(update={"criteria": ()}) if protocol.release else None)

    return [*_named("criterion", criteria(present), criteria(new)), *_differ("release", rest(present), rest(new))]


def _choices(therapy: Therapy, present: StudyProtocol, new: StudyProtocol) -> list[Change]:
    """Of a patient who is enrolled, only what was chosen; of one who is not, everything that can be."""

    def told(protocol: StudyProtocol) -> dict[str, Lines]:
        found = {}
        for name, choice in protocol.choices.items():
            chosen = therapy.option(name)
            options = {k: v for k, v in choice.options.items() if chosen in (None, k)}
            found[name] = _lines(choice.model_copy(update={"options": options}))
        return found

    return _named("choice", told(present), told(new))


def _incidents(protocol: StudyProtocol, coming: set[str]) -> dict[str, Lines]:
    return {i.id: _lines(i) for i in protocol.incidents if coming & set(i.during)}


def _labels(therapy: Therapy, protocol: StudyProtocol, coming: set[str]) -> dict[str, Lines]:
    used = {name for step in protocol.steps if step.id in coming for name in step.labels}
    used |= {label.template for label in therapy.labels.values()}
    return {name: _lines(template) for name, template in protocol.labels.items() if name in used}


def _dates(therapy: Therapy, present: StudyProtocol, moved: Therapy, new: StudyProtocol) -> Iterator[Change]:
    """The dates of the deadlines that run, where they change."""

    def told(state: Therapy, protocol: StudyProtocol) -> Lines:
        return {f"{d.at}: {d.says}": to_wire(d.strikes) for d in deadlines(state, protocol)}

    yield from _differ("deadline", told(therapy, present), told(moved, new))


# ------------------------------------------------------------------ lines, and how they differ


def _named(kind: str, before: Mapping[str, Lines], after: Mapping[str, Lines]) -> list[Change]:
    names = dict.fromkeys([*after, *before])
    return [change for name in names for change in _differ(f"{kind} {name}", before.get(name, {}), after.get(name, {}))]


def _differ(where: str, before: Lines, after: Lines) -> Iterator[Change]:
    for what in dict.fromkeys([*after, *before]):
        if before.get(what) != after.get(what):
            yield Change(where=where, what=what, before=before.get(what), after=after.get(what))


def _lines(part: Part | dict[str, Any] | None) -> Lines:
    """A part of a file as lines: the path of a value, and the value as the file writes it."""
    if part is None:
        return {}
    if isinstance(part, dict):
        document: Any = {name: _document(value) for name, value in part.items()}
    else:
        document = _document(part)
    return dict(_flat(document, ""))


def _document(value: Any) -> Any:
    return value.model_dump(mode="json", exclude_defaults=True, by_alias=True) if isinstance(value, Part) else value


def _flat(value: Any, path: str) -> Iterator[tuple[str, str]]:
    word = _word(value)
    if word is not None:
        if word:
            yield path, word
    elif isinstance(value, dict):
        for name, below in value.items():
            yield from _flat(below, f"{path} {name}".strip())
    else:
        for number, below in enumerate(value, 1):
            yield from _flat(below, f"{path} {_called(below, number)}".strip())


def _word(value: Any) -> str | None:
    """A value that is told as one; None for one that has parts of its own."""
    if isinstance(value, dict):
        if "what" in value and set(value) <= {"what", "grade", "step", "role"}:
            words = (value["what"].replace("_", " "), value.get("grade"), value.get("step"), value.get("role"))
            return " ".join(word for word in words if word)
        return f"{value['step']}.{value['edge']}" if set(value) == {"step", "edge"} else None
    if isinstance(value, list):
        words_ = [_word(one) for one in value]
        told = ", ".join(word or "" for word in words_)
        return None if None in words_ or len(told) > LONGEST else told
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _called(value: Any, number: int) -> str:
    """What one of several is called: by its name, or by its number."""
    if isinstance(value, dict):
        for name in ("id", "name"):
            if isinstance(value.get(name), str):
                return str(value[name])
    return str(number)
