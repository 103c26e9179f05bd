"""A patient's schedule: planned from the protocol, moved by what happened; each entry says why it stands where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from events.facts.base import Slot
from protocol.due import Due, Standing, could_apply, instances
from protocol.model import Clock, Moment, Step, StudyProtocol
from protocol.state import Act, Instance, Therapy

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a calendar. Times are None where nothing is known yet; `happened` is (start, end) once done."""

    at: Instance
    title: str
    roles: tuple[str, ...]
    standing: Standing
    earliest: datetime | None
    planned: datetime | None
    latest: datetime | None
    happened: tuple[datetime, datetime] | None
    why: str


def schedule(therapy: Therapy, protocol: StudyProtocol) -> list[Entry]:
    """The calendar of a therapy: what happened in order, then what is planned in order."""
    entries = _Planner(therapy, protocol).entries()
    return sorted(entries, key=lambda e: (_when(e) is None, _when(e) or _NEVER, str(e.at)))


def _when(entry: Entry) -> datetime | None:
    return entry.happened[0] if entry.happened else entry.planned


class _Planner:
    """Plans each step once, from the steps before it; what happened replaces what was planned."""

    def __init__(self, therapy: Therapy, protocol: StudyProtocol) -> None:
        self.therapy, self.protocol = therapy, protocol
        self.ends: dict[str, tuple[datetime | None, str]] = {}

    def entries(self) -> list[Entry]:
        found = [self.entry(due) for due in instances(self.therapy, self.protocol)]
        known = {entry.at.step for entry in found}
        for step in self.protocol.steps:  # steps whose material does not exist yet still belong in a calendar
            if step.id not in known and not step.reserve and could_apply(step, self.therapy):
                found.append(self.entry(Due(Instance(step.id), step, "waiting")))
        return [e for e in found if e.standing != "closed"]

    def entry(self, due: Due) -> Entry:
        act = self.therapy.acts.get(due.at) or self.therapy.waiting(due.at)
        happened = (act.fact.started, act.fact.ended) if act else None
        earliest, planned, latest, why = self.place(due, act)
        roles = due.step.performed_by
        return Entry(due.at, due.step.title, roles, due.standing, earliest, planned, latest, happened, why)

    def place(self, due: Due, act: Act | None) -> tuple[datetime | None, datetime | None, datetime | None, str]:
        if due.visit is not None and due.step.visits_from is not None:
            begun, sure = self.moment(due.step.visits_from)
            if begun is None:
                return None, None, None, f"{due.visit.at} after {due.step.visits_from}, which is not planned yet"
            middle = due.visit.at.after(begun)
            why = f"{due.visit.at} after {due.step.visits_from} ({begun:%Y-%m-%d}, {sure})"
            return due.visit.early.before(middle), middle, due.visit.late.after(middle), why
        earliest, latest, limited = self.window(due.step, due.at)
        planned, why = self.planned(due.step, due.at)
        if planned is not None and earliest is not None and planned < earliest:
            planned, why = earliest, f"{limited}; before that it would come too early"
        return earliest, planned, latest, why

    def window(self, step: Step, at: Instance) -> tuple[datetime | None, datetime | None, str]:
        earliest: datetime | None = None
        latest: datetime | None = None
        limited = ""
        for clock in step.clocks:
            begun, _ = self.moment(clock.start, at.material)
            if begun is None:
                continue
            if clock.no_sooner is not None and (earliest is None or clock.no_sooner.after(begun) > earliest):
                earliest, limited = (
                    clock.no_sooner.after(begun),
                    f"no sooner than {clock.no_sooner} after {clock.start}",
                )
            for end in self.limits(clock, begun):
                latest = end if latest is None else min(latest, end)
        return earliest, latest, limited

    def limits(self, clock: Clock, begun: datetime) -> list[datetime]:
        return [limit.at.after(begun) for limit in clock.limits]

    def planned(self, step: Step, at: Instance) -> tuple[datetime | None, str]:
        slot = next((s for s in self.therapy.slots if s.resource == step.id), None)
        if slot is not None:
            return self.booked(step, at, slot)
        if step.plan is not None:
            begun, sure = self.moment(step.plan.start, at.material)
            if begun is not None:
                text = f"{step.plan.after} after {step.plan.start} ({begun:%Y-%m-%d %H:%M}, {sure})"
                return self.nth(step, at, step.plan.after.after(begun)), text
        ends = [(self.end_of(name), name) for name, _ in step.predecessors]
        known = [(when, name, sure) for (when, sure), name in ends if when is not None]
        if not known:
            return (self.therapy.opened_at, "the first step") if not step.predecessors else (None, "not planned yet")
        latest, name, sure = max(known)
        return latest, f"after {name} ({latest:%Y-%m-%d %H:%M}, {sure})"

    def booked(self, step: Step, at: Instance, slot: Slot) -> tuple[datetime, str]:
        """The booked slot, unless what comes before it has moved beyond it."""
        ends = [self.end_of(name) for name, _ in step.predecessors]
        latest, sure = max(((end, sure) for end, sure in ends if end is not None), default=(slot.starts, ""))
        if latest > slot.starts:
            when = self.nth(step, at, latest)
            return when, f"{slot.code} was booked for {slot.starts:%Y-%m-%d %H:%M}, what comes before it moved ({sure})"
        return self.nth(step, at, slot.starts), f"booked: {slot.code}"

    def nth(self, step: Step, at: Instance, first: datetime) -> datetime:
        """When the occurrence of a step that repeats `every` so often comes."""
        if step.repeat is None or step.repeat.every is None:
            return first
        for _ in range(1, int(at.occurrence)):
            first = step.repeat.every.after(first)
        return first

    def moment(self, what: Moment, material: str = "") -> tuple[datetime | None, str]:
        """When a moment happened, or is planned to."""
        acts = self.therapy.of_step(what.step)
        if self.protocol.by_id[what.step].for_each and material:
            acts = [a for a in acts if a.at.material == material] or acts
        if acts:
            return max(a.fact.started if what.edge == "start" else a.fact.ended for a in acts), "happened"
        return self.end_of(what.step)

    def end_of(self, name: str) -> tuple[datetime | None, str]:
        if name not in self.ends:
            self.ends[name] = (None, "planned")  # a step that is planned from itself has no date
            acts = self.therapy.of_step(name)
            if acts:
                self.ends[name] = (max(a.fact.ended for a in acts), "happened")
            else:
                step = self.protocol.by_id[name]
                if could_apply(step, self.therapy):
                    due = Due(Instance(name), step, "waiting")
                    self.ends[name] = (self.place(due, None)[1], "planned")
                else:
                    self.ends[name] = (self.last_before(step), "planned")
        return self.ends[name]

    def last_before(self, step: Step) -> datetime | None:
        ends = [self.end_of(name)[0] for name, _ in step.predecessors]
        return max((end for end in ends if end is not None), default=None)
