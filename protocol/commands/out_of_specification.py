"""What is said about a result out of specification, and about a release by exception."""

from events.facts.base import Name
from protocol.commands.base import Command, Text


class AuthoriseRetest(Command):
    """Authorise a further occurrence of a test whose last result is out of specification."""

    step: Name
    material: str | None = None
    reason: Text


class InvalidateResult(Command):
    """Say that a result does not count: an investigation concluded a laboratory error."""

    step: Name
    occurrence: Name = "1"
    material: str | None = None
    deviation: str
    reason: Text


class RequestException(Command):
    """A physician asks for the product although criteria failed."""

    reason: Text


class EvaluateException(Command):
    """Evaluate the risks of a product that was asked for."""

    exception: str
    risks: Text


class AcceptException(Command):
    """A physician accepts the product after the risks were evaluated."""

    exception: str
    statement: Text


class WithdrawException(Command):
    """Do not pursue the request."""

    exception: str
    reason: Text


OutOfSpecificationCommand = (
    AuthoriseRetest | InvalidateResult | RequestException | EvaluateException | AcceptException | WithdrawException
)
