"""Why a therapy cannot go on under another version of its study as it stands now: every reason, in words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from protocol.ahead import OPEN, begun, lies_ahead, may_come, passed_by
from protocol.automatic import deadlines
from protocol.due import instances, of_step
from protocol.exceptions import current
from protocol.grading import gradings_of, unsigned
from protocol.incidents import undecided
from protocol.manufacture import open_failure
from protocol.mismatch import open_mismatches
from protocol.model import Alternative, Step, StudyProtocol
from protocol.release import evaluate
from protocol.state import Therapy


def reasons(therapy: Therapy, moved: Therapy, present: StudyProtocol, new: StudyProtocol, now: datetime) -> list[str]:
    """Everything that stands against it.

    Args:
        moved: the therapy as it would stand under the new version.
    """
    stands = [*_in_the_middle(therapy, present)]
    lacks = [*_steps(therapy, present, new), *_choices(therapy, new), *_things(therapy, present, new)]
    if lacks:
        return [*stands, *lacks]  # the rest is asked of a version that knows what this patient has
    return [
        *stands,
        *_criteria(therapy, moved, present, new),
        *_failed(therapy, moved, present, new),
        *_behind(moved, new),
        *_needs(therapy, moved, present, new),
        *_late_already(therapy, moved, present, new, now),
    ]


def _in_the_middle(therapy: Therapy, present: StudyProtocol) -> Iterator[str]:
    """What was begun under the present version is finished under it."""
    for act in therapy.pending.values():
        yield f"{act.at} waits for its second signature"
    for given, _ in therapy.label_acts.values():
        yield f"what became of {', '.join(label.serial for label in given.labels)} waits for its second signature"
    for disposal, _ in therapy.disposals.values():
        yield f"the disposal of {', '.join(disposal.materials)} waits for its second signature"
    for graded in unsigned(therapy):
        yield f"the grade of {graded.proposed.grading} at {graded.at} waits to be signed"
    for hold in therapy.holds.values():
        yield f"items are held: {hold.says}"
    for mismatch in open_mismatches(therapy):
        yield f"mismatch {mismatch.code} is not decided"
    if failure := open_failure(therapy):
        yield f"failure {failure.code} is not decided"
    for happening, _ in undecided(therapy, present):
        yield f"after incident {happening.code} nobody has chosen yet"
    dispositions = (d for d in instances(therapy, present) if d.step.kind == "disposition")
    if (exception := current(therapy)) and any(d.standing in OPEN for d in dispositions):
        yield f"the release by exception {exception.code} is under way"


def _steps(therapy: Therapy, present: StudyProtocol, new: StudyProtocol) -> Iterator[str]:
    """Every step that was done, or stands on the worklist, is in the new version, and is the same kind of step there."""
    acts = dict.fromkeys(act.at.step for act in therapy.every_act.values())
    for name in [*acts, *(name for name in therapy.offers if name not in acts)]:
        old, neu = present.by_id.get(name), new.by_id.get(name)
        if neu is None:
            yield f"{name} was {'done' if name in acts else 'offered'}, and the new version lacks it"
        elif old is not None and _nature(old) != _nature(neu):
            yield f"{name} was {_nature(old)}; in the new version it is {_nature(neu)}"
    waiting = dict.fromkeys(d.step.id for d in instances(therapy, present) if d.standing == "ready" and d.required)
    for name in waiting:
        if name not in new.by_id and name not in acts and name not in therapy.offers:
            yield f"{name} is to be done now, and the new version lacks it"


def _nature(step: Step) -> str:
    how = f"a {step.kind}" + (f" of each {step.for_each}" if step.for_each else "")
    return how + (", with visits" if step.visits else "") + (", in reserve" if step.reserve else "")


def _choices(therapy: Therapy, new: StudyProtocol) -> Iterator[str]:
    """Every choice of the new version has been made for this patient, with an option that it knows."""
    if not therapy.subject:
        return
    for name, choice in new.choices.items():
        chosen = therapy.option(name)
        if chosen is None:
            yield f"{name} was never chosen for this patient; the new version asks for {' or '.join(choice.options)}"
        elif chosen not in choice.options:
            yield f"{name} is {chosen} for this patient; the new version knows {' and '.join(choice.options)}"
    for made in therapy.choices:
        if made.name not in new.choices:
            yield f"{made.name} was chosen for this patient; the new version has no such choice"


def _things(therapy: Therapy, present: StudyProtocol, new: StudyProtocol) -> Iterator[str]:
    """Materials, places, labels and incidents of this patient mean the same in the new version."""
    for kind in dict.fromkeys(m.kind for m in therapy.materials.values()):
        old, neu = present.materials.get(kind), new.materials.get(kind)
        if neu is None:
            yield f"there is {kind} of this patient; the new version knows no such material"
        elif old is not None and old.identifier != neu.identifier:
            yield f"{kind} bears a {old.identifier}; in the new version a {neu.identifier}"
    for place in dict.fromkeys(m.place for m in therapy.materials.values() if m.live and m.place):
        if place in present.places and place not in new.places:
            yield f"material of this patient is at {place}; the new version knows no such place"
    for template in dict.fromkeys(label.template for label in therapy.labels.values()):
        if template not in new.labels:
            yield f"a label {template} was printed; the new version knows no such label"
    for name in dict.fromkeys(happening.name for happening in therapy.incidents.values()):
        if name not in new.incident_by_id:
            yield f"incident {name} happened; the new version knows no such incident"
    for grading in dict.fromkeys(name for name, _ in therapy.safety.grades):
        if grading not in {g.id for g in gradings_of(new)}:
            yield f"{grading} was graded; the new version knows no such grading"
    # A value that stands is read on by criteria and limits: in the unit in which it was recorded.
    for (at, name), _ in sorted(therapy.readings.items()):
        old_ = present.by_id[at.step].record_by_name.get(name) if at.step in present.by_id else None
        neu_ = new.by_id[at.step].record_by_name.get(name) if at.step in new.by_id else None
        if old_ and neu_ and (old_.type, old_.unit) != (neu_.type, neu_.unit):
            yield (
                f"{name} of {at} stands as {old_.type} {old_.unit or ''}".rstrip()
                + f"; the new version reads it as {neu_.type} {neu_.unit or ''}".rstrip()
            )


def _criteria(therapy: Therapy, moved: Therapy, present: StudyProtocol, new: StudyProtocol) -> Iterator[str]:
    """What a release will stand on can still be known."""
    if new.release is None or not any(s.kind == "disposition" and lies_ahead(moved, new, s) for s in new.steps):
        return
    for criterion in new.release.criteria:
        unknown = [_unknown(therapy, moved, present, new, one) for one in criterion.alternatives]
        if all(unknown):  # of alternatives one that can be known is enough
            for source in dict.fromkeys(source for sources in unknown for source in sources):
                yield f"criterion {criterion.id} stands on {source}, which lies behind this patient and was not recorded"


def _unknown(
    therapy: Therapy, moved: Therapy, present: StudyProtocol, new: StudyProtocol, criterion: Alternative
) -> list[str]:
    """The values of a criterion that cannot be known any more."""
    measure, found = criterion.measure, []
    for source in (measure.of, *measure.multiply, *measure.divide):
        name, _, reading = source.partition(".")
        step = new.by_id[name]
        if not may_come(therapy, step) or lies_ahead(moved, new, step):
            continue
        known = any(at.step == name and read == reading for at, read in therapy.readings)
        then = present.by_id.get(name)
        record = then.record_by_name.get(reading) if then else None
        if not known and not (begun(therapy, name) and record is not None and record.late):
            found.append(source)
    return found


def _failed(therapy: Therapy, moved: Therapy, present: StudyProtocol, new: StudyProtocol) -> Iterator[str]:
    """A product that fails is rejected, made again, or released by exception: no other version of the study makes it pass."""
    ahead = any(s.kind == "disposition" and lies_ahead(therapy, present, s) for s in present.steps)
    fails = {c.name for c in evaluate(moved, new) if c.verdict == "failed"}
    for criterion in evaluate(therapy, present) if ahead else ():
        if criterion.verdict == "failed" and criterion.name not in fails:
            yield (
                f"criterion {criterion.name} fails ({criterion.found}; passes {criterion.passes}), and would not in the new "
                "version"
            )


def _behind(moved: Therapy, new: StudyProtocol) -> Iterator[str]:
    """Nothing that is to come counts from a step that is passed over; nothing that was done is to be done more often."""
    for step in new.steps:
        if not lies_ahead(moved, new, step):
            continue
        starts = [clock.start.step for clock in step.clocks] + ([step.visits_from.step] if step.visits_from else [])
        for name in dict.fromkeys(starts):
            if not new.by_id[name].visits and moved.passes(name):
                yield f"{step.id} counts from {name}, which lies behind this patient and was not done"
        if begun(moved, step.id) and step.repeat and not step.visits and passed_by(moved, new, step):
            dues = [d for d in of_step(moved, new, step) if d.standing in OPEN and d.required]
            if dues:
                yield f"{step.id} is to be done {step.repeat.at_least} times in the new version, and what follows it has begun"


def _needs(therapy: Therapy, moved: Therapy, present: StudyProtocol, new: StudyProtocol) -> Iterator[str]:
    """Every material that a coming step needs is there, or is made by a step that is still to come."""
    already = set(_missing(therapy, present))
    for step, kinds in _missing(moved, new):
        if (step, kinds) not in already:
            yield f"{step} needs {' or '.join(kinds)}; there is none, and no step before this patient makes any"


def _missing(therapy: Therapy, protocol: StudyProtocol) -> Iterator[tuple[str, tuple[str, ...]]]:
    coming = [step for step in protocol.steps if lies_ahead(therapy, protocol, step)]
    made = {spec.new for step in coming for spec in step.scans.values() if spec.new}
    there = made | {m.kind for m in therapy.materials.values() if m.live and not m.earlier}
    for step in coming:
        if step.reserve:
            continue
        wanted: list[tuple[str, ...]] = [
            (kind,) for kind in (*step.consumes, *step.moves, *((step.for_each,) if step.for_each else ()))
        ]
        wanted += [
            spec.kinds
            for spec in step.scans.values()
            if spec.count[0] > 0 and set(spec.kinds) <= set(protocol.materials)
        ]
        for kinds in dict.fromkeys(wanted):
            if kinds and not there & set(kinds):
                yield step.id, kinds


def _late_already(
    therapy: Therapy, moved: Therapy, present: StudyProtocol, new: StudyProtocol, now: datetime
) -> Iterator[str]:
    """Nobody becomes late by the move: a limit that has passed under the new version, and has not under the present one."""
    runs = {(str(d.at), d.says): d.strikes for d in deadlines(therapy, present)}
    for deadline in deadlines(moved, new):
        if deadline.strikes < now and runs.get((str(deadline.at), deadline.says)) != deadline.strikes:
            yield f"{deadline.says}, by {deadline.strikes:%Y-%m-%d %H:%M} UTC, which has passed"
