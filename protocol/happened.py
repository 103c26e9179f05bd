"""What already happened against the rules: what of it counts as done, what it waits for, and what stays shut until QA has looked.

A told act never makes a rule pass. A step that is a check or a decision is not done by telling that it was done wrongly; what
really changed something (a bag was infused, thawed, moved) stands, because it is so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from events.errors import Refused
from events.facts.happened import BrokenRule
from protocol.model import Step, StudyProtocol
from protocol.refusals import refuse
from protocol.state import Deviation, Elsewhere, Occurred, Therapy

RULE = "happened.against-the-rules"
"""The rule under which what happened opens its deviation and is heard of."""
STANDS = frozenset("collection hand_over transport receipt process test conditioning thaw infusion observation".split())
"""Kinds that change something in the world. Of the others (a check, a decision, a form) only the right way counts as done."""
SHUT = frozenset({"conditioning", "identity_check", "thaw", "infusion"})
"""Kinds that stay shut until QA has assessed what happened: what is done to the patient next must not stand on it unseen."""


def may_stand(protocol: StudyProtocol, step: Step) -> bool:
    """Whether telling that a step was done wrongly can count as done: it changed something, and nobody decides by it.

    An observation that opens a gate (the plan that the markers ask for, the go of a dose cohort) is a decision.
    """
    plan = protocol.infection.plan if protocol.infection else None
    rules = protocol.safety.cohorts if protocol.safety else None
    opens = {*(rules.gates if rules else ()), *((plan.step,) if plan else ())}
    return step.kind in STANDS and not (step.kind == "observation" and step.id in opens)


@dataclass
class Broken:
    """Collects the rules that an act broke, each once, in the order in which they were asked."""

    rules: list[BrokenRule] = field(default_factory=list)

    def note(self, rule: str, says: str) -> None:
        """A rule that was broken, and what it says."""
        new = BrokenRule(rule=rule, says=says)
        if new not in self.rules:
            self.rules.append(new)

    @contextmanager
    def listed(self) -> Iterator[None]:
        """A refusal inside is noted, and the telling goes on."""
        try:
            yield
        except Refused as refused:
            self.note(refused.rule, refused.says)

    def ask(self, check: Callable[[], object]) -> None:
        """Ask one rule."""
        with self.listed():
            check()


def hearers(protocol: StudyProtocol) -> tuple[str, ...]:
    """The roles that are each alerted; those that decide on quality where the study names none."""
    return (protocol.escalation.not_by_the_rules if protocol.escalation else ()) or protocol.qa_roles


def waiting(therapy: Therapy, link: str, least: int) -> Occurred | None:
    """What was told in the record of this link (or its beginning) and waits for its second signature by itself."""
    if len(link) < least:
        return None
    found = [o for o in therapy.occurred.values() if o.waits and not o.fact.stands and o.by.link.startswith(link)]
    return found[0] if len(found) == 1 else None


def unsigned(therapy: Therapy) -> list[Occurred]:
    """What was told and waits for its second signature by itself: no step of it waits."""
    return [o for o in therapy.occurred.values() if o.waits and not o.fact.stands]


def unassessed(therapy: Therapy) -> list[Deviation]:
    """Deviations over what happened against the rules, of which nobody has yet assessed what they mean."""
    return [d for d in therapy.deviations.values() if d.rule == RULE and not d.closed and not d.impact]


def check_assessed(therapy: Therapy, step: Step) -> None:
    """Refuse what is done to a patient before QA has looked at what happened against the rules.

    Raises:
        Refused: naming the deviation whose impact nobody has assessed.
    """
    if step.kind not in SHUT:
        return
    for deviation in unassessed(therapy):
        raise refuse(
            "happened.assessed",
            f"{step.id} stays shut: {deviation.says} ({deviation.code}), and nobody has assessed what it means.",
            f"QA assesses it: `unbroken deviation assess {therapy.id} {deviation.code} --impact TEXT`.",
            deviation=deviation.code,
            step=step.id,
        )


def given_here(therapy: Therapy) -> list[str]:
    """Items of other therapies that were used for this patient, in words; what does not stand is left out."""
    return [
        f"{item.code} of {item.therapy} ({one.code}{', not signed second' if one.waits else ''})"
        for one in therapy.occurred.values()
        if not one.dropped
        for item in one.fact.foreign
        if item.effect != "touched"
    ]


def told_of(therapy: Therapy) -> str:
    """Everything that happened against the rules here, in a line; nothing where nothing did."""
    here = [_told(one) for one in therapy.occurred.values() if not one.dropped]
    there = [_taken(taken) for taken in therapy.elsewhere.values() if taken.decision != "dropped"]
    return "; ".join([*here, *there])


def _told(one: Occurred) -> str:
    foreign = ", ".join(f"{item.code} of {item.therapy}" for item in one.fact.foreign)
    waits = ", waits for its second signature" if one.waits else ""
    return f"{one.code} {one.at}{f' with {foreign}' if foreign else ''}: {len(one.fact.broken)} rules broken{waits}"


def _taken(taken: Elsewhere) -> str:
    words = {"infused": "infused into the patient", "used_up": "used up"}.get(taken.effect, "in the hands")
    waits = "" if taken.decision else ", waits for its second signature there"
    return f"{', '.join(taken.materials) or 'an identifier'} {words} of {taken.other} ({taken.event}){waits}"


__all__ = [
    "RULE",
    "SHUT",
    "STANDS",
    "Broken",
    "check_assessed",
    "given_here",
    "hearers",
    "may_stand",
    "told_of",
    "unassessed",
    "unsigned",
    "waiting",
]
