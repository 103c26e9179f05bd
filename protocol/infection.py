"""Infection markers as they stand: of all of them one word, and what that asks of age, storage, rooms and treatment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from events.facts.base import Reading
from events.facts.steps import ProcessPerformed
from protocol.duration import Begun
from protocol.model import Infection, Marker, Step, StudyProtocol
from protocol.readings import Breach
from protocol.refusals import refuse
from protocol.state import Instance, Therapy

SAYS = "infection"
"""How a label names what is computed here: ``infection.status``, ``infection.positive``."""
WORST = ("positive", "pending", "not_tested", "negative")
COMPUTED: dict[str, tuple[str, ...] | None] = {"status": WORST, "evaluated": ("yes", "no"), "positive": None}
"""What a label can show, and the words that it can be.

`status`: of all markers the first of these words that any of them has; `evaluated`: whether each has been tested, and its
result is there; `positive`: the agents of those that are.
"""

More = Mapping[tuple[Instance, str], str]
"""Values that are about to be recorded, by act and name."""


class Result(NamedTuple):
    """A result of one marker: its word, the day on which it was drawn, the act that says so."""

    value: str
    drawn: date | None
    at: Instance
    order: int


class Markers(NamedTuple):
    """The markers as they stand: for each that is asked for, or was recorded, its result; None where nobody recorded one."""

    infection: Infection
    of: dict[str, Result | None]

    @property
    def status(self) -> str:
        """Of all of them one word; an earlier positive is not outvoted by a later negative."""
        words = {self.word(name) for name in self.of}
        return next((word for word in WORST if word in words), "negative")

    def word(self, name: str) -> str:
        """What is said of one marker."""
        result = self.of.get(name)
        return result.value if result else "not_tested"

    def that_are(self, *words: str) -> list[Marker]:
        """The markers of which one of these is said, in the file's order."""
        return [m for m in self.infection.markers if m.id in self.of and self.word(m.id) in words]

    def told(self) -> str:
        """All of it in words: ``positive: HBsAg; pending: Syphilis``; ``negative`` where that is all."""
        found = []
        for word in ("positive", "pending", "not_tested"):
            if names := [marker.title for marker in self.that_are(word)]:
                found.append(f"{word.replace('_', ' ')}: {', '.join(names)}")
        return "; ".join(found) or "negative"


def look(therapy: Therapy, infection: Infection, more: More | None = None) -> Markers:
    """The markers as every act says them, signed second or not: a result is heeded as soon as one person signed it."""
    acts = [*therapy.every_act.values(), *therapy.pending.values()]
    orders = {act.at: act.by.number for act in acts}
    values = {(act.at, r.name): r.value for act in therapy.pending.values() for r in act.fact.readings}
    values |= {where: now.value for where, now in {**therapy.earlier_readings, **therapy.readings}.items()}
    values |= more or {}
    known: dict[str, list[Result]] = {marker.id: [] for marker in infection.markers}
    for (at, name), value in values.items():
        if name in known and at.step in infection.recorded_in:
            day = values.get((at, infection.drawn))
            drawn = date.fromisoformat(day) if day else None
            known[name].append(Result(value, drawn, at, orders.get(at, therapy.number + 1)))
    stands = {name: _standing(results) for name, results in known.items()}
    return Markers(infection, {m.id: stands[m.id] for m in infection.markers if _counts(m, stands)})


def _standing(results: list[Result]) -> Result | None:
    """A positive one; else the latest that was tested; else that nobody did."""
    latest = sorted(results, key=lambda r: (r.drawn or date.min, r.order))
    for words in (("positive",), ("negative", "pending"), ("not_tested",)):
        if found := [result for result in latest if result.value in words]:
            return found[-1]
    return None


def _counts(marker: Marker, stands: Mapping[str, Result | None]) -> bool:
    """Whether a marker is asked for, or was tested without being asked for."""
    result = stands[marker.id]
    if not marker.needed_when or (result is not None and result.value != "not_tested"):
        return True
    words = {name: other.value if (other := stands.get(name)) else "not_tested" for name in marker.needed_when}
    return any(words[name] in results for name, results in marker.needed_when.items())


def status(therapy: Therapy, protocol: StudyProtocol) -> str:
    """Of all markers one word; nothing where the study has none."""
    return look(therapy, protocol.infection).status if protocol.infection else ""


def on_label(therapy: Therapy, protocol: StudyProtocol, name: str) -> str:
    """What a label shows of one of `COMPUTED`; nothing where there is nothing to show."""
    if protocol.infection is None:
        return ""
    markers = look(therapy, protocol.infection)
    if name == "status":
        return markers.status
    if name == "evaluated":
        return "no" if markers.that_are("pending", "not_tested") else "yes"
    return ", ".join(dict.fromkeys(marker.agent for marker in markers.that_are("positive")))


# ---------------------------------------------------------------------------------------------------------- age


def age_breaches(
    therapy: Therapy, protocol: StudyProtocol, step: str, started: Begun, more: More | None = None
) -> Iterator[Breach]:
    """Markers that are too old when a collection begins: one breach, which names each with its day."""
    infection = protocol.infection
    if infection is None or infection.age is None or step not in infection.age.of:
        return
    old = [
        f"{marker.title} {result.drawn.isoformat() if result.drawn else 'without a day'}"
        for marker, result in _tested(look(therapy, infection, more))
        if _too_old(infection, result, started)
    ]
    if old:
        asked = f"no older than {infection.age.no_older_than}"
        says = (
            f"infection markers are too old at {step}, {started.day}: drawn {', '.join(old)}; the protocol says {asked}"
        )
        yield Breach(f"infection.age.{step}", infection.age.otherwise, asked, ", ".join(old), says)


def _tested(markers: Markers) -> Iterator[tuple[Marker, Result]]:
    for marker in markers.infection.markers:
        result = markers.of.get(marker.id)
        if result is not None and result.value != "not_tested":
            yield marker, result


def _too_old(infection: Infection, result: Result, started: Begun) -> bool:
    if infection.age is None:
        return False
    return result.drawn is None or infection.age.no_older_than.too_old(result.drawn, *started)


# ---------------------------------------------------------------------------------------------------------- storage


def check_storage(
    therapy: Therapy, protocol: StudyProtocol, step: Step, readings: Sequence[Reading], more: More | None = None
) -> None:
    """Material lies where its patient's markers let it lie: apart, or with the others.

    Raises:
        Refused: naming the position, the markers, and where it may lie.
    """
    infection = protocol.infection
    apart = infection.segregated if infection else None
    if infection is None or apart is None:
        return
    for reading in readings:
        if f"{step.id}.{reading.name}" in apart.records:
            check_position(look(therapy, infection, more), reading.value, str(step.id))


def check_position(markers: Markers, position: str, what: str) -> None:
    """One position, for material of a patient with these markers.

    Raises:
        Refused: it is segregated and the material need not be, or the other way round.
    """
    apart = markers.infection.segregated
    if apart is None or (markers.status in apart.results) == is_segregated(markers.infection, position):
        return
    begins = " or ".join(apart.positions)
    if markers.status in apart.results:
        says, advice = "is not segregated", f"Choose a position that begins with {begins}."
    else:
        says, advice = "is segregated", f"Choose a position that does not begin with {begins}."
    raise refuse(
        "infection.storage",
        f"{what}: position {position} {says}, and this patient's infection markers are {markers.told()}.",
        f"{advice} Nothing was recorded.",
        position=position,
        markers=markers.told(),
        segregated=list(apart.positions),
    )


def is_segregated(infection: Infection, position: str) -> bool:
    """Whether a position is one of those that are kept apart."""
    apart = infection.segregated
    return apart is not None and any(position.upper().startswith(begins.upper()) for begins in apart.positions)


def wrongly_stored(therapy: Therapy, protocol: StudyProtocol, markers: Markers) -> dict[str, str]:
    """Live material that lies in a position that is not segregated although its markers ask for one, by code, in words."""
    infection = protocol.infection
    if infection is None or infection.segregated is None or markers.status not in infection.segregated.results:
        return {}
    found: dict[str, tuple[int, str]] = {}
    for act in (*therapy.acts.values(), *therapy.pending.values()):
        for value in _positions(therapy, infection, act.at, {r.name: r.value for r in act.fact.readings}):
            for code in [act.at.material] if act.at.material else [s.code for s in act.fact.scans]:
                found[code] = max(found.get(code, (0, "")), (act.by.number, value))
    for code, stored in therapy.stored.items():
        found[code] = max(found.get(code, (0, "")), stored)
    live = {
        code: lies for code, (_, lies) in found.items() if code in therapy.materials and therapy.materials[code].live
    }
    return {c: f"{c} lies at {lies}" for c, lies in sorted(live.items()) if not is_segregated(infection, lies)}


def _positions(therapy: Therapy, infection: Infection, at: Instance, signed: Mapping[str, str]) -> Iterator[str]:
    apart = infection.segregated
    for name, value in signed.items():
        if apart is not None and f"{at.step}.{name}" in apart.records:
            now = therapy.readings.get((at, name))
            yield now.value if now else value


# ---------------------------------------------------------------------------------------------------------- rooms, plan


def needs_changeover(therapy: Therapy, protocol: StudyProtocol) -> bool:
    """Whether a room in which this patient's cells were open is changed over before another's are."""
    infection = protocol.infection
    after = infection.changeover if infection else None
    return infection is not None and after is not None and look(therapy, infection).status in after.results


def plan_needed(therapy: Therapy, protocol: StudyProtocol, more: More | None = None) -> list[str]:
    """The markers that ask for a plan, in words; none where none is asked for, or one stands."""
    infection = protocol.infection
    plan = infection.plan if infection else None
    if infection is None or plan is None or any(at.step == plan.step for at in therapy.every_act):
        return []
    markers = look(therapy, infection, more)
    asking = [m for m in markers.that_are(*plan.results) if m.id in plan.markers]
    return [f"{marker.title} {markers.word(marker.id).replace('_', ' ')}" for marker in asking]


def waits_for_plan(therapy: Therapy, protocol: StudyProtocol, step: Step) -> tuple[str, ...]:
    """The step that must be done first because of the markers; nothing where none is."""
    plan = protocol.infection.plan if protocol.infection else None
    return (plan.step,) if plan and step.id in plan.before and plan_needed(therapy, protocol) else ()


def check_plan(therapy: Therapy, protocol: StudyProtocol, step: Step) -> None:
    """Nothing that the plan must come before is done without it.

    Raises:
        Refused: naming the markers that ask for it, and who signs it.
    """
    if not waits_for_plan(therapy, protocol, step):
        return
    plan = protocol.infection.plan if protocol.infection else None
    assert plan is not None  # that is what it waits for
    maker = protocol.by_id[plan.step]
    told = plan_needed(therapy, protocol)
    raise refuse(
        "infection.plan",
        f"{step.title} ({step.id}) needs {maker.title} ({plan.step}) first: {', '.join(told)}.",
        f"{' or '.join(maker.performed_by)} signs it: `unbroken perform {therapy.id} {plan.step}`.",
        step=step.id,
        plan=plan.step,
        markers=told,
    )


# ---------------------------------------------------------------------------------------------------------- what came later


def turned(therapy: Therapy, protocol: StudyProtocol, more: More) -> list[Breach]:
    """What follows where values that come later ask for what was not done: storage apart, a changeover, a plan, fresh markers."""
    infection = protocol.infection
    if infection is None or infection.turned is None:
        return []
    before, after = look(therapy, infection), look(therapy, infection, more)
    found = []
    apart, rooms, plan = infection.segregated, infection.changeover, infection.plan
    if apart and before.status not in apart.results and (lies := wrongly_stored(therapy, protocol, after)):
        found.append(f"{', '.join(lies.values())}, which is not segregated")
    if rooms and after.status in rooms.results and before.status not in rooms.results:
        acts = [*therapy.acts.values(), *therapy.pending.values()]
        facts = [
            a.fact for a in acts if isinstance(a.fact, ProcessPerformed) and a.fact.suite and not a.fact.changeover
        ]
        found += [
            f"cells were open in {f.suite} until {f.ended:%Y-%m-%d %H:%M} UTC without a changeover" for f in facts
        ]
    if plan and plan_needed(therapy, protocol, more) and not plan_needed(therapy, protocol):
        begun = sorted({act.at.step for act in therapy.every_act.values() if act.at.step in plan.before})
        found += [f"{step} was begun without {plan.step}" for step in begun]
    for act in (*therapy.every_act.values(), *therapy.pending.values()):
        now = list(age_breaches(therapy, protocol, act.at.step, act.began, more))
        if now and not list(age_breaches(therapy, protocol, act.at.step, act.began)):
            found.append(now[0].says)
    if not found:
        return []
    says = f"the infection markers are now {after.told()}: {'; '.join(found)}"
    return [Breach("infection.turned", infection.turned, before.told(), after.told(), says)]


def again_wanted(therapy: Therapy, protocol: StudyProtocol) -> str:
    """Why the markers should be drawn again, or their results told, in words; nothing if they need not."""
    infection = protocol.infection
    if infection is None:
        return ""
    markers = look(therapy, infection)
    if markers.status in ("pending", "not_tested") or markers.that_are("pending", "not_tested"):
        return markers.told()
    for resource in dict.fromkeys(slot.resource for slot in therapy.slots) if infection.age else ():
        slot = therapy.slot(resource)
        if infection.age and slot and slot.resource in infection.age.of and not therapy.of_step(slot.resource):
            old = list(age_breaches(therapy, protocol, slot.resource, therapy.booked(slot)))
            if old:
                return f"too old on {therapy.booked(slot).day}, when {slot.resource} is booked: drawn {old[0].found}"
    return ""
