"""What can still be checked in a file whose fields are partly wrong: the wrong parts are mended or taken out, in a copy.

A slip in one field must not hide the mistakes of all others. What is mended is never used but to look for further problems,
and of these only such are told as cannot come from the mending itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from protocol.check import check_protocol
from protocol.model import StudyProtocol
from protocol.problems import Path, Problem
from protocol.wording import nearest_field, nearest_option

MOST_ROUNDS = 12
_ORDER = re.compile(r"\bbefore\b|\bcomes? after\b|\bno step\b|\bno enrolment\b|\bno consent\b|\bno criteria\b|-> ")
"""What is said of the order, or of what is nowhere in the file: it means nothing while a step is taken out."""
_STAND_IN: dict[str, Any] = {
    "title": "title", "product": "product", "version": "1", "otherwise": "deviation minor", "then": "deviation minor",
}  # fmt: skip
"""What stands for a field that is missing, where any value will do."""

Tree = dict[str, Any]
_NOTHING = object()


@dataclass
class _Patient:
    """A copy under repair: where each part of a list stood in the file, what a field was called there, what is not to be believed."""

    tree: Tree
    stood: dict[int, list[int]] = field(default_factory=dict)
    called: dict[int, dict[str, str]] = field(default_factory=dict)
    touched: set[Path] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    silent: list[str] = field(default_factory=list)
    step_lost: bool = False


def further_problems(root: Tree, read: Callable[[Tree], StudyProtocol], first: ValidationError) -> list[Problem]:
    """The problems that a file has beside its wrong fields, as far as they can be told.

    Args:
        root: the file as it was parsed; it is not changed.
        read: builds the study from such a tree, or raises the `ValidationError`.
        first: that of the file as it is.
    """
    patient = _Patient(deepcopy(root))
    problem: ValidationError | None = first
    for _ in range(MOST_ROUNDS):
        if problem is None or not _treat(patient, problem):
            return []
        try:
            study = read(patient.tree)
        except ValidationError as still:
            problem = still
            continue
        found = (Problem(_as_in_file(patient, one.path), one.reason) for one in check_protocol(study))
        return [one for one in found if _to_be_believed(patient, one)]
    return []


def _treat(patient: _Patient, problem: ValidationError) -> bool:
    """Mend what one look finds wrong; false where a part is wrong without which nothing can be checked."""
    lists: dict[int, tuple[list[Any], set[int]]] = {}
    errors = sorted(problem.errors(include_url=False), key=lambda error: error["type"] != "extra_forbidden")
    for error in errors:  # a misspelt field first: then it is not missing
        loc = tuple(part for part in error["loc"] if part != "[key]")
        parents = list(_along(patient.tree, loc))
        if loc[-1:] == ("type",) and len(parents) > 1 and not nearest_option(error):
            parents.pop()  # of a value whose type is unknown nothing else can be said
        holder, key = parents[-1]
        path = _path_of(patient, parents)
        if error["type"] == "missing" and key == loc[-1]:
            continue  # a misspelt field was given its name
        if error["type"] == "missing" and isinstance(_at(holder, key), dict):
            if _stands_in(patient, _at(holder, key), str(loc[-1]), path):
                continue
        elif isinstance(holder, dict) and _mended(patient, error, holder, key, loc, path):
            continue
        if holder is patient.tree and key in ("roles", "places"):
            holder[key] = {}
            patient.silent.append(f"there is no {key.removesuffix('s')} ")
            continue
        if holder is patient.tree and key in ("materials", "steps", "protocol"):
            return False
        _believe_no_more(patient, path, _at(holder, key))
        if isinstance(holder, dict):
            holder.pop(key, None)
        else:
            lists.setdefault(id(holder), (holder, set()))[1].add(key)
    for holder, keys in lists.values():
        stood = patient.stood.setdefault(id(holder), list(range(len(holder))))
        for key in sorted(keys, reverse=True):
            del holder[key], stood[key]
    return True


def _along(tree: Tree, loc: Path) -> Iterator[tuple[Any, Any]]:
    """The parts that a location leads through, each as its holder and its key there, as far as the file has them."""
    here: Any = tree
    for part in loc:
        if isinstance(here, dict) and isinstance(part, int):
            continue  # one value stands for a list of one
        below = _below(here, part)
        if below is _NOTHING:
            break
        yield here, part
        here = below
    if here is tree:
        yield {"": tree}, ""


def _below(holder: Any, key: str | int) -> Any:
    if isinstance(holder, list):
        return holder[key] if isinstance(key, int) and key < len(holder) else _NOTHING
    return holder.get(key, _NOTHING) if isinstance(holder, dict) else _NOTHING


def _at(holder: Any, key: Any) -> Any:
    return holder[key]


def _mended(patient: _Patient, error: Any, holder: Tree, key: str, loc: Path, path: Path) -> bool:
    """Whether a slip was mended by what was surely meant: a field or a word that is nearly right, a name with a space."""
    given = holder.get(key)
    match error["type"]:
        case "extra_forbidden" if (near := nearest_field(loc)) and near not in holder and key == loc[-1]:
            patient.called.setdefault(id(holder), {})[near] = key
            items = [(near if name == key else name, value) for name, value in holder.items()]
            holder.clear()
            holder.update(items)
            return True
        case "literal_error" if isinstance(given, str) and (near := nearest_option(error)):
            holder[key] = near
            return True
        case "literal_error" if key == "kind" and loc[:1] == ("steps",):
            # Nothing that is said of this step is believed; it keeps its place in the order.
            holder[key], patient.step_lost = "observation", True
            patient.touched.add(path[:-1])
            patient.gone.add(str(holder.get("id")))
            return True
        case "string_pattern_mismatch":
            plain = re.sub(r"[^A-Za-z0-9_.+-]+", "_", str(error.get("input", "")))[:64].lstrip("_.+-") or "x"
            if "[key]" in error["loc"] and plain != key and plain not in holder:
                holder[plain] = holder.pop(key)
            elif isinstance(given, str) and plain != given:
                holder[key] = plain
            else:
                return False
            patient.gone |= {plain, str(error.get("input", ""))}
            return True
        case "string_too_short" | "string_too_long" if key in ("title", "source", "unit", "product"):
            holder[key] = "x"
            return True
        case _:
            return False


def _stands_in(patient: _Patient, part: Tree, name: str, path: Path) -> bool:
    """Whether something could be put where a field is missing."""
    patient.touched |= {(*path, name)}
    roles = patient.tree.get("roles")
    if name.endswith("_by") and isinstance(roles, dict) and roles:
        part[name] = next(iter(roles))
    elif name in _STAND_IN:
        part[name] = _STAND_IN[name]
    elif name == "id":
        part[name] = f"unnamed-{len(path)}-{path[-1]}"
        patient.gone.add(part[name])
        patient.silent.append("there is no step ")
        patient.step_lost = True
    else:
        return False
    return True


def _believe_no_more(patient: _Patient, path: Path, value: Any) -> None:
    """Remember what is taken out: its place, every word in it, and whether a step's place in the order goes with it."""
    patient.touched.add(path)
    if isinstance(value, dict) and path[:1] == ("steps",) and len(path) == 2:
        patient.step_lost = True
    if "after" in path or "scans" in path or path[-1:] == ("kind",):
        patient.step_lost = True
    patient.gone |= {str(path[-1])} if path and isinstance(path[-1], str) else set()
    patient.gone |= set(_words(value))


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from re.split(r"[\s.,]+", value)
    for part in value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ()):
        yield from _words(part[0]) if isinstance(part[0], str) else ()
        yield from _words(part[1])


def _path_of(patient: _Patient, parents: list[tuple[Any, Any]]) -> Path:
    """The path in the file that leads through these parts."""
    return tuple(_in_file(patient, holder, key) for holder, key in parents if key != "")


def _in_file(patient: _Patient, holder: Any, key: str | int) -> str | int:
    """Where a part of the copy stood in the file, or what it was called there."""
    if isinstance(holder, list) and isinstance(key, int):
        return patient.stood.get(id(holder), list(range(len(holder))))[key]
    return patient.called.get(id(holder), {}).get(str(key), key)


def _as_in_file(patient: _Patient, path: Path) -> Path:
    """A path in the mended copy as a path in the file."""
    here: Any = patient.tree
    found: list[str | int] = []
    for part in path:
        below = _below(here, part)
        found.append(part if below is _NOTHING else _in_file(patient, here, part))
        here = here if below is _NOTHING and isinstance(part, int) else below
    return tuple(found)


def _to_be_believed(patient: _Patient, problem: Problem) -> bool:
    """Whether a problem cannot come from the mending: not of a part that was touched, and not of a name that went with one."""
    path = problem.path
    for touched in patient.touched:
        if path[: len(touched)] == touched or touched[:-1] == path:
            return False
    if problem.reason.startswith(tuple(patient.silent)) or (patient.step_lost and _ORDER.search(problem.reason)):
        return False
    says = problem.reason.partition(" has: ")[0]  # after it every name is listed that there is
    words = set(re.findall(r"[A-Za-z0-9_.+-]+", says)) | {str(part) for part in path[-1:]}
    words |= {word.strip(".") for word in words} | {part for word in words for part in word.split(".")}
    return not words & patient.gone
