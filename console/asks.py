"""What a step asks for, in words: for `step show`, for the act file's template, and for one question at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from protocol.model import Band, Limit, Record, ScanSpec, Step, StudyProtocol, Unknown

KIND_FIELDS = {
    "consent": ("permits",),
    "assessment": ("outcome",),
    "enrolment": ("subject", "coi", "choices"),
    "booking": ("slots",),
    "labelling": ("labels",),
    "disposition": ("decision",),
}
"""What a kind of step asks for beside readings, scans, lots and devices."""
NO_LABELS: Mapping[str, str] = {}


def fields_of(step: Step) -> tuple[str, ...]:
    """The further fields that this step asks for."""
    fields = KIND_FIELDS.get(step.kind, ())
    if step.kind == "booking" and not step.resources:
        fields = ()
    return (*fields, "room") if step.one_patient_in else fields


def number(value: Decimal) -> str:
    """A bound as people write it."""
    return f"{value:.3g}".replace("e+", "e") if abs(value) >= 10**6 else f"{value.normalize():f}"


def form(record: Record) -> str:
    """What may be entered: ``number in mL, 1 to 2000``."""
    match record.type:
        case "number":
            span = f", {number(record.plausible[0])} to {number(record.plausible[1])}" if record.plausible else ""
            return f"number in {record.unit}{span}"
        case "choice":
            return " or ".join(record.options or ())
        case "yes_no":
            return "yes or no"
        case "date":
            return "day, YYYY-MM-DD"
        case "file":
            return "@ and the file's path, or its SHA-256"
        case _:
            return "text"


def limits(record: Record) -> str:
    """What the protocol expects of the value and what follows otherwise."""
    return "; ".join(f"{_bounds(limit, record.unit or '')}, otherwise {_follows(limit)}" for limit in record.limits)


def _bounds(limit: Limit, unit: str) -> str:
    said = [
        f"{words} {number(bound)} {unit}".strip()
        for words, bound in (
            ("at least", limit.at_least),
            ("at most", limit.at_most),
            ("above", limit.above),
            ("below", limit.below),
        )
        if bound is not None
    ]
    if limit.must_be:
        said.append(" or ".join(limit.must_be))
    if limit.no_older_than:
        said.append(f"no older than {limit.no_older_than}")
    return " and ".join(said)


def _follows(limit: Limit | Band | Unknown) -> str:
    return " and ".join(
        " ".join(word for word in (c.what.replace("_", " "), c.grade, c.step) if word) for c in limit.otherwise
    )


def log_words(step: Step) -> str:
    """What is asked of the step's temperature log: from when, which bounds, how much may be unknown; nothing if none is."""
    if step.logger is None:
        return ""
    told = [f"from {step.logger.start}"]
    for band in step.logger.bands:
        most = band.run_longer_than or band.longer_than
        said = f"{band.side} {number(band.bound)} C" + (f" for more than {most}" if most else "")
        told.append(f"{said} {_follows(band)}")
    told += [f"unknown for more than {limit.longer_than} {_follows(limit)}" for limit in step.logger.unknown]
    return "; ".join(told)


def scan_words(spec: ScanSpec) -> str:
    """What must be scanned: ``new leukapheresis``, ``1 to 6 of drug_product``."""
    least, most = spec.count
    what = {"patient": "the patient's wristband", "chain_of_identity": "a label with the chain-of-identity id"}
    told = what.get(spec.what, spec.what.replace("_", " "))
    return told if (least, most) == (1, 1) else f"{least} to {most} of {told}"


def who(step: Step) -> tuple[str, str]:
    """Who performs, and who signs second with which meaning."""
    second = f"{' or '.join(step.second[0])} ({step.second[1]})" if step.second else "nobody: one signature is enough"
    return " or ".join(step.performed_by), second


def template(step: Step, protocol: StudyProtocol, therapy: str, serials: Mapping[str, str] = NO_LABELS) -> str:
    """An act file to fill in; `serials` are the labels that it accounts for."""
    return "\n".join(_template(step, protocol, therapy, serials)) + "\n"


def _template(step: Step, protocol: StudyProtocol, therapy: str, serials: Mapping[str, str]) -> Iterator[str]:
    performed, second = who(step)
    yield f"# {step.title}. Performed by: {performed}. Signs second: {second}."
    yield f"# Fill in, then: unbroken perform {therapy} {step.id} --from THIS_FILE --as ACCOUNT"
    yield f"step: {step.id}"
    if step.for_each:
        yield f"material:    # which {step.for_each}; may be left empty where its label is scanned"
    if step.visits:
        yield f"occurrence:  # one of {', '.join(visit.id for visit in step.visits)}"
    elif step.repeat:
        yield "occurrence:  # may be left empty: the next one"
    yield "started:     # 2026-03-01T09:30, in the site's zone; empty: now"
    yield "ended:       # empty: when it started"
    if step.scans:
        yield "scans:       # what the scanner sent; a list where there are several: [A, B]"
        yield from (f"  {name}:  # {scan_words(spec)}" for name, spec in step.scans.items())
    if step.kind == "enrolment":
        yield from ([] if step.scans else ["scans:"])
        yield "  wristband:  # the new wristband's code"
    if step.needs.lots or step.needs.devices:
        yield "used:"
        yield from (f"  {name}:  # lot" for name in step.needs.lots)
        yield from (f"  {name}:  # device" for name in step.needs.devices)
    if step.logger:
        yield "logger:      # the logger's raw file; what it says need not be entered below"
        yield "  file:      # or, if there is none, `lost:` and why"
        yield "  format:    # how it is written: unbroken logger formats"
        yield "  zone:      # of its times, if the format does not say"
    if any(record.changes_at_most is not None for record in step.records):
        yield "confirmed:   # NAME: why a value is right that leaps from the one recorded before; empty: none does"
    if step.records:
        yield "readings:"
        yield from (f"  {r.name}:  # {r.title or r.name}: {form(r)}{_when(r)}" for r in step.records)
    for field in fields_of(step):
        yield from _field(field, step, protocol, serials)


def _when(record: Record) -> str:
    return " (may come late)" if record.late else " (may be left out)" if record.optional else ""


def _field(field: str, step: Step, protocol: StudyProtocol, serials: Mapping[str, str]) -> Iterator[str]:
    match field:
        case "permits":
            yield f"permits: []  # of {', '.join(step.permits)}; the study needs {', '.join(step.requires)}"
        case "outcome":
            yield "outcome:     # eligible or not_eligible"
        case "subject":
            yield "subject:     # subject number"
        case "coi":
            yield "coi:         # chain-of-identity id"
        case "choices":
            yield "choices:"
            yield from (f"  {name}:  # {' or '.join(spec.options)}" for name, spec in protocol.choices.items())
        case "slots":
            yield "slots:"
            yield from (
                f"  - {{resource: {name}, code: , starts: 2026-03-01T08:00, ends: 2026-03-01T12:00}}"
                for name in step.resources
            )
        case "labels":
            yield "labels:      # each serial with its one fate: applied, attached_to_record, destroyed"
            yield from (f"  {serial}:  # of {item}" for serial, item in (serials or {"SERIAL": "which item"}).items())
        case "decision":
            yield "decision:    # released or rejected"
        case "room":
            yield f"room:        # code of the {step.one_patient_in}"
        case _:
            pass
