"""Facts of an incident on the road: what went wrong, and which way on was chosen."""

from typing import ClassVar

from events.facts.base import ActKey, Code, Instant, Name, Text, TherapyFact


class IncidentReported(TherapyFact):
    """Something went wrong while a step was under way: reported by a person, or seen by the system.

    Args:
        incident: its number in this therapy (``I-1``); name: what the protocol calls it.
        key: the instance of the step that it concerns; materials: what it concerns.
    """

    wire: ClassVar[str] = "incident.reported.v1"
    incident: Code
    name: Name
    key: ActKey
    materials: tuple[Code, ...] = ()
    at: Instant
    says: Text


class IncidentOptionChosen(TherapyFact):
    """One of the protocol's options was chosen after an incident."""

    wire: ClassVar[str] = "incident_option.chosen.v1"
    incident: Code
    option: Name
    why: Text
