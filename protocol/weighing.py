"""An act that is told afterwards, held against every rule that would have been asked before it; nothing but nonsense is refused.

What stands against it is noted in `Broken`, each rule once, so that the record can say what was broken, and nothing passes.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from events.errors import Refused
from events.facts import steps
from events.facts.base import Reading, Used
from events.facts.happened import ForeignItem
from events.facts.steps import StepFact
from events.identifiers import read_code
from protocol.administration import unknown_account
from protocol.changes import check_confirmed
from protocol.choosing import choose
from protocol.clocks import clock_breaches
from protocol.cohorts import check_cohort
from protocol.commands import Perform, TellHappened
from protocol.comparison import differing
from protocol.gate import Admitted, check_independent, check_sequence
from protocol.handling import check_materials, check_same_item, check_used_up, consumed_by, known_codes
from protocol.happened import STANDS, Broken, check_assessed, may_stand
from protocol.infection import check_plan, check_storage
from protocol.kinds import room_breaches, special_fields
from protocol.labels import check_accounted, check_answers, must_stand
from protocol.mismatch import check_standing_still
from protocol.model import Step, StudyProtocol
from protocol.perform import told_breaches
from protocol.readiness import check_named, check_readiness, ended_meanwhile
from protocol.readings import Breach, breaches, read_values
from protocol.refusals import refuse
from protocol.roles import check_role
from protocol.scans import Scanned, look_at
from protocol.state import Instance, Therapy
from protocol.surroundings import Actor, Surroundings
from protocol.wrong_item import WrongItem


class Other(NamedTuple):
    """Another patient of whom something was there, and the code that stands for it: an item, or else an identifier."""

    therapy: Therapy
    code: str


class Weighed(NamedTuple):
    """What was told, weighed: the act, who did it, values, the rules that it broke, and what else follows from its limits.

    Args:
        kind, special: the fact of the step's kind, where enough is known for it to stand; None where not.
        foreign: items of other patients; others: every other patient of whom something was there.
    """

    act: Admitted
    doers: tuple[Actor, ...]
    readings: tuple[Reading, ...]
    broken: Broken
    found: tuple[Breach, ...]
    kind: type[StepFact] | None
    special: dict[str, Any]
    foreign: tuple[ForeignItem, ...]
    others: tuple[Other, ...]


def weigh(
    therapy: Therapy, protocol: StudyProtocol, step: Step, command: TellHappened, around: Surroundings
) -> Weighed:
    """Ask of what is told everything that is asked of a step, and note what stands against it.

    Raises:
        Refused: a time that cannot be, a code or value that means nothing, nobody of that name, an act that is on record.
    """
    started, ended = _times(step, command, around.now)
    doers, broken = _doers(command, around), Broken()
    at = _instance(therapy, protocol, step, command, ended, broken)
    if step.kind in STANDS or step.kind == "identity_check":
        broken.ask(lambda: check_standing_still(therapy, started))
    _ask_people(therapy, protocol, step, doers, command, around, broken)
    broken.ask(lambda: check_sequence(therapy, protocol, step, at, started))
    broken.ask(lambda: check_assessed(therapy, step))
    broken.ask(lambda: check_plan(therapy, protocol, step))
    if around.cohort is not None:
        broken.ask(lambda: check_cohort(therapy, protocol, step, around.cohort, started))
    scanned, problems = look_at(therapy, protocol, step, at.material, command.scans, around)
    for problem in problems:
        _note(broken, problem, therapy)
    foreign, others = _foreign(therapy, step, scanned, around)
    act = _act(therapy, protocol, step, at, (started, ended), scanned, command, doers, around, broken)
    readings = read_values(step, command.readings, act.done, late=True)
    check_confirmed(therapy, step, at, readings, started)
    entered = {(at, r.name): r.value for r in readings}
    broken.ask(lambda: check_storage(therapy, protocol, step, readings, entered))
    broken.ask(lambda: check_answers(step, readings, lambda: must_stand(therapy, protocol, step, at.material)))
    missing = [r.name for r in step.records if r.name not in command.readings and not (r.late or r.optional)]
    if missing:
        broken.note("record.complete", f"Step {step.id} was not recorded in full: {', '.join(missing)}.")
    kind, special = _special(therapy, protocol, command, act, around, broken)
    found = [*breaches(step, readings, act.began), *differing(therapy, step, at, readings)]
    found += clock_breaches(therapy, protocol, step, at, started, ended, act.touched)
    found += told_breaches(therapy, protocol, act, readings) if kind is not None and not others else ()
    if special.get("suite") and not others:
        found += room_breaches(therapy, protocol, _said(command, act), act, around)
    return Weighed(act, doers, readings, broken, _keepable(found, broken), kind, special, foreign, others)


def _said(command: TellHappened, act: Admitted) -> Perform:
    return Perform(step=act.step.id, started=act.started, ended=act.ended, scans=command.scans, room=command.room)


def _times(step: Step, command: TellHappened, now: datetime) -> tuple[datetime, datetime]:
    started, ended = command.started, command.ended or command.started
    for moment in (started, ended):
        if moment > now:
            raise refuse(
                "time.future",
                f"{step.id}: {moment:%Y-%m-%d %H:%M %Z} lies in the future (now {now:%Y-%m-%d %H:%M} UTC).",
                "Told is what has happened.",
                given=moment,
                now=now,
            )
    if ended < started:
        raise refuse(
            "time.order",
            f"{step.id}: it ended ({ended:%Y-%m-%d %H:%M} UTC) before it started ({started:%Y-%m-%d %H:%M} UTC).",
            "Correct the times.",
            started=started,
            ended=ended,
        )
    return started, ended


def _doers(command: TellHappened, around: Surroundings) -> tuple[Actor, ...]:
    for account in command.performed_by:
        if account not in around.people:
            raise unknown_account(account)
    return tuple(around.people[account] for account in dict.fromkeys(command.performed_by))


def _instance(
    therapy: Therapy, protocol: StudyProtocol, step: Step, command: TellHappened, ended: datetime, broken: Broken
) -> Instance:
    """Which instance it was: the one that is open, or the one that the words and scans name.

    Raises:
        Refused: it is on record, or waits for its second signature.
    """
    if command.material and read_code(command.material) not in therapy.materials:
        raise refuse(
            "identity.material",
            f"{read_code(command.material)} is no material of {therapy.id}.",
            f"Its materials: {', '.join(therapy.materials) or 'none yet'}. What was another's is given with --scan NAME=CODE.",
            code=read_code(command.material),
        )
    if step.visits and command.occurrence not in (None, *(visit.id for visit in step.visits)):
        raise refuse(
            "order.instance",
            f"{step.id} has no visit {command.occurrence}.",
            f"Its visits: {', '.join(visit.id for visit in step.visits)}.",
            step=step.id,
            occurrence=command.occurrence,
        )
    asked = Perform(
        step=step.id,
        occurrence=command.occurrence,
        material=command.material,
        started=command.started,
        ended=ended,
        scans=command.scans,
    )
    try:
        return choose(therapy, protocol, step, asked, ended).at
    except Refused as refused:
        standing = _on_record(therapy, step, command)
        if standing is not None:
            raise refuse(
                "happened.on-record",
                f"{standing} is on record already.",
                "A value is changed with `unbroken correct`; what waits is signed second, or declined. If it was done once more, "
                "say which occurrence: --occurrence.",
                step=step.id,
                act=str(standing),
            ) from None
        broken.note(refused.rule, refused.says)
    if step.visits and command.occurrence is None:
        raise refuse(
            "order.which",
            f"It is not said which visit of {step.id} it was.",
            f"Say which with --occurrence: {', '.join(visit.id for visit in step.visits)}.",
            step=step.id,
        )
    codes = [read_code(scan.code) for scan in command.scans]
    kinds = {code: therapy.materials[code].kind for code in codes if code in therapy.materials}
    named = read_code(command.material) if command.material else ""
    own = [code for code, kind in kinds.items() if kind == step.for_each]
    return therapy.at(step.id, command.occurrence or "1", named or (own[0] if own else ""))


def _on_record(therapy: Therapy, step: Step, command: TellHappened) -> Instance | None:
    """The act that this would say again: of this instance, with the same items."""
    codes = {read_code(scan.code) for scan in command.scans} & set(therapy.materials)
    named = read_code(command.material) if command.material else ""
    for act in (*therapy.acts.values(), *therapy.pending.values()):
        if act.at.step != step.id or act.at.occurrence != (command.occurrence or act.at.occurrence):
            continue
        of = act.at.material
        if not of or of == named or of in codes:
            return act.at
    return None


# ------------------------------------------------------------------ what stands against it


def _note(broken: Broken, problem: Refused | WrongItem, therapy: Therapy) -> None:
    if isinstance(problem, WrongItem):
        says = f"{problem.presented} belongs to {problem.other}; {problem.expected} was expected for {therapy.id}."
        broken.note("identity.wrong-item", says)
    else:
        broken.note(problem.rule, problem.says)


def _ask_people(
    therapy: Therapy,
    protocol: StudyProtocol,
    step: Step,
    doers: tuple[Actor, ...],
    command: TellHappened,
    around: Surroundings,
    broken: Broken,
) -> None:
    """Who did it: their role, as it was then; their independence; and whether two people did it where two are asked for."""
    if not doers:
        broken.note("authority.performer", f"It is not known who did {step.id}.")
    for performer in doers[:1]:
        broken.ask(partial(check_role, step.performed_by, performer, f"perform {step.id}"))
        broken.ask(partial(check_independent, therapy, protocol, step, performer))
    if doers and around.actor.person not in {one.person for one in doers}:
        says = f"Told by {around.actor.account}; {doers[0].account}, who did it, has not signed."
        broken.note("authority.own-act", says)
    if step.second is not None:
        others = [one for one in doers[1:] if one.person != doers[0].person]
        if not others:
            broken.note("authority.two-people", f"{step.id} asks for two people; one did it.")
        for second in others[:1]:
            broken.ask(partial(check_role, step.second[0], second, f"sign {step.id} second"))
        if command.alone:
            broken.note("authority.two-people", f"Nobody else can sign what is told: {command.alone}.")


def _act(
    therapy: Therapy,
    protocol: StudyProtocol,
    step: Step,
    at: Instance,
    times: tuple[datetime, datetime],
    scanned: Scanned,
    command: TellHappened,
    doers: tuple[Actor, ...],
    around: Surroundings,
    broken: Broken,
) -> Admitted:
    """The act as it was, with what it moved and used up of this patient's own: only what was there, and named."""
    own = known_codes(scanned)
    live = [code for code in own if therapy.materials[code].live]
    known = {kind: tuple(c for c in codes if c in live) for kind, codes in scanned.known.items()}
    there = Scanned(scanned.scans, {kind: codes for kind, codes in known.items() if codes}, scanned.created)
    moves = tuple(code for code in live if therapy.materials[code].kind in step.moves)
    broken.ask(lambda: check_materials(therapy, step, at, there, moves, times[0]))
    broken.ask(lambda: check_same_item(therapy, protocol, step, there))
    consumed = tuple(code for code in consumed_by(therapy, step, at, there) if code in live)
    broken.ask(lambda: check_used_up(therapy, step, at, consumed, times[0]))
    broken.ask(lambda: check_accounted(therapy, protocol, step, {at.material, *moves, *consumed, *live}))
    used = _used(step, command, doers, times, around, broken)
    return Admitted(at, step, times[0], times[1], around.zone, there, used, moves, consumed)


def _used(
    step: Step,
    command: TellHappened,
    doers: tuple[Actor, ...],
    times: tuple[datetime, datetime],
    around: Surroundings,
    broken: Broken,
) -> tuple[Used, ...]:
    check_named(step, command.used)  # a slip of the pen is refused; what was used and was not fit for it is noted
    then = replace(around, actor=doers[0] if doers else around.actor, training=around.trained_then)
    named = [("lot", name) for name in step.needs.lots] + [("device", name) for name in step.needs.devices]
    used = tuple(
        Used.model_validate({"what": what, "name": name, "code": read_code(command.used[name])})
        for what, name in named
        if name in command.used
    )
    broken.ask(lambda: check_readiness(step, command.used, times[0], then))
    for breach in ended_meanwhile(step, used, *times, then):
        broken.note(breach.rule, f"{breach.says[:1].upper()}{breach.says[1:]}.")
    return used


def _special(
    therapy: Therapy,
    protocol: StudyProtocol,
    command: TellHappened,
    act: Admitted,
    around: Surroundings,
    broken: Broken,
) -> tuple[type[StepFact] | None, dict[str, Any]]:
    """The fact of the step's kind, where it says enough to stand; what its own rules say is noted."""
    if not may_stand(protocol, act.step):
        return None, {}
    try:
        return special_fields(therapy, protocol, _said(command, act), act, around)
    except Refused as refused:
        broken.note(refused.rule, refused.says)
    except WrongItem as wrong:
        _note(broken, wrong, therapy)
    return (steps.ProcessPerformed if act.step.kind == "process" else None), {}


def _keepable(found: list[Breach], broken: Broken) -> tuple[Breach, ...]:
    """Breaches that have consequences of their own; one that would have refused the act is a rule that it broke."""
    kept = []
    for breach in found:
        if any(c.what in ("refuse", "not_eligible") for c in breach.consequences):
            broken.note(breach.rule, f"{breach.says[:1].upper()}{breach.says[1:]}.")
        else:
            kept.append(breach)
    return tuple(kept)


def _foreign(
    therapy: Therapy, step: Step, scanned: Scanned, around: Surroundings
) -> tuple[tuple[ForeignItem, ...], tuple[Other, ...]]:
    """Items of other patients that it was done with, and every other patient of whom something was there."""
    others: dict[str, Other] = {}
    items = []
    for scan in scanned.scans:
        # A bag that nobody knows still carries the number of somebody's donation.
        owner = around.owners.get(scan.code) or around.owners.get(scan.code.partition(".")[0])
        if owner is None or owner == therapy.id:
            continue
        whose = around.therapies[owner]
        material = whose.materials.get(scan.code)
        others.setdefault(owner, Other(whose, scan.code))
        if material is not None:
            others[owner] = Other(whose, scan.code)
            consumed = step.kind == "infusion" or material.kind in step.consumes
            effect = "infused" if step.kind == "infusion" else "used_up" if consumed else "touched"
            items.append(ForeignItem.model_validate({"code": scan.code, "therapy": owner, "effect": effect}))
    return tuple(dict.fromkeys(items)), tuple(others.values())
