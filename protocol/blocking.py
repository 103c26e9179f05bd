"""What stays shut while something is open. The gates ask it, and the list of work tells it of the very same things."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from events.errors import Refused
from events.facts.base import Criterion
from protocol.due import Due, could_apply
from protocol.environment import CRITERION
from protocol.happened import SHUT, unassessed
from protocol.infection import age_breaches, waits_for_plan
from protocol.labels import MADE, content, labelled
from protocol.model import Step, StudyProtocol
from protocol.release import evaluate, readings_of, sources_of, unmet
from protocol.state import Deviation, Instance, Therapy

_AHEAD = ("ready", "waiting", "awaiting_second")


class Stops(NamedTuple):
    """What stands in the way of a release: criteria, deviations, quarantined materials."""

    criteria: list[Criterion]
    deviations: list[Deviation]
    quarantined: list[str]


def release_stops(therapy: Therapy, protocol: StudyProtocol, materials: Iterable[str], bag: str = "") -> Stops:
    """Everything that would refuse a release now.

    Args:
        materials: what is released.
        bag: the one that is decided on, where that is done bag by bag.
    """
    return Stops(
        unmet(evaluate(therapy, protocol, bag), protocol),
        therapy.blocking,
        [code for code in materials if therapy.materials[code].status == "quarantined"],
    )


@dataclass(frozen=True)
class Shut:
    """What cannot be done while something is open, each as the names of the steps that stay shut; empty where nothing is.

    Args:
        every: the instances of this patient's path; none for a therapy that is over, of which no step is ahead.
    """

    therapy: Therapy
    protocol: StudyProtocol
    every: Sequence[Due]

    @cached_property
    def ahead(self) -> dict[str, list[Instance]]:
        """The steps that are still to come, with the instances that there are by now; a step of a bag not yet filled has none."""
        found: dict[str, list[Instance]] = {}
        for due in self.every:
            if due.standing in _AHEAD:
                found.setdefault(due.at.step, []).append(due.at)
        if self.every and not (self.therapy.stopped or self.therapy.completed):
            known = {due.at.step for due in self.every}
            later = (s for s in self.protocol.steps if s.for_each and s.id not in known and not s.reserve)
            found |= {step.id: [] for step in later if could_apply(step, self.therapy)}
        return found

    @cached_property
    def releases(self) -> tuple[str, ...]:
        """The dispositions that are still to come."""
        return self._of_kinds(("disposition",))

    @cached_property
    def _unmet(self) -> list[tuple[str, Criterion]]:
        """What the release lacks, with the bag of which it is asked."""
        bags = [at.material for name in self.releases for at in self.ahead[name]] or [""]
        return [(b, c) for b in dict.fromkeys(bags) for c in release_stops(self.therapy, self.protocol, (), b).criteria]

    def until_closed(self, deviation: Deviation) -> tuple[str, ...]:
        """What stays shut until a deviation is closed."""
        return self.releases if deviation.release_waits_for == "closure" else ()

    def until_assessed(self, deviation: Deviation) -> tuple[str, ...]:
        """What stays shut until somebody assessed what a deviation means."""
        released = self.releases if deviation.release_waits_for == "impact" else ()
        patient = self._of_kinds(SHUT) if deviation in unassessed(self.therapy) else ()
        return (*released, *patient)

    def by_environment(self) -> tuple[str, ...]:
        """What waits for results of environmental monitoring."""
        return self.releases if self.releases and any(c.name == CRITERION for _, c in self._unmet) else ()

    def by_reading(self, at: Instance, names: Iterable[str]) -> tuple[str, ...]:
        """What waits for values that an act has still to bring: the release, and labels that bear them."""
        wanted = {f"{at.step}.{name}" for name in names}
        lacking = {source for source in wanted if not self._stands(source, at)}
        release = self.releases if lacking and self.releases and self._pending(lacking, at) else ()
        labels = [step for step, missing in self._unprintable if missing in wanted]
        return tuple(dict.fromkeys([*release, *labels]))

    def by_plan(self, plan: Step) -> tuple[str, ...]:
        """What waits for the plan that the infection markers ask for."""
        steps = (self.protocol.by_id[name] for name in self.ahead)
        return tuple(s.id for s in steps if plan.id in waits_for_plan(self.therapy, self.protocol, s))

    def by_old_markers(self) -> tuple[str, ...]:
        """Collections that will be refused as booked, because the markers are too old by then."""
        age = self.protocol.infection.age if self.protocol.infection else None
        if age is None or not any(c.what == "refuse" for c in age.otherwise):
            return ()
        booked = [(s.resource, self.therapy.booked(s)) for s in self.therapy.slots if s.resource in self.ahead]
        old = (name for name, when in booked if list(age_breaches(self.therapy, self.protocol, name, when)))
        return tuple(dict.fromkeys(old))

    def by_age(self, at: Instance) -> tuple[str, ...]:
        """Steps that are refused because this one was done too long ago, and come when it has been done once more."""
        found = []
        for due in self.every if at.occurrence != "1" else ():
            for clock in due.step.clocks if due.standing in _AHEAD else ():
                refuses = [limit for limit in clock.limits if any(c.what == "refuse" for c in limit.then)]
                names = {f"{clock.start}-{clock.to}-{limit.at}".replace(" ", "") for limit in refuses}
                if clock.start.step == at.step and any((name, due.at) in self.therapy.missed for name in names):
                    found.append(due.at.step)
        return tuple(dict.fromkeys(found))

    def by_label(self, step: str) -> tuple[str, ...]:
        """The labelling that stays shut until its labels are printed."""
        return (step,) if step in self.ahead else ()

    @cached_property
    def _unprintable(self) -> list[tuple[str, str]]:
        """Labelling steps that are still to come, each with a value that a label of it lacks."""
        found = []
        for name, instances in self.ahead.items():
            step = self.protocol.by_id[name]
            for material, template in labelled(self.therapy, self.protocol, step, "") if instances else ():
                try:
                    content(self.therapy, self.protocol, template, material)
                except Refused as refused:
                    lacks = str(refused.values.get("missing", "")).rpartition("(")[2].rstrip(")")
                    made, record = material.made_in.step, lacks.removeprefix(f"{MADE}.")
                    found.append((name, lacks if record == lacks else f"{made}.{record}"))
        return found

    def _stands(self, source: str, at: Instance) -> bool:
        """Whether a criterion finds a value there: of this bag, where it is decided bag by bag."""
        product = self.protocol.release.product if self.protocol.release else ""
        material = self.therapy.materials.get(at.material)
        own = material is not None and material.kind == product and self._each_bag(source)
        name = source.partition(".")[2]
        return (at, name) in self.therapy.readings if own else bool(readings_of(self.therapy, source))

    def _each_bag(self, source: str) -> bool:
        criteria = self.protocol.release.criteria if self.protocol.release else ()
        return any(c.each_bag and source in sources_of(c) for c in criteria)

    def _pending(self, lacking: set[str], at: Instance) -> bool:
        """Whether a criterion that the release waits for looks at one of these values."""
        names = {c.name for bag, c in self._unmet if c.verdict == "pending" and bag in ("", at.material or bag)}
        criteria = self.protocol.release.criteria if self.protocol.release else ()
        return any(lacking & set(sources_of(c)) for c in criteria if c.id in names)

    def _of_kinds(self, kinds: Iterable[str]) -> tuple[str, ...]:
        return tuple(name for name in self.ahead if self.protocol.by_id[name].kind in kinds)
