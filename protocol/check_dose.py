"""Checks of a protocol file: the dose given."""

from __future__ import annotations

from collections.abc import Iterator

from protocol.check_release import reading_of
from protocol.model import Dose
from protocol.problems import Path, Problem, Study, unknown


def check_dose(study: Study) -> Iterator[Problem]:
    """Each value is recorded of one bag, in one unit with the target, and the consequence fits what has happened."""
    dose, release = study.protocol.dose, study.protocol.release
    if dose is None:
        return
    if release is None:
        yield Problem(("dose",), "there is no product: the file needs `release`")
        return
    named: list[tuple[Path, str]] = [(("dose", "of"), dose.of)]
    named += [(("dose", "volume"), dose.volume)] if dose.volume else []
    named += [(("dose", "residue", at), source) for at, source in enumerate(dose.residue)]
    for path, source in named:
        yield from _of_a_bag(study, path, source, release.product)
    for at, source in enumerate(dose.divide):
        _, record, problem = reading_of(study, source)
        if problem or (record is not None and record.type != "number"):
            yield Problem(("dose", "divide", at), problem or f"{source} is no number")
    if bool(dose.volume) != bool(dose.residue):
        missing = "residue" if dose.volume else "volume"
        yield Problem(("dose", missing), "is missing: what is left in a bag is counted by its volume and its residue")
    yield from _units(study, dose)
    for at, consequence in enumerate(dose.otherwise):
        if consequence.what not in ("deviation", "alert"):
            yield Problem(("dose", "otherwise", at), "the dose has been given; choose a deviation or an alert")
        if consequence.what == "alert" and consequence.role not in study.protocol.roles:
            reason = unknown(str(consequence.role), "role", study.protocol.roles, "roles")
            yield Problem(("dose", "otherwise", at), reason)


def _of_a_bag(study: Study, path: Path, source: str, product: str) -> Iterator[Problem]:
    step, record, problem = reading_of(study, source)
    if problem or (record is not None and record.type != "number"):
        yield Problem(path, problem or f"{source} is no number")
        return
    spec = study.protocol.by_id[step]
    one = [scan for scan in spec.scans.values() if product in (scan.what, scan.new) and scan.count == (1, 1)]
    if spec.for_each != product and not one:
        yield Problem(path, f"{step} is not done on one {product}; give it `for_each: {product}`, or a scan of one")


def _units(study: Study, dose: Dose) -> Iterator[Problem]:
    choices = study.protocol.choices
    if dose.within not in choices:
        yield Problem(("dose", "within"), unknown(dose.within, "choice", choices, "choices"))
    else:
        targets = [option.target for option in choices[dose.within].options.values()]
        if None in targets:
            yield Problem(("dose", "within"), f"an option of {dose.within} has no target")
        wrong = sorted({t.unit for t in targets if t is not None} - {dose.unit})
        if wrong:
            yield Problem(("dose", "unit"), f"the targets of {dose.within} are in {wrong[0]}, not in {dose.unit}")
    sources = [source for source in (dose.volume, *dose.residue) if source]
    units = sorted({r.unit for source in sources if (r := reading_of(study, source)[1]) is not None and r.unit})
    if len(units) > 1:
        yield Problem(("dose", "residue"), f"volume and residue are in {' and '.join(units)}; record them in one unit")
