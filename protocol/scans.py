"""Scans against wristband, bag, label and chain of identity. No scan, no start; nobody overrides it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from events.errors import Refused
from events.facts.base import NewMaterial, Scan
from events.identifiers import Bag, Din, read_code
from protocol.code_forms import check_form
from protocol.codes import check_unused, travels_as
from protocol.commands import Presented
from protocol.genealogy import ancestors
from protocol.model import ScanSpec, Step, StudyProtocol
from protocol.refusals import refuse
from protocol.state import Therapy
from protocol.surroundings import Surroundings
from protocol.wrong_item import WrongItem


@dataclass(frozen=True, slots=True)
class Scanned:
    """What the scans of an act say: the scans themselves, known materials by kind, new materials."""

    scans: tuple[Scan, ...] = ()
    known: dict[str, tuple[str, ...]] = field(default_factory=dict)
    created: tuple[NewMaterial, ...] = ()


def check_scans(
    therapy: Therapy,
    protocol: StudyProtocol,
    step: Step,
    material: str,
    presented: tuple[Presented, ...],
    around: Surroundings,
) -> Scanned:
    """Hold every scan against what the step asks for.

    Raises:
        Refused: a scan missing, unreadable, unknown, or another item of the same patient.
        WrongItem: an item of another patient.
    """
    by_name: dict[str, list[Scan]] = {}
    for item in presented:
        if step.kind == "enrolment" and item.name == "wristband":
            continue  # it is bound by this step, not matched: see the kind's own rule
        scan = Scan(name=item.name, code=read_code(item.code), typed=item.typed)
        by_name.setdefault(item.name, []).append(scan)
    if unknown := sorted(set(by_name) - set(step.scans)):
        raise refuse(
            "identity.scan-known",
            f"Step {step.id} asks for no scan called {', '.join(unknown)}.",
            f"It asks for: {', '.join(step.scans) or 'none'}.",
            step=step.id,
            unknown=unknown,
        )
    scans: list[Scan] = []
    known: dict[str, tuple[str, ...]] = {}
    fresh: list[tuple[ScanSpec, Scan]] = []
    for name, spec in step.scans.items():
        given = by_name.get(name, [])
        _check_count(step, name, spec, given)
        for scan in given:
            _foreign(therapy, spec, scan, around)
            if spec.new is not None:
                _check_new(therapy, protocol, spec.new, scan, around, scans)
                fresh.append((spec, scan))
            else:
                _check_known(therapy, step, spec, scan, material)
                if spec.what not in ("patient", "chain_of_identity"):
                    kind = therapy.materials[scan.code].kind
                    known[kind] = (*known.get(kind, ()), scan.code)
            scans.append(scan)
    created = _created(therapy, fresh, known)
    _check_numbers(therapy, protocol, fresh, created)
    return Scanned(tuple(scans), known, created)


def look_at(
    therapy: Therapy,
    protocol: StudyProtocol,
    step: Step,
    material: str,
    presented: tuple[Presented, ...],
    around: Surroundings,
) -> tuple[Scanned, list[Refused | WrongItem]]:
    """What an act that is told afterwards was done with, and everything that stands against it; nothing is refused here.

    A scan that nothing asks for, and an item of another patient, are in it too: they were there.

    Raises:
        Refused: a code that cannot be read.
    """
    found: list[Refused | WrongItem] = []
    scans: list[Scan] = []
    known: dict[str, tuple[str, ...]] = {}
    fresh: list[tuple[ScanSpec, Scan]] = []
    read = [Scan(name=item.name, code=read_code(item.code), typed=item.typed) for item in presented]
    for name, spec in step.scans.items():
        given = [scan for scan in read if scan.name == name]
        _noted(found, partial(_check_count, step, name, spec, given))
        for scan in given:
            if not _noted(found, partial(_foreign, therapy, spec, scan, around)):
                continue
            if spec.new is not None:
                if _noted(found, partial(_check_new, therapy, protocol, spec.new, scan, around, scans)):
                    fresh.append((spec, scan))
                scans.append(scan)
                continue
            _noted(found, partial(_check_known, therapy, step, spec, scan, material))
    for scan in read:
        item = therapy.materials.get(scan.code)
        if item is not None:
            known[item.kind] = (*known.get(item.kind, ()), item.code)
        if scan.name not in step.scans:
            found.append(
                refuse(
                    "identity.scan-known",
                    f"Step {step.id} asks for no scan called {scan.name}.",
                    f"It asks for: {', '.join(step.scans) or 'none'}.",
                    step=step.id,
                    unknown=[scan.name],
                )
            )
            _noted(found, partial(_foreign, therapy, ScanSpec(what=scan.name), scan, around))
    created = _created(therapy, fresh, known)
    if not _noted(found, lambda: _check_numbers(therapy, protocol, fresh, created)):
        created = ()
    return Scanned(tuple(read), known, created), found


def _noted(found: list[Refused | WrongItem], check: Callable[[], object]) -> bool:
    """Whether a check has nothing against it; what it has is noted."""
    try:
        check()
    except (Refused, WrongItem) as problem:
        found.append(problem)
        return False
    return True


def _check_count(step: Step, name: str, spec: ScanSpec, given: list[Scan]) -> None:
    least, most = spec.count
    if not least <= len(given) <= most:
        wanted = f"{least}" if least == most else f"{least} to {most}"
        raise refuse(
            "identity.scan-present",
            f"Step {step.id} asks for {wanted} scan of {name} ({spec.what}); there are {len(given)}.",
            "Scan it; no step starts without its scans.",
            step=step.id,
            scan=name,
            given=len(given),
        )


def _foreign(therapy: Therapy, spec: ScanSpec, scan: Scan, around: Surroundings) -> None:
    owner = around.owners.get(scan.code)
    if owner is not None and owner != therapy.id:
        expected = {"patient": therapy.wristband, "chain_of_identity": therapy.coi}.get(spec.what, "")
        raise WrongItem(scan.name, expected or spec.what.upper().replace("_", "-").replace(" ", "-"), scan.code, owner)


def _check_new(
    therapy: Therapy, protocol: StudyProtocol, kind: str, scan: Scan, around: Surroundings, before: list[Scan]
) -> None:
    if therapy.uses(scan.code) or any(scan.code == other.code for other in before):
        raise refuse(
            "identity.new-code",
            f"{scan.code} has been used for this patient already; {scan.name} needs a new code.",
            "Take a new label; a number is used once.",
            scan=scan.name,
            code=scan.code,
        )
    check_unused(scan.code, scan.name, around.known_as)
    if number := travels_as(therapy, protocol, scan.code):
        check_unused(scan.code, scan.name, {scan.code: {"number": f"the {number}"}})
    identifier = protocol.materials[kind].identifier
    check_form(scan.name, scan.code, protocol.materials[kind].form)
    if identifier == "din":
        Din.read(scan.code)
    elif identifier == "bag":
        number = Bag.read(scan.code).din.number
        owner = around.owners.get(number)
        if owner is not None and owner != therapy.id:
            own = _donations(therapy, protocol, therapy.materials)
            raise WrongItem(scan.name, own[0] if own else "NEW-BAG", number, owner)


def _check_numbers(
    therapy: Therapy,
    protocol: StudyProtocol,
    fresh: list[tuple[ScanSpec, Scan]],
    created: tuple[NewMaterial, ...],
) -> None:
    """A bag carries the number of a donation it was made from, where the study numbers donations.

    Raises:
        Refused: it carries another number: nobody's here, or of a collection that is not in its genealogy.
    """
    for (_, scan), new in zip(fresh, created, strict=True):
        if protocol.materials[new.kind].identifier != "bag":
            continue
        parents = [code for code in (new.parent, *new.also) if code]
        own = _donations(therapy, protocol, [*parents, *(a for code in parents for a in ancestors(therapy, code))])
        own = own or _donations(therapy, protocol, therapy.materials)
        number = Bag.read(scan.code).din.number
        if own and number not in own:
            raise refuse(
                "identity.bag-number",
                f"{scan.name} {scan.code} carries the donation number {number}; it was made from {' or '.join(own)}.",
                "Stop. Look at the label: the bag was labelled wrongly, or it is not this patient's.",
                scan=scan.name,
                code=scan.code,
                expected=own,
            )


def _donations(therapy: Therapy, protocol: StudyProtocol, codes: Iterable[str]) -> list[str]:
    known = [therapy.materials[code] for code in codes if code in therapy.materials]
    return [m.code for m in known if protocol.materials[m.kind].identifier == "din"]


def _check_known(therapy: Therapy, step: Step, spec: ScanSpec, scan: Scan, material: str) -> None:
    if spec.what in ("patient", "chain_of_identity"):
        expected = therapy.wristband if spec.what == "patient" else therapy.coi
        if scan.code != expected:
            raise _mismatch(step, scan, expected)
        return
    item = therapy.materials.get(scan.code)
    if item is None or item.kind not in spec.kinds:
        live = ", ".join(m.code for kind in spec.kinds for m in therapy.live(kind)) or f"no {spec.what} at all"
        raise _mismatch(step, scan, live)
    if not item.live and not (step.kind == "test" and item.ended == "disposed"):  # its result may come after it is gone
        raise refuse(
            "identity.material-live",
            f"{scan.code} was {item.ended}; it cannot be used in {step.id}.",
            "Scan the material that is in your hands again, and call QA if it is this one.",
            code=scan.code,
            ended=item.ended,
        )
    if item.earlier:
        raise refuse(
            "identity.batch",
            f"{scan.code} belongs to batch {item.made_in.batch}, which was given up; {step.id} is done for batch "
            f"{therapy.at(step.id).batch}.",
            "Take what was made for this batch. What is left of the earlier one is kept, or QA disposes of it.",
            code=scan.code,
            step=step.id,
        )
    if material and step.for_each == spec.what and scan.code != material:
        raise _mismatch(step, scan, material)


def _mismatch(step: Step, scan: Scan, expected: str) -> Refused:
    return refuse(
        "identity.scan-matches",
        f"Scan {scan.name} of step {step.id} shows {scan.code}, expected {expected}.",
        "Stop. Scan again; if it shows the same, you hold the wrong item or an unknown label: call QA.",
        step=step.id,
        scan=scan.name,
        presented=scan.code,
        expected=expected,
    )


def _created(
    therapy: Therapy, fresh: list[tuple[ScanSpec, Scan]], known: dict[str, tuple[str, ...]]
) -> tuple[NewMaterial, ...]:
    made: dict[str, str] = {}
    for spec, scan in fresh:
        made.setdefault(spec.new or "", scan.code)
    created = []
    for spec, scan in fresh:
        parents = _parents(therapy, spec, known, made)
        first = next(iter(parents), None)
        created.append(NewMaterial(code=scan.code, kind=spec.new or "", parent=first, also=parents[1:]))
    return tuple(created)


def _parents(
    therapy: Therapy, spec: ScanSpec, known: dict[str, tuple[str, ...]], made: dict[str, str]
) -> tuple[str, ...]:
    """What a new material is made from: made in the same act, or scanned, or else live; where several were pooled, all.

    Without a kind that the file names, whatever was scanned first.
    """
    if not spec.parents:
        return next(iter(known.values()), ())
    here = tuple(made[kind] for kind in spec.parents if kind in made)
    scanned = tuple(code for kind in spec.parents for code in known.get(kind, ()))
    return here or scanned or tuple(m.code for kind in spec.parents for m in therapy.live(kind))
