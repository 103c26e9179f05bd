"""Decide when manufacture came to nothing: it failed, in two signatures; then make again, collect again, or end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from events.facts.base import TherapyFact
from events.facts.course import SlotsFreed
from events.facts.manufacture import ManufactureFailed, ManufactureFailureDecided, RemakeBegun, TherapyTerminated
from events.facts.quality import MaterialDisposed
from events.identifiers import read_code
from protocol.commands import BeginRemake, DecideFailure, FailManufacture, ManufactureCommand, TerminateTherapy
from protocol.consequences import follow
from protocol.decide.quality import check_can_end, known_material
from protocol.decision import Decision, slot_stream
from protocol.gate import check_running, known_step
from protocol.manufacture import (
    MAY_FAIL,
    RULE,
    WayOut,
    done_anew,
    ground,
    needed,
    open_failure,
    starting_material,
    told,
    ways_out,
)
from protocol.mismatch import check_standing_still
from protocol.model import Consequence, Manufacture, StudyProtocol
from protocol.readings import Breach
from protocol.refusals import refuse
from protocol.roles import check_role
from protocol.state import Failure, Instance, Therapy
from protocol.surroundings import Surroundings


def decide_manufacture(
    therapy: Therapy, protocol: StudyProtocol, command: ManufactureCommand, around: Surroundings
) -> Decision:
    """What follows from a command about a manufacture that came to nothing."""
    check_running(therapy)
    if protocol.manufacture is None:
        raise refuse(
            "manufacture.known",
            f"The study of {therapy.id} says nothing of what follows when manufacture fails.",
            "A part `manufacture` in the study file names who reports it, and the ways out.",
        )
    match command:
        case FailManufacture():
            return _failed(therapy, protocol, command, around)
        case DecideFailure():
            return _decided(therapy, protocol, command, around)
        case BeginRemake():
            return _remake(therapy, protocol, command, around)
        case TerminateTherapy():
            return _terminate(therapy, protocol, protocol.manufacture, command, around)
        case _:
            assert_never(command)


# ------------------------------------------------------------------ it failed


def _failed(therapy: Therapy, protocol: StudyProtocol, command: FailManufacture, around: Surroundings) -> Decision:
    """The first signature: what is lost is quarantined and the deviation opens at once; the rest waits for the second.

    Raises:
        Refused: not the role, nothing can have failed there, or a material has no fate, or two.
    """
    rule = protocol.manufacture.failure if protocol.manufacture else None
    if rule is None:
        raise refuse(
            "manufacture.known",
            "The study names nobody who reports a failure of manufacture.",
            "Its part `manufacture` needs a `failure`.",
        )
    check_role(rule.reported_by, around.actor, "report that manufacture failed")
    step = known_step(protocol, command.step)
    if step.kind not in MAY_FAIL:
        raise refuse(
            "manufacture.step",
            f"{step.id} is a step of kind {step.kind}; no product is lost in it.",
            "Name the step in which it was lost.",
            step=step.id,
        )
    _check_may_fail(therapy, protocol)
    material = read_code(command.material) if command.material else ""
    at = therapy.at(step.id, command.occurrence, known_material(therapy, material).code if material else "")
    ends, retains = _fates(therapy, protocol, command)
    fact = ManufactureFailed(
        therapy=therapy.id,
        failure=f"F-{len(therapy.failures) + 1}",
        key=at.key(),
        says=command.says,
        ends=ends,
        retains=retains,
        awaits=rule.confirmed_by or (),
    )
    follows = _follows(therapy, protocol, at, rule.then, f"manufacture failed in {at}: {command.says}", ends)
    end = _ended(therapy, ends, command.says, around) if not fact.awaits else ()
    return Decision((fact, *follows, *end), "performed", around.now)


def _check_may_fail(therapy: Therapy, protocol: StudyProtocol) -> None:
    standing = open_failure(therapy)
    why = f"{standing.code} waits to be confirmed" if standing else ground(therapy, protocol)
    why = why or (f"it has stopped: {therapy.stopped}" if therapy.stopped else "")
    why = why or ("a product has been infused" if therapy.infused else "")
    if why:
        raise refuse(
            "manufacture.fails-once",
            f"No failure of manufacture of {therapy.id} can be reported: {why}.",
            "Look at `unbroken worklist` for what waits to be decided; report anything else as a deviation.",
            therapy=therapy.id,
        )


def _fates(
    therapy: Therapy, protocol: StudyProtocol, command: FailManufacture
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Each live material that the product needs ends or is retained; only starting material can be retained."""
    ends = tuple(dict.fromkeys(known_material(therapy, read_code(code)).code for code in command.ends))
    retains = tuple(dict.fromkeys(known_material(therapy, read_code(code)).code for code in command.retains))
    live = [m.code for m in needed(therapy, protocol) if m.live]
    kinds = {kind for way in (protocol.manufacture.remakes if protocol.manufacture else ()) for kind in way.needs}
    open_ = [code for code in live if code not in ends and code not in retains]
    twice = [code for code in ends if code in retains]
    ended = [code for code in (*ends, *retains) if not therapy.materials[code].live or therapy.materials[code].earlier]
    wrong = [code for code in retains if therapy.materials[code].kind not in kinds]
    if open_ or twice or ended or wrong:
        raise refuse(
            "manufacture.one-fate",
            f"Materials of {therapy.id}: without a fate: {_list(open_)}; ended and retained at once: {_list(twice)}; not "
            f"there any more: {_list(ended)}; retained, but not starting material: {_list(wrong)}.",
            "Name each live material once: --ends CODE for what is lost, --retains CODE for starting material from which "
            "the product can be made again.",
            open=open_,
            twice=twice,
            ended=ended,
            wrong=wrong,
        )
    return ends, retains


def _list(codes: Iterable[str]) -> str:
    return ", ".join(codes) or "none"


def _follows(
    therapy: Therapy,
    protocol: StudyProtocol,
    at: Instance,
    then: tuple[Consequence, ...],
    says: str,
    ends: tuple[str, ...],
) -> list[TherapyFact]:
    always = () if any(c.what == "quarantine" for c in then) else (Consequence(what="quarantine"),)
    return follow(therapy, protocol, at, [Breach(RULE, (*then, *always), "", "", says)], ends)


def _ended(therapy: Therapy, ends: tuple[str, ...], why: str, around: Surroundings) -> tuple[TherapyFact, ...]:
    live = tuple(code for code in ends if therapy.materials[code].live)
    for code in live:
        check_can_end(therapy, code)
    return (MaterialDisposed(therapy=therapy.id, materials=live, at=around.now, reason=why),) if live else ()


def _decided(therapy: Therapy, protocol: StudyProtocol, command: DecideFailure, around: Surroundings) -> Decision:
    """The second signature: confirmed, what is lost ends, and the way out is open; declined, QA decides on the quarantine.

    Raises:
        Refused: nothing waits, not the role, or the same person again.
    """
    failure = _waiting(therapy, command.failure)
    declines = protocol.qa_roles if command.decision == "declined" else ()
    check_role((*failure.awaits, *declines), around.actor, f"confirm or decline {failure.code}")
    if failure.by.person == around.actor.person:
        raise refuse(
            "authority.two-people",
            f"{around.actor.account} may not decide on {failure.code}: {failure.by.person} reported it.",
            "One person is one person under any account. Fetch another.",
            person=around.actor.person,
        )
    fact = ManufactureFailureDecided(
        therapy=therapy.id,
        failure=failure.code,
        first=failure.by.link,
        decision=command.decision,
        reason=command.reason,
    )
    if command.decision == "declined":
        return Decision((fact,), "declined", around.now)
    return Decision((fact, *_ended(therapy, failure.ends, failure.says, around)), "approved", around.now)


def _waiting(therapy: Therapy, name: str) -> Failure:
    failure = therapy.failures.get(name.upper())
    if failure is None or failure.decision:
        waiting = open_failure(therapy)
        raise refuse(
            "manufacture.waiting",
            f"{therapy.id} has no failure {name} that waits for a second signature.",
            f"Waiting is: {waiting.code if waiting else 'none'}.",
            failure=name,
        )
    return failure


# ------------------------------------------------------------------ the ways out


def _remake(therapy: Therapy, protocol: StudyProtocol, command: BeginRemake, around: Surroundings) -> Decision:
    """The next batch begins; every act and result of this one is set aside, and stays on record.

    Raises:
        Refused: nothing has failed, the study has no such way, or what it needs is not there.
    """
    ways = ways_out(therapy, protocol)
    chosen = next((way for way in ways if way.way.start == command.start), None)
    if chosen is None:
        raise refuse(
            "remake.way",
            f"The study makes nothing again from {command.start}.",
            f"Its ways out: {told(therapy, protocol)}.",
            start=command.start,
        )
    check_role(chosen.way.decided_by, around.actor, f"decide to make the product again from {command.start}")
    _check_stands_still(therapy)
    why = _ground(therapy, protocol)
    _check_open(therapy, chosen, ways)
    anew = done_anew(protocol, chosen.way)
    begun = RemakeBegun(
        therapy=therapy.id,
        batch=therapy.batch + 1,
        start=chosen.way.start,
        steps=anew,
        offers=(chosen.way.start,) if protocol.by_id[chosen.way.start].reserve else (),
        ground=why,
        reason=command.reason,
        material=tuple(m.code for m in starting_material(therapy, chosen.way)),
    )
    aside = [m.code for m in therapy.materials.values() if m.live and not m.earlier and m.made_in.step in anew]
    warnings = (f"of batch {therapy.batch}, to be kept or disposed of: {', '.join(aside)}",) if aside else ()
    return Decision((begun,), "approved", around.now, warnings=warnings)


def _check_open(therapy: Therapy, chosen: WayOut, ways: list[WayOut]) -> None:
    if not chosen.closed:
        return
    open_ = [
        f"`unbroken remake {therapy.id} --from {way.way.start}` ({way.way.title})" for way in ways if not way.closed
    ]
    raise refuse(
        "remake.material",
        f"Nothing can be made again from {chosen.way.start}: {chosen.closed}.",
        f"Open is: {'; '.join(open_) or 'no other way'}; or `unbroken terminate {therapy.id}`.",
        start=chosen.way.start,
        needs=chosen.way.needs,
    )


def _ground(therapy: Therapy, protocol: StudyProtocol) -> str:
    why = ground(therapy, protocol)
    if not why:
        has = "a product was infused" if therapy.infused else "no failure, rejection or loss stands"
        raise refuse(
            "remake.ground",
            f"There is no way out to take for {therapy.id}: {has}.",
            "A failure is reported with `unbroken manufacture failed` and confirmed; a product is rejected by QA.",
            therapy=therapy.id,
        )
    return why


def _check_stands_still(therapy: Therapy) -> None:
    """Nothing begins anew while an act, a failure, a hold or a mismatch waits for its second person."""
    check_standing_still(therapy)
    failure = open_failure(therapy)
    waits = [str(act.at) for act in therapy.pending.values()] + ([failure.code] if failure else [])
    waits += [hold.says for hold in therapy.holds.values()]
    if waits:
        raise refuse(
            "order.pending",
            f"Something of {therapy.id} waits for its second person: {', '.join(waits)}.",
            "Sign it second, decline it, or clear it; then decide.",
            waits=waits,
        )


def _terminate(
    therapy: Therapy,
    protocol: StudyProtocol,
    manufacture: Manufacture,
    command: TerminateTherapy,
    around: Surroundings,
) -> Decision:
    check_role(manufacture.ended_by, around.actor, "end a therapy")
    _check_stands_still(therapy)
    why = _ground(therapy, protocol)
    facts: tuple[TherapyFact, ...] = (TherapyTerminated(therapy=therapy.id, ground=why, reason=command.reason),)
    freed = tuple(slot.code for slot in therapy.slots if slot.ends > around.now)
    if freed:
        facts += (SlotsFreed(therapy=therapy.id, slots=freed, reason=command.reason),)
    return Decision(facts, "approved", around.now, tuple(slot_stream(code) for code in freed))
