"""What may follow when manufacture fails, or the product is rejected or lost."""

from pydantic import Field

from events.identifiers import Name
from protocol.model.base import Consequences, Names, Part, Title


class FailureRule(Part):
    """Who reports that manufacture failed, who confirms it, and what follows at once, beside the quarantine of what is lost."""

    reported_by: Names
    confirmed_by: Names | None = None
    then: Consequences
    source: Title | None = None


class Remake(Part):
    """A way to make the product again: everything from a step on is done anew, for the next batch.

    `needs`: kinds of starting material of which one must be live and available; without it the way is always open (the
    cells are collected again). A step kept in reserve where it begins becomes available with it.
    """

    start: Name = Field(alias="from")
    title: Title
    decided_by: Names
    needs: Names = ()
    source: Title | None = None


class Manufacture(Part):
    """Failures of manufacture, and the ways out of them; `ended_by`: who ends the therapy where none is taken."""

    failure: FailureRule | None = None
    remakes: tuple[Remake, ...] = ()
    ended_by: Names
    source: Title | None = None
