"""Incidents on the road: what is open, which of the protocol's options can still be chosen, and what follows from a report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from events.facts.base import TherapyFact
from events.facts.incidents import IncidentReported
from protocol.clocks import Strike, moment, strikes
from protocol.consequences import follow, offered_to
from protocol.due import Due, of_step
from protocol.model import Incident, IncidentOption, Step, StudyProtocol
from protocol.readings import Breach
from protocol.running import in_words, length, running, touched_kinds
from protocol.state import Happening, Therapy


def undecided(therapy: Therapy, protocol: StudyProtocol) -> list[tuple[Happening, Incident]]:
    """The incidents after which an option is to be chosen, and nobody has."""
    found = []
    for happening in therapy.incidents.values():
        spec = protocol.incident_by_id.get(happening.name)
        if spec is not None and spec.options and not happening.chosen:
            found.append((happening, spec))
    return [] if therapy.stopped or therapy.completed else found


def closed(
    therapy: Therapy, protocol: StudyProtocol, happening: Happening, option: IncidentOption, now: datetime
) -> str:
    """Why an option can no longer be chosen, in words; nothing while it can."""
    if option.until is not None:
        begun = moment(therapy, protocol, option.until.start, happening.at.material)
        if begun is None:
            return f"{option.until.start} has not happened"
        end = option.until.within.after(*begun)
        if end < now:
            return f"only within {option.until.within} of {option.until.start}, which ended {length(now - end)} ago"
    for name in option.offers:
        if says := _not_offered(therapy, protocol, protocol.by_id[name], happening):
            return says
    return ""


def open_for(
    therapy: Therapy, protocol: StudyProtocol, happening: Happening, option: IncidentOption, now: datetime
) -> str:
    """How much time is left for an option, in words; nothing where the protocol sets no end."""
    begun = moment(therapy, protocol, option.until.start, happening.at.material) if option.until else None
    if option.until is None or begun is None:
        return ""
    return f"{length(option.until.within.after(*begun) - now)} left ({option.until.within} of {option.until.start})"


class Bound(NamedTuple):
    """A limit that runs while an incident waits: when it is reached, and what then is over or follows."""

    at: datetime
    says: str

    def __str__(self) -> str:
        return f"{self.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC {self.says}"


def bounds(therapy: Therapy, protocol: StudyProtocol, happening: Happening, spec: Incident) -> list[Bound]:
    """Every limit that runs while nobody has chosen, the tightest first: that one is in force.

    The end of each option, after which it is refused; the thresholds of the clocks that run for the material, and of the
    steps that an option would offer. What was reached before the last that the record knows of is left out.
    """
    found = []
    for option in spec.options:
        begun = moment(therapy, protocol, option.until.start, happening.at.material) if option.until else None
        if option.until is not None and begun is not None:
            says = f"{option.id} is closed ({option.until.within} of {option.until.start})"
            found.append(Bound(option.until.within.after(*begun), says))
        for name in option.offers:
            step = protocol.by_id[name]
            for code in offered_to(therapy, protocol, name, still_live(therapy, happening)) or ("",):
                at = therapy.at(name, "1", code)
                found += [_threshold(strike, f"{option.id}, {name}") for strike in strikes(therapy, protocol, step, at)]
    missed = {(name, due) for (name, _), due in therapy.missed.items()}
    for clock in running(therapy, protocol, happening.materials):
        found += [_threshold(s, clock.says) for s in clock.strikes if (s.name, s.due) not in missed]
    known = [happening.when, happening.by.recorded, *therapy.missed.values()]
    known += [therapy.last_happened] if therapy.last_happened else []
    return sorted({bound for bound in found if bound.at >= max(known)})


def _threshold(strike: Strike, of: str) -> Bound:
    return Bound(strike.due, f"{in_words(strike.limit.then)} ({strike.limit.at} of {strike.since}; {of})")


def still_live(therapy: Therapy, happening: Happening) -> list[str]:
    """The materials of an incident for which something can still be done."""
    known = (code for code in happening.materials if code in therapy.materials)
    return [code for code in known if therapy.materials[code].live]


def _not_offered(therapy: Therapy, protocol: StudyProtocol, step: Step, happening: Happening) -> str:
    codes = offered_to(therapy, protocol, step.id, still_live(therapy, happening))
    if step.for_each is not None and not codes:
        return f"there is no {step.for_each} to do {step.id} on"
    for code in codes or ("",):
        if code and any(due.at.material == code for due in _open_of(therapy, protocol, step)):
            return f"{step.id} of {code} is on its way already"
        # What comes after it, or instead of it, has been done: that way is closed.
        later = [s for s in protocol.steps if s.unless == step.id or any(n == step.id for n, _ in s.predecessors)]
        for other in later:
            at = therapy.at(other.id, "1", code if other.for_each == step.for_each else "")
            if code and (at in therapy.acts or therapy.waiting(at) is not None):
                return f"{at} has been done"
    if not codes and _open_of(therapy, protocol, step):
        return f"{step.id} is offered already, and has not been done"
    return ""


def _open_of(therapy: Therapy, protocol: StudyProtocol, step: Step) -> list[Due]:
    """What is offered of a step and has not been done."""
    found = of_step(therapy, protocol, step) if therapy.offered(step.id) else ()
    return [due for due in found if due.standing != "done" and due.required]


def concerned(therapy: Therapy, due: Due) -> tuple[str, ...]:
    """The live materials that an incident during this instance concerns."""
    if due.at.material:
        return (due.at.material,)
    act = therapy.acts.get(due.at) or therapy.waiting(due.at)
    if act is not None and act.fact.moves:
        return tuple(code for code in act.fact.moves if therapy.materials[code].live)
    kinds = touched_kinds(due)
    return tuple(sorted(m.code for kind in kinds for m in therapy.live(kind)))


def report(
    therapy: Therapy,
    protocol: StudyProtocol,
    spec: Incident,
    due: Due,
    when: datetime,
    says: str,
    before: Sequence[TherapyFact] = (),
) -> list[TherapyFact]:
    """The fact of an incident and what follows from it, to stand in one record.

    Args:
        before: the facts of the same record before these, so that numbers stay unique.
    """
    materials = concerned(therapy, due)
    number = len(therapy.incidents) + sum(1 for fact in before if isinstance(fact, IncidentReported)) + 1
    fact = IncidentReported(
        therapy=therapy.id,
        incident=f"I-{number}",
        name=spec.id,
        key=due.at.key(),
        materials=materials,
        at=when,
        says=says,
    )
    breach = Breach(f"incident.{spec.id}", spec.consequences, "", "", f"{spec.title}: {says}", cause=fact.incident)
    return [fact, *follow(therapy, protocol, due.at, [breach], materials, before)]
