"""The genealogy of a patient's materials: from a bag back to the collections it came from, and forward to what became of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from protocol.state import Act, Material, Therapy


def ancestors(therapy: Therapy, code: str) -> tuple[str, ...]:
    """Everything that a material was made from, the nearest first, each once."""
    return _walk((code,), lambda known: _of(therapy, known))


def origins(therapy: Therapy, code: str) -> tuple[str, ...]:
    """The collections at the head of its genealogy; itself if it was collected."""
    found = (code, *ancestors(therapy, code))
    return tuple(one for one in found if one in therapy.materials and not therapy.materials[one].parents)


def children(therapy: Therapy) -> dict[str, tuple[str, ...]]:
    """What was made from each material, by code."""
    found: dict[str, list[str]] = {}
    for material in therapy.materials.values():
        for parent in material.parents:
            found.setdefault(parent, []).append(material.code)
    return {code: tuple(sorted(made)) for code, made in found.items()}


def descendants(therapy: Therapy, codes: Iterable[str], since: int = 0) -> tuple[str, ...]:
    """Everything that was made from these materials, the nearest first, each once.

    Args:
        since: of what was made directly from them only what a record from this number of the stream on made: a sample
            that was drawn before a reagent was added holds nothing of it.
    """
    made, first = children(therapy), set(codes)

    def below(code: str) -> tuple[str, ...]:
        found = made.get(code, ())
        return tuple(c for c in found if _made(therapy, c) >= since) if code in first else found

    return tuple(code for code in _walk(tuple(first), below) if code not in first)


def touched_by(therapy: Therapy, acts: Iterable[Act]) -> tuple[str, ...]:
    """What some acts were done on, what they made, and everything that was made from it since; by code."""
    found: set[str] = set()
    for act in acts:
        at_hand = {new.code for new in act.fact.created} | ({act.at.material} if act.at.material else set())
        at_hand |= {scan.code for scan in act.fact.scans if scan.code in therapy.materials}
        at_hand |= set(act.fact.consumed)
        found |= at_hand | set(descendants(therapy, at_hand, act.by.number))
    return tuple(sorted(found))


def _of(therapy: Therapy, code: str) -> tuple[str, ...]:
    material: Material | None = therapy.materials.get(code)
    return material.parents if material else ()


def _made(therapy: Therapy, code: str) -> int:
    """The number of the record that made a material."""
    act = therapy.every_act.get(therapy.materials[code].made_in)
    return act.by.number if act else 0


def _walk(codes: tuple[str, ...], further: Callable[[str], tuple[str, ...]]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    todo = list(codes)
    while todo:
        for code in further(todo.pop(0)):
            if code not in found:
                found[code] = None
                todo.append(code)
    return tuple(found)
