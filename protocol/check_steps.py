"""Checks of a protocol file: the parts of one step. Scans, records, limits, clocks, visits, repeats."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise

from protocol.check_order import check_when, material_there
from protocol.model import Alternative, Clock, Limit, Record, ScanSpec, Step
from protocol.problems import Path, Problem, Study, all_consequences, rough_days, twice, unknown

BOUNDS = ("at_least", "at_most", "above", "below")


def check_parts(study: Study) -> Iterator[Problem]:
    """Everything inside the steps that one cannot see from its fields alone."""
    for number, step in enumerate(study.protocol.steps):
        base: Path = ("steps", number)
        for name, spec in step.scans.items():
            yield from _scan(study, (*base, "scans", name), step, spec)
        for at, name in twice(record.name for record in step.records):
            yield Problem((*base, "records", at, "name"), f"{step.id} records {name} twice")
        for at, record in enumerate(step.records):
            yield from record_problems((*base, "records", at), record)
        for at, clock in enumerate(step.clocks):
            yield from _clock(study, (*base, "clocks", at), step, clock)
        for name in ("reserve", "when", "visits", "for_each"):
            if step.on_demand and getattr(step, name):
                yield Problem(
                    (*base, "on_demand"), f"a step on demand is open to every patient at any time; it has no {name}"
                )
        yield from _consequences(study, base, step)
        yield from _occurrences(study, base, step)


def bounds(path: Path, limit: Limit | Alternative) -> Iterator[Problem]:
    """At most one lower and one upper bound, the lower one lower."""
    if limit.at_least is not None and limit.above is not None:
        yield Problem((*path, "above"), "say at_least or above, not both")
    if limit.at_most is not None and limit.below is not None:
        yield Problem((*path, "below"), "say at_most or below, not both")
    low = limit.at_least if limit.at_least is not None else limit.above
    high = limit.at_most if limit.at_most is not None else limit.below
    if low is not None and high is not None and low > high:
        yield Problem(path, f"no number is both from {low} and up to {high}")


def _scan(study: Study, path: Path, step: Step, spec: ScanSpec) -> Iterator[Problem]:
    least, most = spec.count
    if not 0 <= least <= most or most < 1:
        yield Problem((*path, "count"), f"[{least}, {most}] is no count; write [least, most], with most 1 or more")
    if spec.what in ("patient", "chain_of_identity"):
        if spec.count != (1, 1):
            yield Problem((*path, "count"), f"the {spec.what} is scanned once")
        enrolled = any(study.protocol.by_id[name].kind == "enrolment" for name in study.before[step.id])
        if not enrolled:
            yield Problem(path, f"{spec.what} is bound at enrolment, which does not come before {step.id}")
    elif spec.new is None:
        for kind in spec.kinds:
            yield from material_there(study, path, step, kind)
        for _, kind in twice(spec.kinds):
            yield Problem(path, f"{kind} stands twice in {spec.what!r}")
    elif spec.new not in study.protocol.materials:
        yield Problem(path, unknown(spec.new, "material", study.protocol.materials, "materials"))
    if spec.parent is not None:
        if spec.new is None:
            yield Problem((*path, "parent"), "only a `new` material has a parent")
        else:
            for kind in spec.parents:
                yield from material_there(study, (*path, "parent"), step, kind, here=True)


def record_problems(path: Path, record: Record) -> Iterator[Problem]:
    """What is wrong in a value, of a step or of environmental monitoring."""
    if "." in record.name:
        yield Problem((*path, "name"), f"{record.name} cannot be a record's name: no dots")
    if record.type == "number":
        if record.unit is None:
            yield Problem((*path, "unit"), f"is missing: the number {record.name} needs a unit")
        if record.plausible is None:
            reason = f"is missing: the number {record.name} needs a range [low, high] outside which it is a slip"
            yield Problem((*path, "plausible"), reason)
        elif record.plausible[0] > record.plausible[1]:
            yield Problem((*path, "plausible"), f"{record.plausible[0]} is more than {record.plausible[1]}")
    else:
        for name in ("unit", "plausible", "changes_at_most"):
            if getattr(record, name) is not None:
                yield Problem((*path, name), f"only a number has it; {record.name} is of type {record.type}")
    if record.changes_at_most is not None and record.changes_at_most <= 0:
        yield Problem((*path, "changes_at_most"), f"{record.changes_at_most} % is no change; name a share above 0 %")
    if record.form and record.type != "text":
        yield Problem((*path, "form"), f"only a text has a form; {record.name} is of type {record.type}")
    if record.type == "choice" and not record.options:
        yield Problem((*path, "options"), f"is missing: the choice {record.name} needs options")
    if record.type != "choice" and record.options is not None:
        yield Problem((*path, "options"), f"only a choice has options; {record.name} is of type {record.type}")
    for at, name in twice(record.options or ()):
        yield Problem((*path, "options", at), f"option {name} stands twice")
    for at, limit in enumerate(record.limits):
        yield from _limit((*path, "limits", at), record, limit)


def _limit(path: Path, record: Record, limit: Limit) -> Iterator[Problem]:
    given = [name for name in (*BOUNDS, "must_be", "same_as", "no_older_than") if getattr(limit, name) is not None]
    fitting = {"number": set(BOUNDS), "date": {"no_older_than"}, "text": {"must_be", "same_as"}}.get(
        record.type, {"must_be"}
    )
    if record.type == "file":
        fitting = set()
    if not given:
        yield Problem(path, "limits nothing; say at_least, at_most, above, below, must_be, same_as or no_older_than")
    for name in given:
        if name not in fitting:
            can = ", ".join(sorted(fitting)) or "no limit"
            yield Problem((*path, name), f"does not fit a {record.type}; {record.name} can have {can}")
    if limit.must_be is not None:
        options = {"choice": record.options or (), "yes_no": ("yes", "no")}.get(record.type)
        for at, value in enumerate(limit.must_be):
            if options is not None and value not in options:
                yield Problem((*path, "must_be", at), f"{record.name} is never {value!r}; it is {' or '.join(options)}")
    yield from bounds(path, limit)
    for name in BOUNDS:
        bound: Decimal | None = getattr(limit, name)
        if bound is not None and record.plausible and not record.plausible[0] <= bound <= record.plausible[1]:
            low, high = record.plausible
            yield Problem((*path, name), f"{bound} lies outside the plausible range {low} to {high}")
    if record.late and any(c.what == "refuse" for c in limit.otherwise):
        reason = "a value that comes late cannot refuse its step, which has been done; choose a deviation"
        yield Problem((*path, "otherwise"), reason)


def _clock(study: Study, path: Path, step: Step, clock: Clock) -> Iterator[Problem]:
    # From itself a clock runs from the bag before this one.
    if clock.start.step != step.id or step.for_each is None:
        yield from moment_before(study, (*path, "from"), step, clock.start.step)
    if not clock.limits and clock.no_sooner is None:
        yield Problem(path, "strikes never; say limits, or no_sooner with sooner")
    if clock.no_sooner is not None and clock.sooner is None:
        yield Problem((*path, "sooner"), "is missing: what follows when the step comes sooner?")
    if clock.sooner is not None and clock.no_sooner is None:
        yield Problem((*path, "no_sooner"), "is missing: sooner than what?")
    lengths = [limit.at for limit in clock.limits]
    for at, (length, later) in enumerate(pairwise(lengths), 1):
        if rough_days(later) <= rough_days(length):
            yield Problem((*path, "limits", at, "at"), f"{later} does not come after {length}; write them in order")
    if clock.no_sooner is not None and lengths and rough_days(lengths[0]) <= rough_days(clock.no_sooner):
        reason = f"{lengths[0]} is not after no_sooner {clock.no_sooner}: no time would be right"
        yield Problem((*path, "limits", 0, "at"), reason)
    if step.visits:
        yield Problem(path, "visits have windows of their own; a clock cannot run for them")


def moment_before(study: Study, path: Path, step: Step, name: str) -> Iterator[Problem]:
    """A moment belongs to a step that comes before this one; a reserve step may, wherever it stands."""
    if name not in study.protocol.by_id:
        yield Problem(path, unknown(name, "step", study.ids, "steps"))
    elif name == step.id:
        yield Problem(path, _from_itself(step))
    elif name not in study.before[step.id] and not study.protocol.by_id[name].reserve:
        reason = f"{name} does not come before {step.id}"
        if way := study.way(step.id, name):
            circle = " -> ".join([*way, step.id])
            reason += (
                f" but after it; naming it in `after` would be a circle: {circle}. Count from a step before {step.id}"
            )
            reason += f", or give the clock to {name}" if "clocks" in path else ""
        else:
            reason += "; add it to `after`, or count from another step"
        yield Problem(path, reason)


def _from_itself(step: Step) -> str:
    before = " or ".join(dict.fromkeys(name for name, _ in step.predecessors)) or "another step"
    reason = f"{step.id} does not come before {step.id} itself: {step.id} -> {step.id} is a circle. Count from {before}"
    if step.repeat is not None:
        reason += "; how far apart its occurrences are planned is `every` in its `repeat`"
    return reason


def _consequences(study: Study, base: Path, step: Step) -> Iterator[Problem]:
    by_id = study.protocol.by_id
    has_material = any(study.made_before(step, kind, here=True) for kind in study.protocol.materials)
    for where, consequences in all_consequences(step):
        for consequence in consequences:
            path = (*base, *where)
            if consequence.what == "offer" and consequence.step is not None:
                if consequence.step not in by_id:
                    yield Problem(path, unknown(consequence.step, "step", study.ids, "steps"))
                elif not by_id[consequence.step].reserve:
                    yield Problem(path, f"{consequence.step} is offered but not kept back; give it `reserve: true`")
            if consequence.what == "alert" and consequence.role not in study.protocol.roles:
                yield Problem(path, unknown(str(consequence.role), "role", study.protocol.roles, "roles"))
            if consequence.what == "not_eligible" and (step.kind != "assessment" or where[0] != "records"):
                yield Problem(path, "only a value recorded in an assessment can make a patient not eligible")
            if consequence.what == "quarantine" and not has_material:
                yield Problem(path, f"there is no material yet at {step.id} that could be quarantined")


def _occurrences(study: Study, base: Path, step: Step) -> Iterator[Problem]:
    if step.repeat is not None and step.repeat.at_least > step.repeat.at_most:
        reason = f"at least {step.repeat.at_least} times is more than at most {step.repeat.at_most}"
        yield Problem((*base, "repeat"), reason)
    if step.plan is not None:
        yield from moment_before(study, (*base, "plan", "from"), step, step.plan.start.step)
    if step.visits and step.visits_from is None:
        yield Problem((*base, "visits_from"), "is missing: from which moment do the visits count?")
    if step.visits_from is not None:
        if not step.visits:
            yield Problem((*base, "visits"), "is missing: visits_from says from when, nothing says which")
        yield from moment_before(study, (*base, "visits_from"), step, step.visits_from.step)
    for name in ("repeat", "for_each"):
        if step.visits and getattr(step, name) is not None:
            yield Problem((*base, name), "a step with visits has its occurrences from them")
    for at, name in twice(visit.id for visit in step.visits):
        yield Problem((*base, "visits", at, "id"), f"{step.id} has two visits {name}")
    for at, visit in enumerate(step.visits):
        yield from check_when(study, (*base, "visits", at), visit.when)
    both = set(step.needs.lots) & set(step.needs.devices)
    for name in sorted(both):
        yield Problem((*base, "needs"), f"{name} is both a lot and a device; give them two names")
