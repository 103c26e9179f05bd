"""`decide`: a command, a state, a protocol and what is around them become facts, or a refusal. Pure and total.

One file a family of commands; each proves itself total over its union.
"""

from __future__ import annotations

from typing import assert_never

from protocol.commands import (
    AlertCommand,
    AmendmentCommand,
    AnyCommand,
    CourseCommand,
    DeviationCommand,
    EndingCommand,
    HappenedCommand,
    IncidentCommand,
    LabelCommand,
    LetPass,
    ManufactureCommand,
    MismatchCommand,
    OutOfSpecificationCommand,
    QualityCommand,
    SafetyCommand,
    StepCommand,
    StorageCommand,
)
from protocol.decide.alerts import decide_alerts
from protocol.decide.amendments import decide_amendments
from protocol.decide.course import decide_course
from protocol.decide.deviations import decide_deviations
from protocol.decide.endings import decide_endings
from protocol.decide.happened import decide_happened
from protocol.decide.incidents import decide_incident
from protocol.decide.labels import decide_labels
from protocol.decide.manufacture import decide_manufacture
from protocol.decide.mismatch import decide_mismatch
from protocol.decide.out_of_specification import decide_out_of_specification
from protocol.decide.quality import decide_quality
from protocol.decide.safety import decide_safety
from protocol.decide.signing import decide_step
from protocol.decide.storage import decide_storage
from protocol.decision import Decision
from protocol.model import StudyProtocol
from protocol.sensible import check_moments
from protocol.state import Therapy
from protocol.stranded import escalated
from protocol.surroundings import Surroundings

RULEBOOK = 3
"""The version of these rules, signed into every statement that they decided."""


def decide(therapy: Therapy, protocol: StudyProtocol, command: AnyCommand, around: Surroundings) -> Decision:
    """What follows from a command; and beside it what follows if no product is left for a patient who was conditioned.

    Raises:
        Refused: naming the rule, the values, and what to do; nothing is to be signed.
    """
    check_moments(command, around.now)
    decision = _decided(therapy, protocol, command, around)
    return decision if isinstance(command, LetPass) else escalated(therapy, protocol, decision, around)


def _decided(therapy: Therapy, protocol: StudyProtocol, command: AnyCommand, around: Surroundings) -> Decision:
    if isinstance(command, StepCommand):
        return decide_step(therapy, protocol, command, around)
    if isinstance(command, QualityCommand):
        return decide_quality(therapy, protocol, command, around)
    if isinstance(command, CourseCommand):
        return decide_course(therapy, protocol, command, around)
    if isinstance(command, MismatchCommand):
        return decide_mismatch(therapy, protocol, command, around)
    if isinstance(command, AlertCommand):
        return decide_alerts(therapy, protocol, command, around)
    if isinstance(command, IncidentCommand):
        return decide_incident(therapy, protocol, command, around)
    if isinstance(command, LabelCommand):
        return decide_labels(therapy, protocol, command, around)
    if isinstance(command, DeviationCommand):
        return decide_deviations(therapy, protocol, command, around)
    if isinstance(command, ManufactureCommand):
        return decide_manufacture(therapy, protocol, command, around)
    if isinstance(command, EndingCommand):
        return decide_endings(therapy, protocol, command, around)
    if isinstance(command, OutOfSpecificationCommand):
        return decide_out_of_specification(therapy, protocol, command, around)
    if isinstance(command, SafetyCommand):
        return decide_safety(therapy, protocol, command, around)
    if isinstance(command, StorageCommand):
        return decide_storage(therapy, protocol, command, around)
    if isinstance(command, AmendmentCommand):
        return decide_amendments(therapy, protocol, command, around)
    if isinstance(command, HappenedCommand):
        return decide_happened(therapy, protocol, command, around)
    assert_never(command)
