"""A rehearsal: what a careful person would enter for any step of any protocol, so that a study can be played through.

Values are chosen inside every limit that the file states. Nothing here decides or records; `protocol.desk` does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from events.facts.base import LabelFate
from events.identifiers import Bag, Din, with_check
from protocol.commands import BookedSlot, DecideDlt, Entered, IssueLabels, Perform, Presented
from protocol.commands.environment import ReportEnvironment
from protocol.due import Due
from protocol.environment import missing
from protocol.grading import gradings_of
from protocol.infection import look
from protocol.labels import labelled, must_stand, next_serials, unaccounted
from protocol.model import Alternative, EnvironmentValue, Limit, Record, ScanSpec, Sign, Step, StudyProtocol
from protocol.schedule import schedule
from protocol.state import Therapy

PRODUCT_CODE = "S1150V"
"""Description and collection type of the demo's bags; the division follows. Structure only: ISBT's tables are licensed."""
_LABELS_A_SET = 3


@dataclass(frozen=True, slots=True)
class Patient:
    """Who is played: a number, what is chosen at enrolment, how many bags are filled, and values that differ.

    `values`: (step, reading) to what is entered there instead of a value inside the limits.
    `reserve`: how many bags of the starting material are kept back, where the study lets that be.
    """

    number: int
    therapy: str
    choices: Mapping[str, str] = field(default_factory=dict)
    bags: int = 1
    values: Mapping[tuple[str, str], str] = field(default_factory=dict)
    reserve: int = 0

    @property
    def din(self) -> Din:
        """The number of the first collection."""
        return Din(f"G123426{100000 + self.number:06d}")

    def code(self, prefix: str) -> str:
        """A code of this patient, with its check character."""
        return f"{prefix}-{with_check(f'{self.number:05d}')}".replace("*", "X")


def lot_code(name: str) -> str:
    """The code of the rehearsal's lot of an item."""
    return f"LOT-{name.upper().replace('_', '-')}"[:40]


def device_code(name: str) -> str:
    """The code of the rehearsal's device."""
    return f"DEV-{name.upper().replace('_', '-')}"[:40]


def entry(patient: Patient, therapy: Therapy, protocol: StudyProtocol, due: Due, at: datetime) -> Perform:
    """What is entered for an instance of a step at this time."""
    step = due.step
    return Perform(
        step=step.id,
        occurrence=due.at.occurrence,
        material=due.at.material or None,
        started=at,
        ended=at,
        readings={
            r.name: _entered(patient, therapy, protocol, step, r, at)
            for r in step.records
            if _enters(patient, protocol, step, r)
        },
        scans=_scans(patient, therapy, protocol, due),
        used={n: lot_code(n) for n in step.needs.lots} | {n: device_code(n) for n in step.needs.devices},
        permits=step.permits if step.kind == "consent" else (),
        outcome="eligible" if step.kind == "assessment" else None,
        subject=patient.code("S") if step.kind == "enrolment" else None,
        coi=patient.code("COI") if step.kind == "enrolment" else None,
        screening=patient.code("SCR") if step.kind == "consent" else None,
        choices=_choices(patient, protocol) if step.kind == "enrolment" else {},
        slots=_slots(patient, therapy, protocol, step, at),
        issued=_serials(patient, due) if step.kind == "labelling" and not step.labels else (),
        labels=_fates(patient, therapy, protocol, due) if step.kind == "labelling" else (),
        room=f"SUITE-{patient.number}" if step.one_patient_in else None,
        decision="released" if step.kind == "disposition" else None,
    )


def _enters(patient: Patient, protocol: StudyProtocol, step: Step, record: Record) -> bool:
    """Whether a value is entered with the step: not what comes late; of what is optional the signs, and what a script asks for."""
    if record.optional:
        return (step.id, record.name) in patient.values or bool(_signs(protocol, step, record))
    return not record.late


def _signs(protocol: StudyProtocol, step: Step, record: Record) -> list[Sign]:
    """The signs of toxicity of which this value is one."""
    return [sign for g in gradings_of(protocol) if g.step == step.id for sign in g.signs if record.name in sign.of]


def dlt_decision(therapy: Therapy) -> DecideDlt:
    """What is decided after the window: of somebody who was infused, that there was no dose-limiting toxicity."""
    if not therapy.infused:
        return DecideDlt(decision="not_evaluable", why="conditioned, and never infused")
    return DecideDlt(decision="no_dlt", why="the window is over, and no event was flagged")


def late_values(
    patient: Patient, therapy: Therapy, protocol: StudyProtocol, step: Step, at: datetime
) -> dict[str, Entered]:
    """The values of a step that come late."""
    return {r.name: _entered(patient, therapy, protocol, step, r, at) for r in step.records if r.late}


def report(patient: Patient, therapy: Therapy, protocol: StudyProtocol) -> ReportEnvironment | None:
    """The environmental monitoring that is missing for one open step, for the whole of it; None where nothing is missing."""
    gaps = missing(therapy, protocol)
    mine = [gap for gap in gaps if gap.at == gaps[0].at]
    act = next(
        (act.fact for act in (*therapy.acts.values(), *therapy.pending.values()) if mine and act.at == mine[0].at), None
    )
    if act is None:
        return None
    values = {gap.value.name: _monitored(patient, gap.value) for gap in mine}
    return ReportEnvironment(room=mine[0].room, started=act.started, ended=act.ended, readings=values)


def _monitored(patient: Patient, value: EnvironmentValue) -> Entered:
    given = patient.values.get(("environment", value.name))
    if value.type != "number":
        words = [limit.must_be[0] for limit in value.limits if limit.must_be]
        return Entered(value=given or next(iter([*words, *(value.options or ("yes",))])))
    low, high = value.plausible or (Decimal(0), Decimal(100))
    lows, highs = [low], [high]
    for limit in value.limits:
        _narrow(limit, lows, highs, Decimal(1))
    return Entered(value=given or _between(low, high, lows, highs), unit=value.unit)


def _choices(patient: Patient, protocol: StudyProtocol) -> dict[str, str]:
    return {name: patient.choices.get(name, next(iter(spec.options))) for name, spec in protocol.choices.items()}


def _slots(
    patient: Patient, therapy: Therapy, protocol: StudyProtocol, step: Step, at: datetime
) -> tuple[BookedSlot, ...]:
    """A slot a resource: where a step has the resource's name, when the calendar has it, else a day later each."""
    if step.reserve:  # a booking that is offered when another came to nothing: as soon as may be
        soon = at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=2)
        code = f"{at:%d%H%M}-{patient.number}"
        return tuple(
            BookedSlot(resource=name, code=f"{name.upper()}-{code}"[:40], starts=soon, ends=soon + timedelta(hours=1))
            for name in step.resources
        )
    planned = {entry.at.step: entry.planned for entry in schedule(therapy, protocol)} if step.resources else {}
    slots = []
    for number, name in enumerate(step.resources):
        when = planned.get(name) or at + timedelta(days=7 + number)
        starts = when.replace(hour=8, minute=0, second=0, microsecond=0) + timedelta(days=1)
        code = f"{name.upper().replace('_', '-')}-{patient.number}"[:40]
        slots.append(BookedSlot(resource=name, code=code, starts=starts, ends=starts + timedelta(hours=8)))
    return tuple(slots)


def _serials(patient: Patient, due: Due) -> tuple[str, ...]:
    stem = hashlib.sha256(f"{due.at}{patient.number}".encode()).hexdigest()[:6].upper()
    return tuple(f"L-{stem}-{n}" for n in range(1, _LABELS_A_SET + 1))


def prints(therapy: Therapy, protocol: StudyProtocol, due: Due) -> list[IssueLabels]:
    """What is printed before a labelling step reconciles it: a set for each item that has none; nothing elsewhere."""
    commands: list[IssueLabels] = []
    for material, name in labelled(therapy, protocol, due.step, due.at.material):
        if any((x.material, x.template) == (material.code, name) for x in therapy.labels.values()):
            continue
        before = sum(len(command.serials) for command in commands)
        serials = next_serials(therapy, before + protocol.labels[name].count)[before:]
        commands.append(IssueLabels(material=material.code, template=name, serials=serials))
    return commands


def _fates(patient: Patient, therapy: Therapy, protocol: StudyProtocol, due: Due) -> tuple[LabelFate, ...]:
    if not due.step.labels:
        return _one_each(_serials(patient, due))
    found: list[LabelFate] = []
    for material, name in labelled(therapy, protocol, due.step, due.at.material):
        set_ = [x.serial for x in unaccounted(therapy, [material.code]) if x.template == name]
        found += _one_each(set_)
    return tuple(found)


def _one_each(serials: Sequence[str]) -> tuple[LabelFate, ...]:
    """The first is applied, the second kept with the record, the rest destroyed."""
    order: tuple[Literal["applied", "attached_to_record"], ...] = ("applied", "attached_to_record")
    kept = [LabelFate(serial=serial, fate=fate) for serial, fate in zip(serials, order, strict=False)]
    return (*kept, *(LabelFate(serial=serial, fate="destroyed") for serial in serials[len(order) :]))


# ---------------------------------------------------------------------------------------------------------- scans


def _scans(patient: Patient, therapy: Therapy, protocol: StudyProtocol, due: Due) -> tuple[Presented, ...]:
    scans = [
        Presented(name=name, code=code)
        for name, spec in due.step.scans.items()
        for code in _codes(patient, therapy, protocol, due, name, spec)
    ]
    if due.step.kind == "enrolment":
        scans.append(Presented(name="wristband", code=patient.code("W")))
    return tuple(scans)


def _codes(
    patient: Patient, therapy: Therapy, protocol: StudyProtocol, due: Due, name: str, spec: ScanSpec
) -> list[str]:
    least, most = spec.count
    if spec.what == "patient":
        return [therapy.wristband]
    if spec.what == "chain_of_identity":
        return [therapy.coi]
    if spec.new is None:
        if due.at.material and due.step.for_each == spec.what:
            return [due.at.material]
        live = [[m.code for m in therapy.live(kind)] for kind in spec.kinds]
        return next((codes for codes in live if codes), [])[:most]
    usual = patient.bags if protocol.materials[spec.new].identifier == "bag" else 1
    if least == 0 and any(spec.new in step.consumes for step in protocol.steps):
        usual = patient.reserve  # what some step uses up, and may be none: a part that is kept back
    count = min(max(least, usual), most)
    before = sum(1 for m in therapy.materials.values() if m.kind == spec.new)
    return [_new_code(patient, therapy, protocol, spec.new, before + n) for n in range(count)]


def _donation(patient: Patient, therapy: Therapy, protocol: StudyProtocol) -> Din:
    """The number of the collection that the batch at hand is made from."""
    known = [m for m in therapy.materials.values() if protocol.materials[m.kind].identifier == "din" and not m.earlier]
    return Din(min(known, key=lambda m: m.code).code) if known else patient.din


def _new_code(patient: Patient, therapy: Therapy, protocol: StudyProtocol, kind: str, number: int) -> str:
    match protocol.materials[kind].identifier:
        case "din":
            return Din(f"G123426{100000 + patient.number + 50000 * number:06d}").scanned()
        case "bag":
            return Bag(_donation(patient, therapy, protocol), f"{PRODUCT_CODE}{chr(65 + number)}0").scanned()
        case _:
            initials = "".join(word[0] for word in kind.split("_")).upper()
            return f"{initials}-{patient.number:04d}-{kind.upper().replace('_', '')[:12]}-{number + 1}"


# ---------------------------------------------------------------------------------------------------------- values


def _entered(
    patient: Patient, therapy: Therapy, protocol: StudyProtocol, step: Step, record: Record, at: datetime
) -> Entered:
    given = patient.values.get((step.id, record.name))
    unit = record.unit if record.type == "number" else None
    if given is not None:
        return Entered(value=given, unit=unit)
    match record.type:
        case "number":
            return Entered(value=_number(therapy, protocol, step, record), unit=unit)
        case "choice" | "yes_no":
            return Entered(value=_on_label(therapy, protocol, step, record) or _word(protocol, step, record))
        case "date":
            return Entered(value=f"{at - timedelta(days=1):%Y-%m-%d}")
        case "file":
            return Entered(value=hashlib.sha256(raw_file(therapy, step, record)).hexdigest())
        case _:
            text = f"{record.name.upper().replace('_', '-')}-{patient.number}"
            return Entered(value=f"{_apart(therapy, protocol, f'{step.id}.{record.name}')}{text}")


def _apart(therapy: Therapy, protocol: StudyProtocol, source: str) -> str:
    """How a storage position begins, where the patient's infection markers ask for one that is kept apart."""
    infection = protocol.infection
    apart = infection.segregated if infection else None
    stored = infection is not None and apart is not None and source in apart.records
    asked = stored and infection is not None and apart is not None and look(therapy, infection).status in apart.results
    return apart.positions[0] if asked and apart is not None else ""


def _on_label(therapy: Therapy, protocol: StudyProtocol, step: Step, record: Record) -> str:
    """What a person reads off the label: the answer whose statement stands there, or one that means none of them."""
    if not record.on_label:
        return ""
    stands = must_stand(therapy, protocol, step, "")
    answers = [answer for answer, statement in record.on_label.items() if statement in stands]
    plain = [option for option in record.options or ("no",) if option not in record.on_label]
    return next(iter([*answers, *plain]), "")


def raw_file(therapy: Therapy, step: Step, record: Record) -> bytes:
    """The bytes of the raw file whose hash is entered."""
    return f"{therapy.id}/{step.id}/{record.name}".encode()


def _word(protocol: StudyProtocol, step: Step, record: Record) -> str:
    must = [limit.must_be for limit in record.limits if limit.must_be]
    criteria = _criteria(protocol, step, record)
    must += [c.must_be for c in criteria if c.must_be]
    if must:
        return must[0][0]
    return record.options[0] if record.options else "no"


def _criteria(protocol: StudyProtocol, step: Step, record: Record) -> list[Alternative]:
    criteria = protocol.release.criteria if protocol.release else ()
    every = (one for criterion in criteria for one in criterion.alternatives)
    return [one for one in every if one.measure.of == f"{step.id}.{record.name}"]


def _number(therapy: Therapy, protocol: StudyProtocol, step: Step, record: Record) -> str:
    low, high = record.plausible or (Decimal(0), Decimal(100))
    lows, highs = [low], [high]
    for limit in record.limits:
        _narrow(limit, lows, highs, Decimal(1))
    if (share := _share(therapy, protocol, f"{step.id}.{record.name}", low)) is not None:
        return _plain(share)
    for criterion in _criteria(protocol, step, record):
        scale = _scale(therapy, protocol, step, criterion)
        if (target := _target(therapy, protocol, criterion)) is not None:
            return _plain(target * scale)
        _narrow(criterion, lows, highs, scale)
    _without_signs(_signs(protocol, step, record), lows, highs)
    return _between(low, high, lows, highs)


def _between(low: Decimal, high: Decimal, lows: list[Decimal], highs: list[Decimal]) -> str:
    """A number well inside its bounds, of a range from `low` to `high`."""
    least, most = max(lows), min(highs)
    if least == low and most < high:
        return _plain(least + (most - least) / 2)
    if most == high and least > low:
        return _plain(min(most, least + abs(least) / 4))
    if (least, most) == (low, high):
        return _plain(low + (high - low) / 4 if low >= 0 else (low + high) / 2)
    return _plain((least + most) / 2)


def _without_signs(signs: Sequence[Sign], lows: list[Decimal], highs: list[Decimal]) -> None:
    """Between the bounds from which a sign gives a grade: a patient who is played has none."""
    levels = [level for sign in signs for level in sign.levels]
    lows += [level.at_most + 1 for level in levels if level.at_most is not None]
    highs += [level.at_least - 1 for level in levels if level.at_least is not None]


def _share(therapy: Therapy, protocol: StudyProtocol, source: str, low: Decimal) -> Decimal | None:
    """What one bag holds of the dose that is to be given, and what is left in it: as little as can be."""
    dose, product = protocol.dose, protocol.release.product if protocol.release else ""
    if dose is None or source not in (dose.of, *dose.residue):
        return None
    if source != dose.of:
        return low
    option = therapy.option(dose.within)
    target = protocol.choices[dose.within].options[option].target if option else None
    if target is None:
        return None
    value = target.value / max(1, len(therapy.live(product)))
    for divisor in dose.divide:
        value *= _latest(therapy, divisor)
    return value


def _narrow(limit: Limit | Alternative, lows: list[Decimal], highs: list[Decimal], scale: Decimal) -> None:
    for bound in (limit.at_least, limit.above):
        if bound is not None:
            lows.append(bound * scale)
    for bound in (limit.at_most, limit.below):
        if bound is not None:
            highs.append(bound * scale)


def _scale(therapy: Therapy, protocol: StudyProtocol, step: Step, criterion: Alternative) -> Decimal:
    """By what a bound of the criterion is multiplied to become a bound of the one reading."""
    scale = Decimal(1)
    for source in criterion.measure.divide:
        scale *= _latest(therapy, source)
    for source in criterion.measure.multiply:
        scale /= _latest(therapy, source)
    if criterion.measure.combine == "sum" and step.for_each:
        scale /= max(1, len(therapy.live(step.for_each)))
    return scale


def _latest(therapy: Therapy, source: str) -> Decimal:
    step, _, name = source.partition(".")
    found = [now.value for (at, reading), now in therapy.readings.items() if at.step == step and reading == name]
    return Decimal(found[-1]) if found else Decimal(1)


def _target(therapy: Therapy, protocol: StudyProtocol, criterion: Alternative) -> Decimal | None:
    option = therapy.option(criterion.within) if criterion.within else None
    target = protocol.choices[criterion.within].options[option].target if criterion.within and option else None
    return target.value if target else None


def _plain(value: Decimal) -> str:
    rounded = Decimal(f"{value:.4g}")
    return f"{rounded.normalize():f}" if Decimal("0.001") <= abs(rounded) < 10**6 or not rounded else f"{rounded:.4g}"
