"""From what a person gives (options, an act file, scans on standard input) to a command of the rulebook."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ValidationError

from console.given_log import GivenLog
from console.times import read_time
from events.errors import Refused
from events.identifiers import read_code
from protocol.commands import Perform
from protocol.commands.base import check_written
from protocol.model import Step
from protocol.plain_yaml import NotPlain, read_plain
from protocol.wording import in_words

C = TypeVar("C", bound=BaseModel)
_LISTS = ("permits", "issued")
_MAPS = ("readings", "scans", "used", "choices", "labels", "typed", "logger", "confirmed")
_WORDS = (
    "step",
    "occurrence",
    "material",
    "started",
    "ended",
    "outcome",
    "subject",
    "coi",
    "screening",
    "room",
    "decision",
)
_KNOWN = frozenset((*_LISTS, *_MAPS, *_WORDS, "slots"))


def wrong(what: str, why: str, advice: str, **values: object) -> Refused:
    """An input that cannot be understood; nothing was asked of the rulebook yet."""
    what = what if len(what) <= 100 else what[:97] + "..."
    return Refused("input.form", f"{what}: {why}.", advice=advice, values=values)


def read_document(text: str, name: str) -> dict[str, Any]:
    """A YAML or JSON document whose values stay the words that were written; 1.10 is not 1.1.

    Raises:
        Refused: neither of the two.
    """
    if text.lstrip().startswith("{"):
        try:
            found = json.loads(text, parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_once_each)
        except (ValueError, RecursionError) as problem:
            raise wrong(name, f"not JSON ({problem})", "Correct the file.", file=name) from None
        if isinstance(found, dict):
            return _read(found, name)
    try:
        return _read(read_plain(text).root, name)
    except NotPlain as problem:
        says = f"line {problem.line} {problem.reason}"
        raise wrong(name, says, "Correct the file; `unbroken step show THERAPY STEP --template` prints one to fill in.",
                    file=name, line=problem.line) from None  # fmt: skip


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field stands twice in one place, and nobody can say which was meant")
    return found


def _read(document: dict[str, Any], name: str) -> dict[str, Any]:
    """A document in whose texts nothing hides, whatever escape it was written with."""
    try:
        for field, value in document.items():
            check_written(field[:60], [field, value])
    except (ValueError, RecursionError) as problem:
        raise wrong(name, str(problem), "Correct the file; nothing was recorded.", file=name) from None
    return document


def pair(text: str, option: str, mark: str = "=") -> tuple[str, str]:
    """``name=value``.

    Raises:
        Refused: no mark, or nothing on one side of it.
    """
    name, found, value = text.partition(mark)
    if not found or not name.strip() or not value.strip():
        raise wrong(f"{option} {text!r}", f"not NAME{mark}VALUE", f"Write it as {option} NAME{mark}VALUE.", given=text)
    return name.strip(), value.strip()


def _scans_by_name(scans: Any) -> Any:
    """``[{name: bag, code: X}]`` is as good as ``{bag: X}``; whatever is neither is refused by the caller."""
    if not isinstance(scans, list) or not all(isinstance(s, Mapping) and {"name", "code"} <= set(s) for s in scans):
        return scans
    found: dict[str, list[str]] = {}
    for scan in scans:
        found.setdefault(str(scan["name"]), []).append(str(scan["code"]))
    return found


class Given:
    """What has been given so far for one act, whatever it came from; later answers go over earlier ones."""

    def __init__(self, document: Mapping[str, Any] | None = None, name: str = "the act file") -> None:
        self.fields: dict[str, Any] = {}
        self.readings: dict[str, Any] = {}
        self.confirmed: dict[str, str] = {}
        self.scans: list[dict[str, Any]] = []
        self.used: dict[str, str] = {}
        self.choices: dict[str, str] = {}
        self.labels: dict[str, str] = {}
        self.slots: list[dict[str, str]] = []
        self.log = GivenLog()
        if document is not None:
            self._take_document(document, name)

    def _take_document(self, document: Mapping[str, Any], name: str) -> None:
        if unknown := sorted(set(document) - _KNOWN):
            known = f"An act file knows: {', '.join(sorted(_KNOWN))}."
            raise wrong(name, f"unknown field {', '.join(unknown)}", known, unknown=unknown)
        document = {**document, "scans": _scans_by_name(document.get("scans"))}
        for field in _MAPS:
            if document.get(field) and not isinstance(document[field], Mapping):
                raise wrong(name, f"{field} is not a list of NAME: VALUE", "Write one NAME: VALUE a line.", field=field)
        for field in _WORDS:
            if isinstance(document.get(field), str) and document[field].strip():
                self.fields[field] = document[field].strip()
        for field in _LISTS:
            if document.get(field):
                self.fields[field] = words(document[field])
        self.readings = {n: v for n, v in (document.get("readings") or {}).items() if v not in ("", None)}
        self.confirmed = {n: v for n, v in (document.get("confirmed") or {}).items() if v}
        self.used = {n: v for n, v in (document.get("used") or {}).items() if v}
        self.choices = {n: v for n, v in (document.get("choices") or {}).items() if v}
        self.labels = {n: v for n, v in (document.get("labels") or {}).items() if v}
        for typed, field in ((False, "scans"), (True, "typed")):
            for scan, codes in (document.get(field) or {}).items():
                for code in words(codes):
                    self.scan(scan, code, typed=typed)
        self.log.take(document.get("logger") or {})
        slots = document.get("slots") or ()
        for slot in slots if isinstance(slots, (list, tuple)) else [slots]:
            if not isinstance(slot, Mapping):
                raise wrong(name, "a slot is not resource, code, starts, ends", "Write the four fields.")
            self.slots.append({n: str(v) for n, v in slot.items()})

    def scan(self, name: str, code: str, *, typed: bool = False) -> None:
        """One scan as presented."""
        self.scans.append({"name": name, "code": code, "typed": typed})

    def label(self, text: str) -> None:
        """``SERIAL=applied``, ``attached_to_record`` or ``destroyed``; the serial counts as issued."""
        serial, fate = pair(text, "--label")
        self.labels[serial] = fate

    def slot(self, text: str) -> None:
        """``RESOURCE=CODE@START/END``."""
        resource, rest = pair(text, "--slot")
        code, times = pair(rest, "--slot", "@")
        starts, ends = pair(times, "--slot", "/")
        self.slots.append({"resource": resource, "code": code, "starts": starts, "ends": ends})

    def perform(self, step: str, zone: ZoneInfo) -> Perform:
        """The command.

        Raises:
            Refused: a field that cannot be understood, or a file written for another step.
        """
        named = self.fields.get("step", step)
        if named != step:
            raise wrong("The act file", f"it is for step {named}, not {step}", "Take the right file.", file_step=named)
        document = {
            **self.fields,
            "step": step,
            "readings": with_reasons(self.readings, self.confirmed),
            "scans": self.scans,
            "used": self.used,
        }
        document |= {"choices": self.choices}
        for edge in ("started", "ended"):
            if edge in document:
                document[edge] = read_time(document[edge], zone)
        document["slots"] = [
            {**slot, "code": read_code(slot.get("code", ""))}
            | {edge: read_time(slot.get(edge, ""), zone) for edge in ("starts", "ends")}
            for slot in self.slots
        ]
        document["labels"] = [{"serial": read_code(s), "fate": f} for s, f in self.labels.items()]
        document.setdefault("issued", list(self.labels))
        return command(Perform, document)


def with_reasons(readings: Mapping[str, Any], confirmed: Mapping[str, str]) -> dict[str, Any]:
    """Values with the reason why one is right that was asked about.

    Raises:
        Refused: a reason for a value that is not given.
    """
    for name in confirmed:
        if name not in readings:
            raise wrong(f"--confirm {name}", "no such value is given", "Give the value too, with --read.", name=name)
    return {
        name: value if name not in confirmed
        else {**(value if isinstance(value, Mapping) else {"value": value}), "confirmed": confirmed[name]}
        for name, value in readings.items()
    }  # fmt: skip


def words(value: object) -> list[str]:
    """A list of words, or one, or several with commas between them."""
    if isinstance(value, (list, tuple)):
        return [str(item).strip() for item in value if str(item).strip()]
    return [word.strip() for word in str(value).split(",") if word.strip()]


def command(kind: type[C], document: Mapping[str, Any]) -> C:
    """A command of the rulebook from words.

    Raises:
        Refused: a field has the wrong form, naming it.
    """
    try:
        return kind.model_validate(document)
    except ValidationError as problem:
        path, why = in_words(problem, kind)[0]
        where = ".".join(str(part)[:60] for part in path)
        says = f"{where}: {why[:1].lower()}{why[1:]}" if where else why
        raise Refused(
            "input.form", f"{says}.", advice="Correct it; nothing was recorded.", values={"field": where}
        ) from None


def scans_by_order(step: Step, lines: Iterable[str], given: Given) -> None:
    """Scans piped one a line in the step's own order; ``name=code`` names one, an empty line ends a series.

    Raises:
        Refused: more scans than the step asks for.
    """
    groups: list[list[str]] = [[]]
    for text in lines:
        name, mark, code = text.strip().partition("=")
        if mark and name in step.scans and code and not code.startswith("<"):
            given.scan(name, code)
        elif text.strip():
            groups[-1].append(text.strip())
        elif groups[-1]:
            groups.append([])
    named = {scan["name"] for scan in given.scans}
    wanted = [(name, spec.count) for name, spec in step.scans.items() if name not in named]
    for number, (name, (least, most)) in enumerate(wanted):
        if not groups:
            return
        # Inside one series, what a later scan needs at least is left for it.
        later = sum(count[0] for _, count in wanted[number + 1 :]) if len(groups) == 1 or not groups[1:] else 0
        take = max(least, min(most, len(groups[0]) - later))
        for code in groups[0][:take]:
            given.scan(name, code)
        groups[0] = groups[0][take:]
        if not groups[0]:
            groups.pop(0)
    if left := [code for group in groups for code in group]:
        raise wrong(
            f"{len(left)} scans too many",
            f"{', '.join(left[:5])} belong to no scan of {step.id}",
            f"It asks, in this order, for: {', '.join(step.scans) or 'no scan'}.",
            left=left,
        )
