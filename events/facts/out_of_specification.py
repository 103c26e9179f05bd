"""Facts of results out of specification: retested, invalidated, and the signatures of a release by exception in their order."""

from typing import ClassVar

from events.facts.base import ActKey, Code, Criterion, Digest, Text, TherapyFact


class RetestAuthorised(TherapyFact):
    """A retest was authorised, with its reason. Only then is there a further occurrence, `key`, of the test.

    `of` is the result that is out of specification; it stays.
    """

    wire: ClassVar[str] = "retest.authorised.v1"
    key: ActKey
    of: ActKey
    reason: Text


class ResultInvalidated(TherapyFact):
    """A result does not count any more: the investigation of `deviation` concluded a laboratory error. The result stays."""

    wire: ClassVar[str] = "result.invalidated.v1"
    key: ActKey
    deviation: Code
    reason: Text


class ExceptionRequested(TherapyFact):
    """A physician asks for a product that is out of specification.

    Args:
        exception: its number in this therapy (``X-1``).
        criteria: the failed criteria, as they stood.
        stands_on: the records of the results and of their investigations; when others stand, the exception is void.
    """

    wire: ClassVar[str] = "exception.requested.v1"
    exception: Code
    criteria: tuple[Criterion, ...]
    stands_on: tuple[Digest, ...]
    reason: Text


class ExceptionEvaluated(TherapyFact):
    """The risks were evaluated for the physician; `request` is the record of the request."""

    wire: ClassVar[str] = "exception.evaluated.v1"
    exception: Code
    request: Digest
    risks: Text


class ExceptionAccepted(TherapyFact):
    """A physician accepted the product, knowing the risks; `evaluation` is the record of their evaluation."""

    wire: ClassVar[str] = "exception.accepted.v1"
    exception: Code
    evaluation: Digest
    statement: Text


class ExceptionWithdrawn(TherapyFact):
    """The request is not pursued."""

    wire: ClassVar[str] = "exception.withdrawn.v1"
    exception: Code
    reason: Text
