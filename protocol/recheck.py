"""A value that changes after a release: the gate is computed again, released material is quarantined, history stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from events.facts.base import Reading, TherapyFact
from events.facts.quality import DeviationOpened, MaterialQuarantined
from protocol.alerts import raise_alert
from protocol.consequences import opened_in
from protocol.model import StudyProtocol
from protocol.release import evaluate
from protocol.state import Current, Instance, Therapy


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
    if therapy.disposition is None or therapy.disposition.decision != "released":
        return []
    changed = {(at, r.name): Current(r.value, r.unit, "") for r in readings}
    after = replace(therapy, readings={**therapy.readings, **changed})
    # What was released by exception was accepted as it was found; another value of it was not.
    excepted = set(therapy.disposition.excepted)
    stood = {
        (c.name, c.found if c.name in excepted else "") for c in evaluate(therapy, protocol) if c.verdict == "failed"
    }
    fallen = [
        c
        for c in evaluate(after, protocol)
        if c.verdict == "failed" and (c.name, c.found if c.name in excepted else "") not in stood
    ]
    facts: list[TherapyFact] = []
    for number, criterion in enumerate(fallen, start=len(therapy.deviations) + opened_in(before, therapy.id) + 1):
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
        for role in protocol.release.alerts if protocol.release else ():
            told = (*before, *facts)
            facts.append(raise_alert(therapy, "release.late-result", (role,), says, at=at, before=told))
    return facts
