"""What a label must say now, from the study file and the values as they stand; and which labels are unaccounted for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from events.errors import Refused
from events.facts.base import LabelLine, LabelStatement, Reading
from events.facts.steps import LabelsReconciled
from events.grammar import dump_json
from events.identifiers import Bag, Din, one_line
from events.zones import spelled
from protocol.clocks import moment
from protocol.due import applies
from protocol.due import of_step as due_of_step
from protocol.duration import Begun
from protocol.infection import SAYS, on_label
from protocol.model import LabelField, LabelTemplate, Moment, RequiredStatement, Step, StudyProtocol
from protocol.refusals import refuse
from protocol.release import readings_of
from protocol.state import Act, Current, Label, Material, Therapy

NOT_RECORDED = "not recorded"
"""The value, in a `when`, of what nobody has recorded yet."""
OWN = ("code", "din", "chain_of_identity", "subject", "therapy")
"""What a field can show beside a step's moments and values."""
MADE = "made"
"""Stands for the step in which this very material came into being."""
PLACE = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Content:
    """What every label of a set says."""

    symbol: str
    title: str
    size: str
    lines: tuple[LabelLine, ...]
    statements: tuple[LabelStatement, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of all of it: what was shown to the person who printed is what is signed."""
        parts = [line.model_dump(mode="json") for line in (*self.lines, *self.statements)]
        return hashlib.sha256(dump_json([self.symbol, self.title, self.size, *parts])).hexdigest()


def content(therapy: Therapy, protocol: StudyProtocol, name: str, material: Material) -> Content:
    """What a label of this kind says of a material as things stand.

    Raises:
        Refused: a value that the label shows has not been recorded, or cannot be printed.
    """
    template = protocol.labels[name]
    lines = []
    for field in template.fields:
        value = _field(therapy, protocol, template, field, material)
        if value is None and not field.optional:
            raise _missing(name, material, f"{field.title} ({field.value_of})")
        if value is not None:
            lines.append(LabelLine(title=field.title, value=_printable(name, value)))
    statements = tuple(required(therapy, protocol, name, material))
    return Content(symbol(protocol, material), template.title, template.size, tuple(lines), statements)


def required(therapy: Therapy, protocol: StudyProtocol, name: str, material: Material) -> Iterator[LabelStatement]:
    """The statements that a label of this kind must bear as things stand.

    Raises:
        Refused: a value that a statement names has not been recorded.
    """
    for statement in protocol.labels[name].statements:
        if _applies(therapy, protocol, statement, material):
            text = PLACE.sub(lambda found: _named(therapy, protocol, name, material, found[1]), statement.text)
            yield LabelStatement(id=statement.id, text=_printable(name, text), legend=statement.legend)


def symbol(protocol: StudyProtocol, material: Material) -> str:
    """What the two-dimensional code holds, as a scanner sends it: ISBT 128 where the material carries a DIN."""
    match protocol.materials[material.kind].identifier:
        case "din":
            return Din(material.code).scanned()
        case "bag":
            return Bag.read(material.code).message()
        case _:
            return material.code


def template_for(therapy: Therapy, protocol: StudyProtocol, material: Material, name: str | None) -> str:
    """The kind of label that is meant: the one named, or the only one that the labelling step at hand, or the material, has.

    Raises:
        Refused: there is none, or there are several and none is named.
    """
    fitting = [known for known, template in protocol.labels.items() if template.of == material.kind]
    if name in fitting:
        return name or ""
    ready = [
        known
        for step in protocol.steps
        if step.kind == "labelling" and set(step.labels) & set(fitting) and applies(step, therapy)
        for due in due_of_step(therapy, protocol, step)
        if due.standing == "ready" and due.at.material in ("", material.code)
        for known in step.labels
        if known in fitting
    ]
    printed = [known for known in fitting if sets(therapy, material.code, known)]
    for found in (ready, fitting, printed):
        if name is None and len(found) == 1:
            return found[0]
    raise refuse(
        "label.template",
        f"{material.code} is {material.kind}; "
        + (f"it has no label called {name}." if name else "it is not said which label is meant."),
        f"Its labels are: {', '.join(fitting) or 'none; the study prints no label for it'}.",
        material=material.code,
        template=name,
    )


def roles_for(protocol: StudyProtocol, name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Who prints a kind of label, and who sees as the second person what became of one.

    A label that another version of the study printed is anybody's who labels, and QA's.
    """
    template = protocol.labels.get(name)
    if template is not None:
        return template.printed_by, template.witnessed_by
    labellers = [role for step in protocol.steps if step.kind == "labelling" for role in step.performed_by]
    anybody = tuple(dict.fromkeys([*labellers, *protocol.qa_roles]))
    return anybody, anybody


def next_serials(therapy: Therapy, count: int) -> tuple[str, ...]:
    """So many serials that this therapy has not used: its id and a running number."""
    found: list[str] = []
    number = len(therapy.labels)
    while len(found) < count:
        number += 1
        serial = f"{therapy.id}-L{number:03d}"
        if not therapy.uses(serial):
            found.append(serial)
    return tuple(found)


def unaccounted(therapy: Therapy, materials: Iterable[str] | None = None) -> list[Label]:
    """The labels without a fate (of these materials), in the order in which they were issued."""
    wanted = None if materials is None else set(materials)
    return [x for x in therapy.labels.values() if not x.fate and (wanted is None or x.material in wanted)]


def labelled(therapy: Therapy, protocol: StudyProtocol, step: Step, material: str) -> list[tuple[Material, str]]:
    """What a labelling step labels: each live material of the kinds that its labels are for, with the kind of label."""
    kinds = [(name, protocol.labels[name].of) for name in step.labels]
    return [(found, name) for name, kind in kinds for found in therapy.live(kind) if material in ("", found.code)]


def unaccounted_in(therapy: Therapy, protocol: StudyProtocol, step: Step, material: str) -> list[Label]:
    """The labels that a labelling step still has to account for."""
    codes = {found.code for found, _ in labelled(therapy, protocol, step, material)}
    return [label for label in unaccounted(therapy, codes) if label.template in step.labels]


def to_account_for(therapy: Therapy, protocol: StudyProtocol, step: Step) -> dict[str, str]:
    """The serials that a labelling step asks for, of every item, with the item of each."""
    return (
        {label.serial: label.material for label in unaccounted_in(therapy, protocol, step, "")} if step.labels else {}
    )


def check_accounted(therapy: Therapy, protocol: StudyProtocol, step: Step, touched: set[str]) -> None:
    """Nothing is done with a material while a serial label of it is unaccounted for; only labelling may go on.

    Raises:
        Refused: naming every label without a fate, and its material.
    """
    if step.kind == "labelling":
        return
    if step.kind == "disposition" and protocol.release is not None:
        touched = touched | {m.code for m in therapy.live(protocol.release.product)}
    if open_ := unaccounted(therapy, touched):
        raise refuse(
            "label.unaccounted",
            f"Step {step.id} stays shut, unaccounted for are: {', '.join(f'{x.serial} of {x.material}' for x in open_)}.",
            "Give each its one fate: reconcile them in the labelling step, or `unbroken label destroy` and "
            "`unbroken label fate`, signed by two.",
            step=step.id,
            unaccounted=[x.serial for x in open_],
        )


def sets(therapy: Therapy, material: str, name: str) -> list[Label]:
    """Every label of this kind that was ever issued for a material, in order."""
    return [x for x in therapy.labels.values() if (x.material, x.template) == (material, name)]


def differs(therapy: Therapy, protocol: StudyProtocol, label: Label) -> str:
    """What a label that was printed says otherwise than it must say now; nothing if it is right."""
    material = therapy.materials[label.material]
    if label.template not in protocol.labels:
        return ""
    try:
        now = content(therapy, protocol, label.template, material)
    except Refused as refused:
        return refused.says
    printed = {line.title: line.value for line in label.issued.lines}
    wrong = [
        f"{line.title} is {line.value}, printed {printed[line.title]}"
        for line in now.lines
        if line.title in printed and printed[line.title] != line.value
    ]
    said, must = {s.text for s in label.issued.statements}, {s.text for s in now.statements}
    wrong += [f"it lacks {text!r}" for text in sorted(must - said)]
    wrong += [f"it says {text!r}, which is not so" for text in sorted(said - must)]
    return "; ".join(wrong)


def must_stand(therapy: Therapy, protocol: StudyProtocol, step: Step, material: str) -> dict[str, str]:
    """The statements that the labels of a labelling step must bear now, by id."""
    return {
        statement.id: statement.text
        for found, name in labelled(therapy, protocol, step, material)
        for statement in required(therapy, protocol, name, found)
    }


def stood(therapy: Therapy, act: Act) -> dict[str, str]:
    """The statements on the labels that an act of labelling applied, by id."""
    applied = (
        [f.serial for f in act.fact.labels if f.fate == "applied"] if isinstance(act.fact, LabelsReconciled) else []
    )
    return {
        statement.id: statement.text
        for serial in applied
        if serial in therapy.labels
        for statement in therapy.labels[serial].issued.statements
    }


def check_answers(step: Step, readings: Iterable[Reading], stands: Callable[[], dict[str, str]]) -> None:
    """What a person says of a label must be what stands there, or must.

    Raises:
        Refused: the answer and the statements do not agree.
    """
    given = {reading.name: reading.value for reading in readings}
    asked = [record for record in step.records if record.on_label and record.name in given]
    says = stands() if asked else {}
    for record in asked:
        answer = given[record.name]
        means = record.on_label.get(answer)
        must = [statement for statement in dict.fromkeys(record.on_label.values()) if statement in says]
        if (must and means not in must) or (means is not None and not must):
            told = " and ".join(says[statement] for statement in must) or "nothing of what is asked"
            raise refuse(
                "label.statement",
                f"{record.name} of {step.id} is answered {answer}, but the label must say: {told}.",
                "Look at the label again, and answer what it says; if it says otherwise, destroy it and print it again.",
                answer=answer,
                must=must,
            )


# ---------------------------------------------------------------------------------------------------------- values


def _field(
    therapy: Therapy, protocol: StudyProtocol, template: LabelTemplate, field: LabelField, material: Material
) -> str | None:
    if field.text is not None or field.value_of is None:
        return field.text
    if field.value_of in OWN:
        return _own(therapy, protocol, field.value_of, material)
    step, _, name = field.value_of.partition(".")
    if name in ("start", "end"):
        when = _moment(therapy, protocol, step, name, material)
        return spelled(field.plus.after(*when) if field.plus else when.at, template.zone) if when else None
    found = _standing(therapy, protocol, field.value_of, material)
    return f"{found.value} {found.unit or ''}".strip() if found else None


def _own(therapy: Therapy, protocol: StudyProtocol, what: str, material: Material) -> str | None:
    match what:
        case "code":
            return material.code
        case "din":
            return material.code.partition(".")[0] if protocol.materials[material.kind].identifier != "code" else None
        case "chain_of_identity":
            return therapy.coi or None
        case "subject":
            return therapy.subject or None
        case _:
            return therapy.id


def _moment(therapy: Therapy, protocol: StudyProtocol, step: str, edge: str, material: Material) -> Begun | None:
    if step != MADE:
        what = Moment.model_validate({"step": step, "edge": edge})
        return moment(therapy, protocol, what, material.code)
    made = therapy.every_act.get(material.made_in)
    return None if made is None else made.began if edge == "start" else made.done


def _standing(therapy: Therapy, protocol: StudyProtocol, source: str, material: Material) -> Current | None:
    step, _, name = source.partition(".")
    if step == SAYS and protocol.infection is not None:
        value = on_label(therapy, protocol, name)
        return Current(value, None, "") if value else None
    if step == MADE:
        return {**therapy.earlier_readings, **therapy.readings}.get((material.made_in, name))
    own = [now for (at, reading), now in therapy.readings.items()
           if (at.step, reading, at.material) == (step, name, material.code)]  # fmt: skip
    return next(iter([*own[-1:], *readings_of(therapy, source)[-1:]]), None)


def _applies(therapy: Therapy, protocol: StudyProtocol, statement: RequiredStatement, material: Material) -> bool:
    for source, values in statement.when.items():
        found = _standing(therapy, protocol, source, material)
        if (found.value if found else NOT_RECORDED) not in values:
            return False
    return True


def _named(therapy: Therapy, protocol: StudyProtocol, name: str, material: Material, source: str) -> str:
    found = _standing(therapy, protocol, source, material)
    if found is None:
        raise _missing(name, material, source)
    return f"{found.value} {found.unit or ''}".strip()


def _missing(name: str, material: Material, what: str) -> Refused:
    return refuse(
        "label.value",
        f"The label {name} of {material.code} cannot be printed: {what} is not recorded.",
        "Record the value first; a label with a gap is no label.",
        template=name,
        material=material.code,
        missing=what,
    )


def _printable(name: str, text: str) -> str:
    """One line of characters that every printer of labels has."""
    shown = one_line(text)
    if strange := sorted({c for c in shown if not printable(c)}):
        raise refuse(
            "label.printable",
            f"The label {name} cannot be printed: {shown!r} has characters that no label carries: {' '.join(strange)}.",
            "Correct the value, saying why; write it in Latin letters.",
            template=name,
            text=shown,
        )
    return shown


def printable(character: str) -> bool:
    """Whether a label can carry a character: those of Windows code page 1252, the alphabet of the printed fonts."""
    try:
        return character.encode("cp1252") >= b" "
    except UnicodeEncodeError:
        return False
