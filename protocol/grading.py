"""Toxicity graded from signs: a proposal, known as soon as no missing sign can change it: the highest grade that one of them gives.

Pure over the study's table; the table that ships is the ASTCT consensus (Lee et al. 2019, Biol Blood Marrow Transplant 25:625-638).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from events.facts.base import Reading
from events.facts.safety import GradeProposed
from protocol.duration import Begun
from protocol.model import Grading, Sign, StudyProtocol
from protocol.open_signs import Outcome, attributed, groups, lacking, shown, span, together
from protocol.state import Instance, Therapy
from protocol.state.safety import Graded
from protocol.study_order import in_order


class Computed(NamedTuple):
    """A grade as computed: the lowest and the highest over every value that a missing record may take, and the grade where they are equal.

    `missing`: the records that can still change it. What is left out and cannot is said in `because`.
    """

    grade: int | None
    missing: tuple[str, ...]
    at_least: int
    at_most: int
    because: tuple[str, ...]


def compute(grading: Grading, values: Mapping[str, str], *, waived: bool = False) -> Computed:
    """The grade that the values of one visit give, or the two between which it lies.

    Args:
        values: the visit's records by name, without units; what was not recorded is not in it. Another cause is something that
            somebody says: where nobody did, a sign has none.
        waived: whether the sign that the others require is not required any more.
    """
    required = grading.requires.sign if grading.requires and not waived else None
    found = groups(grading, values, required)
    tops = [[outcome.top for outcome in group.outcomes if outcome.opens] for group in found]
    if not all(tops):  # the required sign is not there, and nothing that is missing could bring it
        told = f"{grading.sign_by_id[str(required)].title}: none, and required"
        left = [_left_out(sign) for sign in grading.signs if _open(sign, values) and sign.id != required]
        return Computed(0, (), 0, 0, (told, *left))
    surely = all(outcome.opens for group in found for outcome in group.outcomes)
    least, most = max(map(min, tops)) if surely else 0, max(map(max, tops))
    says = {sign.id: _says(grading, sign, values) for sign in grading.signs}
    because = tuple(told for told in says.values() if told)
    if least == most:
        left = [_left_out(sign) for sign in grading.signs if _open(sign, values) and not says[sign.id]]
        return Computed(least, (), least, most, (*because, *left))
    missing = []
    for at, group in enumerate(found):
        floor = max((min(others) for other, others in enumerate(tops) if other != at), default=0)
        missing += [name for name, turns in group.turns.items() if any(_differ(turn, floor) for turn in turns)]
    return Computed(None, tuple(missing), least, most, because)


def _differ(turn: Iterable[Outcome], floor: int) -> bool:
    """Whether these outcomes give more than one grade, where everything else gives this one and keeps nothing shut."""
    return len({max(outcome.top, floor) if outcome.opens else 0 for outcome in turn}) > 1


def _open(sign: Sign, values: Mapping[str, str]) -> bool:
    return bool(lacking(sign, values)) and not attributed(sign, values)


def _says(grading: Grading, sign: Sign, values: Mapping[str, str]) -> str:
    """The grade that a sign surely gives, in words; nothing where that is none."""
    grades = {outcome.top for outcome in together((sign,), values, grading.records).outcomes}
    if not min(grades):
        return ""
    sure = f"grade {min(grades)}" if len(grades) == 1 else f"at least grade {min(grades)}"
    if not lacking(sign, values):
        return f"{sign.title}: {shown(sign, values).replace('_', ' ')}, {sure}"
    low, high = span(sign, values, grading.records) if len(sign.of) > 1 else ("", "")
    between = f"{low} to {high}, {', '.join(lacking(sign, values))} left out" if len(sign.of) > 1 else "left out"
    return f"{sign.title}: {between}, {sure}"


def _left_out(sign: Sign) -> str:
    return f"{sign.title}: left out, and cannot change it"


# ------------------------------------------------------------------ the visits of a therapy


class _Visit(NamedTuple):
    began: Begun
    done: Begun
    values: dict[str, str]


def propose(
    therapy: Therapy,
    protocol: StudyProtocol,
    at: Instance,
    began: Begun,
    done: Begun,
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
    visits[at] = _Visit(began, done, {**known, **{r.name: r.value for r in readings}})
    found: list[GradeProposed] = []
    for name in names:
        for where, visit in sorted(visits.items(), key=lambda item: (item[1].began, in_order(protocol, item[0]))):
            grading = next((g for g in gradings_of(signed.get(where, protocol)) if g.id == name), None)
            if grading is None or grading.step != at.step:
                continue
            new = compute(grading, visit.values, waived=_waived(grading, visit, visits.values()))
            fact, before = _fact(therapy, grading, where, new), therapy.safety.grades.get((grading.id, where))
            if before is None or _stands(before.proposed) != _stands(fact):
                found.append(fact)
    return found


def _visits(therapy: Therapy, step: str) -> Iterator[tuple[Instance, _Visit]]:
    """Every visit of a step, with its values as they stand; those that wait for a second signature too."""
    for act in (*therapy.pending.values(), *therapy.acts.values()):
        if act.at.step == step:
            values = {r.name: r.value for r in act.fact.readings}
            values |= {name: now.value for (at, name), now in therapy.readings.items() if at == act.at}
            yield act.at, _Visit(act.began, act.done, values)


def _waived(grading: Grading, visit: _Visit, visits: Iterable[_Visit]) -> bool:
    """Whether what waives the required sign is dated on this visit's day or before it, by any visit up to this one."""
    name = grading.requires.unless_since if grading.requires else None
    if name is None:
        return False
    days = [v.values[name] for v in visits if v.began.at <= visit.began.at and name in v.values]
    return any(day <= visit.done.day.isoformat() for day in days)


def _stands(fact: GradeProposed) -> tuple[object, ...]:
    return fact.grade, fact.missing, fact.at_least, fact.at_most


def _fact(therapy: Therapy, grading: Grading, at: Instance, new: Computed) -> GradeProposed:
    return GradeProposed(
        therapy=therapy.id,
        grading=grading.id,
        key=at.key(),
        grade=new.grade,
        missing=new.missing,
        at_least=new.at_least if new.grade is None else None,
        at_most=new.at_most if new.grade is None else None,
        because=new.because,
    )


# ------------------------------------------------------------------ looking


def gradings_of(protocol: StudyProtocol) -> tuple[Grading, ...]:
    """What the study grades."""
    return protocol.safety.gradings if protocol.safety else ()


def unsigned(therapy: Therapy) -> list[Graded]:
    """Grades that nobody has signed as they are proposed now."""
    return [graded for graded in therapy.safety.grades.values() if graded.signed is None]


def told(grade: int | None, open_: GradeProposed | None = None) -> str:
    """A grade in words; of one that could not be computed what is missing and between which two it lies, where the proposal is given."""
    if grade is not None:
        return f"grade {grade}"
    if open_ is None or not open_.missing:
        return "not gradable"
    bounds = f"at least grade {open_.at_least} and at most grade {open_.at_most}"
    return f"not gradable: {', '.join(open_.missing)} missing, {bounds} from what is there"


def proposed(graded: Graded) -> str:
    """What is proposed, in words, with the reasons."""
    fact = graded.proposed
    because = f" ({'; '.join(fact.because)})" if fact.because else ""
    return told(fact.grade, fact) + because


def grades_told(therapy: Therapy, protocol: StudyProtocol) -> str:
    """How each toxicity stands at its last visit, and the highest grade that was signed: one line of a status."""
    words = []
    for grading in gradings_of(protocol):
        mine = [graded for (name, _), graded in therapy.safety.grades.items() if name == grading.id]
        if not mine:
            continue
        last = max(mine, key=lambda graded: _when(therapy, graded))
        stands = told(last.signed.grade) if last.signed else f"{told(last.proposed.grade, last.proposed)} proposed"
        signed = [g.signed.grade for g in mine if g.signed is not None and g.signed.grade is not None]
        highest = f", highest {max(signed)}" if signed else ""
        words.append(f"{grading.id} {stands} at {last.at.occurrence}{highest}")
    return "; ".join(words)


def _when(therapy: Therapy, graded: Graded) -> tuple[datetime, str]:
    act = therapy.every_act.get(graded.at) or therapy.waiting(graded.at)
    return (act.fact.started if act else graded.by.happened), graded.at.occurrence
