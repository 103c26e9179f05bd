"""Checks of a protocol file: what its labels say, where the values come from, and which step reconciles them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from protocol.check_order import RESERVED
from protocol.infection import COMPUTED, SAYS
from protocol.labels import MADE, NOT_RECORDED, OWN, PLACE, printable
from protocol.model import LabelField, LabelTemplate, Record, RequiredStatement, Step
from protocol.model.labels import size
from protocol.problems import Path, Problem, Study, twice, unknown

SMALLEST, LARGEST = (25, 12), (210, 297)
"""Of a label, in mm: a vial's, and a sheet."""


def check_labels(study: Study) -> Iterator[Problem]:
    """Each label says what is recorded before it is printed, and some step reconciles it."""
    for name, template in study.protocol.labels.items():
        base: Path = ("labels", name)
        if name in RESERVED:
            yield Problem(base, f"{name} is a word of the file's own language; choose another name")
        yield from _frame(study, base, template)
        if template.of not in study.protocol.materials:
            yield Problem((*base, "of"), unknown(template.of, "material", study.protocol.materials, "materials"))
            continue
        users = [step for step in study.protocol.steps if name in step.labels]
        if not users:
            yield Problem(base, f"no step reconciles it; a labelling step needs `labels: {name}`")
        for at, field in enumerate(template.fields):
            yield from _field(study, (*base, "fields", at), template, users, field)
        for at, twin in twice(field.title for field in template.fields):
            yield Problem((*base, "fields", at, "title"), f"{twin} stands twice")
        for at, statement in enumerate(template.statements):
            yield from _statement(study, (*base, "statements", at), template, users, statement)
        for at, twin in twice(statement.id for statement in template.statements):
            yield Problem((*base, "statements", at, "id"), f"there are two statements {twin}")
    for number, step in enumerate(study.protocol.steps):
        yield from _step(study, ("steps", number), step)


def _frame(study: Study, base: Path, template: LabelTemplate) -> Iterator[Problem]:
    width, height = size(template.size)
    if not (SMALLEST[0] <= width <= LARGEST[0] and SMALLEST[1] <= height <= LARGEST[1]):
        least, most = (f"{w} x {h} mm" for w, h in (SMALLEST, LARGEST))
        yield Problem((*base, "size"), f"a label is {least} to {most}, the width first")
    for name in ("printed_by", "witnessed_by"):
        for at, role in enumerate(getattr(template, name)):
            if role not in study.protocol.roles:
                yield Problem((*base, name, at), unknown(role, "role", study.protocol.roles, "roles"))
    yield from _text((*base, "title"), template.title)


def _text(path: Path, text: str) -> Iterator[Problem]:
    if strange := sorted({c for c in text if not printable(c)}):
        yield Problem(path, f"no label carries {' '.join(strange)}; write it in Latin letters")


def _field(
    study: Study, path: Path, template: LabelTemplate, users: Iterable[Step], field: LabelField
) -> Iterator[Problem]:
    yield from _text((*path, "title"), field.title)
    yield from _text((*path, "text"), field.text or "")
    if (field.text is None) == (field.value_of is None):
        yield Problem(path, "says either `text` or `from`")
    if field.value_of is None:
        if field.plus is not None:
            yield Problem((*path, "plus"), "counts from a moment; name it in `from`")
        return
    if field.value_of in OWN:
        if field.plus is not None:
            yield Problem((*path, "plus"), f"counts from a moment, and {field.value_of} is none")
        return
    step, _, name = field.value_of.partition(".")
    edge = name in ("start", "end")
    if field.plus is not None and not edge:
        yield Problem((*path, "plus"), f"counts from a moment, and {field.value_of} is none")
    if not edge or step != MADE:
        yield from _source(study, (*path, "from"), template, users, field.value_of, edge=edge, own=OWN)


def _source(
    study: Study,
    path: Path,
    template: LabelTemplate,
    users: Iterable[Step],
    source: str,
    *,
    edge: bool = False,
    own: tuple[str, ...] = (),
) -> Iterator[Problem]:
    """A value that exists, and is recorded before the label is reconciled."""
    step, dot, name = source.partition(".")
    if not dot:
        also = f", or one of {', '.join(own)}" if own else ""
        yield Problem(path, f"{source!r} is no value; write STEP.RECORD or {MADE}.RECORD{also}")
        return
    if step == MADE:
        makers = [study.protocol.by_id[maker] for maker in sorted(study.makers[template.of])]
        for maker in makers:
            if name not in maker.record_by_name:
                yield Problem(path, f"{maker.id} makes {template.of} and does not record {name}")
        return
    if step == SAYS and study.protocol.infection is not None:
        if name not in COMPUTED:
            yield Problem(path, unknown(name, "word", sorted(COMPUTED), f"what {SAYS} says"))
        for user in users:
            if not set(study.protocol.infection.recorded_in) & study.before[user.id]:
                yield Problem(
                    path, f"no step that records the markers comes before {user.id}, which reconciles the label"
                )
        return
    if step not in study.protocol.by_id:
        yield Problem(path, unknown(step, "step", study.ids, "steps"))
    elif not edge and name not in (known := study.protocol.by_id[step].record_by_name):
        yield Problem(path, unknown(name, f"record of {step}", known, f"step {step}"))
    else:
        for user in users:
            if step not in study.before[user.id]:
                yield Problem(path, f"{step} does not come before {user.id}, which reconciles the label")


def _statement(
    study: Study, path: Path, template: LabelTemplate, users: Iterable[Step], statement: RequiredStatement
) -> Iterator[Problem]:
    yield from _text((*path, "text"), statement.text)
    for source in PLACE.findall(statement.text):
        yield from _source(study, (*path, "text"), template, users, source)
    for source, values in statement.when.items():
        wrong = list(_source(study, (*path, "when", source), template, users, source))
        yield from wrong
        if source.partition(".")[0] == SAYS and study.protocol.infection is not None:
            words = COMPUTED.get(source.partition(".")[2])
            for at, value in enumerate(values if words is not None else ()):
                if value not in (words or ()):
                    reason = f"{source} is never {value!r}; it is {' or '.join(words or ())}"
                    yield Problem((*path, "when", source, at), reason)
            continue
        for record in [] if wrong else _records(study, template, source):
            for at, value in enumerate(values):
                options = _answers(record)
                if value != NOT_RECORDED and options is not None and value not in options:
                    reason = f"{source} is never {value!r}; it is {' or '.join(options)}, or {NOT_RECORDED}"
                    yield Problem((*path, "when", source, at), reason)


def _records(study: Study, template: LabelTemplate, source: str) -> list[Record]:
    step, _, name = source.partition(".")
    steps = study.makers[template.of] if step == MADE else {step}
    return [study.protocol.by_id[known].record_by_name[name] for known in sorted(steps)]


def _answers(record: Record) -> tuple[str, ...] | None:
    return {"choice": record.options, "yes_no": ("yes", "no")}.get(record.type)


def _step(study: Study, base: Path, step: Step) -> Iterator[Problem]:
    if step.labels and step.kind != "labelling":
        yield Problem((*base, "labels"), f"only a step of kind labelling has it; {step.id} is {step.kind}")
        return
    scanned = {kind for spec in step.scans.values() for kind in spec.kinds}
    statements: set[str] = set()
    for at, name in enumerate(step.labels):
        template = study.protocol.labels.get(name)
        if template is None:
            yield Problem((*base, "labels", at), unknown(name, "label", study.protocol.labels, "labels"))
            continue
        statements |= {statement.id for statement in template.statements}
        if template.of not in scanned:
            yield Problem((*base, "labels", at), f"{name} goes on {template.of}, which the step does not scan")
        if step.for_each is not None and template.of != step.for_each:
            yield Problem(
                (*base, "labels", at), f"{name} goes on {template.of}; the step is done for each {step.for_each}"
            )
    for at, record in enumerate(step.records):
        yield from _on_label((*base, "records", at, "on_label"), step, record, statements)


def _on_label(path: Path, step: Step, record: Record, statements: set[str]) -> Iterator[Problem]:
    if record.on_label and not step.labels:
        yield Problem(path, "is an answer about a label that the step reconciles; name the label in `labels`")
        return
    options = _answers(record)
    for answer, statement in record.on_label.items():
        if options is None or answer not in options:
            told = "a choice or yes_no" if options is None else " or ".join(options)
            yield Problem((*path, answer), f"{record.name} is never {answer!r}; on_label needs {told}")
        elif statement not in statements:
            yield Problem((*path, answer), unknown(statement, "statement", sorted(statements), "the step's labels"))
