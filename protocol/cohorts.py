"""A dose cohort: who of it began, what was decided on each, whether it is stopped; and what that keeps shut.

Pure: the reader finds the members in the cohort's own stream. Every enrolment, conditioning, infusion and DLT decision of a member
extends it, and so does whoever passes the gate: two patients of one cohort cannot pass at the same moment unseen.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from events.facts.cohorts import CohortReopened, CohortStopped
from events.facts.steps import StepFact
from protocol.adverse_events import first_infusion
from protocol.dlt import begun, standing, told
from protocol.model import CohortRules, Step, StudyProtocol
from protocol.refusals import refuse
from protocol.roles import check_role
from protocol.state import Therapy
from protocol.surroundings import Actor, Cohort, Member, Opening

_EXTENDS = ("enrolment", "conditioning", "infusion")
"""Kinds of step that change what the cohort's gate looks at."""


def cohort_rules(protocol: StudyProtocol) -> CohortRules | None:
    """What the study says of its cohorts; None where it has none."""
    return protocol.safety.cohorts if protocol.safety else None


def cohort_stream(protocol: StudyProtocol, cohort: str) -> str:
    """The stream of a cohort."""
    return f"cohort/{protocol.protocol.id}.{cohort}"


def cohort_of(therapy: Therapy, protocol: StudyProtocol, choices: Mapping[str, str] = {}) -> str | None:
    """The cohort of a patient, or the one that the enrolment at hand chooses; None where there is none."""
    rules = cohort_rules(protocol)
    return None if rules is None else therapy.option(rules.of) or choices.get(rules.of)


def asks(therapy: Therapy, protocol: StudyProtocol, step: Step) -> bool:
    """Whether a step looks at the cohort: an enrolment, and a gated step of a patient whose conditioning has not begun."""
    rules = cohort_rules(protocol)
    return rules is not None and (step.kind == "enrolment" or (step.id in rules.gates and begun(therapy) is None))


def extends(therapy: Therapy, protocol: StudyProtocol, fact: StepFact, choices: Mapping[str, str]) -> tuple[str, ...]:
    """The cohort's stream, where this act is one of those that it holds."""
    rules, cohort = cohort_rules(protocol), cohort_of(therapy, protocol, choices)
    step = protocol.by_id[fact.key.step]
    if rules is None or cohort is None or not (step.kind in _EXTENDS or step.id in rules.gates):
        return ()
    return (cohort_stream(protocol, cohort),)


def stream_of(therapy: Therapy, protocol: StudyProtocol) -> tuple[str, ...]:
    """The cohort's stream, for a decision on one of its patients."""
    cohort = cohort_of(therapy, protocol)
    return () if cohort is None else (cohort_stream(protocol, cohort),)


def member(therapy: Therapy, protocol: StudyProtocol) -> Member:
    """A patient as the gate sees it."""
    decided = standing(therapy)
    words = told(therapy, protocol)
    return Member(
        therapy.id,
        begun(therapy),
        first_infusion(therapy),
        decided.fact.decision if decided else "",
        words,
        therapy.stopped,
    )


def why_stopped(rules: CohortRules, cohort: Cohort) -> str:
    """Why the cohort is stopped, in words, and who has signed to open it again; nothing while it is not."""
    if cohort.stopped:
        return f"it was stopped by {cohort.stopped_by}: {cohort.stopped}{_waits(rules, cohort)}"
    dlts = cohort.dlts
    if rules.stop_at is not None and dlts >= rules.stop_at and dlts > cohort.accepted:
        stop = f"{dlts} of its patients had a dose-limiting toxicity; its stopping rule is {rules.stop_at}"
        return f"{stop}{_waits(rules, cohort)}"
    return ""


def _waits(rules: CohortRules, cohort: Cohort) -> str:
    signed = _opening(cohort)
    if not signed:
        return ""
    names = ", ".join(one.account for one in signed)
    return f"; {names} signed to open it again, which waits for {' or '.join(rules.reopened_by[len(signed)])}"


def _opening(cohort: Cohort) -> tuple[Opening, ...]:
    """The signatures to open it that stand: one that was given before another toxicity was decided is given again."""
    return tuple(one for one in cohort.opening if one.dlts == cohort.dlts)


def shut(rules: CohortRules, cohort: Cohort, therapy: str, at: datetime) -> tuple[str, str, datetime | None]:
    """Which rule keeps the next patient of a cohort waiting, in words, and until when if that is known; nothing if none does."""
    if why := why_stopped(rules, cohort):
        return "cohort.stopped", why, None
    before = [m for m in cohort.members if (m.begun is not None or not m.readable) and m.therapy != therapy]
    if rules.one_by_one is not None and len(before) >= rules.one_by_one:
        return "", "", None
    for one in before:
        if not one.decision:
            return "cohort.decision", f"the DLT decision on {one.therapy} is not signed: {one.told}", None
    infused = [m.infused for m in before if m.infused is not None]
    if rules.interval is not None and infused and at < (opens := rules.interval.after(*max(infused))):
        says = f"the last infusion of it was {max(infused).at:%Y-%m-%d %H:%M} UTC, and {rules.interval} lie between two patients"
        return "cohort.interval", f"{says}, until {opens:%Y-%m-%d %H:%M} UTC", opens
    return "", "", None


def check_cohort(
    therapy: Therapy, protocol: StudyProtocol, step: Step, cohort: Cohort | None, started: datetime
) -> None:
    """Refuse what a cohort keeps shut.

    Raises:
        Refused: it is stopped, the decision on an earlier patient is not signed, or too little time lies between two.
    """
    rules = cohort_rules(protocol)
    if rules is None or not asks(therapy, protocol, step) or (cohort is None and step.kind == "enrolment"):
        return  # whoever chooses no cohort is refused by the kind's own rules
    assert cohort is not None  # the reader looks it up for every step that asks
    if step.kind == "enrolment":
        why = why_stopped(rules, cohort)
        found: tuple[str, str, datetime | None] = ("cohort.stopped", why, None) if why else ("", "", None)
    else:
        found = shut(rules, cohort, therapy.id, started)
    rule, says, opens = found
    if rule:
        raise refuse(
            rule,
            f"{step.id} of {therapy.id} stays shut: {cohort.name} is not open, {says}.",
            _ADVICE[rule],
            cohort=cohort.name,
            opens=opens,
            step=step.id,
        )


_ADVICE = {
    "cohort.stopped": "A stopped cohort goes on when it is opened again with the reason: `unbroken cohort reopen`.",
    "cohort.decision": "Two people sign the decision on each earlier patient: `unbroken dlt decide`, `unbroken dlt agree`.",
    "cohort.interval": "Wait; see `unbroken cohort show`.",
}


# ------------------------------------------------------------------ stopped, and opened again


def known_cohort(protocol: StudyProtocol, name: str) -> CohortRules:
    """The study's rules for a cohort of this name.

    Raises:
        Refused: the study has no cohorts, or none of this name.
    """
    rules = cohort_rules(protocol)
    options = protocol.choices[rules.of].options if rules else {}
    if rules is None or name not in options:
        raise refuse(
            "cohort.known",
            f"Protocol {protocol.protocol.id} has no dose cohort {name}.",
            f"Its cohorts: {', '.join(options) or 'none; a study names them under `safety.cohorts`'}.",
            cohort=name,
        )
    return rules


def stop_cohort(actor: Actor, protocol: StudyProtocol, cohort: Cohort, reason: str) -> CohortStopped:
    """Stop a cohort.

    Raises:
        Refused: not the role, or it is stopped already by a signature.
    """
    rules = known_cohort(protocol, cohort.name)
    check_role(rules.stopped_by, actor, f"stop cohort {cohort.name}")
    if cohort.stopped:
        raise refuse("order.done", f"{cohort.name} is stopped: {cohort.stopped}.", "There is nothing to stop.")
    return CohortStopped(
        study=protocol.protocol.id, cohort=cohort.name, digest=protocol.digest, reason=reason
    )  # fmt: skip


def reopen_cohort(actor: Actor, protocol: StudyProtocol, cohort: Cohort, reason: str) -> CohortReopened:
    """Sign that a stopped cohort is opened again. The study names the signatures; each is another's than stopped it or signed before.

    Raises:
        Refused: not the role whose turn it is, it is not stopped, or the same person stopped it or has signed.
    """
    rules = known_cohort(protocol, cohort.name)
    signed = _opening(cohort)
    check_role(rules.reopened_by[len(signed)], actor, f"open cohort {cohort.name} again")
    if not why_stopped(rules, cohort):
        raise refuse(
            "cohort.stopped", f"{cohort.name} is not stopped.", "There is nothing to open.", cohort=cohort.name
        )
    did = {cohort.stopper: "stopped it", **{one.person: "signed that already" for one in signed}}
    if actor.person in did:
        raise refuse(
            "authority.two-people",
            f"{actor.account} may not open {cohort.name} again: {actor.person} {did[actor.person]}.",
            "One person is one person under any account. Another person signs.",
            person=actor.person,
        )
    return CohortReopened(
        study=protocol.protocol.id,
        cohort=cohort.name,
        digest=protocol.digest,
        dlts=cohort.dlts,
        reason=reason,
        after=signed[-1].link if signed else None,
        awaits=next(iter(rules.reopened_by[len(signed) + 1 :]), ()),
    )


def opened_further(cohort: Cohort, rules: CohortRules, fact: CohortReopened, new: Opening) -> Cohort:
    """The cohort after a signature to open it: open with the last that the study asks for, each of another person's."""
    signed = tuple(one for one in cohort.opening if one.dlts == fact.dlts)
    if new.person not in {cohort.stopper, *(one.person for one in signed)}:
        signed = (*signed, new)
    if len(signed) < len(rules.reopened_by):
        return cohort._replace(opening=signed)
    return Cohort(cohort.name, cohort.members, accepted=fact.dlts)
