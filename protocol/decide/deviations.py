"""Decide about deviations: opened, regraded, investigated, assessed, closed, and the actions that follow from them.

What is open when a therapy is completed can still be handled: completion ends the study's steps, not QA's duties.
"""

from __future__ import annotations

from typing import assert_never

from events.facts.base import ActKey
from events.facts.deviations import (
    ActionChecked,
    ActionDone,
    ActionPlanned,
    DeviationInvestigated,
    DeviationRegraded,
    DeviationReopened,
)
from events.facts.quality import DeviationAssessed, DeviationClosed, DeviationOpened
from events.identifiers import read_code
from events.zones import told, until_when
from protocol.commands import (
    AssessDeviation,
    CheckAction,
    CloseDeviation,
    DeviationCommand,
    InvestigateDeviation,
    OpenDeviation,
    PlanAction,
    RegradeDeviation,
    ReportAction,
)
from protocol.decide.quality import known_material
from protocol.decision import Decision
from protocol.deviations import investigators, lacking
from protocol.gate import check_running, known_step
from protocol.model import StudyProtocol
from protocol.refusals import refuse
from protocol.roles import check_role
from protocol.state import Deviation, Therapy
from protocol.state.quality import Action
from protocol.surroundings import Surroundings

GRADES = ("minor", "major", "critical")


def decide_deviations(
    therapy: Therapy, protocol: StudyProtocol, command: DeviationCommand, around: Surroundings
) -> Decision:
    """What follows from a command about a deviation or an action."""
    match command:
        case OpenDeviation():
            return _open(therapy, protocol, command, around)
        case RegradeDeviation():
            return _regrade(therapy, protocol, command, around)
        case InvestigateDeviation():
            return _investigate(therapy, protocol, command, around)
        case AssessDeviation():
            return _assess(therapy, protocol, command, around)
        case CloseDeviation():
            return _close(therapy, protocol, command, around)
        case PlanAction():
            return _plan(therapy, protocol, command, around)
        case ReportAction():
            return _report(therapy, command, around)
        case CheckAction():
            return _check(therapy, protocol, command, around)
        case _:
            assert_never(command)


def _open(therapy: Therapy, protocol: StudyProtocol, command: OpenDeviation, around: Surroundings) -> Decision:
    """A person opens a deviation, and may name the act and the materials that it concerns; anybody enrolled may.

    Raises:
        Refused: there is no such step, or the material is none of this therapy's.
    """
    check_running(therapy)
    codes = tuple(dict.fromkeys(read_code(code) for code in command.materials))
    for code in codes:
        known_material(therapy, code)
    fact = DeviationOpened(
        therapy=therapy.id,
        deviation=f"D-{len(therapy.deviations) + 1}",
        grade=command.grade,
        rule="reported",
        key=_concerns(therapy, protocol, command, codes),
        materials=codes,
        says=command.says,
    )
    return Decision((fact,), "performed", around.now)


def _concerns(
    therapy: Therapy, protocol: StudyProtocol, command: OpenDeviation, codes: tuple[str, ...]
) -> ActKey | None:
    if command.step is None:
        if command.occurrence is not None:
            raise refuse(
                "deviation.concerns",
                f"Occurrence {command.occurrence} of which step is not said.",
                "Name the step as well: --step.",
                occurrence=command.occurrence,
            )
        return None
    step = known_step(protocol, command.step)
    material = next((c for c in codes if therapy.materials[c].kind == step.for_each), None)
    return therapy.at(step.id, command.occurrence or "1", material or "").key()


def _standing(therapy: Therapy, name: str) -> Deviation:
    """An open deviation.

    Raises:
        Refused: there is none of this number.
    """
    deviation = therapy.deviations.get(name.upper())
    if deviation is None or deviation.closed:
        standing = ", ".join(d.code for d in therapy.deviations.values() if not d.closed) or "none"
        raise refuse(
            "deviation.open",
            f"{therapy.id} has no open deviation {name}.",
            f"Open are: {standing}.",
            deviation=name,
        )
    return deviation


def _not_by_opener(deviation: Deviation, around: Surroundings, what: str) -> None:
    if deviation.opener == around.actor.person:
        raise refuse(
            "deviation.other-person",
            f"{around.actor.account} may not {what} {deviation.code}: {deviation.opener} opened it.",
            "Another person of QA does.",
            deviation=deviation.code,
            opener=deviation.opener,
        )


def _regrade(therapy: Therapy, protocol: StudyProtocol, command: RegradeDeviation, around: Surroundings) -> Decision:
    """QA changes a grade, with the reason. A lower one is given by another person than the opener, after the assessment."""
    check_role(protocol.qa_roles, around.actor, "regrade a deviation")
    deviation = _standing(therapy, command.deviation)
    if command.grade == deviation.grade:
        raise refuse(
            "deviation.grade",
            f"{deviation.code} is {deviation.grade} already.",
            "Nothing to change.",
            deviation=deviation.code,
            grade=deviation.grade,
        )
    if GRADES.index(command.grade) < GRADES.index(deviation.grade):
        _not_by_opener(deviation, around, "lower the grade of")
        if not deviation.impact:
            raise _unassessed(deviation, "Its grade is lowered only on its assessed impact")
    fact = DeviationRegraded.model_validate(
        {
            "therapy": therapy.id,
            "deviation": deviation.code,
            "old": deviation.grade,
            "new": command.grade,
            "reason": command.reason,
        }
    )
    return Decision((fact,), "approved", around.now)


def _unassessed(deviation: Deviation, why: str) -> Exception:
    return refuse(
        "deviation.assessed",
        f"The impact of {deviation.code} has not been assessed.",
        f"{why}: `unbroken deviation assess`.",
        deviation=deviation.code,
    )


def _investigate(
    therapy: Therapy, protocol: StudyProtocol, command: InvestigateDeviation, around: Surroundings
) -> Decision:
    """Somebody who investigates says what was found; a later investigation of the same deviation stands beside it."""
    check_role(investigators(protocol), around.actor, "investigate a deviation")
    deviation = _standing(therapy, command.deviation)
    fact = DeviationInvestigated(
        therapy=therapy.id, deviation=deviation.code, cause=command.cause, root_cause=command.root_cause
    )
    return Decision((fact,), "performed", around.now)


def _assess(therapy: Therapy, protocol: StudyProtocol, command: AssessDeviation, around: Surroundings) -> Decision:
    """QA assesses the impact of a deviation."""
    check_role(protocol.qa_roles, around.actor, "assess a deviation")
    deviation = _standing(therapy, command.deviation)
    fact = DeviationAssessed(therapy=therapy.id, deviation=deviation.code, impact=command.impact)
    return Decision((fact,), "reviewed", around.now)


def _close(therapy: Therapy, protocol: StudyProtocol, command: CloseDeviation, around: Surroundings) -> Decision:
    """QA closes a deviation; not the person who opened it.

    Raises:
        Refused: closed by its opener, or something that its grade asks for has not been done.
    """
    check_role(protocol.qa_roles, around.actor, "close a deviation")
    deviation = _standing(therapy, command.deviation)
    _not_by_opener(deviation, around, "close")
    if missing := lacking(therapy, protocol, deviation):
        if missing == ["the assessment of its impact"]:
            raise _unassessed(deviation, "Assess it first")
        raise refuse(
            "deviation.handled",
            f"{deviation.code} is {deviation.grade} and cannot be closed; it lacks {', '.join(missing)}.",
            "Do that first; `unbroken deviation show` tells how far it has come.",
            deviation=deviation.code,
            grade=deviation.grade,
            lacks=missing,
        )
    fact = DeviationClosed(therapy=therapy.id, deviation=deviation.code, conclusion=command.conclusion)
    return Decision((fact,), "approved", around.now)


# ------------------------------------------------------------------ actions


def _plan(therapy: Therapy, protocol: StudyProtocol, command: PlanAction, around: Surroundings) -> Decision:
    """QA plans an action: who does it, and until when.

    Raises:
        Refused: nobody has that role in this study, the owner does not hold it, or the day is past.
    """
    check_role(protocol.qa_roles, around.actor, "plan an action")
    deviation = _standing(therapy, command.deviation)
    if command.role not in protocol.roles:
        raise refuse(
            "action.role",
            f"{protocol.protocol.id} has no role {command.role}.",
            f"Its roles are: {', '.join(protocol.roles)}.",
            role=command.role,
        )
    owner = around.people.get(command.owner) if command.owner else None
    if command.owner and (owner is None or command.role not in owner.roles):
        raise refuse(
            "action.owner",
            f"{command.owner} does not hold the role {command.role}.",
            "Name somebody who does, or the role alone.",
            owner=command.owner,
            role=command.role,
        )
    if until_when(command.due, around.zone) <= around.now:
        raise refuse(
            "action.due",
            f"The action would be due {told(command.due)}, which is past (now {around.now:%Y-%m-%d %H:%M} UTC).",
            "Name a time that is still to come.",
            due=command.due,
            now=around.now,
        )
    fact = ActionPlanned(
        therapy=therapy.id,
        action=f"C-{len(therapy.actions) + 1}",
        deviation=deviation.code,
        what=command.what,
        says=command.says,
        role=command.role,
        owner=command.owner,
        person=owner.person if owner else None,
        due=command.due,
        instead_of=_replaced(therapy, deviation, command.instead_of),
    )
    return Decision((fact,), "approved", around.now)


def _replaced(therapy: Therapy, deviation: Deviation, name: str | None) -> str | None:
    """The action whose place this one takes: one of the same deviation that was not effective, or was never done."""
    if name is None:
        return None
    action = _known_action(therapy, name)
    if action.deviation != deviation.code or action.settled or (action.done and action.checked is None):
        why = "waits to be checked" if action.done and action.checked is None else "stands"
        why = f"was replaced by {action.later}" if action.later else why
        why = f"belongs to {action.deviation}" if action.deviation != deviation.code else why
        raise refuse(
            "action.replaced",
            f"{action.code} {why}; no action takes its place.",
            "A further action takes the place of one of the same deviation that was not effective, or not done.",
            action=action.code,
        )
    return action.code


def _known_action(therapy: Therapy, name: str) -> Action:
    action = therapy.actions.get(name.upper())
    if action is None:
        raise refuse(
            "action.known",
            f"{therapy.id} has no action {name}.",
            f"Its actions: {', '.join(therapy.actions) or 'none yet'}.",
            action=name,
        )
    return action


def _report(therapy: Therapy, command: ReportAction, around: Surroundings) -> Decision:
    """Its owner, or anybody in its role where no owner was named, says that an action was done."""
    action = _known_action(therapy, command.action)
    check_role((action.role,), around.actor, f"report {action.code} done")
    if action.person and action.person != around.actor.person:
        raise refuse(
            "action.owner",
            f"{action.code} is {action.owner}'s, not {around.actor.account}'s.",
            "Its owner reports it; or QA plans another action in its place: `unbroken deviation plan --instead-of`.",
            action=action.code,
            owner=action.owner,
        )
    if action.done is not None or action.later:
        raise refuse(
            "order.done",
            f"{action.code} {f'was replaced by {action.later}' if action.later else 'was reported done already'}.",
            "Nothing is done twice.",
            action=action.code,
        )
    return Decision((ActionDone(therapy=therapy.id, action=action.code, says=command.says),), "performed", around.now)


def _check(therapy: Therapy, protocol: StudyProtocol, command: CheckAction, around: Surroundings) -> Decision:
    """QA says whether an action was effective; not whoever did it. One that was not opens its deviation again.

    Raises:
        Refused: it was not done, was checked before, or is checked by the person who did it.
    """
    check_role(protocol.qa_roles, around.actor, "check an action")
    action = _known_action(therapy, command.action)
    if action.done is None:
        raise refuse(
            "action.done",
            f"{action.code} has not been done.",
            f"{action.owner or action.role} reports it first: `unbroken deviation done`.",
            action=action.code,
        )
    if action.checked is not None:
        raise refuse(
            "order.done",
            f"{action.code} was checked already: {action.checked.result.replace('_', ' ')}.",
            "Where it turns out otherwise later, open a deviation of its own.",
            action=action.code,
        )
    if action.done.person == around.actor.person:
        raise refuse(
            "authority.two-people",
            f"{around.actor.account} may not check {action.code}: {action.done.person} did it.",
            "One person is one person under any account. Another person of QA checks it.",
            person=action.done.person,
        )
    checked = ActionChecked(therapy=therapy.id, action=action.code, result=command.result, says=command.says)
    deviation = therapy.deviations[action.deviation]
    if command.result == "effective" or not deviation.closed:
        return Decision((checked,), "reviewed", around.now)
    reason = f"{action.code} was not effective: {command.says}"
    reopened = DeviationReopened(therapy=therapy.id, deviation=deviation.code, reason=reason)
    return Decision((checked, reopened), "reviewed", around.now, warnings=(f"{deviation.code} is open again",))
