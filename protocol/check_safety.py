"""Checks of a protocol file: how toxicity is graded from signs, and what is recorded of adverse events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from protocol.model import EventRules, Grading, Record, Sign, Step
from protocol.problems import Path, Problem, Study, twice, unknown


def check_safety(study: Study) -> Iterator[Problem]:
    """Every step, record, answer and role that is named exists, and a sign that is worse never gives a lower grade."""
    safety = study.protocol.safety
    if safety is None:
        return
    for at, name in twice(grading.id for grading in safety.gradings):
        yield Problem(("safety", "gradings", at, "id"), f"there are two gradings {name}; each needs an id of its own")
    for at, grading in enumerate(safety.gradings):
        yield from _grading(study, ("safety", "gradings", at), grading)
    if safety.events is not None:
        yield from _events(study, ("safety", "events"), safety.events)


def named_roles(study: Study, path: Path, names: Iterable[str]) -> Iterator[Problem]:
    """Each of these is a role."""
    for at, name in enumerate(names):
        if name not in study.protocol.roles:
            yield Problem((*path, at), unknown(name, "role", study.protocol.roles, "roles"))


def _grading(study: Study, base: Path, grading: Grading) -> Iterator[Problem]:
    yield from named_roles(study, (*base, "signed_by"), grading.signed_by)
    for at, name in twice(sign.id for sign in grading.signs):
        yield Problem((*base, "signs", at, "id"), f"{grading.id} has two signs {name}")
    step = study.protocol.by_id.get(grading.step)
    if step is None:
        yield Problem((*base, "step"), unknown(grading.step, "step", study.ids, "steps"))
        return
    if step.kind != "observation":
        yield Problem((*base, "step"), f"{step.id} is a {step.kind}; signs are recorded by an observation")
    for at, sign in enumerate(grading.signs):
        yield from _sign((*base, "signs", at), step, grading, sign)
    required = grading.requires
    if required is None:
        return
    if required.sign not in grading.sign_by_id:
        yield Problem((*base, "requires", "sign"), unknown(required.sign, "sign", grading.sign_by_id, "signs"))
    if required.unless_since is not None:
        path: Path = (*base, "requires", "unless_since")
        yield from _record(path, step, required.unless_since, ("date",))


def _record(path: Path, step: Step, name: str, types: tuple[str, ...]) -> Iterator[Problem]:
    record = step.record_by_name.get(name)
    if record is None:
        yield Problem(path, unknown(name, f"record of {step.id}", step.record_by_name, step.id))
    elif record.type not in types:
        yield Problem(path, f"{step.id}.{name} is a {record.type}; only {' or '.join(types)} fits here")


def _sign(base: Path, step: Step, grading: Grading, sign: Sign) -> Iterator[Problem]:
    records: list[Record] = []
    for at, name in enumerate(sign.of):
        yield from _record((*base, "of", at), step, name, ("number", "choice", "yes_no"))
        if name in step.record_by_name:
            records.append(step.record_by_name[name])
    if sign.other_cause is not None:
        yield from _record((*base, "other_cause"), step, sign.other_cause, ("yes_no",))
    if len(records) != len(sign.of):
        return
    for record in records if len(records) > 1 else ():
        if not _counts(record):
            reason = f"{record.name} cannot be added up; it is neither a number nor a choice of whole numbers"
            yield Problem((*base, "of"), reason)
    if len({record.unit for record in records}) > 1:
        yield Problem((*base, "of"), "records in different units cannot be added up")
    for at, level in enumerate(sign.levels):
        if level.grade > grading.highest:
            yield Problem((*base, "levels", at, "grade"), f"{grading.id} has no grade above {grading.highest}")
    yield from _levels(base, records, sign)


def _counts(record: Record) -> bool:
    return record.type == "number" or all(option.isdigit() for option in record.options or ("no",))


def _levels(base: Path, records: list[Record], sign: Sign) -> Iterator[Problem]:
    """Numbers rise, or fall, to the higher grade; answers stand in the record from mild to severe."""
    number = len(records) > 1 or records[0].type == "number"
    for at, level in enumerate(sign.levels):
        path: Path = (*base, "levels", at)
        bounds = [bound for bound in (level.at_least, level.at_most) if bound is not None]
        if number and (len(bounds) != 1 or level.answer is not None):
            yield Problem(path, "a number is graded by at_least, or by at_most: say one of the two")
            return
        if not number and (bounds or level.answer is None):
            yield Problem(path, f"{records[0].name} is answered in words; name the `answer` that gives this grade")
            return
    if number:
        if len({level.at_least is None for level in sign.levels}) > 1:
            reason = "say at_least in every level (more is worse) or at_most in every level (less is worse)"
            yield Problem((*base, "levels"), reason)
        return
    options = ("no", "yes") if records[0].type == "yes_no" else records[0].options or ()
    for at, level in enumerate(sign.levels):
        for word in level.answer or ():
            if word not in options:
                yield Problem((*base, "levels", at, "answer"), unknown(word, "answer", options, records[0].name))
    grades = [max((lv.grade for lv in sign.levels if option in (lv.answer or ())), default=0) for option in options]
    if grades != sorted(grades):
        told = ", ".join(f"{option} {grade}" for option, grade in zip(options, grades, strict=True))
        reason = f"{records[0].name} lists its answers from mild to severe, but their grades do not rise: {told}"
        yield Problem((*base, "levels"), reason)


def _events(study: Study, base: Path, events: EventRules) -> Iterator[Problem]:
    yield from named_roles(study, (*base, "reported_by"), events.reported_by)
    for at, word in enumerate(events.suspected):
        if word not in events.related:
            yield Problem((*base, "suspected", at), unknown(word, "word", events.related, "related"))
    if events.fatal not in events.criteria:
        yield Problem((*base, "fatal"), unknown(events.fatal, "criterion", events.criteria, "criteria"))
    for at, word in enumerate(events.urgent):
        if word not in events.criteria:
            yield Problem((*base, "urgent", at), unknown(word, "criterion", events.criteria, "criteria"))
    if events.fatal in events.criteria and events.fatal not in events.urgent:
        yield Problem((*base, "urgent"), f"{events.fatal} is fatal; name it here too")
