"""The twelve patients of the demo: some go well, the others show what the system is for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import cycle, product

from console.play import Script
from console.rehearsal import Patient
from protocol.cohorts import cohort_rules
from protocol.model import StudyProtocol

PATIENTS = 12
_COHORTS = (0, 0, 0, 1, 1, 1, 0, 2, 2, 2, 2, 2)
"""In which dose cohort each of them is, where the study has some."""


def scenes(protocol: StudyProtocol) -> list[Script]:
    """Twelve scripts for a protocol; the twists that it has no step for are left out."""
    combinations = cycle(_combinations(protocol))
    steps = {step.id: step for step in protocol.steps}
    twists = _twists(protocol)
    found = []
    for number in range(1, PATIENTS + 1):
        twist = dict(twists.get(number, {}))
        tells = str(twist.pop("tells", "goes well"))
        values = twist.pop("values", {})
        reserve = int(bool(twist.get("fails_in")))
        patient = Patient(
            number,
            f"T-{number:03d}",
            next(combinations) | _cohort(protocol, number),
            bags=2 if number in (2, 6) else 1,
            values=values,  # type: ignore[arg-type]
            reserve=reserve,
        )
        found.append(Script(patient, tells, timedelta(days=2 * (number - 1)), **twist))  # type: ignore[arg-type]
    assert all(script.withdraws_after in (*steps, "") for script in found)
    return found


def _combinations(protocol: StudyProtocol) -> list[dict[str, str]]:
    """Every way to choose one option of each choice, so that each path of the protocol is walked."""
    names = list(protocol.choices)
    # The last choice varies first: fresh and frozen, then the next.
    return [
        dict(zip(names, options, strict=True)) for options in product(*(protocol.choices[n].options for n in names))
    ]


def _cohort(protocol: StudyProtocol, number: int) -> dict[str, str]:
    """The dose cohort of a patient: whoever's bad day is about a time is the first of a cohort, and waits for nobody."""
    rules = cohort_rules(protocol)
    if rules is None:
        return {}
    options = list(protocol.choices[rules.of].options)
    return {rules.of: options[min(_COHORTS[number - 1], len(options) - 1)]}


def _twists(protocol: StudyProtocol) -> dict[int, dict[str, object]]:
    ids = {step.id for step in protocol.steps}
    twists: dict[int, dict[str, object]] = {
        2: {"tells": "two bags, and the dose is their sum"},
        11: {"tells": "a wrong bag is scanned at the bedside, and stopped", "wrong_bag_of": "T-012"},
        12: {"tells": "this patient's bag is the one that is taken by mistake"},
    }
    if fails_in := _can_fail(protocol):
        twists[3] = {"tells": "the culture is lost, and made again from the reserve", "fails_in": fails_in}
    if late := _late_positive(protocol):
        twists[4] = {
            "tells": "released with a test pending, which turns positive after the infusion",
            "values": late,
            "slow": next(iter(late))[0],
        }
    if no_courier := _rebooked(protocol):
        twists[5] = {"tells": "the courier does not come, and another is booked", "no_courier": no_courier}
    if warm := _breaking(protocol, "transport", "quarantine"):
        twists[9] = {"tells": "the shipment is too warm", "values": warm}
    if fails := _failing(protocol):
        twists[8] = {"tells": "the product fails release", "values": fails}
    booking = next((s.id for s in reversed(protocol.steps) if s.kind == "booking" and not s.reserve), "")
    if booking in ids:
        twists[10] = {"tells": "the patient withdraws before collection", "withdraws_after": booking}
    visits = [(s.id, s.visits[-2].id) for s in protocol.steps if len(s.visits) > 2 and not s.when]
    if visits:
        twists[7] = {"tells": "the patient misses a visit", "misses": frozenset({visits[-1]})}
    return twists


def _can_fail(protocol: StudyProtocol) -> str:
    """The last step of manufacture that is done more than once, where the study lets a product be made from a reserve."""
    again = protocol.manufacture is not None and any(way.needs for way in protocol.manufacture.remakes)
    repeated = [s.id for s in protocol.steps if s.kind == "process" and s.repeat and not s.reserve]
    return repeated[-1] if again and repeated else ""


def _late_positive(protocol: StudyProtocol) -> dict[tuple[str, str], str]:
    """A result that breaks a criterion of words which may be pending at release."""
    for criterion in protocol.release.criteria if protocol.release else ():
        if criterion.measure is None:
            continue  # one alternative that fails does not fell it
        step, _, name = criterion.measure.of.partition(".")
        options = protocol.by_id[step].record_by_name[name].options or ()
        wrong = [option for option in options if criterion.must_be and option not in criterion.must_be]
        if criterion.may_be_pending and wrong:
            return {(step, name): wrong[0]}
    return {}


def _rebooked(protocol: StudyProtocol) -> str:
    """A hand-over during which an incident may happen that another booking answers."""
    bookings = {step.id for step in protocol.steps if step.kind == "booking" and step.reserve}
    for incident in protocol.incidents:
        first = incident.options[0] if incident.options else None
        if first is not None and set(first.offers) and set(first.offers) <= bookings:
            return incident.during[0]
    return ""


def _breaking(protocol: StudyProtocol, kind: str, consequence: str) -> dict[tuple[str, str], str]:
    """A value of the first step of this kind that breaks an upper limit with this consequence."""
    for step in protocol.steps:
        for record in step.records if step.kind == kind else ():
            for limit in record.limits:
                ends = any(c.what == consequence for c in limit.otherwise)
                if ends and limit.at_most is not None and record.plausible:
                    return {(step.id, record.name): f"{limit.at_most + (record.plausible[1] - limit.at_most) / 8}"}
    return {}


def _failing(protocol: StudyProtocol) -> dict[tuple[str, str], str]:
    """A value that fails the first release criterion with a lower bound of its own."""
    for criterion in _plain_criteria(protocol):
        step, _, name = criterion
        return {(step, name): "4"}
    return {}


def _plain_criteria(protocol: StudyProtocol) -> Iterator[tuple[str, str, str]]:
    for criterion in protocol.release.criteria if protocol.release else ():
        measure = criterion.measure
        if measure is None or measure.multiply or measure.divide:
            continue
        if criterion.at_least is not None and criterion.at_least > 4:
            step, dot, name = measure.of.partition(".")
            if not any(limit.at_least for limit in protocol.by_id[step].record_by_name[name].limits):
                yield step, dot, name
