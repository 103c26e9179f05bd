"""Which instances of which steps there are for a patient, and what each is waiting for. Order lives here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from protocol.endings import closed
from protocol.infection import waits_for_plan
from protocol.model import Step, StudyProtocol, Visit
from protocol.state import Instance, Therapy, counted

Standing = Literal["done", "awaiting_second", "missed", "ready", "waiting", "closed"]

WINDOW, HOLD = "window", "slot-hold"
"""Names of the deadlines that are not a step's clock: a visit's window closes, booked slots are given back."""
CLOSED_TO_REJECTED = frozenset({"process", "hand_over", "disposition", "identity_check", "thaw", "infusion"})
"""Kinds that a material which QA rejected never comes to: it is brought back, received, tested, and disposed of."""
NEEDS_RELEASE = frozenset({"conditioning", "identity_check", "thaw", "infusion"})
"""Kinds that no patient may enter before a product is released (process page, steps 19 to 23)."""


@dataclass(frozen=True, slots=True)
class Due:
    """An instance of a step and how it stands; `waits_for` names the steps that must come first.

    `least`: how many occurrences the therapy waits for, where it was offered more than once; otherwise the file says.
    """

    at: Instance
    step: Step
    standing: Standing
    waits_for: tuple[str, ...] = ()
    visit: Visit | None = None
    least: int | None = None

    @property
    def required(self) -> bool:
        """Whether the therapy waits for it; a further occurrence than the protocol's least is welcome, not awaited."""
        repeat = self.step.repeat
        if self.step.on_demand:
            return False
        if self.step.retest is not None and repeat is None:
            return self.at.occurrence == "1"
        return repeat is None or int(self.at.occurrence) <= (self.least or repeat.at_least)


def applies(step: Step, therapy: Therapy) -> bool:
    """Whether a step belongs to this patient's path: its choices match, and a reserve step has been offered."""
    if (step.reserve and step.id not in therapy.offers) or _passed(step, therapy):
        return False
    return _chosen(step.when, therapy)


def _passed(step: Step, therapy: Therapy) -> bool:
    return not step.visits and therapy.passes(step.id)


def _chosen(when: dict[str, tuple[str, ...]], therapy: Therapy) -> bool:
    # Before enrolment nothing is chosen; then a step that depends on a choice is not yet on anybody's list.
    return all(therapy.option(choice) in options for choice, options in when.items())


def belongs(step: Step, therapy: Therapy, material: str) -> bool:
    """Whether a step is done on this material: a reserve step if it was offered for it, another unless that one was."""
    if step.reserve and not therapy.offered(step.id, material):
        return False
    return step.unless is None or not therapy.offered(step.unless, material)


def could_apply(step: Step, therapy: Therapy) -> bool:
    """Whether a step may still come to belong to this patient's path, as far as is known now."""
    open_choice = all(therapy.option(c) is None or therapy.option(c) in options for c, options in step.when.items())
    return open_choice and (not step.reserve or step.id in therapy.offers) and not _passed(step, therapy)


def instances(therapy: Therapy, protocol: StudyProtocol) -> list[Due]:
    """Every instance of every step of this patient's path, in the file's order."""
    return [due for step in protocol.steps if applies(step, therapy) for due in of_step(therapy, protocol, step)]


def find(therapy: Therapy, protocol: StudyProtocol, at: Instance) -> Due | None:
    """One instance, None where the patient's path has no such instance."""
    step = protocol.by_id.get(at.step)
    if step is None or not applies(step, therapy):
        return None
    return next((due for due in of_step(therapy, protocol, step) if due.at == at), None)


def ready(therapy: Therapy, protocol: StudyProtocol) -> list[Due]:
    """What can be done now."""
    return [due for due in instances(therapy, protocol) if due.standing == "ready"]


def of_step(therapy: Therapy, protocol: StudyProtocol, step: Step) -> Iterator[Due]:
    """Every instance of one step that belongs to this patient's path."""
    by_id = {visit.id: visit for visit in step.visits}
    for at in _enumerate(therapy, protocol, step):
        standing, waits = _standing(therapy, protocol, step, at)
        yield Due(at, step, standing, waits, by_id.get(at.occurrence), how_often(therapy, step, at.material)[0])


def _enumerate(therapy: Therapy, protocol: StudyProtocol, step: Step) -> list[Instance]:
    if step.visits:
        visits = [v.id for v in step.visits if _chosen(v.when, therapy) and not therapy.passes(step.id, v.id)]
        planned = [therapy.at(step.id, visit) for visit in visits]
        # A visit that was done, or missed, under an earlier version stays one, though the version in force has none such.
        seen = [*_begun(therapy), *(at for name, at in therapy.missed if name == WINDOW)] if therapy.moves else []
        now = therapy.at(step.id).batch
        return list(dict.fromkeys([*planned, *(at for at in seen if at.step == step.id and at.batch == now)]))
    materials = [""] if step.for_each is None else _materials_of(therapy, step)
    return [therapy.at(step.id, o, m) for m in materials for o in _occurrences(therapy, protocol, step, m)]


def _materials_of(therapy: Therapy, step: Step) -> list[str]:
    """The live materials of the kind that are not an earlier batch's, and those for which this step has been done."""
    done = {at.material for at in therapy.acts if at.step == step.id}
    known = (m for m in therapy.materials.values() if m.kind == step.for_each)
    there = (m for m in known if (m.live and not m.earlier) or m.code in done)
    return sorted(m.code for m in there if m.code in done or belongs(step, therapy, m.code))


def _occurrences(therapy: Therapy, protocol: StudyProtocol, step: Step, material: str) -> list[str]:
    if step.kind == "booking":
        lapsed = sum(1 for name, at in therapy.missed if name == HOLD and at == therapy.at(step.id, at.occurrence))
        return [str(n) for n in range(1, lapsed + 1 + how_often(therapy, step)[0])]
    least, most = how_often(therapy, step, material)
    if step.repeat is None:
        retests = sum(1 for at in therapy.retests if at == therapy.at(step.id, at.occurrence, material))
        return [str(n) for n in range(1, 1 + least + retests)]
    begun = {at.occurrence for at in _begun(therapy) if at.step == step.id and at.material == material}
    count = len(begun)
    offered = max((offer.number for offer in therapy.offers.get(step.id, ())), default=0)
    open_end = count < least or not successor_begun(therapy, protocol, step, offered)
    if count < most and open_end:
        count = max(count + 1, least if step.repeat.every else count + 1)
    return [str(n) for n in range(1, count + 1)]


def how_often(therapy: Therapy, step: Step, material: str = "") -> tuple[int, int]:
    """How often a step is done, at least and at most; a reserve step that often again with each offer for this material.

    What was done of it before an offer is not what that offer asks for.
    """
    at_least, at_most = (step.repeat.at_least, step.repeat.at_most) if step.repeat else (1, 1)
    if not step.reserve or step.visits:
        return at_least, at_most
    acts = [act for act in (*therapy.acts.values(), *therapy.pending.values()) if (HOLD, act.at) not in therapy.missed]
    numbers = [act.by.number for act in acts if (act.at.step, act.at.material) == (step.id, material)]
    least = most = 0
    for offer in counted(therapy.offers.get(step.id, ()), material):
        before = max(least, sum(1 for number in numbers if number <= offer.number))
        least, most = before + at_least, before + at_most
    return least or at_least, most or at_most


def _begun(therapy: Therapy) -> list[Instance]:
    return [*therapy.acts, *(act.at for act in therapy.pending.values())]


def successor_begun(therapy: Therapy, protocol: StudyProtocol, step: Step, since: int = 0) -> bool:
    """Whether any step that comes directly after this one has been signed, be it once, in a record later than `since`."""
    followers = {s.id for s in protocol.steps if any(name == step.id for name, _ in s.predecessors)}
    acts = (*therapy.acts.values(), *therapy.pending.values())
    return any(act.at.step in followers and act.by.number > since for act in acts)


def _standing(therapy: Therapy, protocol: StudyProtocol, step: Step, at: Instance) -> tuple[Standing, tuple[str, ...]]:
    if at in therapy.acts:
        return ("missed" if (HOLD, at) in therapy.missed else "done"), ()
    if therapy.waiting(at) is not None:
        return "awaiting_second", ()
    if step.visits and (WINDOW, at) in therapy.missed:
        return "missed", ()
    if (
        therapy.completed
        or closed(therapy, protocol, step)
        or (at.material and not _usable(therapy, step, at.material))
    ):
        return "closed", ()
    waits = tuple(name for name, first in step.predecessors if not _satisfied(therapy, protocol, name, first, step, at))
    if not step.visits and at.occurrence != "1":
        before = at._replace(occurrence=str(int(at.occurrence) - 1))
        waits += () if before in therapy.acts else (step.id,)
    waits += waits_for_plan(therapy, protocol, step)
    if step.kind in NEEDS_RELEASE and not waits and not _released(therapy, step, at):
        waits = (next((s.id for s in protocol.steps if s.kind == "disposition"), "disposition"),)
    return ("waiting", waits) if waits else ("ready", ())


def _released(therapy: Therapy, step: Step, at: Instance) -> bool:
    """Whether a product was released.

    A quarantine after that closes conditioning; of a bag in use it is the gate's to weigh, which knows when things happened.
    """
    once = {code for code, decided in therapy.dispositions.items() if decided.decision == "released"}
    all_of_it = [m for m in therapy.materials.values() if not m.earlier]
    known = [therapy.materials[at.material]] if at.material else all_of_it
    told = step.kind != "conditioning"
    return any(m.status == "released" or (told and m.status == "quarantined" and m.code in once) for m in known)


def _usable(therapy: Therapy, step: Step, code: str) -> bool:
    known = therapy.materials.get(code)
    barred = known is not None and known.status == "rejected" and step.kind in CLOSED_TO_REJECTED
    return known is not None and known.live and not barred


def _satisfied(therapy: Therapy, protocol: StudyProtocol, name: str, first: bool, follower: Step, at: Instance) -> bool:
    step = protocol.by_id[name]
    if step.on_demand:
        return True  # nothing waits for what is done only where it is needed
    if not applies(step, therapy):
        return not could_apply(step, therapy) or step.reserve
    if step.for_each is not None and step.for_each == follower.for_each:
        if not belongs(step, therapy, at.material):
            return True
        return _done_for(therapy, protocol, step, at.material, first)
    if step.for_each is not None:
        begun = {i.material for i in therapy.acts if i.step == name}
        codes = begun if first else begun | set(_materials_of(therapy, step))
        if (
            not codes
            and any(m.kind == step.for_each and not m.earlier for m in therapy.materials.values())
            and (step.unless or step.reserve)
        ):
            return True  # all that there is takes another way
        # A bag that QA rejected goes nowhere, and holds up nobody.
        codes = {code for code in codes if code in begun or therapy.materials[code].status != "rejected"}
        return bool(begun) and all(_done_for(therapy, protocol, step, code, first) for code in codes)
    if step.visits and not first:
        return all(d.standing in ("done", "missed", "closed") for d in of_step(therapy, protocol, step))
    return _done_for(therapy, protocol, step, "", first)


def _done_for(therapy: Therapy, protocol: StudyProtocol, step: Step, material: str, first: bool) -> bool:
    done = sum(
        1 for at in therapy.acts if at.step == step.id and at.material == material and (HOLD, at) not in therapy.missed
    )
    return done >= (1 if first else how_often(therapy, step, material)[0])
