"""The release gate: each criterion of the protocol passed, failed or pending, from the readings as they stand."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace
from decimal import Decimal

from events.facts.base import Criterion
from protocol.between import Between, known, plausible
from protocol.due import applies, could_apply, of_step
from protocol.environment import criterion as environment_criterion
from protocol.model import Alternative, Measure, ReleaseCriterion, StudyProtocol
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
        if _of_path(therapy, criterion, protocol)
    ]
    environment = environment_criterion(therapy, protocol)
    return (*found, environment) if environment else tuple(found)


def _of_each(therapy: Therapy, criterion: ReleaseCriterion, protocol: StudyProtocol, bag: str) -> Criterion:
    product = protocol.release.product if protocol.release else ""
    left = [m.code for m in therapy.live(product) if m.status != "rejected"]
    bags = {m.code for m in therapy.materials.values() if m.kind == product}
    found = {
        code: _evaluate(_alone(therapy, bags - {code}), criterion, protocol, bags - {code})
        for code in ([bag] if bag else left)
    }
    if len(found) < 2:
        return next(iter(found.values()), None) or _evaluate(therapy, criterion, protocol)
    verdicts = [one.verdict for one in found.values()]
    verdict = next((word for word in ("failed", "pending") if word in verdicts), "passed")
    told = "; ".join(f"{code} {one.found or 'no result'}" for code, one in found.items())
    passes = next(iter(found.values())).passes
    return Criterion.model_validate({"name": criterion.id, "verdict": verdict, "found": told[:500], "passes": passes})


def _alone(therapy: Therapy, others: set[str]) -> Therapy:
    """The therapy without the results of its other bags."""
    return replace(therapy, readings={w: now for w, now in therapy.readings.items() if w[0].material not in others})


def _of_path(therapy: Therapy, criterion: ReleaseCriterion, protocol: StudyProtocol) -> list[Alternative]:
    """What may pass a criterion of this patient's: the alternatives whose step is on the path."""
    return [one for one in criterion.alternatives if could_apply(protocol.by_id[step_of(one)], therapy)]


def step_of(alternative: Alternative) -> str:
    """The step whose results an alternative looks at."""
    return alternative.measure.of.partition(".")[0]


def _evaluate(
    therapy: Therapy, criterion: ReleaseCriterion, protocol: StudyProtocol, others: Container[str] = ()
) -> Criterion:
    """A criterion passes as soon as one of its alternatives does, and fails when all of them do."""
    on_path = _of_path(therapy, criterion, protocol)
    each = [_one(therapy, alternative, protocol, others) for alternative in on_path]
    if not criterion.any_of:
        return each[0]
    verdicts = {one.verdict for one in each}
    verdict = next((word for word in ("passed", "pending", "failed") if word in verdicts), "pending")
    told = "; ".join(f"{one.name} {one.found or 'no result'}, {one.verdict}" for one in each)
    passes = " or ".join(f"{one.name} {one.passes}" for one in each)
    return Criterion.model_validate(
        {"name": criterion.id, "verdict": verdict, "found": told[:500], "passes": passes[:500]}
    )


def _one(therapy: Therapy, criterion: Alternative, protocol: StudyProtocol, others: Container[str] = ()) -> Criterion:
    lacks = outstanding(therapy, protocol, criterion.measure.of, others)
    verdict, shown = _verdict(therapy, criterion, protocol, lacks)
    measure = criterion.measure
    factors = [source for source in (*measure.multiply, *measure.divide) if not readings_of(therapy, source)]
    missing = f"(missing: {', '.join([*map(str, lacks), *factors])})" if verdict == "pending" and shown else ""
    found = f"{shown} {missing} {_corrected(therapy, criterion)} {_invalidated(therapy, criterion)}"
    found = " ".join(found.split())
    passes = describe(criterion, therapy, protocol)
    return Criterion.model_validate({"name": criterion.id, "verdict": verdict, "found": found[:500], "passes": passes})


def _verdict(
    therapy: Therapy, criterion: Alternative, protocol: StudyProtocol, lacks: Sequence[Instance]
) -> tuple[str, str]:
    """Passed, failed or pending, and what was found: decided as soon as no result that is still missing can change it."""
    found = _in_turn(therapy, criterion.measure.of)
    if criterion.must_be is not None:
        # A criterion of words falls if any result of it falls: an earlier positive is not outvoted by a later negative.
        wrong = [now.value for _, now in found if now.value not in criterion.must_be]
        if wrong or not found:
            return ("failed", wrong[0]) if wrong else ("pending", "")
        return ("pending" if lacks else "passed"), found[-1][1].value
    there = [(at, known(now.value)) for at, now in found]
    may_be = plausible(protocol, criterion.measure.of)
    rest = [(at, may_be) for at in lacks] if may_be else []
    if not there:
        return "pending", ""
    passed, shown = True, ""
    for results in _held_together(therapy, protocol, criterion.measure, [*there, *rest]):
        value = _measured(therapy, protocol, criterion.measure, results)
        sides: set[int | None] = {_side(therapy, protocol, criterion, end) for end in value} if value else {None}
        if value is not None and any(one.exact is not None for one in results):
            shown = _told(value, criterion.unit)
        if sides in ({-1}, {1}):
            return "failed", shown
        passed = passed and sides == {0}
    return ("passed" if passed else "pending"), shown


def _told(value: Between, unit: str | None) -> str:
    number = _plain(value.low) if value.exact is not None else f"{_plain(value.low)} to {_plain(value.high)}"
    return f"{number} {unit or ''}".strip()


def outstanding(
    therapy: Therapy, protocol: StudyProtocol, source: str, others: Container[str] = ()
) -> tuple[Instance, ...]:
    """The acts of ``STEP.RECORD`` that must still give a result: those that are not done, and those done whose result comes late.

    What QA rejected holds up nobody, nor does one of the `others`.
    """
    step, _, name = source.partition(".")
    if protocol.by_id[step].record_by_name[name].optional or not applies(protocol.by_id[step], therapy):
        return ()
    gone = {m.code for m in therapy.materials.values() if m.status == "rejected"}
    return tuple(
        due.at
        for due in of_step(therapy, protocol, protocol.by_id[step])
        if due.required
        and due.standing in ("done", "ready", "waiting", "awaiting_second")
        and (due.at, name) not in therapy.readings
        and due.at.material not in gone
        and due.at.material not in others
    )


_Results = list[tuple[Instance, Between]]


def _held_together(therapy: Therapy, protocol: StudyProtocol, measure: Measure, found: _Results) -> list[list[Between]]:
    """The results that are held against a limit together. A retest is no second chance, nor is a step that was done once more
    although the study does not repeat it, nor another material: each stands by itself, and one that fails is enough.
    """
    step, found = (
        protocol.by_id[measure.of.partition(".")[0]],
        sorted(found, key=lambda pair: _in_order(therapy, pair[0])),
    )
    again = step.repeat is not None or bool(step.visits)
    if step.retest is not None or (measure.combine == "latest" and not again):
        return [[value] for _, value in found]
    of: dict[str, list[Between]] = {}
    for at, value in found:
        of.setdefault(at.material, []).append(value)
    if measure.combine == "latest":
        return list(of.values())
    if again:
        return [[value for _, value in found]] if found else []
    most = max((len(results) for results in of.values()), default=0)
    return [[results[min(turn, len(results) - 1)] for results in of.values()] for turn in range(most)]


def sources_of(criterion: ReleaseCriterion) -> tuple[str, ...]:
    """Every ``STEP.RECORD`` that a criterion looks at, in any of its alternatives."""
    measures = [one.measure for one in criterion.alternatives]
    return tuple(dict.fromkeys(source for m in measures for source in (m.of, *m.multiply, *m.divide)))


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
    return sorted(found, key=lambda pair: _in_order(therapy, pair[0]))


def _corrected(therapy: Therapy, criterion: Alternative) -> str:
    """That a result is not the one that was first recorded, which QA sees before signing; nothing where it is."""
    return "(corrected)" if any(now.corrections for now in readings_of(therapy, criterion.measure.of)) else ""


def _invalidated(therapy: Therapy, criterion: Alternative) -> str:
    """The results that do not count any more, as they are shown beside those that do; nothing where there are none."""
    step, _, name = criterion.measure.of.partition(".")
    told = [
        f"{now.value} {now.unit or ''}".strip() + f" invalidated, {therapy.invalidated[at].deviation}"
        for (at, reading), now in sorted(therapy.readings.items(), key=lambda pair: _in_order(therapy, pair[0][0]))
        if at.step == step and reading == name and at in therapy.invalidated
    ]
    return f"({'; '.join(told)})" if told else ""


def _in_order(therapy: Therapy, at: Instance) -> tuple[int, float, str, str]:
    """By occurrence; visits, whose names have no order, by when they were, and what is still to come last."""
    act = therapy.every_act.get(at)
    number, began = int(at.occurrence) if at.occurrence.isdigit() else 0, float("inf")
    if act is not None and not number:
        began = act.fact.started.timestamp()
    return number, began, at.occurrence, at.material


def _measured(therapy: Therapy, protocol: StudyProtocol, measure: Measure, results: list[Between]) -> Between | None:
    """What a criterion looks at; None where a divisor may be nothing."""
    value = Between(*(_combined([one[end] for one in results], measure.combine) for end in (0, 1)))
    factors = [(source, False) for source in measure.multiply] + [(source, True) for source in measure.divide]
    for source, divides in factors:
        told = readings_of(therapy, source)
        factor = known(told[-1].value) if told else plausible(protocol, source)
        if factor is None or (divides and factor.low <= 0 <= factor.high):
            return None
        ends = [one / other if divides else one * other for one in value for other in factor]
        value = Between(min(ends), max(ends))
    return value


def _combined(values: list[Decimal], how: str) -> Decimal:
    match how:
        case "sum":
            return sum(values, Decimal(0))
        case "lowest":
            return min(values)
        case "highest":
            return max(values)
        case _:
            return values[-1]


def _target(therapy: Therapy, protocol: StudyProtocol, criterion: Alternative) -> tuple[Decimal, Decimal] | None:
    if criterion.within is None or criterion.percent is None:
        return None
    option = therapy.option(criterion.within)
    target = protocol.choices[criterion.within].options[option].target if option else None
    if target is None:
        return None
    margin = target.value * criterion.percent / 100
    return target.value - margin, target.value + margin


def _side(therapy: Therapy, protocol: StudyProtocol, criterion: Alternative, value: Decimal) -> int | None:
    """Whether a number is too low (-1), passes (0), or is too high (1); None where nobody has chosen the target yet."""
    target = _target(therapy, protocol, criterion)
    if criterion.within is not None and target is None:
        return None
    lows = [bound for bound in (criterion.at_least, target[0] if target else None) if bound is not None]
    highs = [bound for bound in (criterion.at_most, target[1] if target else None) if bound is not None]
    if any(value < low for low in lows) or (criterion.above is not None and value <= criterion.above):
        return -1
    return int(any(value > high for high in highs) or (criterion.below is not None and value >= criterion.below))


def describe(criterion: Alternative, therapy: Therapy, protocol: StudyProtocol) -> str:
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
    return {source.partition(".")[0] for criterion in criteria for source in sources_of(criterion)}


def unmet(criteria: tuple[Criterion, ...], protocol: StudyProtocol) -> list[Criterion]:
    """The criteria that keep a product from being released: failed, or pending where the protocol does not allow it."""
    allowed = {c.id for c in (protocol.release.criteria if protocol.release else ()) if c.may_be_pending}
    return [c for c in criteria if c.verdict == "failed" or (c.verdict == "pending" and c.name not in allowed)]
