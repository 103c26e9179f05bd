"""The command behind a record: what somebody must have said for these facts to follow. Used to audit and to replay."""

from __future__ import annotations

from events.facts import (
    alerts,
    amendments,
    course,
    deviations,
    endings,
    happened,
    incidents,
    labels,
    logger,
    manufacture,
    mismatch,
    quality,
    safety,
    steps,
    storage,
)
from events.facts import out_of_specification as oos
from events.facts.base import Fact
from events.facts.logger import LogFigures
from events.reading import Record
from protocol import commands as said
from protocol.commands import AnyCommand, Entered, Perform, Presented


def command_of(record: Record) -> AnyCommand | None:
    """The command that a record answers; None for a wrong item that was presented, where only the scan is known."""
    if record.statement.meaning == "recorded":
        return said.LetPass()
    facts = record.facts
    first = facts[1] if isinstance(facts[0], course.TherapyOpened) and len(facts) > 1 else facts[0]
    if isinstance(first, happened.HappenedDropped):
        kind = said.TakeBack if record.statement.meaning == "withdrawn" else said.Decline
        return kind(act=first.act, reason=first.reason)
    if isinstance(first, steps.StepFact):
        opened = facts[0] if isinstance(facts[0], course.TherapyOpened) else None
        return _performed(first, opened, *_log_beside(facts))
    if isinstance(first, safety.GradeSigned):
        return _grades(facts)
    return _other(first)


def _grades(facts: tuple[Fact, ...]) -> AnyCommand | None:
    """The grades of one visit, signed together."""
    signed = [fact for fact in facts if isinstance(fact, safety.GradeSigned)]
    return said.SignGrades(
        step=signed[0].key.step,
        occurrence=signed[0].key.occurrence,
        grades={fact.grading: fact.grade for fact in signed if fact.grade is not None},
        why=next((fact.reason for fact in signed if fact.reason), None),
    )


def _log_beside(facts: tuple[Fact, ...]) -> tuple[LogFigures | None, str | None]:
    """The temperature log that was read with a step, or why there was none."""
    read = next((fact.log for fact in facts if isinstance(fact, logger.LoggerRead)), None)
    return read, next((fact.why for fact in facts if isinstance(fact, logger.LoggerLost)), None)


def _performed(
    fact: steps.StepFact, opened: course.TherapyOpened | None, log: LogFigures | None, lost: str | None
) -> Perform:
    scans = [Presented(name=scan.name, code=scan.code, typed=scan.typed) for scan in fact.scans]
    if isinstance(fact, steps.PatientEnrolled):
        scans.append(Presented(name="wristband", code=fact.wristband))
    slots = fact.slots if isinstance(fact, steps.SlotsBooked) else ()
    return Perform(
        step=fact.key.step,
        occurrence=fact.key.occurrence,
        material=fact.key.material,
        started=fact.started,
        ended=fact.ended,
        readings={r.name: Entered(value=r.value, unit=r.unit, confirmed=r.confirmed) for r in fact.readings},
        scans=tuple(scans),
        used={used.name: used.code for used in fact.used},
        permits=fact.permits if isinstance(fact, steps.ConsentGiven) else (),
        outcome=fact.outcome if isinstance(fact, steps.PatientAssessed) else None,
        subject=fact.subject if isinstance(fact, steps.PatientEnrolled) else None,
        coi=fact.coi if isinstance(fact, steps.PatientEnrolled) else None,
        screening=opened.screening if opened else None,
        choices={c.name: c.option for c in fact.choices} if isinstance(fact, steps.PatientEnrolled) else {},
        slots=tuple(said.BookedSlot(resource=s.resource, code=s.code, starts=s.starts, ends=s.ends) for s in slots),
        issued=fact.issued if isinstance(fact, steps.LabelsReconciled) else (),
        labels=fact.labels if isinstance(fact, steps.LabelsReconciled) else (),
        room=fact.suite if isinstance(fact, steps.ProcessPerformed) else None,
        decision=fact.decision if isinstance(fact, steps.DispositionDecided) else None,
        logger=log,
        logger_lost=lost,
        paper=_paper(fact),
        taken_over=said.Begun(account=fact.taken_over.account, why=fact.taken_over.why) if fact.taken_over else None,
    )


def _paper(fact: steps.StepFact) -> said.PaperEntry | None:
    if fact.paper is None:
        return None
    # A sheet that names nobody was signed past the desk: nobody's account is empty, so the rules refuse it.
    first, second, *_ = (*(one.account for one in fact.done_by), *([] if fact.done_by else [""]), None)
    return said.PaperEntry(file=fact.paper.file, performed_by=first, second_by=second, why=fact.paper.why)


def _happened(fact: happened.ActHappened) -> said.TellHappened:
    return said.TellHappened(
        step=fact.key.step,
        occurrence=fact.occurrence,
        material=fact.material,
        started=fact.started,
        ended=fact.ended,
        performed_by=tuple(one.account for one in fact.done_by),
        scans=tuple(Presented(name=scan.name, code=scan.code, typed=scan.typed) for scan in fact.scans),
        readings={r.name: Entered(value=r.value, unit=r.unit, confirmed=r.confirmed) for r in fact.readings},
        used={used.name: used.code for used in fact.used},
        room=fact.room,
        alone=fact.alone,
        says=fact.says,
    )


def _other(fact: Fact) -> AnyCommand | None:
    match fact:
        case course.ActWitnessed():
            scans = tuple(Presented(name=s.name, code=s.code, typed=s.typed) for s in fact.scans)
            return said.Witness(act=fact.act, scans=scans)
        case happened.ActHappened():
            return _happened(fact)
        case happened.HappenedConfirmed():
            return said.Witness(act=fact.act)
        case course.ActTakenOver():
            return said.TakeOver(act=fact.act, reason=fact.reason)
        case course.ActDeclined():
            return said.Decline(act=fact.act, reason=fact.reason)
        case course.ActWithdrawn():
            return said.TakeBack(act=fact.act, reason=fact.reason)
        case course.ReadingReported(key=key):
            values = {r.name: Entered(value=r.value, unit=r.unit, confirmed=r.confirmed) for r in fact.readings}
            return said.ReportLate(step=key.step, occurrence=key.occurrence, material=key.material, readings=values)
        case course.FactCorrected(key=key, new=new):
            return said.Correct(
                step=key.step, occurrence=key.occurrence, material=key.material,
                batch=key.batch, reading=new.name, value=new.value, unit=new.unit, confirmed=new.confirmed, why=fact.why,
            )  # fmt: skip
        case logger.LoggerRead(key=key):
            return said.ReadLogger(
                step=key.step, occurrence=key.occurrence, material=key.material, logger=fact.log, why=fact.why
            )
        case logger.LoggerLost(key=key):
            return said.ReadLogger(
                step=key.step, occurrence=key.occurrence, material=key.material, logger_lost=fact.why, why=fact.again
            )
        case course.ScreeningFailed():
            return said.FailScreening(reason=fact.reason)
        case course.PatientWithdrew():
            return said.WithdrawPatient(withdrawn=fact.withdrawn, at=fact.at, reason=fact.reason)
        case course.PatientDied():
            return said.ReportDeath(at=fact.at, reason=fact.reason)
        case labels.LabelsIssued():
            return said.IssueLabels(
                material=fact.material, template=fact.template, serials=fact.serials, why=fact.why, file=fact.file
            )
        case labels.LabelFatesGiven():
            return said.GiveFates(labels=fact.labels, reason=fact.reason, rescan=fact.rescan)
        case labels.LabelFatesWitnessed():
            return said.WitnessFates(act=fact.act)
        case labels.LabelFatesDropped():
            return said.DropFates(act=fact.act, reason=fact.reason)
        case quality.DeviationOpened():
            at = fact.key
            return said.OpenDeviation(
                grade=fact.grade, says=fact.says, step=at.step if at else None,
                occurrence=at.occurrence if at else None, materials=fact.materials,
            )  # fmt: skip
        case quality.DeviationAssessed():
            return said.AssessDeviation(deviation=fact.deviation, impact=fact.impact)
        case quality.DeviationClosed():
            return said.CloseDeviation(deviation=fact.deviation, conclusion=fact.conclusion)
        case quality.QuarantineDecided():
            return said.DecideQuarantine(
                materials=fact.materials, decision=fact.decision, reason=fact.reason, cause=fact.cause or ""
            )
        case quality.MaterialDisposed():
            return said.Dispose(materials=fact.materials, reason=fact.reason)
        case endings.DisposalSigned():
            return said.Dispose(materials=fact.materials, reason=fact.reason)
        case endings.DisposalWitnessed():
            return said.WitnessDisposal(act=fact.act)
        case endings.DisposalDropped():
            return said.DropDisposal(act=fact.act, reason=fact.reason)
        case endings.MaterialKept():
            return said.KeepMaterial(materials=fact.materials, place=fact.place, reason=fact.reason)
        case endings.MaterialReturned():
            return said.ReturnMaterial(materials=fact.materials, to=fact.to, reason=fact.reason)
        case endings.MaterialLost():
            return said.LoseMaterial(materials=fact.materials, how=fact.how, at=fact.at, says=fact.says)
        case endings.MaterialFound():
            return said.FindMaterial(materials=fact.materials, place=fact.place, at=fact.at, says=fact.says)
        case storage.MaterialStored():
            return said.StoreMaterial(materials=fact.materials, position=fact.position, reason=fact.reason)
        case quality.IdentityHoldCleared():
            return said.ClearHold(wristband=fact.wristband, item=fact.item, reason=fact.reason)
        case incidents.IncidentReported(key=key):
            return said.ReportIncident(name=fact.name, says=fact.says, step=key.step, material=key.material, at=fact.at)
        case incidents.IncidentOptionChosen():
            return said.ChooseOption(incident=fact.incident, option=fact.option, why=fact.why)
        case mismatch.MismatchReported():
            return said.ReportMismatch(material=fact.material, found=fact.found, what=fact.what, says=fact.says)
        case mismatch.MismatchDecided():
            return said.DecideMismatch(
                mismatch=fact.mismatch, materials=fact.materials, decision=fact.decision, reason=fact.reason
            )
        case deviations.DeviationRegraded():
            return said.RegradeDeviation(deviation=fact.deviation, grade=fact.new, reason=fact.reason)
        case deviations.DeviationInvestigated():
            return said.InvestigateDeviation(deviation=fact.deviation, cause=fact.cause, root_cause=fact.root_cause)
        case deviations.ActionPlanned():
            return said.PlanAction(
                deviation=fact.deviation, what=fact.what, says=fact.says, role=fact.role, owner=fact.owner,
                due=fact.due, instead_of=fact.instead_of,
            )  # fmt: skip
        case deviations.ActionDone():
            return said.ReportAction(action=fact.action, says=fact.says)
        case deviations.ActionChecked():
            return said.CheckAction(action=fact.action, result=fact.result, says=fact.says)
        case oos.RetestAuthorised(key=key):
            return said.AuthoriseRetest(step=key.step, material=key.material, reason=fact.reason)
        case oos.ResultInvalidated(key=key):
            return said.InvalidateResult(
                step=key.step, occurrence=key.occurrence, material=key.material, deviation=fact.deviation,
                reason=fact.reason,
            )  # fmt: skip
        case oos.ExceptionRequested():
            return said.RequestException(reason=fact.reason)
        case oos.ExceptionEvaluated():
            return said.EvaluateException(exception=fact.exception, risks=fact.risks)
        case oos.ExceptionAccepted():
            return said.AcceptException(exception=fact.exception, statement=fact.statement)
        case oos.ExceptionWithdrawn():
            return said.WithdrawException(exception=fact.exception, reason=fact.reason)
        case safety.AdverseEventReported():
            return said.ReportEvent(
                term=fact.term, code=fact.code, grade=fact.grade, onset=fact.onset, aware=fact.aware, related=fact.related,
                serious=fact.serious, criteria=fact.criteria, expected=fact.expected, dlt=fact.dlt, says=fact.says,
            )  # fmt: skip
        case safety.AdverseEventFollowed():
            return said.FollowEvent(
                event=fact.event, says=fact.says, at=fact.at, aware=fact.aware, resolved=fact.what == "resolved",
                grade=fact.grade, related=fact.related, serious=fact.serious, criteria=fact.criteria,
                expected=fact.expected, dlt=fact.dlt,
            )  # fmt: skip
        case safety.SafetyReportSent():
            return said.SendReport(event=fact.event, report=fact.report, at=fact.at, reference=fact.reference)
        case safety.DltDecided():
            return said.DecideDlt(decision=fact.decision, events=fact.events, why=fact.reason)
        case safety.DltAnswered():
            return said.AnswerDlt(answer=fact.answer, why=fact.reason)
        case alerts.AlertAcknowledged():
            return said.AcknowledgeAlert(alert=fact.alert, note=fact.note or None)
        case manufacture.ManufactureFailed(key=key):
            return said.FailManufacture(
                step=key.step, occurrence=key.occurrence, material=key.material, says=fact.says, ends=fact.ends,
                retains=fact.retains,
            )  # fmt: skip
        case manufacture.ManufactureFailureDecided():
            return said.DecideFailure(failure=fact.failure, decision=fact.decision, reason=fact.reason)
        case manufacture.RemakeBegun():
            return said.BeginRemake(start=fact.start, reason=fact.reason)
        case manufacture.TherapyTerminated():
            return said.TerminateTherapy(reason=fact.reason)
        case amendments.AmendmentProposed():
            again = fact.consent
            return said.ProposeAmendment(
                to=fact.digest, reason=fact.reason, consented=again.at if again else None,
                form=again.form if again else None, permits=again.permits if again else (),
            )  # fmt: skip
        case amendments.AmendmentDecided():
            return said.DecideAmendment(amendment=fact.amendment, decision=fact.decision, reason=fact.reason)
        case _:
            return None
