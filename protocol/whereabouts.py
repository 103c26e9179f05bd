"""Where material is when a step comes, as far as the file says; and steps that are done somewhere else."""

from __future__ import annotations

from collections.abc import Iterator

from protocol.model import Step
from protocol.problems import Path, Problem, Study


def away(study: Study) -> Iterator[Problem]:
    """Steps whose place is not where their material can be by then. Silent where the file does not say where it is."""
    for number, step in enumerate(study.protocol.steps):
        base: Path = ("steps", number, "at")
        for kind in _handled(step):
            places = _places(study, step, kind)
            if step.at is not None and places and step.at not in places:
                lies = " or ".join(f"{place} (after {name})" for place, name in places.items())
                yield Problem(
                    base,
                    f"{step.id} is done at {step.at}, and {kind} is then at {lies}; correct the place, or let a hand-over "
                    "or a transport come before",
                )


def _handled(step: Step) -> list[str]:
    """The kinds of material that must be at hand: what is scanned, used up, moved, or done one by one."""
    known = [
        kind for spec in step.scans.values() if spec.count[0] > 0 and " or " not in spec.what for kind in spec.kinds
    ]
    made = {spec.new for spec in step.scans.values()}
    kinds = [*known, *step.consumes, *step.moves, *([step.for_each] if step.for_each else [])]
    return [k for k in dict.fromkeys(kinds) if k not in made and k in {*known, *step.consumes, *step.moves}]


def _places(study: Study, step: Step, kind: str) -> dict[str, str]:
    """The places where a kind of material can be when a step begins, each with the step that brings it there; none if unknown."""
    makers = [s for s in study.protocol.steps if any(spec.new == kind for spec in s.scans.values())]
    movers = [s for s in study.protocol.steps if kind in s.moves]
    before = [s for s in (*makers, *movers) if s.id in study.before[step.id]]
    last = [s for s in before if not any(_supersedes(study, later, s, step) for later in movers)]
    # What is in no order with this step may have come before it.
    free = [
        s for s in movers if s.id != step.id and s.id not in study.before[step.id] and step.id not in study.before[s.id]
    ]
    found = {(s.to if kind in s.moves else s.at): s.id for s in (*last, *free)}
    return {} if not before or None in found else {place: name for place, name in found.items() if place is not None}


def _supersedes(study: Study, later: Step, earlier: Step, step: Step) -> bool:
    """Whether a move surely comes between an earlier step and this one, for every patient who comes to this one."""
    always = not later.reserve and later.unless is None and all(step.when.get(c) == o for c, o in later.when.items())
    between = later.id in study.before[step.id] and earlier.id in study.before[later.id]
    return always and between and later.id != step.id
