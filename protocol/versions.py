"""Which version of the study an act is judged by: the one that was in force when it was signed."""

from __future__ import annotations

from protocol.model import Step, StudyProtocol
from protocol.state import Act, Instance, Therapy


def step_then(protocol: StudyProtocol, act: Act) -> Step | None:
    """The step of an act as the study described it when the act was signed; None where no version knows it."""
    return protocol.of(act.by.protocol).by_id.get(act.at.step) or protocol.by_id.get(act.at.step)


def version_then(therapy: Therapy, protocol: StudyProtocol, at: Instance) -> StudyProtocol:
    """The version under which an instance was signed; the one in force where it was not."""
    act = therapy.every_act.get(at) or therapy.waiting(at)
    return protocol.of(act.by.protocol) if act else protocol
