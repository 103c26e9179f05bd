"""Whether manufacture came to nothing, and which ways out the study leaves: make again, collect again, end."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from protocol.model import Remake, StudyProtocol
from protocol.state import Failure, Material, Therapy

RULE = "manufacture.failed"
"""The rule under which a failure quarantines what is lost and opens its deviation."""
MAY_FAIL = frozenset("collection labelling hand_over transport receipt process test identity_check thaw".split())
"""Kinds of step in which a product, or what it is made from, can be lost."""


class WayOut(NamedTuple):
    """A way to make the product again, and why it is closed now: in words, nothing where it is open."""

    way: Remake
    closed: str


def needed(therapy: Therapy, protocol: StudyProtocol) -> list[Material]:
    """The materials of this batch without which there is no product: what some step uses up, and the product itself."""
    kinds = {kind for step in protocol.steps for kind in step.consumes}
    if protocol.release:
        kinds.add(protocol.release.product)
    found = [m for m in therapy.materials.values() if m.kind in kinds and not m.earlier]
    return sorted(found, key=lambda m: m.code)


def usable(therapy: Therapy, protocol: StudyProtocol, but: Collection[str] = ()) -> bool | None:
    """Whether a product of this batch is there, or on its way; None while nothing has been made that could be lost.

    Args:
        but: materials that do not count: somebody has told that they are gone, and nobody has confirmed it yet.
    """
    there = needed(therapy, protocol)
    start = {kind for way in (protocol.manufacture.remakes if protocol.manufacture else ()) for kind in way.needs}
    # Once something was made, starting material that is still there is no product on its way.
    made = [m for m in there if m.kind not in start] or there
    return any(m.live and m.status != "rejected" and m.code not in but for m in made) if made else None


def open_failure(therapy: Therapy) -> Failure | None:
    """A failure that somebody reported and nobody has confirmed or declined."""
    return next((f for f in therapy.failures.values() if not f.decision), None)


def ground(therapy: Therapy, protocol: StudyProtocol) -> str:
    """Why a way out has to be taken, in words; nothing while there is, or may yet be, a product, or one was infused."""
    over = therapy.completed or therapy.terminated or therapy.died or "treatment" in therapy.withdrawn
    if protocol.manufacture is None or over or therapy.infused or therapy.stopped == "screen failure":
        return ""
    confirmed = [f for f in therapy.failures.values() if f.decision == "confirmed" and f.batch == therapy.batch]
    if confirmed:
        return f"{confirmed[-1].code}: manufacture failed in {confirmed[-1].at}: {confirmed[-1].says}"
    if usable(therapy, protocol) is not False:
        return ""
    if therapy.disposition is not None and therapy.disposition.decision == "rejected":
        return f"the product of batch {therapy.batch} was rejected"
    return f"nothing usable is left of batch {therapy.batch}"


def ways_out(therapy: Therapy, protocol: StudyProtocol) -> list[WayOut]:
    """Every way of the study to make the product again, open or closed."""
    ways = protocol.manufacture.remakes if protocol.manufacture else ()
    return [WayOut(way, _closed(therapy, way)) for way in ways]


def starting_material(therapy: Therapy, way: Remake) -> list[Material]:
    """What a product could be made from again on this way."""
    return [m for kind in way.needs for m in therapy.live(kind) if m.status == "available"]


def _closed(therapy: Therapy, way: Remake) -> str:
    if not way.needs or starting_material(therapy, way):
        return ""
    known = sorted((m for m in therapy.materials.values() if m.kind in way.needs), key=lambda m: m.code)
    told = ", ".join(f"{m.code} is {m.ended or m.status}" for m in known) or "there is none"
    return f"no {' or '.join(way.needs)} is available: {told}"


def done_anew(protocol: StudyProtocol, way: Remake) -> tuple[str, ...]:
    """The steps that a remake begins anew: where it starts, and all that comes after, in the file's order."""
    found = {way.start}
    for _ in protocol.steps:
        more = {s.id for s in protocol.steps if any(name in found for name, _ in s.predecessors)} - found
        if not more:
            break
        found |= more
    return tuple(step.id for step in protocol.steps if step.id in found)


def told(therapy: Therapy, protocol: StudyProtocol) -> str:
    """The ways out in one sentence, each with what opens or closes it."""
    words = [
        f"{way.way.title} (`unbroken remake {therapy.id} --from {way.way.start}`"
        + (f"; closed: {way.closed})" if way.closed else ")")
        for way in ways_out(therapy, protocol)
    ]
    return "; ".join([*words, f"or end the therapy (`unbroken terminate {therapy.id}`)"])
