"""What a person may ask for. A command is what was said; facts are what follows when the rules allow it.

One file a family; each names the union of its commands, and `AnyCommand` is the union of these.
"""

from protocol.commands.alerts import AcknowledgeAlert, AlertCommand
from protocol.commands.amendments import AmendmentCommand, DecideAmendment, ProposeAmendment
from protocol.commands.base import Command, Entered, Moment, Text
from protocol.commands.course import CourseCommand, FailScreening, LetPass, ReportDeath, WithdrawPatient
from protocol.commands.deviations import (
    AssessDeviation,
    CheckAction,
    CloseDeviation,
    DeviationCommand,
    InvestigateDeviation,
    OpenDeviation,
    PlanAction,
    RegradeDeviation,
    ReportAction,
)
from protocol.commands.endings import (
    DropDisposal,
    EndingCommand,
    FindMaterial,
    KeepMaterial,
    LoseMaterial,
    ReturnMaterial,
    WitnessDisposal,
)
from protocol.commands.happened import HappenedCommand, TellHappened
from protocol.commands.incidents import ChooseOption, IncidentCommand, ReportIncident
from protocol.commands.labels import DropFates, GiveFates, IssueLabels, LabelCommand, WitnessFates
from protocol.commands.manufacture import (
    BeginRemake,
    DecideFailure,
    FailManufacture,
    ManufactureCommand,
    TerminateTherapy,
)
from protocol.commands.mismatch import DecideMismatch, MismatchCommand, ReportMismatch
from protocol.commands.out_of_specification import (
    AcceptException,
    AuthoriseRetest,
    EvaluateException,
    InvalidateResult,
    OutOfSpecificationCommand,
    RequestException,
    WithdrawException,
)
from protocol.commands.quality import ClearHold, DecideQuarantine, Dispose, QualityCommand
from protocol.commands.safety import (
    AnswerDlt,
    DecideDlt,
    FollowEvent,
    ReportEvent,
    SafetyCommand,
    SendReport,
    SignGrades,
)
from protocol.commands.steps import (
    Begun,
    BookedSlot,
    Correct,
    Decline,
    PaperEntry,
    Perform,
    Presented,
    ReadLogger,
    ReportLate,
    StepCommand,
    TakeBack,
    TakeOver,
    Witness,
)
from protocol.commands.storage import StorageCommand, StoreMaterial

AnyCommand = (
    StepCommand
    | QualityCommand
    | CourseCommand
    | MismatchCommand
    | IncidentCommand
    | AlertCommand
    | LabelCommand
    | DeviationCommand
    | ManufactureCommand
    | EndingCommand
    | OutOfSpecificationCommand
    | SafetyCommand
    | StorageCommand
    | AmendmentCommand
    | HappenedCommand
)

__all__ = [
    "AcceptException",
    "AcknowledgeAlert",
    "AlertCommand",
    "AmendmentCommand",
    "AnswerDlt",
    "AnyCommand",
    "AssessDeviation",
    "AuthoriseRetest",
    "BeginRemake",
    "Begun",
    "BookedSlot",
    "CheckAction",
    "ChooseOption",
    "ClearHold",
    "CloseDeviation",
    "Command",
    "Correct",
    "CourseCommand",
    "DecideAmendment",
    "DecideDlt",
    "DecideFailure",
    "DecideMismatch",
    "DecideQuarantine",
    "Decline",
    "DeviationCommand",
    "Dispose",
    "DropDisposal",
    "DropFates",
    "EndingCommand",
    "Entered",
    "EvaluateException",
    "FailManufacture",
    "FailScreening",
    "FindMaterial",
    "FollowEvent",
    "GiveFates",
    "HappenedCommand",
    "IncidentCommand",
    "InvalidateResult",
    "InvestigateDeviation",
    "IssueLabels",
    "KeepMaterial",
    "LabelCommand",
    "LetPass",
    "LoseMaterial",
    "ManufactureCommand",
    "MismatchCommand",
    "Moment",
    "OpenDeviation",
    "OutOfSpecificationCommand",
    "PaperEntry",
    "Perform",
    "PlanAction",
    "Presented",
    "ProposeAmendment",
    "QualityCommand",
    "ReadLogger",
    "RegradeDeviation",
    "ReportAction",
    "ReportDeath",
    "ReportEvent",
    "ReportIncident",
    "ReportLate",
    "ReportMismatch",
    "RequestException",
    "ReturnMaterial",
    "SafetyCommand",
    "SendReport",
    "SignGrades",
    "StepCommand",
    "StorageCommand",
    "StoreMaterial",
    "TakeBack",
    "TakeOver",
    "TellHappened",
    "TerminateTherapy",
    "Text",
    "WithdrawException",
    "WithdrawPatient",
    "Witness",
    "WitnessDisposal",
    "WitnessFates",
]
