"""Results out of specification: which there are, what opens because of them, and who investigated them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from events.facts.base import Criterion, Reading, TherapyFact
from events.facts.quality import DeviationOpened
from protocol.consequences import follow
from protocol.model import ReleaseCriterion, Step, StudyProtocol
from protocol.readings import Breach
from protocol.refusals import refuse
from protocol.release import evaluate
from protocol.state import Act, Current, Deviation, Instance, Therapy
from protocol.surroundings import Actor

RULE = "release.out-of-specification"


def criterion_named(protocol: StudyProtocol, name: str) -> ReleaseCriterion:
    """A criterion of the study by its id."""
    assert protocol.release is not None  # it was evaluated
    return next(c for c in protocol.release.criteria if c.id == name)


def read_from(criterion: ReleaseCriterion) -> list[tuple[str, str]]:
    """Each step and record whose results a criterion looks at: one, or that of each alternative."""
    return [(step, record) for step, _, record in (one.measure.of.partition(".") for one in criterion.alternatives)]


def failing(therapy: Therapy, protocol: StudyProtocol, at: Instance) -> list[Criterion]:
    """The criteria that the results of this one act do not meet, whatever other occurrences of its step say."""
    own = {where: now for where, now in therapy.readings.items() if where[0] == at or where[0].step != at.step}
    counted = {where: why for where, why in therapy.invalidated.items() if where != at}
    alone = replace(therapy, readings=own, invalidated=counted)
    return [c for c in evaluate(alone, protocol) if c.verdict == "failed" and at.step in _of(protocol, c)]


def _of(protocol: StudyProtocol, criterion: Criterion) -> list[str]:
    return [step for step, _ in read_from(criterion_named(protocol, criterion.name))]


def is_out(therapy: Therapy, protocol: StudyProtocol, at: Instance) -> bool:
    """Whether a result is out: it fails a criterion, or it opened a deviation over a limit of its own step."""
    limits = any(d.at == at and d.rule.startswith(f"limit.{at.step}.") for d in therapy.deviations.values())
    return limits or bool(failing(therapy, protocol, at))


def check_other_eyes(
    therapy: Therapy, protocol: StudyProtocol, step: Step, act: Act, new: Reading, actor: Actor
) -> None:
    """Refuse whoever tested it to correct a result out of specification into one that passes.

    Such a correction is the reviewer's, who looks at the raw data; where the step has no second signature, another person's.

    Raises:
        Refused: naming the criterion, the value that stands, and the new one.
    """
    if protocol.release is None or act.at not in therapy.acts:
        return
    after = {**therapy.readings, (act.at, new.name): Current(new.value, new.unit, "")}
    still = {c.name for c in failing(replace(therapy, readings=after), protocol, act.at)}
    passing = [c for c in failing(therapy, protocol, act.at) if c.name not in still]
    roles = step.second[0] if step.second else step.performed_by
    if passing and (actor.person in act.answerable | act.performers or not actor.roles & set(roles)):
        value = f"{new.value} {new.unit or ''}".strip()
        raise refuse(
            "release.own-correction",
            f"{act.at} is out of specification ({passing[0].name} {passing[0].found}; passes {passing[0].passes}), and "
            f"{actor.account} may not correct it to {value}, which passes.",
            f"If it was written down wrongly, another person corrects it from the raw data: {' or '.join(roles)}. If the test went "
            "wrong, it is investigated, and `unbroken result invalidate` says so. The result stays on record either way.",
            criterion=passing[0].name,
            stands=passing[0].found,
            given=value,
        )


def opened_by_result(
    therapy: Therapy,
    protocol: StudyProtocol,
    at: Instance,
    readings: tuple[Reading, ...],
    before: Sequence[TherapyFact],
) -> list[TherapyFact]:
    """What follows when a test's result, or a correction of it, is out of specification before any release.

    Args:
        before: the facts of the same record before these. Where a limit of the test itself has opened a deviation over
            the same value, no second one is opened.
    """
    if protocol.release is None or not protocol.release.failing or therapy.disposition is not None:
        return []
    changed = {(at, r.name): Current(r.value, r.unit, "") for r in readings}
    after = replace(therapy, readings={**therapy.readings, **changed})
    stood = {c.name for c in failing(therapy, protocol, at)}
    told = {f.rule for f in before if isinstance(f, DeviationOpened)}
    facts: list[TherapyFact] = []
    for criterion in failing(after, protocol, at):
        limits = {f"limit.{step}.{record}" for step, record in read_from(criterion_named(protocol, criterion.name))}
        if criterion.name not in stood and not limits & told:
            facts += _opened(therapy, protocol, criterion, at, [*before, *facts])
    return facts


def opened_by_system(
    therapy: Therapy, protocol: StudyProtocol, before: Sequence[TherapyFact] = ()
) -> list[TherapyFact]:
    """What the system opens when QA's decision is due and a criterion fails that no deviation speaks of yet."""
    if protocol.release is None or not protocol.release.failing:
        return []
    facts: list[TherapyFact] = []
    for criterion in evaluate(therapy, protocol):
        if criterion.verdict != "failed":
            continue
        steps = dict.fromkeys(_of(protocol, criterion))
        acts = sorted((act for step in steps for act in therapy.of_step(step)), key=lambda act: act.by.number)
        if acts and not deviations_of(therapy, protocol, criterion):
            facts += _opened(therapy, protocol, criterion, acts[-1].at, [*before, *facts])
    return facts


def _opened(
    therapy: Therapy, protocol: StudyProtocol, criterion: Criterion, at: Instance, before: Sequence[TherapyFact]
) -> Iterator[TherapyFact]:
    assert protocol.release is not None  # the callers ask
    says = f"{criterion.name} is {criterion.found}, out of specification; it passes {criterion.passes}"
    breach = Breach(RULE, protocol.release.failing, criterion.passes, criterion.found, says)
    yield from follow(therapy, protocol, at, [breach], (), before)


def deviations_of(therapy: Therapy, protocol: StudyProtocol, criterion: Criterion) -> list[Deviation]:
    """The deviations, open or closed, about a step whose results a criterion looks at; of this batch."""
    now = {(at.step, at.batch) for at in (therapy.at(step) for step in _of(protocol, criterion))}
    return [d for d in therapy.deviations.values() if d.at and (d.at.step, d.at.batch) in now]
