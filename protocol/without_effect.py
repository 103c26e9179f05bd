"""Parts of a protocol file that have no effect: somebody wrote them for a purpose that they do not serve."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from protocol.model import Alternative, Limit, Record, Step
from protocol.problems import Path, Problem, Study, all_consequences
from protocol.release import sources_of
from protocol.uses import places_used, roles_used


def unused(study: Study) -> Iterator[Problem]:
    """Everything in the file that nothing looks at, or that can never come about."""
    yield from _names(study)
    yield from _choices(study)
    yield from _pending(study)
    for number, step in enumerate(study.protocol.steps):
        base: Path = ("steps", number)
        yield from _when(base, step)
        yield from _offered(study, base, step)
        yield from _never_comes(study, base, step)
        yield from _limits(base, step)
    yield from _criteria(study)


def _names(study: Study) -> Iterator[Problem]:
    protocol = study.protocol
    signs = {name for use in roles_used(protocol) for name in use.names}
    for role in protocol.roles:
        if role not in signs:
            yield Problem(("roles", role), f"{role} is nobody's in this file: it signs nothing and hears of nothing")
    places = places_used(protocol)
    for place in protocol.places:
        if place not in places:
            yield Problem(("places", place), f"nothing is done at {place}, and nothing goes there")


def _choices(study: Study) -> Iterator[Problem]:
    """A choice on which nothing depends, an option that leads where another leads, a target that nothing is held against."""
    protocol = study.protocol
    parts = [when for s in protocol.steps for when in (s.when, *(visit.when for visit in s.visits))]
    whens = [(choice, option) for when in parts for choice, options in when.items() for option in options]
    release, dose, safety = protocol.release, protocol.dose, protocol.safety
    within = {one.within for c in release.criteria for one in c.alternatives if one.within} if release else set()
    within |= {dose.within} if dose else set()
    cohorts = {safety.cohorts.of} if safety and safety.cohorts else set()
    for name, choice in protocol.choices.items():
        path: Path = ("choices", name)
        asked = {option for of, option in whens if of == name}
        if not asked and name not in within | cohorts:
            yield Problem(
                path, f"{name} has no effect: no `when` asks for it, no dose is within it, it names no cohorts"
            )
            continue
        same = [] if name in within | cohorts else [option for option in choice.options if option not in asked]
        if len(same) > 1:
            told = " and ".join(same)
            yield Problem(
                (*path, "options", same[1]), f"{told} have the same effect: no `when` asks for either of them"
            )
        for option, spec in choice.options.items():
            if spec.target is not None and name not in within:
                yield Problem(
                    (*path, "options", option, "target"), f"nothing is held against it: no dose is `within: {name}`"
                )


def _pending(study: Study) -> Iterator[Problem]:
    """A criterion that may be pending, on a test that the disposition waits for in any case."""
    release, by_id = study.protocol.release, study.protocol.by_id
    dispositions = study.of_kind("disposition")
    for at, criterion in enumerate(release.criteria if release and dispositions else ()):
        decides = dispositions[0][1]
        known = [source.partition(".") for source in sources_of(criterion)]
        steps = [by_id[step] for step, _, _ in known if step in by_id]
        late = any(
            by_id[step].record_by_name[name].late for step, _, name in known if name in by_id[step].record_by_name
        )
        waited = all(step.id in study.before[decides.id] and not step.reserve for step in steps)
        if criterion.may_be_pending and steps and waited and not late:
            names = " and ".join(dict.fromkeys(step.id for step in steps))
            yield Problem(
                ("release", "criteria", at, "may_be_pending"),
                f"it is never pending: {decides.id} comes after {names}, so the result is there when QA decides. Take "
                f"{names} out of what {decides.id} waits for, or leave may_be_pending out",
            )


def _when(base: Path, step: Step) -> Iterator[Problem]:
    for choice, options in step.when.items():
        if not options:
            yield Problem((*base, "when", choice), f"{step.id} is done for nobody: it names no option")
    for at, visit in enumerate(step.visits):
        for choice, options in visit.when.items():
            own = step.when.get(choice)
            if not options or (own is not None and not set(own) & set(options)):
                reason = f"{visit.id} is made for nobody: {step.id} is only for {choice} {' or '.join(own or ())}"
                yield Problem(
                    (*base, "visits", at, "when", choice), reason if own else f"{visit.id} is made for nobody"
                )


def _offered(study: Study, base: Path, step: Step) -> Iterator[Problem]:
    """A step in reserve for which nothing waits once it is offered, although something comes that could."""
    protocol = study.protocol
    if not step.reserve or step.kind in ("booking", "collection") or step.moves or step.consumes:
        return
    escalation, endings, release = protocol.escalation, protocol.endings, protocol.release
    named = {name for s in protocol.steps for name, _ in s.predecessors}
    named |= {s.unless for s in protocol.steps if s.unless}
    named |= {c.start.step for s in protocol.steps for c in s.clocks}
    named |= {c.stopped_by for s in protocol.steps for c in s.clocks if c.stopped_by}
    named |= {source.partition(".")[0] for c in (release.criteria if release else ()) for source in sources_of(c)}
    named |= {*escalation.rescue, *escalation.exposed} if escalation else set()
    named |= {rule.step for rule in endings.goes_on} if endings else set()
    named |= {way.start for way in protocol.manufacture.remakes} if protocol.manufacture else set()
    could = _could_wait(study, step)
    if step.id not in named and could and not any(spec.new for spec in step.scans.values()):
        told = ", ".join(could[:3]) + (", ..." if len(could) > 3 else "")
        reason = f"once {step.id} is offered nothing waits for it: {told} can go on without it. Name it in the `after` of what must not"
        yield Problem((*base, "reserve"), reason)


def _could_wait(study: Study, step: Step) -> list[str]:
    """The steps that come when this one has been offered; visits apart, which come at their own time."""
    protocol = study.protocol
    offering: set[str] = set()
    waiting: set[str] = set()
    for other in protocol.steps:
        for where, consequences in all_consequences(other):
            if any(c.what == "offer" and c.step == step.id for c in consequences):
                offering.add(other.id)
                waiting |= {other.id} if where[0] == "clocks" else set()
    for incident in protocol.incidents:
        offers = {c.step for c in incident.consequences} | {name for o in incident.options for name in o.offers}
        offering |= set(incident.during) if step.id in offers else set()
    later = {s.id for s in protocol.steps if offering & study.before[s.id] and not s.visits and not s.reserve}
    return [name for name in study.ids if name in (later | waiting) - {step.id} and name not in study.before[step.id]]


def _never_comes(study: Study, base: Path, step: Step) -> Iterator[Problem]:
    """Something that would have to come before, and comes after; or never for the same patient."""
    protocol, by_id = study.protocol, study.protocol.by_id
    for at, clock in enumerate(step.clocks):
        path: Path = (*base, "clocks", at)
        start, stop = clock.start.step, clock.stopped_by
        if start in by_id and step.id in study.before[start] and start != step.id:
            yield Problem((*path, "from"), f"it never runs: {start} comes after {step.id}")
        elif start in by_id and _apart(by_id[start].when, step.when):
            yield Problem((*path, "from"), f"it never runs: no patient comes to both {start} and {step.id}")
        stopping = by_id.get(stop or "")
        if stopping is not None and step.id in study.before[stopping.id]:
            yield Problem((*path, "stopped_by"), f"nothing stops it: {stopping.id} comes after {step.id}")
        elif stopping is not None and _apart(stopping.when, step.when):
            yield Problem(
                (*path, "stopped_by"), f"nothing stops it: no patient comes to both {stopping.id} and {step.id}"
            )
    other = by_id.get(step.unless or "")
    if other is not None and _apart(other.when, step.when):
        yield Problem((*base, "unless"), f"it never applies: no patient comes to both {other.id} and {step.id}")
    for at, (name, _) in enumerate(step.predecessors):
        if name in by_id and _apart(by_id[name].when, step.when):
            yield Problem((*base, "after", at), f"it waits for nothing: no patient comes to both {name} and {step.id}")
    again = protocol.manufacture is not None and bool(protocol.manufacture.remakes)
    for at, name in enumerate(step.not_by):
        if name in by_id and step.id in study.before[name] and not again and not (step.for_each or step.repeat):
            reason = f"{name} comes after {step.id}, so nobody has performed it by then; exclude them there: `not_by: {step.id}`"
            yield Problem((*base, "not_by", at), reason)
    if step.retest is not None and not _can_fail(study, step):
        yield Problem(
            (*base, "retest"), f"no result of {step.id} is out of anything: it has no limit, and no criterion reads it"
        )


def _can_fail(study: Study, step: Step) -> bool:
    release = study.protocol.release
    read = {source.partition(".")[0] for c in (release.criteria if release else ()) for source in sources_of(c)}
    return step.id in read or any(record.limits for record in step.records)


def _apart(one: Mapping[str, tuple[str, ...]], other: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether no patient's choices fit both."""
    return any(
        set(options) and set(other[c]) and not set(options) & set(other[c]) for c, options in one.items() if c in other
    )


def _limits(base: Path, step: Step) -> Iterator[Problem]:
    for number, record in enumerate(step.records):
        for at, limit in enumerate(record.limits):
            if _holds_always(limit, record):
                yield Problem(
                    (*base, "records", number, "limits", at), f"every {record.name} keeps it: {_all_of(record)}"
                )


def _criteria(study: Study) -> Iterator[Problem]:
    release, by_id = study.protocol.release, study.protocol.by_id
    for at, criterion in enumerate(release.criteria if release else ()):
        for number, one in enumerate(criterion.alternatives):
            path: Path = ("release", "criteria", at, *(("any_of", number) if criterion.any_of else ()))
            measure = one.measure
            step, _, name = measure.of.partition(".")
            record = by_id[step].record_by_name.get(name) if step in by_id else None
            plain = not (measure.multiply or measure.divide or measure.combine == "sum" or one.within)
            if record is not None and plain and _holds_always(one, record):
                yield Problem(path, f"every {measure.of} passes it: {_all_of(record)}")


def _holds_always(limit: Limit | Alternative, record: Record) -> bool:
    """Whether no value that can be recorded breaks a limit."""
    options = {"choice": record.options or (), "yes_no": ("yes", "no")}.get(record.type)
    if limit.must_be is not None:
        return options is not None and set(options) <= set(limit.must_be)
    if record.type != "number" or record.plausible is None:
        return False
    low, high = record.plausible
    holds = [limit.at_least <= low] if limit.at_least is not None else []
    holds += [limit.above < low] if limit.above is not None else []
    holds += [limit.at_most >= high] if limit.at_most is not None else []
    holds += [limit.below > high] if limit.below is not None else []
    return bool(holds) and all(holds)


def _all_of(record: Record) -> str:
    if record.type == "number" and record.plausible is not None:
        return f"what is plausible is {record.plausible[0]} to {record.plausible[1]}"
    return "each of its answers is named"
