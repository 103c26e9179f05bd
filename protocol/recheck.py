"""A value that changes after a release: the gate is computed again, released material is quarantined, history stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from events.facts.base import Criterion, Reading, TherapyFact
from events.facts.quality import DeviationOpened, MaterialQuarantined
from events.facts.steps import DispositionDecided
from protocol.alerts import raise_alert
from protocol.consequences import opened_in
from protocol.model import StudyProtocol
from protocol.release import evaluate
from protocol.state import Current, Instance, Therapy, instance


def late_failures(
    therapy: Therapy,
    protocol: StudyProtocol,
    at: Instance,
    readings: tuple[Reading, ...],
    before: Sequence[TherapyFact] = (),
) -> list[TherapyFact]:
    """What follows when these readings come after a release: a critical deviation, quarantine and alerts for new failures.

    Args:
        before: the facts of the same record before these, so that numbers stay unique.
    """
    changed = {(at, r.name): Current(r.value, r.unit, "") for r in readings}
    after = replace(therapy, readings={**therapy.readings, **changed})
    facts: list[TherapyFact] = []
    for criterion, materials in _fallen(therapy, after, protocol):
        number = len(therapy.deviations) + opened_in((*before, *facts), therapy.id) + 1
        says = f"{criterion.name} is {criterion.found} after the release; it passes {criterion.passes}"
        facts.append(
            DeviationOpened(
                therapy=therapy.id,
                deviation=f"D-{number}",
                grade="critical",
                rule="release.late-result",
                key=at.key(),
                limit=criterion.passes,
                found=criterion.found,
                says=says,
            )
        )
        live = tuple(code for code in materials if therapy.materials[code].live)
        if live:
            facts.append(
                MaterialQuarantined(therapy=therapy.id, materials=live, rule="release.late-result", reason=says)
            )
        for role in protocol.release.alerts if protocol.release else ():
            told = (*before, *facts)
            facts.append(raise_alert(therapy, "release.late-result", (role,), says, at=at, before=told))
    return facts


def _fallen(therapy: Therapy, after: Therapy, in_force: StudyProtocol) -> list[tuple[Criterion, tuple[str, ...]]]:
    """The criteria that fall with the new values, each with the materials that were released on it, bag by bag."""
    fallen: dict[Criterion, list[str]] = {}
    for decided in released(therapy):
        bag = decided.key.material or ""
        act = therapy.every_act.get(instance(decided.key))
        protocol = in_force.of(act.by.protocol) if act else in_force  # a release stands on the criteria of its own time
        # What was released by exception was accepted as it was found; another value of it was not.
        excepted = set(decided.excepted)
        before = evaluate(therapy, protocol, bag)
        stood = {(c.name, c.found if c.name in excepted else "") for c in before if c.verdict == "failed"}
        passed = {c.name for c in before if c.verdict == "passed"} & _alternatives(protocol)
        for criterion in evaluate(after, protocol, bag):
            found = criterion.found if criterion.name in excepted else ""
            # Of alternatives the one that passed may fall while another is not known: then nothing holds any more.
            lost = criterion.name in passed and criterion.verdict == "pending"
            if lost or (criterion.verdict == "failed" and (criterion.name, found) not in stood):
                fallen.setdefault(criterion, []).extend(decided.materials)
    return [(criterion, tuple(materials)) for criterion, materials in fallen.items()]


def _alternatives(protocol: StudyProtocol) -> set[str]:
    """The criteria of which one alternative is enough."""
    return {c.id for c in protocol.release.criteria if c.any_of} if protocol.release else set()


def released(therapy: Therapy) -> list[DispositionDecided]:
    """The releases that stand, one for the whole product or one for each bag, in their order."""
    found = [*therapy.dispositions.values(), *([therapy.disposition] if therapy.disposition else [])]
    return [d for n, d in enumerate(found) if d.decision == "released" and d not in found[:n]]
