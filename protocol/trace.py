"""From any lot or device to everything it touched, and from any material back to every lot, device and collection behind it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal, NamedTuple

from protocol.genealogy import touched_by
from protocol.state import Act, Therapy

Standing = Literal["done", "waiting", "earlier"]


class Use(NamedTuple):
    """A lot or a device that an act used.

    Args:
        standing: ``done``, ``waiting`` for its second signature, or done for an ``earlier`` batch that was given up.
        materials: what the act was done on or made. downstream: all that, and everything that was made from it since.
        infused: those of them that are in the patient.
    """

    therapy: str
    what: str
    name: str
    code: str
    step: str
    occurrence: str
    material: str
    batch: int
    started: datetime
    ended: datetime
    standing: Standing
    materials: tuple[str, ...]
    downstream: tuple[str, ...]
    infused: tuple[str, ...]
    account: str
    link: str


def uses_of(therapy: Therapy) -> list[Use]:
    """Every use of every lot and device in a therapy, in the order in which they were signed."""
    acts: list[tuple[Act, Standing]] = [(act, "earlier") for act in therapy.earlier_acts.values()]
    acts += [(act, "done") for act in therapy.acts.values()]
    acts += [(act, "waiting") for act in therapy.pending.values()]
    found = []
    for act, standing in sorted(acts, key=lambda pair: pair[0].by.number):
        if not act.fact.used:
            continue
        downstream = touched_by(therapy, [act])
        infused = tuple(c for c in downstream if c in therapy.materials and therapy.materials[c].ended == "infused")
        for used in act.fact.used:
            found.append(
                Use(
                    therapy.id, used.what, used.name, used.code, act.at.step, act.at.occurrence, act.at.material,
                    act.at.batch, act.fact.started, act.fact.ended, standing, at_hand(therapy, act), downstream, infused,
                    act.performer, act.by.link,
                )
            )  # fmt: skip
    return found


def at_hand(therapy: Therapy, act: Act) -> tuple[str, ...]:
    """What an act was done on, ended or made, by code."""
    codes = {new.code for new in act.fact.created} | set(act.fact.consumed)
    codes |= {act.at.material} if act.at.material else set()
    codes |= {scan.code for scan in act.fact.scans if scan.code in therapy.materials}
    return tuple(sorted(codes))


def behind(therapy: Therapy, code: str) -> list[Use]:
    """Every lot and device that went into a material: used on it, or on what it was made from before it was made.

    Found backwards, from parent to parent; `uses_of` finds the same forwards.
    """
    latest = _latest(therapy, code)
    touched = {
        act.by.link
        for act in (*therapy.every_act.values(), *therapy.pending.values())
        if any(known in latest and act.by.number <= latest[known] for known in at_hand(therapy, act))
    }
    return [use for use in uses_of(therapy) if use.link in touched]


def _latest(therapy: Therapy, code: str) -> dict[str, int]:
    """For a material and each of its ancestors, up to which record of the stream it could still hand something on."""
    ever = therapy.number + 1
    found, todo = {code: ever}, [code]
    while todo:
        child = todo.pop()
        material = therapy.materials.get(child)
        if material is None:
            continue
        made = therapy.every_act.get(material.made_in)
        # What was handed on was there when the child was made; and what a grandchild got, the child had got by then.
        until = min(found[child], made.by.number if made else ever)
        for parent in material.parents:
            if found.get(parent, 0) < until:
                found[parent] = until
                todo.append(parent)
    return found


def of_code(uses: Iterable[Use], what: str, code: str) -> list[Use]:
    """The uses of one lot or device."""
    return [use for use in uses if (use.what, use.code) == (what, code)]
