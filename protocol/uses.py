"""Where a protocol file uses its roles and places: every field of every part that names one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pydantic import BaseModel

from protocol.model import Consequence, StudyProtocol
from protocol.problems import Path

_ROLES = frozenset({"told", "alerts", "product_lost", "material_lost", "not_by_the_rules"})
"""Fields that name roles, beside those that end in `_by`; `not_by` names steps, and so does a clock's `stopped_by`."""
_PLACES = frozenset({"at", "to", "kept_at"})


class Use(NamedTuple):
    """A field that names roles or places: where it stands, and what it names."""

    path: Path
    names: tuple[str, ...]


def roles_used(protocol: StudyProtocol) -> list[Use]:
    """Every field that names roles, of which one is enough, in the file's order."""
    return [Use(path, names) for path, field, names in _fields(protocol) if _is_role(field, names)]


def places_used(protocol: StudyProtocol) -> frozenset[str]:
    """Every place that some part of the file names."""
    found = ((field, names) for _, field, names in _fields(protocol) if field in _PLACES)
    return frozenset(name for _, names in found for name in names)


def _is_role(field: str, names: tuple[str, ...]) -> bool:
    return bool(names) and (field in _ROLES or (field.endswith("_by") and field != "not_by") or field == "role")


def _fields(part: object, path: Path = ()) -> Iterator[tuple[Path, str, tuple[str, ...]]]:
    """Every field that holds names, with its path; a single name is a field of one where it names a place or a role."""
    if isinstance(part, Consequence):
        if part.role is not None:
            yield path, "role", (part.role,)
        return
    if isinstance(part, BaseModel):
        for field in type(part).model_fields:
            value = getattr(part, field)
            if isinstance(value, str) and field in _PLACES:
                yield (*path, field), field, (value,)
            elif isinstance(value, tuple) and (names := tuple(_names(value))):
                yield (*path, field), field, names
            elif field != "earlier":
                yield from _fields(value, (*path, field))
    elif isinstance(part, dict):
        for name, value in part.items():
            yield from _fields(value, (*path, name))
    elif isinstance(part, tuple):
        for number, value in enumerate(part):
            yield from _fields(value, (*path, number))


def _names(values: tuple[object, ...]) -> Iterator[str]:
    """The words of a list, and of lists in it; nothing of a list of parts."""
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, tuple):
            yield from _names(value)
