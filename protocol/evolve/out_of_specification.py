"""Results out of specification change a therapy: a retest exists, a result does not count, an exception gathers signatures."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from events.facts import out_of_specification as oos
from protocol.state import Signed, Therapy, instance
from protocol.state.quality import Invalidated, ReleaseException

OutOfSpecificationFacts = (
    oos.RetestAuthorised
    | oos.ResultInvalidated
    | oos.ExceptionRequested
    | oos.ExceptionEvaluated
    | oos.ExceptionAccepted
    | oos.ExceptionWithdrawn
)


def evolve_out_of_specification(therapy: Therapy, fact: OutOfSpecificationFacts, by: Signed) -> Therapy:
    """The therapy after a fact about a result out of specification, or an exception."""
    match fact:
        case oos.RetestAuthorised():
            return replace(therapy, retests={**therapy.retests, instance(fact.key): (fact.reason, by)})
        case oos.ResultInvalidated():
            invalid = Invalidated(fact.deviation, fact.reason, by)
            return replace(therapy, invalidated={**therapy.invalidated, instance(fact.key): invalid})
        case oos.ExceptionRequested():
            new = ReleaseException(fact.exception, fact.criteria, fact.stands_on, fact.reason, by)
            return _with(therapy, new)
        case oos.ExceptionEvaluated():
            known = therapy.exceptions[fact.exception]
            return _with(therapy, replace(known, evaluated=by, risks=fact.risks))
        case oos.ExceptionAccepted():
            known = therapy.exceptions[fact.exception]
            return _with(therapy, replace(known, accepted=by, statement=fact.statement))
        case oos.ExceptionWithdrawn():
            return _with(therapy, replace(therapy.exceptions[fact.exception], withdrawn=by))
        case _:
            assert_never(fact)


def _with(therapy: Therapy, exception: ReleaseException) -> Therapy:
    return replace(therapy, exceptions={**therapy.exceptions, exception.code: exception})
