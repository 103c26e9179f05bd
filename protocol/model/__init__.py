"""A study protocol as typed data. A kind of step carries the rules, a step the numbers; see `docs/protocol-file.md`.

Nothing clinical has a default here: a limit that the file does not state does not exist.
"""

from protocol.model.amendments import Amendments
from protocol.model.base import KINDS, Consequence, Consequences, Kind, Names, Part, Title
from protocol.model.clocks import Clock, ClockLimit, Moment, Plan, Repeat, Visit
from protocol.model.dose import Dose
from protocol.model.downtime import Downtime
from protocol.model.endings import Endings, Escalation, GoesOn
from protocol.model.environment import Environment, EnvironmentSet, EnvironmentValue
from protocol.model.incidents import Detected, Incident, IncidentOption, Until
from protocol.model.infection import Changeover, Infection, Marker, MarkerAge, ProtectionPlan, SegregatedStorage
from protocol.model.labels import LabelField, LabelTemplate, RequiredStatement
from protocol.model.logger import Band, KineticMean, LoggerSpec, Unknown
from protocol.model.manufacture import FailureRule, Manufacture, Remake
from protocol.model.quality import Handling, Quality
from protocol.model.records import Limit, Record, ScanSpec
from protocol.model.release import Alternative, ExceptionalRelease, Measure, Release, ReleaseCriterion
from protocol.model.safety import (
    CohortRules,
    DltRules,
    EventDictionary,
    EventRules,
    Grading,
    Level,
    RequiredSign,
    Safety,
    SafetyReport,
    Sign,
)
from protocol.model.steps import Needs, Retest, Step
from protocol.model.study import ChoiceSpec, Head, MaterialKind, Option, StudyProtocol, Target

__all__ = [
    "KINDS",
    "Alternative",
    "Amendments",
    "Band",
    "Changeover",
    "ChoiceSpec",
    "Clock",
    "ClockLimit",
    "CohortRules",
    "Consequence",
    "Consequences",
    "Detected",
    "DltRules",
    "Dose",
    "Downtime",
    "Endings",
    "Environment",
    "EnvironmentSet",
    "EnvironmentValue",
    "Escalation",
    "EventDictionary",
    "EventRules",
    "ExceptionalRelease",
    "FailureRule",
    "GoesOn",
    "Grading",
    "Handling",
    "Head",
    "Incident",
    "IncidentOption",
    "Infection",
    "Kind",
    "KineticMean",
    "LabelField",
    "LabelTemplate",
    "Level",
    "Limit",
    "LoggerSpec",
    "Manufacture",
    "Marker",
    "MarkerAge",
    "MaterialKind",
    "Measure",
    "Moment",
    "Names",
    "Needs",
    "Option",
    "Part",
    "Plan",
    "ProtectionPlan",
    "Quality",
    "Record",
    "Release",
    "ReleaseCriterion",
    "Remake",
    "Repeat",
    "RequiredSign",
    "RequiredStatement",
    "Retest",
    "Safety",
    "SafetyReport",
    "ScanSpec",
    "SegregatedStorage",
    "Sign",
    "Step",
    "StudyProtocol",
    "Target",
    "Title",
    "Unknown",
    "Until",
    "Visit",
]
