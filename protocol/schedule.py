"""A patient's schedule: planned from the protocol, moved by what happened; each entry says why it stands where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from events.facts.base import Slot
from events.facts.steps import SlotsBooked
from protocol import safety_reports
from protocol.clocks import begun_of
from protocol.clocks import moment as clock_moment
from protocol.due import Due, Standing, belongs, could_apply, how_often, instances, of_step
from protocol.duration import Begun
from protocol.incidents import bounds, undecided
from protocol.model import Moment, Step, StudyProtocol
from protocol.state import Instance, Therapy
from protocol.stranded import hearers, says, stranded
from protocol.study_order import in_order

HAPPENED, PLANNED = "happened", "planned"
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a calendar. Times are None where nothing is known yet; `happened` is (start, end) once done."""

    at: Instance
    title: str
    roles: tuple[str, ...]
    standing: Standing | Literal["alert", "acknowledged", "report", "incident"]
    earliest: datetime | None
    planned: datetime | None
    latest: datetime | None
    happened: tuple[datetime, datetime] | None
    why: str


def schedule(therapy: Therapy, protocol: StudyProtocol) -> list[Entry]:
    """The calendar of a therapy: alerts that nobody has acknowledged, what happened in order, what is planned in order."""
    entries = [
        *_no_product(therapy, protocol),
        *_alerts(therapy),
        *_reports(therapy, protocol),
        *_incidents(therapy, protocol),
        *_earlier(therapy, protocol),
        *_off_the_path(therapy, protocol),
        *_Planner(therapy, protocol).entries(),
    ]
    return sorted(entries, key=lambda e: _in_turn(e, protocol))


def _in_turn(entry: Entry, protocol: StudyProtocol) -> tuple[object, ...]:
    """By time; at the same time, and where none is known, in the study's order."""
    when = _when(entry)
    return entry.standing != "alert", when is None, when or _NEVER, in_order(protocol, entry.at)


def _reports(therapy: Therapy, protocol: StudyProtocol) -> list[Entry]:
    """Safety reports that are still to be sent, at the end of their clock."""
    return [
        Entry(
            clock.at, f"{clock.report.title}: {clock.event.reported.term}", clock.report.sent_by, "report",
            clock.begun, clock.due, clock.due, None, f"{clock.report.id}: {safety_reports.says(clock)}",
        )
        for clock in safety_reports.open_clocks(therapy, protocol)
    ]  # fmt: skip


def _incidents(therapy: Therapy, protocol: StudyProtocol) -> list[Entry]:
    """Incidents that wait for a choice, at the limit that is in force, with each that comes after it."""
    found = []
    for happening, spec in undecided(therapy, protocol):
        limits = bounds(therapy, protocol, happening, spec)
        first, last = (limits[0].at, limits[-1].at) if limits else (None, None)
        why = "; ".join(map(str, limits)) or "no limit runs"
        at = Instance("incident", happening.code)
        found.append(
            Entry(at, spec.title, spec.decided_by, "incident", happening.when, first, last, None, f"in force: {why}")
        )
    return found


def _alerts(therapy: Therapy) -> list[Entry]:
    """Alerts stand in the calendar of whoever plans by it: the open ones on top, the others when they were raised."""
    return [
        Entry(
            Instance("alert", alert.code),
            alert.says,
            alert.roles,
            "acknowledged" if alert.acknowledged else "alert",
            None,
            None,
            None,
            (alert.raised, alert.acknowledged.recorded if alert.acknowledged else alert.raised),
            f"{alert.says}; acknowledged by {alert.acknowledged.account}" if alert.acknowledged else alert.says,
        )
        for alert in therapy.alerts.values()
    ]


def _no_product(therapy: Therapy, protocol: StudyProtocol) -> list[Entry]:
    """While a patient who was conditioned has no product, that stands on top, with the ways that are left now."""
    left = stranded(therapy, protocol)
    if left is None:
        return []
    why, at = says(therapy, protocol, left), Instance("product_lost")
    title = "No product after lymphodepletion began"
    return [Entry(at, title, hearers(protocol), "alert", None, None, None, (left.since, left.since), why)]


def _earlier(therapy: Therapy, protocol: StudyProtocol) -> list[Entry]:
    """What was done for batches that were given up stays in the calendar."""
    found = []
    for at, act in therapy.earlier_acts.items():
        step = protocol.by_id.get(at.step)
        title, roles = (step.title, step.performed_by) if step else (at.step, ())
        happened = (act.fact.started, act.fact.ended)
        why = f"batch {at.batch}, which was given up"
        found.append(Entry(at, title, roles, "done", None, None, None, happened, why))
    return found


def _off_the_path(therapy: Therapy, protocol: StudyProtocol) -> list[Entry]:
    """What was told to have been done although it is not on this patient's path: it happened, so it stands in the calendar."""
    on_path = {due.at for due in instances(therapy, protocol)}
    found = []
    for at, act in therapy.acts.items():
        step = protocol.by_id.get(at.step)
        if step is not None and act.fact.done_by and at not in on_path:
            happened = (act.fact.started, act.fact.ended)
            why = f"not on this patient's path; {act.late}"
            found.append(Entry(at, step.title, step.performed_by, "done", None, None, None, happened, why))
    return found


def _when(entry: Entry) -> datetime | None:
    return entry.happened[0] if entry.happened else entry.planned


Placed = tuple[datetime | None, datetime | None, datetime | None, str]


class _Planner:
    """Plans each step once, from the steps before it; what happened replaces what was planned."""

    def __init__(self, therapy: Therapy, protocol: StudyProtocol) -> None:
        self.therapy, self.protocol = therapy, protocol
        self.ends: dict[tuple[str, bool, str], tuple[Begun | None, str]] = {}
        self.placed: dict[Instance, Placed] = {}

    def entries(self) -> list[Entry]:
        found = [self.entry(due) for due in instances(self.therapy, self.protocol)]
        known = {entry.at.step for entry in found}
        for step in self.protocol.steps:  # steps whose material does not exist yet still belong in a calendar
            if step.id not in known and not step.reserve and self.comes(step):
                found.append(self.entry(Due(self.therapy.at(step.id), step, "waiting")))
        idle = {s.id for s in self.protocol.steps if s.on_demand}
        return [e for e in found if e.standing != "closed" and not (e.at.step in idle and e.happened is None)]

    def comes(self, step: Step) -> bool:
        """Whether a step may still come: it is on this patient's path, and no other has taken its place."""
        return could_apply(step, self.therapy) and not (step.unless and self.therapy.offered(step.unless))

    def entry(self, due: Due) -> Entry:
        act = self.therapy.acts.get(due.at) or self.therapy.waiting(due.at)
        happened = (act.fact.started, act.fact.ended) if act else None
        earliest, planned, latest, why = self.place(due)
        roles = due.step.performed_by
        why = f"{why}; {act.late}" if act and act.late else why
        return Entry(due.at, due.step.title, roles, due.standing, earliest, planned, latest, happened, why)

    def place(self, due: Due) -> Placed:
        """From when it may be, when it is planned, until when it must be, and why; each computed once."""
        if due.at not in self.placed:
            self.placed[due.at] = self.placing(due)
        return self.placed[due.at]

    def placing(self, due: Due) -> Placed:
        if due.visit is not None and due.step.visits_from is not None:
            begun, sure = self.moment(due.step.visits_from)
            if begun is None:
                return None, None, None, f"{due.visit.at} after {due.step.visits_from}, which is not planned yet"
            why = f"{due.visit.at} after {due.step.visits_from} ({begun.day}, {sure})"
            return *due.visit.span(begun), why
        earliest, latest, limited = self.window(due.step, due.at)
        planned, why = self.planned(due.step, due.at)
        if planned is not None and earliest is not None and planned < earliest:
            planned, why = earliest, f"{limited}; before that it would come too early"
        return earliest, planned, latest, why

    def window(self, step: Step, at: Instance) -> tuple[datetime | None, datetime | None, str]:
        """When it may begin and must have: from what happened, because a limit of a guess is no limit."""
        earliest: datetime | None = None
        latest: datetime | None = None
        limited = ""
        for clock in step.clocks:
            if clock.start.step == step.id:
                begun, sure = begun_of(self.therapy, self.protocol, clock, step, at), HAPPENED
            else:
                begun, sure = self.moment(clock.start, at.material)
            if begun is None or not (
                self.therapy.of_step(clock.start.step) or could_apply(self.of(clock.start), self.therapy)
            ):
                continue
            if clock.no_sooner is not None and (earliest is None or clock.no_sooner.after(*begun) > earliest):
                earliest = clock.no_sooner.after(*begun)
                limited = f"no sooner than {clock.no_sooner} after {clock.start}"
            for limit in clock.limits if sure == HAPPENED else ():
                end = limit.at.after(*begun)
                latest = end if latest is None else min(latest, end)
        return earliest, latest, limited

    def of(self, what: Moment) -> Step:
        return self.protocol.by_id[what.step]

    def planned(self, step: Step, at: Instance) -> tuple[datetime | None, str]:
        begun, why = self.by_itself(step, at)
        if step.visits or at.occurrence == "1":
            return begun, why
        previous = at._replace(occurrence=str(int(at.occurrence) - 1))
        after, sure = self.done_before(step, previous)
        every = step.repeat.every if step.repeat else None
        if after is not None and every is not None and not self.booked_since(step, previous):
            return every.after(*after), f"every {every}: after {previous} ({after}, {sure})"
        if after is not None and (begun is None or begun < after.at):
            return after.at, f"after {previous} ({after}, {sure})"
        return begun, why

    def booked_since(self, step: Step, previous: Instance) -> bool:
        """Whether the step's slot was booked after this occurrence of it was done: then it is a later one's."""
        slot, act = self.therapy.slot(step.id), self.therapy.acts.get(previous)
        bookings = (a for a in self.therapy.acts.values() if isinstance(a.fact, SlotsBooked) and slot in a.fact.slots)
        return act is not None and any(booking.by.number > act.by.number for booking in bookings)

    def done_before(self, step: Step, previous: Instance) -> tuple[Begun | None, str]:
        """When and where the occurrence before began, or is planned to."""
        act = self.therapy.acts.get(previous) or self.therapy.waiting(previous)
        if act is not None:
            return act.began, HAPPENED
        for number in range(
            1, int(previous.occurrence)
        ):  # from the first on, so that none waits for a long row of others
            self.place(Due(previous._replace(occurrence=str(number)), step, "waiting"))
        return self.there(self.place(Due(previous, step, "waiting"))[1]), PLANNED

    def by_itself(self, step: Step, at: Instance) -> tuple[datetime | None, str]:
        """Where a step stands by its slot, its plan, or what comes before it."""
        slot = self.therapy.slot(step.id)
        if slot is not None:
            return self.booked(step, at, slot)
        if step.plan is not None:
            begun, sure = self.moment(step.plan.start, at.material)
            if begun is not None:
                text = f"{step.plan.after} after {step.plan.start} ({begun}, {sure})"
                return step.plan.after.after(*begun), text
        known = self.before(step, at.material)
        if not known:
            return (self.therapy.opened_at, "the first step") if not step.predecessors else (None, "not planned yet")
        latest, name, sure = self.last(known)
        return latest.at, f"after {name} ({latest}, {sure})"

    def last(self, known: list[tuple[Begun, str, str]]) -> tuple[Begun, str, str]:
        """The latest; of several at one time the one that is the last in the study."""
        order = list(self.protocol.by_id)
        return max(known, key=lambda one: (one[0].at, order.index(one[1])))

    def before(self, step: Step, material: str) -> list[tuple[Begun, str, str]]:
        """When and where what comes before a step ends, on this material if it is one: (time, step, happened or planned)."""
        on_path = [(name, first) for name, first in step.predecessors if self.comes(self.protocol.by_id[name])]
        ends = [(self.end_of(name, first, material), name) for name, first in on_path or step.predecessors]
        return [(when, name, sure) for (when, sure), name in ends if when is not None]

    def booked(self, step: Step, at: Instance, slot: Slot) -> tuple[datetime, str]:
        """The booked slot, unless what comes before it has moved beyond it."""
        known = self.before(step, at.material)
        booked = self.therapy.booked(slot)
        latest, _, sure = self.last(known) if known else (booked, "", "")
        if latest.at > slot.starts:
            return latest.at, f"{slot.code} was booked for {booked}, what comes before it moved ({sure})"
        return slot.starts, f"booked: {slot.code}"

    def moment(self, what: Moment, material: str = "") -> tuple[Begun | None, str]:
        """When and where a moment happened, or is planned to: of a step done on each material, that of this one."""
        happened = clock_moment(self.therapy, self.protocol, what, material)
        return (happened, HAPPENED) if happened is not None else self.end_of(what.step, False, material)

    def end_of(self, name: str, first: bool, material: str = "") -> tuple[Begun | None, str]:
        """When a step ends, with its last occurrence that is needed, or with its first; on this material if it is one."""
        step = self.protocol.by_id[name]
        known = self.therapy.materials.get(material)
        own = material if known is not None and known.kind == step.for_each else ""
        key = (name, first, own)
        if key not in self.ends:
            self.ends[key] = (None, PLANNED)  # a step that is planned from itself has no date
            self.ends[key] = (
                self.end(step, first, own) if own or step.for_each is None else self.end_of_each(step, first)
            )
        return self.ends[key]

    def end_of_each(self, step: Step, first: bool) -> tuple[Begun | None, str]:
        """When a step that is done on each material ends: on the first of them, or on all."""
        codes = dict.fromkeys(
            d.at.material for d in of_step(self.therapy, self.protocol, step) if d.standing != "closed"
        )
        ends = [self.end(step, first, code) for code in codes or ("",)]
        happened = [when for when, sure in ends if when is not None and sure == HAPPENED]
        if happened and (first or len(happened) == len(ends)):
            return (min(happened) if first else max(happened)), HAPPENED
        known = [when for when, _ in ends if when is not None]
        return (min(known) if first else max(known)) if known else None, PLANNED

    def end(self, step: Step, first: bool, material: str) -> tuple[Begun | None, str]:
        acts = [a for a in self.therapy.of_step(step.id) if not material or a.at.material == material]
        visits = [v for v in step.visits if all(self.therapy.option(c) in (None, *o) for c, o in v.when.items())]
        needed = 1 if first else (len(visits) or how_often(self.therapy, step, material)[0])
        if len(acts) >= needed:
            ends = [a.done for a in acts]
            return (min(ends) if first else max(ends)), HAPPENED
        if not could_apply(step, self.therapy) or (material and not belongs(step, self.therapy, material)):
            return max((when for when, _, _ in self.before(step, material)), default=None), PLANNED
        if visits:
            visit = visits[0] if first else visits[-1]
            due = Due(self.therapy.at(step.id, visit.id), step, "waiting", visit=visit)
        else:
            due = Due(self.therapy.at(step.id, str(needed), material), step, "waiting")
        return self.there(self.place(due)[1]), PLANNED

    def there(self, planned: datetime | None) -> Begun | None:
        """What has not happened yet is planned for where the patient is treated."""
        return None if planned is None else Begun(planned, self.therapy.zone)
