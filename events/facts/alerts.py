"""Facts of alerts: somebody in a role must know something at once, and says that they know it."""

from typing import ClassVar

from events.facts.base import ActKey, Code, Name, Short, Text, TherapyFact


class AlertRaised(TherapyFact):
    """Somebody in one of `roles` must know this at once. It stands in the record of what it is about.

    Args:
        alert: its number in this therapy (``A-1``).
        rule: the rule that raised it.
        key: the act that it is about, if it is about one.
    """

    wire: ClassVar[str] = "alert.raised.v1"
    alert: Code
    rule: Name
    roles: tuple[Name, ...]
    key: ActKey | None = None
    says: Text


class AlertAcknowledged(TherapyFact):
    """Somebody in one of the alert's roles knows it; `note` is what they do about it."""

    wire: ClassVar[str] = "alert.acknowledged.v1"
    alert: Code
    note: Short = ""
