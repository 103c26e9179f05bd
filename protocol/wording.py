"""What pydantic says about a wrong field, in words that the writer of a protocol file can act on."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from events.forms import FORM_IN_WORDS
from events.writing import Unfit, refuse_foreign
from protocol.model import StudyProtocol
from protocol.problems import Path, Problem

COMPUTED = ("digest", "text", "terms", "earlier")
"""Fields of the model that the program computes; they never stand in a file."""
_FORMS = {
    "repeat": "{at_least: 3, at_most: 3}, or with `every: 1 d`",
    "scans": "the name of each and what it is, such as {wristband: patient, bag: blood}",
    "plausible": "[low, high]",
    "count": "[least, most]",
    "visits": "{id: D1, at: 1 d, early: 12 h, late: 12 h}",
    "when": "{CHOICE: OPTION}",
    "retest": "{at_most: 1, authorised_by: ROLE}",
    "plan": "{from: STEP.end, after: 2 d}",
    "until": "{from: STEP.end, within: 18 h}",
}
"""How fields are written that are easily given in another form."""


def in_words(problem: ValidationError, whole: type[BaseModel] = StudyProtocol) -> list[Problem]:
    """Every error with its path in the file and its reason; `whole` is the part that the file is.

    A field that is missing because its name is misspelt is told once: by the misspelt one.
    """
    errors = problem.errors(include_url=False)
    meant = {
        (*error["loc"][:-1], nearest_field(error["loc"], whole))
        for error in errors
        if error["type"] == "extra_forbidden"
    }
    return [
        Problem(_path(error["loc"]), _reason(error, whole))
        for error in errors
        if not (error["type"] == "missing" and error["loc"] in meant) and not _only_wrong_ones(error)
    ]


def _only_wrong_ones(error: Any) -> bool:
    """Whether a list is called too short only because what it holds is wrong, which is told of each."""
    given = error.get("input")
    return (
        error["type"] == "too_short"
        and isinstance(given, (list, tuple))
        and len(given) >= error.get("ctx", {}).get("min_length", 0)
    )


def _path(loc: tuple[int | str, ...]) -> Path:
    # A wrong key of a mapping ends in "[key]", and a date or number in a pair may carry the pair's position.
    return tuple(part for part in loc if part != "[key]")


def _reason(error: Any, whole: type[BaseModel]) -> str:
    kind, given, context = error["type"], error.get("input"), error.get("ctx", {})
    match kind:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return _unknown_field(error["loc"], whole)
        case "string_pattern_mismatch" if given == "":
            return "is empty"
        case "string_pattern_mismatch":
            return _misshapen(str(given), context["pattern"])
        case "literal_error":
            return _one_of(str(given), context.get("expected", ""))
        case "decimal_parsing" | "decimal_type" | "finite_number" | "decimal_max_digits":
            return f"{_shown(given)} is no number; write for example 1, 0.5 or 1e9"
        case "int_parsing" | "int_type" | "int_from_float":
            return f"{_shown(given)} is no whole number"
        case "bool_parsing" | "bool_type":
            return f"{_shown(given)} is neither true nor false"
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"expected fields, found {_shown(given)}{_form(error)}"
        case "tuple_type" | "list_type":
            return f"expected a list, found {_shown(given)}{_form(error)}"
        case "string_type":
            return f"expected one value, found {_shown(given)}"
        case "string_too_short":
            return "is empty"
        case "string_too_long":
            return f"is longer than {context['max_length']} characters: it has {len(str(given)):,}"
        case "too_short":
            return f"needs at least {context.get('min_length')}"
        case "too_long":
            return f"has {context.get('actual_length')} values, {context.get('max_length')} is the most"
        case "greater_than_equal":
            return f"{_shown(str(given))} is less than {context.get('ge')}"
        case "less_than_equal":
            return f"{_shown(str(given))} is more than {context.get('le')}"
        case _:
            return str(error["msg"]).removeprefix("Value error, ")


def _misshapen(given: str, pattern: str) -> str:
    """What is wrong with an identifier, and its form; a character that only looks right is named."""
    kind, form = FORM_IN_WORDS.get(pattern, ("value here", pattern))
    try:
        refuse_foreign(given)
        why = ""
    except Unfit as problem:
        why = f"; it {problem}"
    return f"{_shown(given)} cannot be a {kind}: {form}{why}"


def _form(error: Any) -> str:
    """How a field is written that was given in another form; of a list of parts, how one begins."""
    name = next((part for part in reversed(error["loc"]) if isinstance(part, str)), "")
    if name in _FORMS:
        return f"; write {_FORMS[name]}"
    listed = error["type"] in ("tuple_type", "list_type") and isinstance(error.get("input"), dict)
    return "; begin each with `- `, or put it in [ ]" if listed else ""


def _shown(given: object) -> str:
    if given in ("", None):
        return "nothing"
    if isinstance(given, str):
        return repr(given) if len(given) <= 60 else repr(given[:57] + "...")
    return "a list" if isinstance(given, (list, tuple)) else "fields"


def _one_of(given: str, expected: str) -> str:
    options = _options(expected)
    near = get_close_matches(given[:80], options, 1, 0.6)  # comparing takes the square of its length
    return f"{_shown(given)} is none of {', '.join(options)}" + (f"; did you mean {near[0]}?" if near else "")


def _options(expected: str) -> list[str]:
    return [word.strip(" '") for part in expected.split(" or ") for word in part.split(",")]


def nearest_option(error: Any) -> str:
    """The word that was surely meant instead of one that is no option; nothing where none is near."""
    expected = error.get("ctx", {}).get("expected", "")
    return next(iter(get_close_matches(str(error.get("input"))[:80], _options(expected), 1, 0.75)), "")


def nearest_field(loc: tuple[int | str, ...], whole: type[BaseModel] = StudyProtocol) -> str:
    """The field that was surely meant instead of one that the part has not; nothing where none is near."""
    return next(iter(get_close_matches(str(loc[-1])[:80], _fields_at(loc, whole), 1, 0.7)), "")


def _fields_at(loc: tuple[int | str, ...], whole: type[BaseModel]) -> list[str]:
    part = _part_at(loc[:-1], whole)
    fields = [field.alias or name for name, field in part.model_fields.items()] if part else []
    return [name for name in fields if part is not StudyProtocol or name not in COMPUTED]


def _unknown_field(loc: tuple[int | str, ...], whole: type[BaseModel]) -> str:
    fields = _fields_at(loc, whole)
    if not fields:
        return "is no field"
    near = nearest_field(loc, whole)
    if near:
        return f"is no field here; did you mean {near}?"
    return f"is no field here; the fields are {', '.join(fields)}"


def _part_at(loc: tuple[int | str, ...], whole: type[BaseModel]) -> type[BaseModel] | None:
    """The part of the model that a path leads to; None where it leads to a name or a value."""
    part: type[BaseModel] | None = whole
    for word in loc:
        if part is None:
            return None
        field = next((f for n, f in part.model_fields.items() if word in (n, f.alias)), None)
        # A position in a list, or a name that the file chose, stays within the part found before it.
        if field is not None:
            part = next(_parts(field.annotation), None)
    return part


def _parts(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _parts(inner)
