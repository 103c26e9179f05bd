"""The release gate: each criterion of the protocol passed, failed or pending, from the readings as they stand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal, DivisionByZero

from events.facts.base import Criterion
from protocol.due import could_apply
from protocol.environment import criterion as environment_criterion
from protocol.model import ReleaseCriterion, StudyProtocol
from protocol.readings import number_breaks
from protocol.state import Current, Instance, Therapy


def evaluate(therapy: Therapy, protocol: StudyProtocol, bag: str = "") -> tuple[Criterion, ...]:
    """Every criterion that belongs to this patient's path, in the file's order; then that of environmental monitoring.

    Args:
        bag: the bag that is decided on, where that is done bag by bag; without one, a criterion of each bag passes if it
            passes for all that are left.
    """
    if protocol.release is None:
        return ()
    found = [
        _of_each(therapy, criterion, protocol, bag) if criterion.each_bag else _evaluate(therapy, criterion, protocol)
        for criterion in protocol.release.criteria
        if could_apply(protocol.by_id[criterion.measure.of.split(".")[0]], therapy)
    ]
    environment = environment_criterion(therapy, protocol)
    return (*found, environment) if environment else tuple(found)


def _of_each(therapy: Therapy, criterion: ReleaseCriterion, protocol: StudyProtocol, bag: str) -> Criterion:
    product = protocol.release.product if protocol.release else ""
    left = [m.code for m in therapy.live(product) if m.status != "rejected"]
    found = {code: _evaluate(_alone(therapy, product, code), criterion, protocol) for code in ([bag] if bag else left)}
    if len(found) < 2:
        return next(iter(found.values()), None) or _evaluate(therapy, criterion, protocol)
    verdicts = [one.verdict for one in found.values()]
    verdict = next((word for word in ("failed", "pending") if word in verdicts), "passed")
    told = "; ".join(f"{code} {one.found or 'no result'}" for code, one in found.items())
    passes = next(iter(found.values())).passes
    return Criterion.model_validate({"name": criterion.id, "verdict": verdict, "found": told[:500], "passes": passes})


def _alone(therapy: Therapy, product: str, bag: str) -> Therapy:
    """The therapy without the results of its other bags."""
    others = {m.code for m in therapy.materials.values() if m.kind == product} - {bag}
    return replace(therapy, readings={w: now for w, now in therapy.readings.items() if w[0].material not in others})


def _evaluate(therapy: Therapy, criterion: ReleaseCriterion, protocol: StudyProtocol) -> Criterion:
    verdict, shown = _verdict(therapy, criterion, protocol)
    found = f"{shown} {_corrected(therapy, criterion)} {_invalidated(therapy, criterion)}"
    found = " ".join(found.split())
    passes = describe(criterion, therapy, protocol)
    return Criterion.model_validate({"name": criterion.id, "verdict": verdict, "found": found, "passes": passes})


def _verdict(therapy: Therapy, criterion: ReleaseCriterion, protocol: StudyProtocol) -> tuple[str, str]:
    """Passed, failed or pending, and what was found."""
    found = readings_of(therapy, criterion.measure.of)
    if criterion.must_be is not None:
        if not found:
            return "pending", ""
        # A criterion of words falls if any result of it falls: an earlier positive is not outvoted by a later negative.
        wrong = [r.value for r in found if r.value not in criterion.must_be]
        return ("failed", wrong[0]) if wrong else ("passed", found[-1].value)
    verdict, shown = "pending", ""
    for results in _by_themselves(therapy, protocol, criterion.measure.of):
        value = _measured(therapy, criterion, results)
        if value is None:
            continue
        unit = criterion.unit or ""
        fails = number_breaks(criterion, value, unit) or _misses_target(therapy, protocol, criterion, value)
        shown = f"{_plain(value)} {unit}".strip()
        if fails:
            return "failed", shown
        verdict = "passed"
    return verdict, shown


def _by_themselves(therapy: Therapy, protocol: StudyProtocol, source: str) -> list[list[Current]]:
    """The results that are held against a limit together. A retest is no second chance, nor is a step that was done once more
    although the study does not repeat it: the first and each later one stand by themselves, and one that fails is enough.
    """
    step, found = protocol.by_id[source.partition(".")[0]], _in_turn(therapy, source)
    if step.retest is not None:
        return [[now] for _, now in found]
    if step.repeat is not None or step.visits:
        return [[now for _, now in found]]
    of: dict[str, list[Current]] = {}
    for at, now in found:
        of.setdefault(at.material, []).append(now)
    most = max((len(results) for results in of.values()), default=0)
    return [[results[min(turn, len(results) - 1)] for results in of.values()] for turn in range(most)]


def sources_of(criterion: ReleaseCriterion) -> tuple[str, ...]:
    """Every ``STEP.RECORD`` that a criterion looks at."""
    measure = criterion.measure
    return (measure.of, *measure.multiply, *measure.divide)


def readings_of(therapy: Therapy, source: str) -> list[Current]:
    """What stands under ``STEP.RECORD``, in the order of occurrences; the last one is the latest."""
    return [now for _, now in _in_turn(therapy, source)]


def _in_turn(therapy: Therapy, source: str) -> list[tuple[Instance, Current]]:
    step, _, name = source.partition(".")
    found = [
        (at, now)
        for (at, reading), now in therapy.readings.items()
        if at.step == step and reading == name and at not in therapy.invalidated
    ]
    return sorted(found, key=lambda pair: _in_order(pair[0]))


def _corrected(therapy: Therapy, criterion: ReleaseCriterion) -> str:
    """That a result is not the one that was first recorded, which QA sees before signing; nothing where it is."""
    return "(corrected)" if any(now.corrections for now in readings_of(therapy, criterion.measure.of)) else ""


def _invalidated(therapy: Therapy, criterion: ReleaseCriterion) -> str:
    """The results that do not count any more, as they are shown beside those that do; nothing where there are none."""
    step, _, name = criterion.measure.of.partition(".")
    told = [
        f"{now.value} {now.unit or ''}".strip() + f" invalidated, {therapy.invalidated[at].deviation}"
        for (at, reading), now in sorted(therapy.readings.items(), key=lambda pair: _in_order(pair[0][0]))
        if at.step == step and reading == name and at in therapy.invalidated
    ]
    return f"({'; '.join(told)})" if told else ""


def _in_order(at: Instance) -> tuple[int, str, str]:
    return (int(at.occurrence) if at.occurrence.isdigit() else 0, at.occurrence, at.material)


def _measured(therapy: Therapy, criterion: ReleaseCriterion, results: list[Current]) -> Decimal | None:
    measure = criterion.measure
    value = _combined([Decimal(r.value) for r in results], measure.combine)
    for source in measure.multiply:
        factor = _combined([Decimal(r.value) for r in readings_of(therapy, source)], "latest")
        value = None if value is None or factor is None else value * factor
    for source in measure.divide:
        divisor = _combined([Decimal(r.value) for r in readings_of(therapy, source)], "latest")
        try:
            value = None if value is None or divisor is None else value / divisor
        except DivisionByZero:
            value = None
    return value


def _combined(values: list[Decimal], how: str) -> Decimal | None:
    if not values:
        return None
    match how:
        case "sum":
            return sum(values, Decimal(0))
        case "lowest":
            return min(values)
        case "highest":
            return max(values)
        case _:
            return values[-1]


def _target(therapy: Therapy, protocol: StudyProtocol, criterion: ReleaseCriterion) -> tuple[Decimal, Decimal] | None:
    if criterion.within is None or criterion.percent is None:
        return None
    option = therapy.option(criterion.within)
    target = protocol.choices[criterion.within].options[option].target if option else None
    if target is None:
        return None
    margin = target.value * criterion.percent / 100
    return target.value - margin, target.value + margin


def _misses_target(therapy: Therapy, protocol: StudyProtocol, criterion: ReleaseCriterion, value: Decimal) -> bool:
    window = _target(therapy, protocol, criterion)
    return window is not None and not window[0] <= value <= window[1]


def describe(criterion: ReleaseCriterion, therapy: Therapy, protocol: StudyProtocol) -> str:
    """What passes, in words."""
    unit = criterion.unit or ""
    bounds = {"at least": criterion.at_least, "at most": criterion.at_most}
    bounds |= {"above": criterion.above, "below": criterion.below}
    words = [f"{word} {_plain(bound)} {unit}".strip() for word, bound in bounds.items() if bound is not None]
    if criterion.must_be is not None:
        words.append(" or ".join(criterion.must_be))
    if window := _target(therapy, protocol, criterion):
        words.append(f"{_plain(window[0])} to {_plain(window[1])} {unit}".strip())
    return " and ".join(words)


def _plain(value: Decimal) -> str:
    """A number as people read it: no trailing zeros, an exponent only where it is long."""
    rounded = value if value == value.to_integral_value() else Decimal(f"{value:.4g}")
    return f"{rounded.normalize():f}" if abs(rounded) < 10**6 else f"{rounded:.3g}"


def judged_on(protocol: StudyProtocol) -> set[str]:
    """The steps whose values a release looks at."""
    criteria = protocol.release.criteria if protocol.release else ()
    measures = (criterion.measure for criterion in criteria)
    sources = (source for m in measures for source in (m.of, *m.multiply, *m.divide))
    return {source.partition(".")[0] for source in sources}


def unmet(criteria: tuple[Criterion, ...], protocol: StudyProtocol) -> list[Criterion]:
    """The criteria that keep a product from being released: failed, or pending where the protocol does not allow it."""
    allowed = {c.id for c in (protocol.release.criteria if protocol.release else ()) if c.may_be_pending}
    return [c for c in criteria if c.verdict == "failed" or (c.verdict == "pending" and c.name not in allowed)]
