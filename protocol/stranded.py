"""A patient whose conditioning has begun and for whom no product is left: the worst that can be lost, however it was lost.

Whatever a person decides or tells is looked at before it is signed: if it leaves such a patient behind, the critical
deviation, the alerts and the offered rescue stand in that very record (process page, row 11).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from events.facts.base import TherapyFact
from events.facts.course import StepOffered
from events.facts.quality import DeviationOpened
from protocol.consequences import follow
from protocol.decision import Decision
from protocol.due import how_often
from protocol.escalation import raise_each
from protocol.evolve import evolve
from protocol.manufacture import needed, open_failure, told, usable
from protocol.model import Consequence, Step, StudyProtocol
from protocol.readings import Breach
from protocol.state import Signed, Therapy
from protocol.surroundings import Surroundings

RULE = "product.lost"
"""The rule under which the loss of the last product opens its deviation and is heard of."""
CRITICAL = (Consequence(what="deviation", grade="critical"),)


class Stranded(NamedTuple):
    """Since when the patient is conditioned; and what there was of a product, each with what became of it, in words."""

    since: datetime
    lost: str


def stranded(therapy: Therapy, protocol: StudyProtocol) -> Stranded | None:
    """Whether conditioning has begun and no product is left; None where there is or may be one, or none is wanted.

    Conditioning counts from its first signature: what was given was given, whoever signs second, and in whatever batch.
    """
    over = therapy.completed or therapy.died or "treatment" in therapy.withdrawn or therapy.infused
    begun = [
        act.fact.started
        for act in (*therapy.every_act.values(), *therapy.pending.values())
        if act.at.step in protocol.by_id and protocol.by_id[act.at.step].kind == "conditioning"
    ]
    if over or not begun:
        return None
    gone = told_gone(therapy)
    if usable(therapy, protocol, gone) is not False:
        return None
    product = protocol.release.product if protocol.release else ""
    there = [m for m in needed(therapy, protocol) if m.kind == product] or needed(therapy, protocol)
    words = [f"{m.code} {m.ended or ('told to be gone' if m.code in gone else m.status)}" for m in there]
    return Stranded(min(begun), ", ".join(words))


def told_gone(therapy: Therapy) -> frozenset[str]:
    """What somebody has told to be gone, and nobody has confirmed yet: nobody is to count on it meanwhile."""
    failure = open_failure(therapy)
    taken = [code for elsewhere in therapy.elsewhere.values() if elsewhere.gone for code in elsewhere.materials]
    return frozenset([*(failure.ends if failure else ()), *taken])


def says(therapy: Therapy, protocol: StudyProtocol, left: Stranded) -> str:
    """It in one sentence, with the ways that the study leaves."""
    begun = f"{left.since:%Y-%m-%d %H:%M} UTC"
    ways = (
        f"Ways out: {ways_left(therapy, protocol)}" if ways_left(therapy, protocol) else "The study names no way out."
    )
    return f"no product is left for a patient whose lymphodepletion began {begun}: {left.lost}. {ways}"


def ways_left(therapy: Therapy, protocol: StudyProtocol) -> str:
    """What the study leaves: to look after the patient, to make or collect again, to end."""
    rescue = protocol.escalation.rescue if protocol.escalation else ()
    words = [
        f"{protocol.by_id[name].title} (`unbroken perform {therapy.id} {name}`)"
        for name in rescue
        if name not in therapy.offers or _open(therapy, protocol.by_id[name])
    ]
    return "; ".join([*words, told(therapy, protocol)] if protocol.manufacture else words)


def _open(therapy: Therapy, step: Step) -> bool:
    """Whether a rescue that was offered has not been done as often as it was."""
    return len(therapy.of_step(step.id)) < how_often(therapy, step)[0]


def hearers(protocol: StudyProtocol) -> tuple[str, ...]:
    """The roles that are each alerted: those that the study names, or else who decides on quality and who conditions."""
    named = protocol.escalation.product_lost if protocol.escalation else ()
    ward = [
        role
        for step in protocol.steps
        if step.kind == "conditioning"
        for role in (*step.performed_by, *(step.second[0] if step.second else ()))
    ]
    return named or tuple(dict.fromkeys([*protocol.qa_roles, *ward]))


def escalated(therapy: Therapy, protocol: StudyProtocol, decision: Decision, around: Surroundings) -> Decision:
    """The decision, with what follows in the same record if it leaves a conditioned patient without a product."""
    own = [fact for fact in decision.facts if fact.therapy == therapy.id]
    follows = what_follows(therapy, protocol, own, around, decision.meaning, decision.happened)
    if not follows:
        return decision
    warnings = tuple(f.says for f in follows if isinstance(f, DeviationOpened))
    return replace(decision, facts=(*decision.facts, *follows), warnings=(*decision.warnings, *warnings))


def what_follows(
    therapy: Therapy,
    protocol: StudyProtocol,
    facts: list[TherapyFact],
    around: Surroundings,
    meaning: str,
    happened: datetime,
) -> list[TherapyFact]:
    """A critical deviation, an alert a role, and the rescue, if these facts about the therapy leave the patient so."""
    if not any(step.kind == "conditioning" for step in protocol.steps) or stranded(therapy, protocol):
        return []
    after = _after(therapy, facts, around, meaning, happened)
    left = stranded(after, protocol)
    if left is None:
        return []
    why = "no product is left after lymphodepletion began"
    rescue = protocol.escalation.rescue if protocol.escalation else ()
    offers = [StepOffered(therapy=therapy.id, step=name, why=why) for name in rescue]
    text = says(_after(after, offers, around, meaning, happened), protocol, left)
    found: list[TherapyFact] = list(follow(therapy, protocol, None, [Breach(RULE, CRITICAL, "", "", text)], (), facts))
    found += raise_each(therapy, RULE, hearers(protocol), text, before=[*facts, *found])
    found += offers
    return found


def _after(
    therapy: Therapy, facts: Sequence[TherapyFact], around: Surroundings, meaning: str, happened: datetime
) -> Therapy:
    """The therapy as it would stand after these facts; nothing is recorded by looking."""
    actor = around.actor
    by = Signed(
        0, therapy.number + 1, "to be signed", actor.person, actor.account, meaning, happened, around.now, around.zone
    )
    for fact in facts:
        therapy = evolve(therapy, fact, by)  # type: ignore[arg-type]  # a decision's facts are the union that evolve knows
    return therapy
