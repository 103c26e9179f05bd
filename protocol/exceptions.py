"""A release by exception: what it stands on, whether it still does, and which signature comes next.

EU GMP for ATMPs (EudraLex volume 4, part IV) 11.5: at the request of the treating physician, who is given an evaluation of
the risks and accepts; a sponsor is told at once. Here an investigation of each failed result comes before the request.
"""

from __future__ import annotations

from events.facts.base import Criterion, TherapyFact
from events.facts.steps import DispositionDecided
from protocol.alerts import raise_alert
from protocol.model import ExceptionalRelease, StudyProtocol
from protocol.out_of_specification import criterion_named, deviations_of
from protocol.refusals import refuse
from protocol.release import evaluate, sources_of
from protocol.state import Therapy
from protocol.state.quality import ReleaseException
from protocol.surroundings import Actor

SIGNED = ("the evaluation of the risks", "the physician's acceptance")


def roles_of(protocol: StudyProtocol) -> ExceptionalRelease | None:
    """Who signs a release by exception; None where the study knows none."""
    return protocol.release.exception if protocol.release else None


def failed(therapy: Therapy, protocol: StudyProtocol) -> tuple[Criterion, ...]:
    """The criteria that fail now."""
    return tuple(c for c in evaluate(therapy, protocol) if c.verdict == "failed")


def current(therapy: Therapy) -> ReleaseException | None:
    """The last request that was not withdrawn."""
    standing = [e for e in therapy.exceptions.values() if e.withdrawn is None]
    return standing[-1] if standing else None


def stands_on(therapy: Therapy, protocol: StudyProtocol, criteria: tuple[Criterion, ...]) -> tuple[str, ...]:
    """The records of every value that these criteria look at, and of the investigations of their results."""
    links: set[str] = set()
    for criterion in criteria:
        sources = {tuple(source.split(".", 1)) for source in sources_of(criterion_named(protocol, criterion.name))}
        links |= {now.link for (at, name), now in therapy.readings.items() if (at.step, name) in sources}
        found = (d.investigation for d in deviations_of(therapy, protocol, criterion))
        links |= {investigation.by.link for investigation in found if investigation is not None}
    return tuple(sorted(links))


def void(therapy: Therapy, protocol: StudyProtocol, exception: ReleaseException) -> str:
    """Why an exception does not stand any more, in words; nothing if it does."""
    now = failed(therapy, protocol)
    asked, fail = {c.name for c in exception.criteria}, {c.name for c in now}
    if new := sorted(fail - asked):
        return f"{', '.join(new)} failed since it was requested"
    if passed := sorted(asked - fail):
        return f"{', '.join(passed)} does not fail any more"
    if stands_on(therapy, protocol, now) != exception.stands_on:
        return "a result, a correction or an investigation came after the request"
    return ""


def next_signature(exception: ReleaseException) -> str:
    """What an exception waits for; nothing when QA may decide on it."""
    if exception.evaluated is None:
        return SIGNED[0]
    return SIGNED[1] if exception.accepted is None else ""


def standing(therapy: Therapy, protocol: StudyProtocol, exception: ReleaseException) -> str:
    """How far an exception has come, in a word or two."""
    if therapy.disposition is not None and therapy.disposition.exception == exception.code:
        return "released"
    if exception.withdrawn is not None:
        return "withdrawn"
    if reason := void(therapy, protocol, exception):
        return f"void: {reason}"
    waits = next_signature(exception)
    return f"waits for {waits}" if waits else "accepted"


def never(protocol: StudyProtocol, criteria: tuple[Criterion, ...]) -> list[str]:
    """Those of these criteria that the study never releases by exception."""
    return [c.name for c in criteria if criterion_named(protocol, c.name).never_by_exception]


def check_excepted(
    therapy: Therapy, protocol: StudyProtocol, stops: list[Criterion], actor: Actor | None
) -> ReleaseException | None:
    """The exception by which a product may be released although these criteria fail; None where there is none.

    Args:
        actor: who releases; None when the release waits for its second signature and its first is known.

    Raises:
        Refused: one was requested, and does not stand, or lacks a signature, or its releaser signed it before.
    """
    exception = current(therapy)
    if exception is None or roles_of(protocol) is None or any(c.verdict != "failed" for c in stops):
        return None
    if reason := void(therapy, protocol, exception):
        raise refuse(
            "exception.void",
            f"{exception.code} does not stand any more: {reason}.",
            "It must be requested again: `unbroken exception request`.",
            exception=exception.code,
            asked=[c.name for c in exception.criteria],
            fails=[c.name for c in stops],
        )
    if lacks := next_signature(exception):
        raise refuse(
            "exception.order",
            f"{exception.code} lacks {lacks}; QA releases by exception after it, never before.",
            "First the investigation, then the request, the evaluation of the risks, and the acceptance: "
            "`unbroken exception`.",
            exception=exception.code,
            lacks=lacks,
        )
    signers = {s.person for s in (exception.requested, exception.evaluated, exception.accepted) if s is not None}
    if actor is not None and actor.person in signers:
        raise refuse(
            "authority.two-people",
            f"{actor.account} may not release by {exception.code}: {actor.person} signed it before.",
            "One person is one person under any account. Another person of QA releases.",
            person=actor.person,
            exception=exception.code,
        )
    return exception


def told_at_once(therapy: Therapy, protocol: StudyProtocol, decided: DispositionDecided) -> list[TherapyFact]:
    """The alerts of a release by exception, in the very record by which it stands: the sponsor is told at once."""
    roles = roles_of(protocol)
    if decided.exception is None or roles is None:
        return []
    found = [f"{c.name} {c.found} (passes {c.passes})" for c in decided.criteria if c.name in decided.excepted]
    says = f"{', '.join(decided.materials)} released by exception {decided.exception}: {'; '.join(found)}"
    facts: list[TherapyFact] = []
    for role in roles.told:
        facts.append(raise_alert(therapy, "release.by-exception", (role,), says, before=facts))
    return facts
