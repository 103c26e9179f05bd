"""Studies that the program has never seen, played from consent to their last visit: a file, and no code."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from console.demo import Stage
from console.play import Play, Script
from console.rehearsal import Patient
from events.verify import verify
from projections import views
from protocol.audit import audit_all
from protocol.file import read_protocol

STUDIES = Path(__file__).parent / "studies"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bridging", "two_doses"])
def test_an_unseen_study_runs_to_its_end(tmp_path: Path, name: str) -> None:
    """Another product, other steps and assays, bridging therapy, one cohort, two doses weeks apart; verified and audited."""
    text = (STUDIES / f"{name}.yaml").read_text(encoding="utf-8")
    protocol = read_protocol(text)
    stage = Stage(tmp_path / "site", protocol, text)
    script = Script(Patient(1, "T-1", bags=2), "goes well")
    play = Play(stage.desk, protocol, [script], stage.sitting, stage.site.set_clock)
    for _ in range(200):
        played = play.run(50)
        turned = stage.desk.let_pass("T-1", stage.system)
        play.wake()
        if stage.desk.therapy("T-1").completed:
            break
        if not played and turned is None:
            following = stage.desk.next_deadline("T-1")
            assert following is not None, play.desk.therapy("T-1").pending
            stage.site.set_clock(max(following, stage.desk.clock()) + timedelta(minutes=1))
    therapy = stage.desk.therapy("T-1")
    assert therapy.completed == "followed_to_the_end"
    infusions = [act for act in therapy.acts.values() if protocol.by_id[act.at.step].kind == "infusion"]
    assert len({code for act in infusions for code in act.fact.consumed}) == 2
    assert verify(stage.desk.log, stage.site.log_id).clean
    assert audit_all(stage.desk, stage.site.now()) == []
    before, after = _views(stage)
    assert before == after


def _views(stage: Stage) -> tuple[str, str]:
    views.catch_up(stage.desk.log, stage.site.views_url)
    return views.rebuild(stage.desk.log, stage.site.views_url)
