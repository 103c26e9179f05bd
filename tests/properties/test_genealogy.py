"""Properties of the genealogy: where every bag comes from, what every lot touched, and what a recall leaves available."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from console.rehearsal import lot_code
from events.reading import read_record
from protocol.audit import audit_all
from protocol.genealogy import ancestors, descendants, origins
from protocol.reader import Reader
from protocol.recall import uses
from protocol.state import Therapy
from protocol.trace import behind, uses_of
from tests.properties.histories import HISTORIES, PATIENTS, History, begun, played
from tests.stage import Stage, Staged

pytestmark = pytest.mark.property
Steps = tuple[str, list[tuple[str, int, int]]]
FEW = settings(
    max_examples=14,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)


def of_every_patient(site: Staged) -> list[Therapy]:
    """Every therapy that was opened."""
    return [therapy for patient in PATIENTS if (therapy := site.therapy(patient)).opened]


def check_descent(therapy: Therapy) -> None:
    """No material is its own ancestor, and each traces to a donation of this patient; what goes forward comes back."""
    for code in therapy.materials:
        back = ancestors(therapy, code)
        assert code not in back
        found = origins(therapy, code)
        assert found, f"{code} comes from nowhere"
        assert {therapy.materials[one].kind for one in found} == {"leukapheresis"}
        for parent in back:
            assert code in descendants(therapy, (parent,))


def check_trace(therapy: Therapy) -> None:
    """From each use forward to what it touched, from each material back to the uses: the same pairs, found two ways."""
    forward = {(use.link, use.code, code) for use in uses_of(therapy) for code in use.downstream}
    back = {(use.link, use.code, code) for code in codes(therapy) for use in behind(therapy, code)}
    assert forward == back


def codes(therapy: Therapy) -> list[str]:
    """Every material, and what an act brings that waits for its second signature."""
    coming = [new.code for act in therapy.pending.values() for new in act.fact.created]
    return [*therapy.materials, *coming]


@FEW
@given(history=HISTORIES)
def test_every_material_traces_to_a_donation_of_this_patient_and_every_lot_to_what_it_touched(
    stage: Stage, history: Steps
) -> None:
    """After any history, remakes and second collections among it."""
    how, steps = history
    site = begun(stage, how)
    played(site, steps, lambda _history, _before: None)
    for therapy in of_every_patient(site):
        check_descent(therapy)
        check_trace(therapy)


@FEW
@given(history=HISTORIES, at=st.integers(0, 20), seed=st.integers(0, 2**20))
def test_a_recall_at_any_point_leaves_nothing_that_it_touched_available(
    stage: Stage, history: Steps, at: int, seed: int
) -> None:
    """Whatever happened before: right after the recall no live material behind which the lot stands can be used."""
    how, steps = history
    site = begun(stage, how)
    lots = sorted({name for step in site.protocol.steps for name in step.needs.lots})
    lot = lot_code(random.Random(seed).choice(lots))
    recalled: list[int] = []

    def each(history: History, _before: int) -> None:
        if not recalled and len(history.happened) >= at:
            recall()

    def recall() -> None:
        fresh = not site.desk.equipment.known(lot).recalled
        if fresh:
            site.desk.recall_lot(lot, "leaks", site.sits("quality.1"))
        recalled.append(site.log.size())
        for therapy in of_every_patient(site):
            assert (lot in therapy.recalls) == bool(uses(therapy, lot))
            for code in codes(therapy):
                if any(use.code == lot for use in behind(therapy, code)):
                    check_held(therapy, code, lot, fresh=fresh)

    played(site, steps, each)
    if not recalled:
        recall()
    # Nobody used it after that.
    for stored in site.log.read(*recalled):
        for fact in read_record(stored).facts if stored.refused is None else ():
            assert lot not in {used.code for used in getattr(fact, "used", ())}
    assert audit_all(Reader(site.log)) == []


def check_held(therapy: Therapy, code: str, lot: str, *, fresh: bool) -> None:
    """It cannot be used, or is gone; or the history had recalled the lot before, and QA has decided on it since."""
    material = therapy.materials.get(code)
    if material is None:
        assert "lot.recalled" in {cause.rule for cause in therapy.quarantined_early[code]}
    elif material.live:
        decided = not fresh and code in therapy.recalls[lot].materials
        assert decided or material.status in ("quarantined", "rejected")
