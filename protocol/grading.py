"""Toxicity graded from signs: the highest grade that one of them gives, unless something is missing. A proposal, never a verdict.

Pure over the study's table; the table that ships is the ASTCT consensus (Lee et al. 2019, Biol Blood Marrow Transplant 25:625-638).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from events.facts.base import Reading
from events.facts.safety import GradeProposed
from protocol.model import Grading, Level, Sign, StudyProtocol
from protocol.state import Instance, Therapy
from protocol.state.safety import Graded


class Computed(NamedTuple):
    """A grade as computed: None where a sign is missing. `at_least`: what the signs that are there give."""

    grade: int | None
    missing: tuple[str, ...]
    at_least: int
    because: tuple[str, ...]


def compute(grading: Grading, values: Mapping[str, str], *, waived: bool = False) -> Computed:
    """The grade that the values of one visit give.

    Args:
        values: the visit's records by name, without units; what was not recorded is not in it.
        waived: whether the sign that the others require is not required any more.
    """
    missing = [name for sign in grading.signs for name in sign.of if name not in values]
    given = {sign.id: given for sign in grading.signs if (given := _given(sign, values)) is not None}
    required = grading.requires
    if required is not None and not waived and not given.get(required.sign, (0, ""))[0]:
        title = grading.sign_by_id[required.sign].title
        told = () if missing else (f"{title}: none, and required",)
        return Computed(None if missing else 0, tuple(missing), 0, told)
    least = max((grade for grade, _ in given.values()), default=0)
    because = tuple(says for grade, says in given.values() if grade)
    return Computed(None if missing else least, tuple(missing), least, because)


def _given(sign: Sign, values: Mapping[str, str]) -> tuple[int, str] | None:
    """The grade that a sign gives, and in words; None where one of its records is missing."""
    if any(name not in values for name in sign.of):
        return None
    shown = values[sign.of[0]] if len(sign.of) == 1 else f"{sum(Decimal(values[name]) for name in sign.of)}"
    grade = max((level.grade for level in sign.levels if _reached(level, shown)), default=0)
    if grade and sign.other_cause and values.get(sign.other_cause) == "yes":
        return 0, ""
    return grade, f"{sign.title}: {shown.replace('_', ' ')}, grade {grade}"


def _reached(level: Level, shown: str) -> bool:
    if level.answer is not None:
        return shown in level.answer
    number = Decimal(shown)
    return (level.at_least is None or number >= level.at_least) and (level.at_most is None or number <= level.at_most)


# ------------------------------------------------------------------ the visits of a therapy


class _Visit(NamedTuple):
    started: datetime
    ended: datetime
    values: dict[str, str]


def propose(
    therapy: Therapy,
    protocol: StudyProtocol,
    at: Instance,
    started: datetime,
    ended: datetime,
    readings: Iterable[Reading],
) -> list[GradeProposed]:
    """The proposals that new values of a visit change: its own, and those of later visits that it tells of a treatment."""
    versions = (protocol, *protocol.earlier)
    names = dict.fromkeys(g.id for version in versions for g in gradings_of(version) if g.step == at.step)
    if not names:
        return []
    # A visit is graded by the version of the study under which it was signed; this one, where nothing is signed yet, by the one in force.
    signed = {act.at: protocol.of(act.by.protocol) for act in (*therapy.pending.values(), *therapy.acts.values())}
    visits = dict(_visits(therapy, at.step))
    known = visits[at].values if at in visits else {}
    visits[at] = _Visit(started, ended, {**known, **{r.name: r.value for r in readings}})
    found: list[GradeProposed] = []
    for name in names:
        for where, visit in sorted(visits.items(), key=lambda item: (item[1].started, str(item[0]))):
            grading = next((g for g in gradings_of(signed.get(where, protocol)) if g.id == name), None)
            if grading is None or grading.step != at.step:
                continue
            new = compute(grading, visit.values, waived=_waived(grading, visit, visits.values()))
            before = therapy.safety.grades.get((grading.id, where))
            if before is None or (before.proposed.grade, before.proposed.missing) != (new.grade, new.missing):
                found.append(_fact(therapy, grading, where, new))
    return found


def _visits(therapy: Therapy, step: str) -> Iterator[tuple[Instance, _Visit]]:
    """Every visit of a step, with its values as they stand; those that wait for a second signature too."""
    for act in (*therapy.pending.values(), *therapy.acts.values()):
        if act.at.step == step:
            values = {r.name: r.value for r in act.fact.readings}
            values |= {name: now.value for (at, name), now in therapy.readings.items() if at == act.at}
            yield act.at, _Visit(act.fact.started, act.fact.ended, values)


def _waived(grading: Grading, visit: _Visit, visits: Iterable[_Visit]) -> bool:
    """Whether what waives the required sign is dated on this visit's day or before it, by any visit up to this one."""
    name = grading.requires.unless_since if grading.requires else None
    if name is None:
        return False
    days = [v.values[name] for v in visits if v.started <= visit.started and name in v.values]
    return any(day <= visit.ended.date().isoformat() for day in days)


def _fact(therapy: Therapy, grading: Grading, at: Instance, new: Computed) -> GradeProposed:
    return GradeProposed(
        therapy=therapy.id,
        grading=grading.id,
        key=at.key(),
        grade=new.grade,
        missing=new.missing,
        at_least=new.at_least if new.grade is None else None,
        because=new.because,
    )


# ------------------------------------------------------------------ looking


def gradings_of(protocol: StudyProtocol) -> tuple[Grading, ...]:
    """What the study grades."""
    return protocol.safety.gradings if protocol.safety else ()


def unsigned(therapy: Therapy) -> list[Graded]:
    """Grades that nobody has signed as they are proposed now."""
    return [graded for graded in therapy.safety.grades.values() if graded.signed is None]


def told(grade: int | None, missing: Iterable[str] = (), at_least: int | None = None) -> str:
    """A grade in words."""
    if grade is not None:
        return f"grade {grade}"
    more = f", at least grade {at_least} from what is there" if at_least else ""
    lacks = ", ".join(missing)
    return f"not gradable: {lacks} missing{more}" if lacks else "not gradable"


def proposed(graded: Graded) -> str:
    """What is proposed, in words, with the reasons."""
    fact = graded.proposed
    because = f" ({'; '.join(fact.because)})" if fact.because else ""
    return told(fact.grade, fact.missing, fact.at_least) + because


def grades_told(therapy: Therapy, protocol: StudyProtocol) -> str:
    """How each toxicity stands at its last visit, and the highest grade that was signed: one line of a status."""
    words = []
    for grading in gradings_of(protocol):
        mine = [graded for (name, _), graded in therapy.safety.grades.items() if name == grading.id]
        if not mine:
            continue
        last = max(mine, key=lambda graded: _when(therapy, graded))
        stands = (
            told(last.signed.grade) if last.signed else f"{told(last.proposed.grade, last.proposed.missing)} proposed"
        )
        signed = [g.signed.grade for g in mine if g.signed is not None and g.signed.grade is not None]
        highest = f", highest {max(signed)}" if signed else ""
        words.append(f"{grading.id} {stands} at {last.at.occurrence}{highest}")
    return "; ".join(words)


def _when(therapy: Therapy, graded: Graded) -> tuple[datetime, str]:
    act = therapy.every_act.get(graded.at) or therapy.waiting(graded.at)
    return (act.fact.started if act else graded.by.happened), graded.at.occurrence
