"""Who touched what an act says beside performing it: nobody of them is independent of the result.

Every way to touch a result is in this one table; a way that is not in it leaves its signer independent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from events.facts import course, environment, happened, logger, steps
from events.facts import out_of_specification as oos
from events.facts.base import ActKey, TherapyFact
from protocol.state import Hand, Signed, Therapy, instance


def with_hands(therapy: Therapy, fact: TherapyFact, by: Signed) -> Therapy:
    """The therapy with whoever touched a result by this fact; asked before the fact itself changes it."""
    found = tuple(_hands(therapy, fact, by))
    return replace(therapy, hands=(*therapy.hands, *found)) if found else therapy


def _hands(therapy: Therapy, fact: TherapyFact, by: Signed) -> Iterator[Hand]:
    match fact:
        case steps.StepFact(paper=paper) if paper is not None:
            yield _own(fact.key, by, "entered from paper")
        case course.ReadingReported():
            yield _own(fact.key, by, f"reported {', '.join(r.name for r in fact.readings)} of", wrote=True)
        case course.FactCorrected():
            yield _own(fact.key, by, f"corrected {fact.new.name} of", wrote=True)
        case logger.LoggerRead() | logger.LoggerLost():
            yield _own(fact.key, by, "gave the temperature log of")
        case environment.EnvironmentAttached(report=None):
            for key in fact.keys:
                yield _own(key, by, f"reported the monitoring of {fact.room} for")
        case oos.RetestAuthorised():
            yield _own(fact.key, by, "authorised the retest of")
        case oos.ResultInvalidated():
            yield _own(fact.key, by, "invalidated the result of")
        case happened.ActHappened():
            yield _own(fact.key, by, "told of")
            for one in fact.done_by:
                yield Hand(instance(fact.key), one.person, one.account, "did", by.number)
        case course.ActDeclined() | course.ActWithdrawn():
            if (act := therapy.pending.get(fact.act)) is not None:
                for person in sorted(act.performers):
                    yield Hand(act.at, person, act.performer, "performed, though it did not stand,", by.number)
        case _:
            pass


def _own(key: ActKey, by: Signed, did: str, *, wrote: bool = False) -> Hand:
    return Hand(instance(key), by.person, by.account, did, by.number, wrote)
