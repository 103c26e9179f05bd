"""Every fact by its wire name, and how a fact is read from a statement: old versions are upcast, never rewritten."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from events.errors import Corrupt
from events.facts import (
    alerts,
    amendments,
    authority,
    cohorts,
    course,
    deviations,
    dose,
    endings,
    environment,
    happened,
    incidents,
    labels,
    logger,
    manufacture,
    mismatch,
    out_of_specification,
    quality,
    recalls,
    safety,
    site,
    steps,
    storage,
)
from events.facts.base import Fact, TherapyFact

STEP_FACTS: tuple[type[steps.StepFact], ...] = (
    steps.ConsentGiven,
    steps.PatientAssessed,
    steps.PatientEnrolled,
    steps.SlotsBooked,
    steps.CellsCollected,
    steps.LabelsReconciled,
    steps.CustodyGiven,
    steps.TransportReported,
    steps.MaterialReceived,
    steps.ProcessPerformed,
    steps.SampleTested,
    steps.DispositionDecided,
    steps.ConditioningGiven,
    steps.IdentityChecked,
    steps.ProductThawed,
    steps.ProductInfused,
    steps.PatientObserved,
)
THERAPY_FACTS: tuple[type[TherapyFact], ...] = (
    *STEP_FACTS,
    course.TherapyOpened,
    course.ActWitnessed,
    course.ActDeclined,
    course.ActWithdrawn,
    course.ActTakenOver,
    course.ReadingReported,
    course.FactCorrected,
    course.StepOffered,
    course.DeadlineSet,
    course.DeadlineMissed,
    course.SlotsFreed,
    course.ScreeningFailed,
    course.PatientWithdrew,
    course.PatientDied,
    course.TherapyCompleted,
    labels.LabelsIssued,
    labels.LabelFatesGiven,
    labels.LabelFatesWitnessed,
    labels.LabelFatesDropped,
    quality.DeviationOpened,
    quality.DeviationAssessed,
    quality.DeviationClosed,
    quality.MaterialQuarantined,
    quality.QuarantineDecided,
    quality.MaterialDisposed,
    endings.DisposalSigned,
    endings.DisposalWitnessed,
    endings.DisposalDropped,
    endings.MaterialKept,
    endings.MaterialReturned,
    endings.MaterialLost,
    endings.MaterialFound,
    quality.IdentityMismatched,
    quality.ItemPresentedElsewhere,
    quality.IdentityHoldCleared,
    quality.ReleaseEvaluated,
    incidents.IncidentReported,
    incidents.IncidentOptionChosen,
    happened.ActHappened,
    happened.HappenedConfirmed,
    happened.HappenedDropped,
    happened.ItemTakenElsewhere,
    happened.ItemElsewhereSettled,
    mismatch.MismatchReported,
    mismatch.MismatchReached,
    mismatch.MismatchDecided,
    deviations.DeviationRegraded,
    deviations.DeviationInvestigated,
    deviations.ActionPlanned,
    deviations.ActionDone,
    deviations.ActionChecked,
    deviations.DeviationReopened,
    manufacture.ManufactureFailed,
    manufacture.ManufactureFailureDecided,
    manufacture.RemakeBegun,
    manufacture.TherapyTerminated,
    recalls.RecallReached,
    environment.EnvironmentAttached,
    storage.MaterialStored,
    out_of_specification.RetestAuthorised,
    out_of_specification.ResultInvalidated,
    out_of_specification.ExceptionRequested,
    out_of_specification.ExceptionEvaluated,
    out_of_specification.ExceptionAccepted,
    out_of_specification.ExceptionWithdrawn,
    dose.DoseGiven,
    safety.GradeProposed,
    safety.GradeSigned,
    safety.AdverseEventReported,
    safety.AdverseEventFollowed,
    safety.SafetyReportSent,
    safety.DltDecided,
    safety.DltAnswered,
    amendments.AmendmentProposed,
    amendments.AmendmentDecided,
    alerts.AlertRaised,
    alerts.AlertAcknowledged,
    logger.LoggerRead,
    logger.LoggerLost,
)
SITE_FACTS: tuple[type[Fact], ...] = (
    site.ZoneStated,
    site.ProtocolAdopted,
    site.LotReleased,
    site.LotRecalled,
    site.LotRecallContinued,
    site.DeviceCalibrated,
    site.TrainingRecorded,
    cohorts.CohortStopped,
    cohorts.CohortReopened,
    environment.EnvironmentReported,
    environment.RoomChangedOver,
    environment.RoomCleared,
    authority.SignInFailed,
    authority.SignInSucceeded,
    authority.AccountUnlocked,
)
AUTHORITY_FACTS: tuple[type[Fact], ...] = (
    authority.LogOpened,
    authority.PersonEnrolled,
    authority.RolesChanged,
    authority.KeyAdded,
    authority.KeyRevoked,
    authority.LogMoved,
)
CATALOGUE: Mapping[str, type[Fact]] = {fact.wire: fact for fact in (*THERAPY_FACTS, *SITE_FACTS, *AUTHORITY_FACTS)}
AUTHORITY_NAMES = frozenset(fact.wire for fact in AUTHORITY_FACTS)

Upcast = Callable[[dict[str, Any]], dict[str, Any]]
UPCASTS: Mapping[str, Upcast] = {}
"""Old wire name to the function that gives the next version's object. Empty: every fact is at its first version."""


def read_fact(
    stored: Mapping[str, Any],
    upcasts: Mapping[str, Upcast] = UPCASTS,
    catalogue: Mapping[str, type[Fact]] = CATALOGUE,
) -> Fact:
    """Read one fact as it stands in a statement.

    Raises:
        Corrupt: nobody knows this name, or the fields are not its shape; whoever folds it must stop there.
    """
    document = dict(stored)
    while (name := document["fact"]) in upcasts:
        document = upcasts[name](document)
    body = {field: value for field, value in document.items() if field != "fact"}
    shape = catalogue.get(name)
    if shape is None:
        raise _unreadable(name, "this version of the program does not know it")
    try:
        return shape.model_validate(body)
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _unreadable(name, f"{where}: {first['msg']}") from None


def _unreadable(name: str, why: str) -> Corrupt:
    return Corrupt(
        "record.fact",
        f"A recorded fact {name!r} cannot be read: {why}.",
        values={"fact": name},
        advice="Update this program if the record was written by a newer one; otherwise call QA.",
    )
