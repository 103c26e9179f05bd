"""The study's own order: steps as the file has them, a step's materials by code, its visits as the file has them."""

from __future__ import annotations

from protocol.model import StudyProtocol
from protocol.state import Instance


def in_order(protocol: StudyProtocol, at: Instance) -> tuple[int, int, str, int]:
    """Where an instance stands in the study: a key to sort by. What is no step of it comes first."""
    number = next((n for n, step in enumerate(protocol.steps) if step.id == at.step), -1)
    return number, at.batch, at.material, turn(protocol, at)


def turn(protocol: StudyProtocol, at: Instance) -> int:
    """Which occurrence of its step it is: a visit's place in the file, else its number; 0 where it is neither."""
    step = protocol.by_id.get(at.step)
    visits = [visit.id for visit in step.visits] if step else []
    if at.occurrence in visits:
        return visits.index(at.occurrence)
    return int(at.occurrence) if at.occurrence.isdigit() else 0
