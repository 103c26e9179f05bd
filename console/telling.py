"""Facts told to a person: one or more lines each, with every value that stands in them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from console.amended import told_amendment
from console.telling_late import TOLD_LATE, entered_late, told_late
from console.telling_safety import SafetyFact, told_safety
from events.facts import (
    alerts,
    amendments,
    authority,
    course,
    deviations,
    dose,
    endings,
    environment,
    incidents,
    labels,
    logger,
    manufacture,
    quality,
    recalls,
    site,
    steps,
    storage,
)
from events.facts import out_of_specification as oos
from events.facts.base import Fact, Reading
from events.facts.logger import LogFigures, OutsideBand
from events.identifiers import one_line
from protocol.state import instance

When = Callable[[date | None], str]


def headline(fact: Fact) -> str:
    """What happened, in words: ``cells collected``."""
    name = fact.wire.rpartition(".v")[0]
    return name.replace(".", " ").replace("_", " ")


def tell(fact: Fact, when: When) -> list[str]:
    """The lines of one fact; the first says what happened. A text in it stays on its line, whatever was signed."""
    return [line[: len(line) - len(line.lstrip(" "))] + one_line(line) for line in _told(fact, when)]


def _told(fact: Fact, when: When) -> list[str]:
    if isinstance(fact, TOLD_LATE):
        return told_late(fact, when)
    if isinstance(fact, SafetyFact):
        return told_safety(fact, when)
    match fact:
        case steps.StepFact():
            return _step(fact, when)
        case course.TherapyOpened():
            return [f"therapy opened under screening number {fact.screening}, protocol {fact.protocol} {fact.version}"]
        case course.ActWitnessed():
            again = [f"  scanned again {s.name}: {s.code}{' (typed by hand)' if s.typed else ''}" for s in fact.scans]
            return [f"{instance(fact.key)}: signed second", *again]
        case course.ActDeclined() | course.ActWithdrawn():
            word = "declined" if isinstance(fact, course.ActDeclined) else "withdrawn by its performer"
            return [f"{instance(fact.key)}: {word}: {fact.reason}"]
        case course.ReadingReported():
            return [f"{instance(fact.key)}: late values", *(f"  {_reading(r)}" for r in fact.readings)]
        case course.FactCorrected():
            old, new = _value(fact.old), _value(fact.new)
            return [f"{instance(fact.key)}: {fact.new.name} corrected: old {old}, new {new}; why: {fact.why}"]
        case course.DeadlineSet() | course.DeadlineMissed():
            word = "missed" if isinstance(fact, course.DeadlineMissed) else "set"
            return [f"deadline {word}: {fact.says}, by {when(fact.due)}"]
        case amendments.AmendmentProposed() | amendments.AmendmentDecided():
            return told_amendment(fact, when)
        case quality.DeviationOpened():
            limits = f" (limit {fact.limit}, found {fact.found})" if fact.limit else ""
            of = f", concerns {instance(fact.key)}" if fact.key and fact.rule == "reported" else ""
            of += f", material {', '.join(fact.materials)}" if fact.materials else ""
            return [f"deviation {fact.deviation} opened, {fact.grade}: {fact.says}{limits}{of} [{fact.rule}]"]
        case quality.DeviationAssessed():
            return [f"deviation {fact.deviation} assessed: {fact.impact}"]
        case quality.DeviationClosed():
            return [f"deviation {fact.deviation} closed: {fact.conclusion}"]
        case oos.RetestAuthorised():
            return [f"retest {instance(fact.key)} authorised after {instance(fact.of)}, which stays: {fact.reason}"]
        case oos.ResultInvalidated():
            return [f"{instance(fact.key)} INVALIDATED, laboratory error by {fact.deviation}; it stays: {fact.reason}"]
        case oos.ExceptionRequested():
            failed = [f"  {c.name}: {c.verdict} ({c.found}; passes {c.passes})" for c in fact.criteria]
            on = f"  stands on {', '.join(link[:16] for link in fact.stands_on)}"
            return [f"release by exception {fact.exception} requested: {fact.reason}", *failed, on]
        case oos.ExceptionEvaluated():
            return [f"risks of exception {fact.exception}, requested in {fact.request[:16]}, evaluated: {fact.risks}"]
        case oos.ExceptionAccepted():
            first = f"exception {fact.exception} accepted after the evaluation in {fact.evaluation[:16]}"
            return [f"{first}: {fact.statement}"]
        case oos.ExceptionWithdrawn():
            return [f"exception {fact.exception} withdrawn: {fact.reason}"]
        case deviations.DeviationRegraded():
            return [f"deviation {fact.deviation} regraded from {fact.old} to {fact.new}: {fact.reason}"]
        case deviations.DeviationInvestigated():
            return [f"deviation {fact.deviation} investigated, cause {fact.cause.replace('_', ' ')}: {fact.root_cause}"]
        case deviations.DeviationReopened():
            return [f"deviation {fact.deviation} OPEN AGAIN: {fact.reason}"]
        case deviations.ActionPlanned():
            whom = f"{fact.role}{f' ({fact.owner}, {fact.person})' if fact.owner else ''}"
            instead = f", instead of {fact.instead_of}" if fact.instead_of else ""
            first = f"{fact.what} action {fact.action} planned for {fact.deviation}{instead}: {fact.says}"
            return [first, f"  to be done by {whom}, until {when(fact.due)}"]
        case deviations.ActionDone():
            return [f"action {fact.action} done: {fact.says}"]
        case deviations.ActionChecked():
            return [f"action {fact.action} found {fact.result.replace('_', ' ')}: {fact.says}"]
        case quality.MaterialQuarantined():
            return [f"quarantined {', '.join(fact.materials)}: {fact.reason}"]
        case quality.QuarantineDecided():
            of = f" ({fact.cause})" if fact.cause else ""
            return [f"quarantine of {', '.join(fact.materials)} {fact.decision}{of}: {fact.reason}"]
        case quality.IdentityMismatched():
            return [
                f"WRONG ITEM at {instance(fact.key)}: scan {fact.scan} showed {fact.presented} of {fact.other}, "
                f"expected {fact.expected}; items held"
            ]
        case quality.ItemPresentedElsewhere():
            return [f"item {fact.presented} was presented for {fact.other}; items held"]
        case quality.IdentityHoldCleared():
            return [
                f"hold {'to be cleared' if fact.awaits else 'cleared'}: rescanned {fact.wristband or fact.item}; {fact.reason}"
            ]
        case quality.ReleaseEvaluated():
            found = [f"  {c.name}: {c.verdict} ({c.found or 'no result'}; passes {c.passes})" for c in fact.criteria]
            return ["release criteria evaluated", *found]
        case incidents.IncidentReported():
            of = f" of {', '.join(fact.materials)}" if fact.materials and not fact.key.material else ""
            where = f"during {instance(fact.key)}{of}, {when(fact.at)}"
            return [f"INCIDENT {fact.incident} {fact.name} {where}: {fact.says}"]
        case incidents.IncidentOptionChosen():
            return [f"incident {fact.incident}: {fact.option} chosen: {fact.why}"]
        case endings.DisposalSigned():
            waits = f"waits for {' or '.join(fact.awaits)}"
            return [f"disposal of {', '.join(fact.materials)} signed, {waits}: {fact.reason}"]
        case endings.DisposalWitnessed():
            return [f"disposal in {fact.act[:16]}: seen by a second person"]
        case endings.DisposalDropped():
            return [f"disposal in {fact.act[:16]} does not stand: {fact.reason}"]
        case quality.MaterialDisposed():
            return [f"disposed of {', '.join(fact.materials)}, {when(fact.at)}: {fact.reason}"]
        case endings.MaterialKept():
            kept = f"kept {', '.join(fact.materials)} at {fact.place}, as consent to {fact.permit} permits"
            return [f"{kept}: {fact.reason}"]
        case endings.MaterialReturned():
            return [f"returned {', '.join(fact.materials)} to {fact.to}: {fact.reason}"]
        case endings.MaterialLost():
            how = "LOST" if fact.how == "lost" else "DESTROYED BY ACCIDENT"
            return [f"{how} {', '.join(fact.materials)}, {when(fact.at)}: {fact.says}"]
        case endings.MaterialFound():
            return [f"found again {', '.join(fact.materials)}, {when(fact.at)}, now at {fact.place}: {fact.says}"]
        case labels.LabelsIssued():
            return _issued(fact)
        case labels.LabelFatesGiven():
            told = [f"  label {label.serial}: {label.fate.replace('_', ' ')}" for label in fact.labels]
            scan = f", {fact.rescan} scanned again" if fact.rescan else ""
            waits = f"waits for {' or '.join(fact.awaits)}"
            return [f"labels outside a reconciliation, {waits}: {fact.reason}{scan}", *told]
        case labels.LabelFatesWitnessed():
            return [f"what became of the labels in {fact.act[:16]}: seen by a second person"]
        case labels.LabelFatesDropped():
            return [f"what became of the labels in {fact.act[:16]} does not stand: {fact.reason}"]
        case storage.MaterialStored():
            return [f"stored {', '.join(fact.materials)} at {fact.position}: {fact.reason}"]
        case environment.RoomChangedOver():
            return [f"{fact.room} changed over, {when(fact.at)}: {fact.says}"]
        case environment.RoomCleared():
            return [f"{fact.room} cleared after the changeover in {fact.changeover[:16]}"]
        case environment.EnvironmentReported():
            why_again = f"instead of the report in {fact.corrects[:16]}" if fact.corrects else "reported again"
            again = [f"  {why_again}: {fact.why}"] if fact.why else []
            return [f"environment of {fact.room}, {_span(fact, when)}", *again, *_read(fact.readings)]
        case environment.EnvironmentAttached():
            replaced = [f"  instead of the report in {fact.corrects[:16]}"] if fact.corrects else []
            keys = ", ".join(str(instance(key)) for key in fact.keys) or "no act any more"
            return [f"environment of {fact.room} for {keys}, {_span(fact, when)}", *replaced, *_read(fact.readings)]
        case alerts.AlertRaised():
            of = f"{instance(fact.key)}: " if fact.key else ""
            return [f"ALERT {fact.alert} for {' or '.join(fact.roles)}: {of}{fact.says} [{fact.rule}]"]
        case alerts.AlertAcknowledged():
            return [f"alert {fact.alert} acknowledged{f': {fact.note}' if fact.note else ''}"]
        case logger.LoggerRead():
            why = [f"  instead of the one read before: {fact.why}"] if fact.why else []
            return [
                f"{instance(fact.key)}: temperature log read",
                *why,
                *told_log(fact.log, when),
                *_computed(fact.computed),
            ]
        case logger.LoggerLost():
            stretch = f"{when(fact.starts)} to {when(fact.ends)}"
            again = [f"  the one read before does not count: {fact.again}"] if fact.again else []
            lines = [f"{instance(fact.key)}: NO temperature log: {fact.why}", *again]
            return [*lines, f"  unknown: all {_minutes(fact.unknown)} of {stretch}", *_computed(fact.computed)]
        case manufacture.ManufactureFailed():
            waits = f", waits for {' or '.join(fact.awaits)}" if fact.awaits else ""
            return [
                f"MANUFACTURE FAILED {fact.failure} in {instance(fact.key)}: {fact.says}{waits}",
                f"  ends: {', '.join(fact.ends) or 'nothing'}; retained: {', '.join(fact.retains) or 'nothing'}",
            ]
        case manufacture.ManufactureFailureDecided():
            return [f"failure {fact.failure} {fact.decision}, reported in {fact.first[:16]}: {fact.reason}"]
        case manufacture.RemakeBegun():
            material = f" from {', '.join(fact.material)}" if fact.material else ""
            return [
                f"batch {fact.batch} begins at {fact.start}{material}: {fact.reason}",
                f"  because {fact.ground}",
                f"  done anew: {', '.join(fact.steps)}",
                *([f"  offered: {', '.join(fact.offers)}"] if fact.offers else []),
            ]
        case manufacture.TherapyTerminated():
            return [f"therapy ended, no way out taken: {fact.reason}", f"  because {fact.ground}"]
        case dose.DoseGiven():
            given = f"{fact.given} {fact.unit}" if fact.given else "unknown, a value is missing"
            return [f"dose given: {given}, {fact.verdict} {fact.passes}; bags {', '.join(fact.bags)}"]
        case recalls.RecallReached():
            given = "; given to the patient" if fact.given else ""
            return [
                f"RECALL of lot {fact.lot}: {fact.reason}",
                f"  used in {', '.join(str(instance(key)) for key in fact.uses)}{given}",
                f"  held: {', '.join(fact.materials) or 'nothing'}; infused already: {', '.join(fact.infused) or 'nothing'}",
            ]
        case site.ProtocolAdopted():
            return [f"protocol {fact.protocol} {fact.version} adopted, digest {fact.digest}"]
        case authority.LogOpened():
            return [f"log of {fact.site} opened, zone {fact.zone}{', simulated time' if fact.simulated else ''}",
                    f"  root: {fact.root.printed_name} ({fact.root.account})"]  # fmt: skip
        case _:
            return [_plainly(fact, when)]


def _issued(fact: labels.LabelsIssued) -> list[str]:
    why = f"; why: {fact.why}" if fact.why else ""
    lines = [f"labels issued: {len(fact.serials)} of {fact.template} for {fact.material}{why}"]
    lines += [f"  serial {serial}" for serial in fact.serials]
    lines += [f"  in place of {serial}" for serial in fact.replaces]
    lines.append(f"  says, on {fact.size}: {fact.title}")
    lines += [f"  {line.title}: {line.value}" for line in fact.lines]
    lines += [f"  {s.text}{f' ({s.legend} sign)' if s.legend else ''} [{s.id}]" for s in fact.statements]
    lines.append(f"  symbol: {fact.symbol}")
    return [*lines, f"  printed file: {fact.file}"] if fact.file else lines


def told_log(log: LogFigures, when: When) -> list[str]:
    """The figures of a temperature log, a line each."""
    means = f", mean {log.mean} C" + (
        f", mean kinetic {log.kinetic_mean} C (for information)" if log.kinetic_mean else ""
    )
    extremes = (
        f"lowest {log.lowest} C, highest {log.highest} C{means}" if log.lowest is not None else "nothing is known"
    )
    counted = f"{log.readings} of {log.rows} readings, every {_every(log.interval)}"
    away = f"{log.before} before and {log.after} after the stretch not counted"
    return [
        f"  file: {log.file.sha256}, {log.file.size:,} bytes",
        f"  declared: {declared_in_words(log.declaration)}",
        f"  stretch: {when(log.starts)} to {when(log.ends)}; {counted}; {away}",
        f"  {extremes}",
        *(f"  {_band(band)}" for band in log.bands),
        f"  inside every bound: {_minutes(log.inside)}; UNKNOWN: {_minutes(log.unknown)}",
        *(f"  unknown: {gap}" for gap in log.gaps),
        *(f"  FINDING: {finding}" for finding in log.findings),
        *(f"  remark: {remark}" for remark in log.remarks),
    ]


def _band(band: OutsideBand) -> str:
    if Decimal(band.outside) == 0:
        return f"{band.side} {band.bound} C: never"
    might = f", perhaps {_minutes(band.longest_possible)}" if band.longest_possible != band.longest else ""
    return (
        f"{band.side.upper()} {band.bound} C: {_minutes(band.outside)} (longest {_minutes(band.longest)}{might}; "
        f"{band.degree_minutes} C min)"
    )


def _every(seconds: str) -> str:
    return _minutes(seconds) if Decimal(seconds) >= 60 else f"{seconds} s"


def _minutes(seconds: str) -> str:
    from protocol.logger.spans import minutes, of_seconds

    return f"{minutes(of_seconds(seconds))} min"


def declared_in_words(text: str) -> str:
    """A declaration as it stands in a record: the format, what this read-out said, and the digest of the whole."""
    try:
        said = json.loads(text)
        parts = [
            f"format {said['id']}",
            f"zone {said.get('zone', 'not said')}",
            f"interval {said.get('interval', 'not said')}",
        ]
        if clock := said.get("clock"):
            parts.append(
                "clock " + ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in clock.items() if value)
            )
    except (ValueError, KeyError, TypeError, AttributeError):
        parts = ["cannot be read"]
    return f"{', '.join(parts)}; digest {hashlib.sha256(text.encode()).hexdigest()}"


def _computed(readings: tuple[Reading, ...]) -> list[str]:
    return [f"  {_reading(reading)} (computed)" for reading in readings]


def _plainly(fact: Fact, when: When) -> str:
    told = [
        f"{name.replace('_', ' ')} {_any(value, when)}"
        for name, value in fact
        if value and name not in ("therapy", "public_key")
    ]
    return f"{headline(fact)}: {', '.join(told)}"


def _any(value: Any, when: When) -> str:
    if isinstance(value, datetime):
        return when(value)
    if isinstance(value, tuple):
        return ", ".join(_any(item, when) for item in value)
    return str(getattr(value, "code", value))


def _and(*codes: str) -> str:
    return " and ".join(codes)


def _value(reading: Reading) -> str:
    return f"{reading.value} {reading.unit or ''}".strip()


def _reading(reading: Reading) -> str:
    why = f" (it leaps from the last one; confirmed: {reading.confirmed})" if reading.confirmed else ""
    return f"{reading.name}: {_value(reading)}{why}"


def _step(fact: steps.StepFact, when: When) -> list[str]:
    lines = [f"{instance(fact.key)}: {headline(fact)}"]
    span = when(fact.started) if fact.started == fact.ended else f"{when(fact.started)} to {when(fact.ended)}"
    lines.append(f"  happened: {span}")
    lines += [f"  {_reading(reading)}" for reading in fact.readings]
    lines += [f"  scan {scan.name}: {scan.code}{' (typed by hand)' if scan.typed else ''}" for scan in fact.scans]
    lines += [f"  {used.what} {used.name}: {used.code}" for used in fact.used]
    lines += [f"  new {m.kind}: {m.code}{f' from {_and(m.parent, *m.also)}' if m.parent else ''}" for m in fact.created]
    if fact.consumed:
        lines.append(f"  used up: {', '.join(fact.consumed)}")
    if fact.moves:
        lines.append(f"  handed over: {', '.join(fact.moves)} to {fact.to_place}")
    return lines + [f"  {told}" for told in (*_special(fact, when), *entered_late(fact))]


def _special(fact: steps.StepFact, when: When) -> list[str]:
    match fact:
        case steps.ConsentGiven():
            return [f"permits: {', '.join(fact.permits)}"]
        case steps.PatientAssessed():
            return [f"outcome: {fact.outcome.replace('_', ' ')}"]
        case steps.PatientEnrolled():
            chosen = [f"{c.name}: {c.option}" for c in fact.choices]
            return [
                f"subject: {fact.subject}",
                f"chain of identity: {fact.coi}",
                f"wristband: {fact.wristband}",
                *chosen,
            ]
        case steps.SlotsBooked():
            slots = [f"slot {s.resource}: {s.code}, {when(s.starts)} to {when(s.ends)}" for s in fact.slots]
            return [*slots, f"held until {when(fact.hold_until)}"] if fact.hold_until else slots
        case steps.LabelsReconciled():
            return [f"label {label.serial}: {label.fate.replace('_', ' ')}" for label in fact.labels]
        case steps.ProcessPerformed() if fact.suite:
            return [f"room: {fact.suite}"]
        case steps.DispositionDecided():
            criteria = [f"{c.name}: {c.verdict} ({c.found or 'no result'}; passes {c.passes})" for c in fact.criteria]
            pending = [f"still pending: {', '.join(fact.pending)}"] if fact.pending else []
            by = f" BY EXCEPTION {fact.exception}: {', '.join(fact.excepted)} failed" if fact.exception else ""
            return [f"decision: {fact.decision} {', '.join(fact.materials)}{by}", *pending, *criteria]
        case _:
            return []


def _span(fact: environment.EnvironmentReported | environment.EnvironmentAttached, when: When) -> str:
    return f"{when(fact.started)} to {when(fact.ended)}"


def _read(readings: tuple[Reading, ...]) -> list[str]:
    return [f"  {reading.name}: {reading.value} {reading.unit or ''}".rstrip() for reading in readings]
