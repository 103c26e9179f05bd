"""What the demo says of each patient is what its log holds: no scene passes by without having been played."""

from __future__ import annotations

from pathlib import Path

from console.scenes import scenes
from console.site import Site
from events.reading import verified_stream
from protocol.file import read_protocol
from protocol.state import Therapy
from tests.manual.conftest import study


def facts_of(site: Site, therapy: str) -> list[str]:
    """The facts of a therapy, in order, without their versions."""
    found = verified_stream(site.log, f"therapy/{therapy}")
    return [fact.wire.rpartition(".v")[0] for record in found for fact in record.facts]


def test_each_scene_of_the_demo_was_played(demo_site: Path) -> None:
    """Eight things that go wrong, and the patients with whom nothing does."""
    site = Site.open(demo_site)
    desk = site.desk()
    therapies = {s.patient.therapy: desk.therapy(s.patient.therapy) for s in scenes(read_protocol(study()))}
    facts = {name: facts_of(site, name) for name in therapies}
    told = {s.patient.therapy: s.tells for s in scenes(read_protocol(study()))}
    assert sorted(name for name, says in told.items() if says == "goes well") == ["T-001", "T-006"]
    for name in ("T-001", "T-002", "T-006", "T-012"):
        assert therapies[name].completed == "followed_to_the_end"
        assert not [d for d in therapies[name].deviations.values() if not d.closed]
    assert len([m for m in therapies["T-002"].materials.values() if m.ended == "infused"]) == 2
    assert made_again(therapies["T-003"])
    assert order(facts["T-004"], "product.infused", "alert.raised", "alert.acknowledged")
    assert order(facts["T-005"], "incident.reported", "incident_option.chosen", "slots.booked", "custody.given")
    assert "deadline.missed" in facts["T-007"]
    assert therapies["T-008"].terminated
    assert therapies["T-008"].disposition is not None
    assert therapies["T-008"].disposition.decision == "rejected"
    assert [m.status for m in therapies["T-009"].live("leukapheresis")] == ["quarantined"]
    assert "logger.read" in facts["T-009"]
    assert "cells.collected" not in facts["T-010"]
    assert therapies["T-010"].completed == "withdrawn"
    assert order(facts["T-011"], "identity.mismatched", "identity_hold.cleared", "product.infused")
    assert "item.presented_elsewhere" in facts["T-012"]


def made_again(therapy: Therapy) -> bool:
    """Whether its first batch failed and a second one was infused."""
    infused = [m for m in therapy.materials.values() if m.ended == "infused"]
    return therapy.batch == 2 and bool(therapy.failures) and [m.made_in.batch for m in infused] == [2]


def order(facts: list[str], *names: str) -> bool:
    """Whether these facts happened, each after the one before."""
    at = -1
    for name in names:
        at = facts.index(name, at + 1)
    return True
