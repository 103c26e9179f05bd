"""What a person may ask for. A command is what was said; facts are what follows when the rules allow it.

One file a family; each names the union of its commands, and `AnyCommand` is the union of these.
"""

from protocol.commands.alerts import AcknowledgeAlert, AlertCommand
from protocol.commands.base import Command, Entered, Moment, Text
from protocol.commands.course import CourseCommand, FailScreening, LetPass, ReportDeath, WithdrawPatient
from protocol.commands.incidents import ChooseOption, IncidentCommand, ReportIncident
from protocol.commands.labels import DropFates, GiveFates, IssueLabels, LabelCommand, WitnessFates
from protocol.commands.mismatch import DecideMismatch, MismatchCommand, ReportMismatch
from protocol.commands.quality import (
    AssessDeviation,
    ClearHold,
    CloseDeviation,
    DecideQuarantine,
    Dispose,
    OpenDeviation,
    QualityCommand,
)
from protocol.commands.steps import (
    BookedSlot,
    Correct,
    Decline,
    Perform,
    Presented,
    ReportLate,
    StepCommand,
    TakeBack,
    Witness,
)

AnyCommand = (
    StepCommand | QualityCommand | CourseCommand | MismatchCommand | IncidentCommand | AlertCommand | LabelCommand
)

__all__ = [
    "AcknowledgeAlert",
    "AlertCommand",
    "AnyCommand",
    "AssessDeviation",
    "BookedSlot",
    "ChooseOption",
    "ClearHold",
    "CloseDeviation",
    "Command",
    "Correct",
    "CourseCommand",
    "DecideMismatch",
    "DecideQuarantine",
    "Decline",
    "Dispose",
    "DropFates",
    "Entered",
    "FailScreening",
    "GiveFates",
    "IncidentCommand",
    "IssueLabels",
    "LabelCommand",
    "LetPass",
    "MismatchCommand",
    "Moment",
    "OpenDeviation",
    "Perform",
    "Presented",
    "QualityCommand",
    "ReportDeath",
    "ReportIncident",
    "ReportLate",
    "ReportMismatch",
    "StepCommand",
    "TakeBack",
    "Text",
    "WithdrawPatient",
    "Witness",
    "WitnessFates",
]
