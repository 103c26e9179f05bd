"""Checks of a protocol file: the release table, and the choices that doses come from."""

from __future__ import annotations

from collections.abc import Iterator

from protocol.check_steps import BOUNDS, bounds
from protocol.model import Alternative, Record, ReleaseCriterion
from protocol.problems import Path, Problem, Study, twice, unknown


def check_release(study: Study) -> Iterator[Problem]:
    """The product exists, each criterion measures something that is recorded, and can be known when QA decides."""
    release = study.protocol.release
    dispositions = study.of_kind("disposition")
    for name, choice in study.protocol.choices.items():
        if not choice.options:
            yield Problem(("choices", name, "options"), "a choice needs options")
        units = sorted({option.target.unit for option in choice.options.values() if option.target is not None})
        if len(units) > 1:
            yield Problem(("choices", name, "options"), f"targets are in {' and in '.join(units)}; write one unit")
    for number, step in dispositions[1:]:
        yield Problem(("steps", number, "kind"), f"{step.id} is a second disposition; a product has one")
    if release is None:
        for number, step in dispositions[:1]:
            yield Problem(("steps", number, "kind"), f"{step.id} decides on a product; the file needs `release`")
        return
    if not dispositions:
        yield Problem(("release",), "no step decides on it; the file needs a step of kind disposition")
    if release.product not in study.protocol.materials:
        reason = unknown(release.product, "material", study.protocol.materials, "materials")
        yield Problem(("release", "product"), reason)
    elif dispositions and not study.made_before(dispositions[0][1], release.product):
        yield Problem(("release", "product"), f"no step before {dispositions[0][1].id} makes {release.product}")
    for at, name in enumerate(release.alerts):
        if name not in study.protocol.roles:
            yield Problem(("release", "alerts", at), unknown(name, "role", study.protocol.roles, "roles"))
    yield from _exception(study)
    if not release.criteria:
        yield Problem(("release", "criteria"), "no criteria: nothing would be asked of the product")
    for at, name in twice(criterion.id for criterion in release.criteria):
        yield Problem(("release", "criteria", at, "id"), f"there are two criteria {name}")
    known = study.before[dispositions[0][1].id] if dispositions else frozenset(study.ids)
    for at, criterion in enumerate(release.criteria):
        yield from _criterion(study, ("release", "criteria", at), criterion, known)


def _exception(study: Study) -> Iterator[Problem]:
    """Who signs a release by exception exists; and what follows a failing result neither holds nor refuses it."""
    release, roles = study.protocol.release, study.protocol.roles
    assert release is not None  # the caller asked
    for at, consequence in enumerate(release.failing):
        if consequence.what not in ("deviation", "alert"):
            yield Problem(
                ("release", "failing", at), "only `deviation GRADE` and `alert ROLE` can follow a failing result"
            )
        elif consequence.what == "alert" and consequence.role not in roles:
            yield Problem(("release", "failing", at), unknown(str(consequence.role), "role", roles, "roles"))
    exception = release.exception
    for field in ("requested_by", "evaluated_by", "accepted_by", "told"):
        for at, name in enumerate(getattr(exception, field, ())):
            if name not in roles:
                yield Problem(("release", "exception", field, at), unknown(name, "role", roles, "roles"))
    if exception is None:
        for at, criterion in enumerate(release.criteria):
            if criterion.never_by_exception:
                reason = "nothing is released by exception here; the file has no `release.exception`"
                yield Problem(("release", "criteria", at, "never_by_exception"), reason)


def _criterion(study: Study, path: Path, criterion: ReleaseCriterion, known: frozenset[str]) -> Iterator[Problem]:
    if criterion.any_of:
        yield from _any_of(study, path, criterion, known)
        return
    if criterion.measure is None:
        yield Problem((*path, "measure"), "is missing: what does it look at? Or give alternatives in any_of")
        return
    yield from _alternative(study, path, criterion, criterion.alternatives[0], known)


def _any_of(study: Study, path: Path, criterion: ReleaseCriterion, known: frozenset[str]) -> Iterator[Problem]:
    """Alternatives, of which one is enough: two at least, each with all that it asks for in its own fields."""
    own = ["measure", *BOUNDS, "unit", "must_be", "within", "percent"]
    for name in own:
        if getattr(criterion, name) is not None:
            yield Problem((*path, name), "stands in each alternative of any_of, not beside it")
    if len(criterion.any_of) < 2:
        yield Problem((*path, "any_of"), "one alternative is none; write its fields into the criterion")
    for at, name in twice(one.id for one in criterion.any_of):
        yield Problem((*path, "any_of", at, "id"), f"there are two alternatives {name}")
    for at, one in enumerate(criterion.any_of):
        yield from _alternative(study, (*path, "any_of", at), criterion, one, known)


def _alternative(
    study: Study, path: Path, whole: ReleaseCriterion, criterion: Alternative, known: frozenset[str]
) -> Iterator[Problem]:
    measure = criterion.measure
    yield from _retested(study, path, criterion)
    step, record, problem = reading_of(study, measure.of)
    if problem:
        yield Problem((*path, "measure", "of"), problem)
    elif step not in known and not whole.may_be_pending:
        reason = f"{step} does not come before the disposition"
        after = any(d.id in study.before[step] for _, d in study.of_kind("disposition"))
        reason += " but after it; QA decides without it: read another step" if after else "; add it to that `after`"
        reason += ", or say may_be_pending"
        yield Problem((*path, "measure", "of"), reason)
    for name in ("multiply", "divide"):
        for at, source in enumerate(getattr(measure, name)):
            _, factor, problem = reading_of(study, source)
            if problem or (factor is not None and factor.type != "number"):
                yield Problem((*path, "measure", name, at), problem or f"{source} is no number")
    if whole.each_bag:
        yield from _each_bag(study, path, step)
    numbers = [name for name in BOUNDS if getattr(criterion, name) is not None]
    numbers += ["within"] if criterion.within is not None else []
    if criterion.must_be is None and not numbers:
        yield Problem(path, "passes always; say at_least, at_most, above, below, within or must_be")
    if record is not None:
        yield from _fits(path, criterion, record, numbers)
    yield from bounds(path, criterion)
    yield from _within(study, path, criterion)


def _each_bag(study: Study, path: Path, step: str) -> Iterator[Problem]:
    """A bag that passes by its own results is tested by itself, and decided on by itself."""
    product = study.protocol.release.product if study.protocol.release else ""
    known = study.protocol.by_id.get(step)
    if known is not None and known.for_each != product:
        yield Problem((*path, "each_bag"), f"{step} is not done for each {product}; no bag has a result of its own")
    if any(d.for_each != product for _, d in study.of_kind("disposition")):
        yield Problem((*path, "each_bag"), f"the disposition is not decided for each {product}")


def _retested(study: Study, path: Path, criterion: Alternative) -> Iterator[Problem]:
    """Each result of a test that may be done again is held against its limit by itself, so nothing is computed over them."""
    measure, by_id = criterion.measure, study.protocol.by_id

    def again(source: str) -> bool:
        step = by_id.get(source.partition(".")[0])
        return step is not None and step.retest is not None

    if again(measure.of) and measure.combine != "latest":
        reason = f"{measure.of} may be tested again; each result counts by itself, so nothing is combined"
        yield Problem((*path, "measure", "combine"), reason)
    for name in ("multiply", "divide"):
        for at, source in enumerate(getattr(measure, name)):
            if again(source):
                yield Problem((*path, "measure", name, at), f"{source} may be tested again; which result would it be?")


def reading_of(study: Study, source: str) -> tuple[str, Record | None, str]:
    """The step and the record that a measure reads, or the reason why it reads nothing."""
    step, dot, name = source.partition(".")
    if not dot or not name:
        return step, None, f"{source!r} is no reading; write STEP.RECORD"
    if step not in study.protocol.by_id:
        return step, None, unknown(step, "step", study.ids, "steps")
    records = study.protocol.by_id[step].record_by_name
    if name not in records:
        return step, None, unknown(name, f"record of {step}", records, step)
    return step, records[name], ""


def _fits(path: Path, criterion: Alternative, record: Record, numbers: list[str]) -> Iterator[Problem]:
    measure = criterion.measure
    computed = bool(measure.multiply or measure.divide)
    if record.type == "number":
        if criterion.must_be is not None:
            yield Problem((*path, "must_be"), f"{measure.of} is a number; give it bounds")
        if criterion.unit is None:
            yield Problem((*path, "unit"), "is missing: a number needs a unit")
        elif not computed and criterion.unit != record.unit:
            yield Problem((*path, "unit"), f"{measure.of} is in {record.unit}, not in {criterion.unit}")
        return
    if record.type not in ("choice", "yes_no"):
        yield Problem((*path, "measure"), f"{measure.of} is a {record.type}; a criterion reads numbers and choices")
        return
    for name in numbers:
        yield Problem((*path, name), f"{measure.of} is no number; say must_be")
    if computed or measure.combine != "latest":
        yield Problem((*path, "measure"), f"{measure.of} is no number; it cannot be computed with")
    options = record.options or ("yes", "no")
    for at, value in enumerate(criterion.must_be or ()):
        if value not in options:
            yield Problem((*path, "must_be", at), f"{measure.of} is never {value!r}; it is {' or '.join(options)}")


def _within(study: Study, path: Path, criterion: Alternative) -> Iterator[Problem]:
    if (criterion.within is None) != (criterion.percent is None):
        missing = "percent" if criterion.percent is None else "within"
        yield Problem((*path, missing), "is missing: within names a choice with targets, percent how far off it may be")
    if criterion.within is None:
        return
    choices = study.protocol.choices
    if criterion.within not in choices:
        yield Problem((*path, "within"), unknown(criterion.within, "choice", choices, "choices"))
        return
    options = choices[criterion.within].options
    without = [name for name, option in options.items() if option.target is None]
    if without:
        yield Problem((*path, "within"), f"option {' and '.join(without)} of {criterion.within} has no target")
    wrong = sorted({o.target.unit for o in options.values() if o.target is not None} - {criterion.unit or ""})
    if wrong:
        yield Problem((*path, "unit"), f"the targets of {criterion.within} are in {wrong[0]}, not in {criterion.unit}")
