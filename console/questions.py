"""One question at a time, on a terminal: what the step asks for and has not been given yet, with unit and range."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from zoneinfo import ZoneInfo

from console.acts import Given
from console.asks import NO_LABELS, fields_of, form, limits, scan_words
from console.asks import form as form_of
from events.errors import Refused
from events.identifiers import read_code
from protocol.changes import leaps
from protocol.desk import Desk
from protocol.logger.deciding import fills
from protocol.model import Step, StudyProtocol

Ask = Callable[[str], str]
FATES = "applied, attached_to_record or destroyed"


def fill_in(
    step: Step, protocol: StudyProtocol, given: Given, ask: Ask = input, serials: Mapping[str, str] = NO_LABELS
) -> None:
    """Ask for everything that is missing. An empty answer leaves it out; the rulebook says if it is needed.

    Args:
        serials: labels that were issued and have no fate yet, with their items; each is asked for by name.
    """
    _scans(step, given, ask)
    for name in (*step.needs.lots, *step.needs.devices):
        if name not in given.used and (code := _once(ask, f"Scan the {name.replace('_', ' ')}: ")):
            given.used[name] = code
    for field in fields_of(step):
        _field(field, step, protocol, given, ask)
    said = _log(step, given, ask)
    _labels(step, given, ask, serials)
    for record in step.records:
        if record.name in given.readings or record.name in said:
            continue
        expected = f"; expected {told}" if (told := limits(record)) else ""
        free = " [Enter: later]" if record.late else " [Enter: none]" if record.optional else ""
        text = _once(ask, f"{record.title or record.name} ({form(record)}{expected}){free}: ")
        if text:
            given.readings[record.name] = text
    if "started" not in given.fields and (text := _once(ask, "Started [Enter: now]: ")):
        given.fields["started"] = text
        if ended := _once(ask, "Ended [Enter: the same moment]: "):
            given.fields["ended"] = ended


def confirm_leaps(step: str, desk: Desk, therapy: str, given: Given, zone: ZoneInfo, ask: Ask = input) -> None:
    """Ask about each value that leaps from the one recorded before it: why it is right, or the value once more."""
    state = desk.therapy(therapy)
    spec = desk.protocol_of(state).by_id.get(step)
    if spec is None:
        return
    for _ in range(10):
        try:
            form = given.perform(step, zone)
            found = [jump for jump in leaps(state, spec, form, desk.clock()) if jump.reason is None]
        except Refused:
            return  # the rulebook says what is wrong, after the last question
        if not found:
            return
        print(found[0].says)
        name = found[0].reading.name
        if reason := _once(ask, "Is it right, and why? [Enter: type the value again]: "):
            given.confirmed[name] = reason
        elif text := _once(ask, f"{found[0].record.title or name} ({form_of(found[0].record)}): "):
            given.readings[name] = text


def _once(ask: Ask, question: str) -> str:
    return ask(question).strip()


def _log(step: Step, given: Given, ask: Ask) -> frozenset[str]:
    """Ask for the step's temperature log; returns the values that it says, which are then not asked for."""
    if step.logger is None:
        return frozenset()
    if not given.log.said:
        text = _once(ask, "Temperature logger's file [Enter: not read yet; ! and why, if there is none]: ")
        if text.startswith("!"):
            given.log.lost = text[1:].strip()
        given.log.file = "" if text.startswith("!") else text
    if not given.log.file:
        return frozenset(name for name, figure in step.logger.fills.items() if figure == "unknown" and given.log.lost)
    if not given.log.format:
        given.log.format = _once(ask, "Format of the file (unbroken logger formats lists them): ")
        given.log.zone = given.log.zone or _once(ask, "Time zone of its times [Enter: as the format says]: ")
    return fills(step.logger)


def _scans(step: Step, given: Given, ask: Ask) -> None:
    wanted = [(name, scan_words(spec), spec.count[1]) for name, spec in step.scans.items()]
    if step.kind == "enrolment" and "wristband" not in step.scans:
        wanted.append(("wristband", "the new wristband", 1))
    for name, told, most in wanted:
        if any(scan["name"] == name for scan in given.scans):
            continue
        for number in range(1, most + 1):
            end = "" if most == 1 else f" {number} of at most {most}, Enter ends"
            code = _once(ask, f"Scan {name}: {told}{end} (begin with ! if you type it by hand): ")
            if not code:
                break
            given.scan(name, code.removeprefix("!"), typed=code.startswith("!"))


def _field(field: str, step: Step, protocol: StudyProtocol, given: Given, ask: Ask) -> None:
    if field in given.fields:
        return
    match field:
        case "permits":
            given.fields["permits"] = [p for p in step.permits if _yes(ask, f"Does the consent permit {p}?")]
        case "outcome" | "decision":
            options = "eligible or not_eligible" if field == "outcome" else "released or rejected"
            _take(given, field, _once(ask, f"{field.capitalize()} ({options}): "))
        case "subject" | "coi" | "room":
            told = {
                "subject": "Subject number",
                "coi": "Chain-of-identity id",
                "room": f"Code of the {step.one_patient_in}",
            }
            _take(given, field, _once(ask, f"{told[field]}: "))
        case "choices":
            for name, spec in protocol.choices.items():
                if name not in given.choices and (
                    option := _once(ask, f"{spec.title} ({' or '.join(spec.options)}): ")
                ):
                    given.choices[name] = option
        case "slots":
            for resource in step.resources:
                if not any(slot["resource"] == resource for slot in given.slots):
                    text = _once(ask, f"Slot for {resource} (CODE@START/END): ")
                    if text:
                        given.slot(f"{resource}={text}")
        case "labels" if not step.labels:
            while not given.fields.get("issued") and (text := _once(ask, f"Label (SERIAL={FATES}; Enter ends): ")):
                given.label(text)
        case _:
            pass


def _labels(step: Step, given: Given, ask: Ask, serials: Mapping[str, str]) -> None:
    """One question a label; where the step is done item by item, for the labels of the item that was scanned."""
    scanned = {canonical(scan["code"]) for scan in given.scans} | {canonical(given.fields.get("material", ""))}
    for serial, material in serials.items():
        mine = not step.for_each or material in scanned
        if mine and serial not in given.labels and (fate := _once(ask, f"Label {serial} ({FATES}): ")):
            given.labels[serial] = fate


def canonical(code: str) -> str:
    """A code as the log spells it; what cannot be read stays as it is, and the rulebook says so."""
    try:
        return read_code(code)
    except Refused:
        return code


def _take(given: Given, field: str, text: str) -> None:
    if text:
        given.fields[field] = text


def _yes(ask: Ask, question: str) -> bool:
    while (answer := _once(ask, f"{question} (yes or no): ").lower()) not in ("yes", "y", "no", "n"):
        pass
    return answer in ("yes", "y")
