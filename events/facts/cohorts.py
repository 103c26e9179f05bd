"""Facts of a dose cohort: stopped, and opened again. They stand in the cohort's own stream, which its patients' acts extend too."""

from typing import ClassVar

from events.facts.base import Count, Digest, Fact, Name, Text


class CohortStopped(Fact):
    """A cohort takes no further patient, and no patient of it begins conditioning. Stream ``cohort/STUDY.COHORT``.

    Args:
        study: the protocol's id. cohort: the option that makes the cohort. digest: the protocol by which it is decided.
    """

    wire: ClassVar[str] = "cohort.stopped.v1"
    study: Name
    cohort: Name
    digest: Digest
    reason: Text


class CohortReopened(Fact):
    """One signature under the decision that a stopped cohort goes on; it does with the last one.

    Args:
        dlts: how many of its patients had a dose-limiting toxicity when that was decided.
        after: the link of the signature before this one. awaits: the roles of which one signs next; none after the last.
    """

    wire: ClassVar[str] = "cohort.reopened.v1"
    study: Name
    cohort: Name
    digest: Digest
    dlts: Count
    reason: Text
    after: Digest | None = None
    awaits: tuple[Name, ...] = ()
