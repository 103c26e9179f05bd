"""What is done on paper while there is no network, no key or no server: who enters it afterwards, who compares it, how late."""

from protocol.model.base import Names, Part, Title
from protocol.model.clocks import ClockLimit


class Downtime(Part):
    """Who enters what was done on paper, and who compares it with the sheet; another person, whatever roles they hold.

    `transcribed_by`, `verified_by`: whoever performs the step or signs it second, and who decides on quality, if left out.
    `limits`: entered later than each after it happened, something follows.
    """

    transcribed_by: Names = ()
    verified_by: Names = ()
    limits: tuple[ClockLimit, ...] = ()
    source: Title | None = None
