"""A value that changes after a release: the gate is computed again, released material is quarantined, history stays."""

from __future__ import annotations

from dataclasses import replace

from events.facts.base import Reading, TherapyFact
from events.facts.quality import DeviationOpened, MaterialQuarantined
from protocol.model import StudyProtocol
from protocol.release import evaluate
from protocol.state import Current, Instance, Therapy


def late_failures(
    therapy: Therapy, protocol: StudyProtocol, at: Instance, readings: tuple[Reading, ...], before: int = 0
) -> list[TherapyFact]:
    """What follows when these readings come after a release: a critical deviation and quarantine for new failures.

    Args:
        before: how many deviations the same record opens already, so that numbers stay unique.
    """
    if therapy.disposition is None or therapy.disposition.decision != "released":
        return []
    changed = {(at, r.name): Current(r.value, r.unit, "") for r in readings}
    after = replace(therapy, readings={**therapy.readings, **changed})
    stood = {c.name for c in evaluate(therapy, protocol) if c.verdict == "failed"}
    fallen = [c for c in evaluate(after, protocol) if c.verdict == "failed" and c.name not in stood]
    facts: list[TherapyFact] = []
    for number, criterion in enumerate(fallen, start=len(therapy.deviations) + before + 1):
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
        live = tuple(c for c in therapy.disposition.materials if therapy.materials[c].live)
        if live:
            facts.append(
                MaterialQuarantined(therapy=therapy.id, materials=live, rule="release.late-result", reason=says)
            )
    return facts
