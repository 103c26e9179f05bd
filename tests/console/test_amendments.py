"""A study is amended, and a running therapy is moved to its new version: typed as people would type it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.console.cli import ANNA, NURSE, Cli, apheresis
from tests.stage import study
from tests.stories.test_30_amendments import CD3, THAW, version

pytestmark = pytest.mark.story
T = ANNA.therapy
CONSENT = ["--consent-form", "2", "--permits", "material,data,follow_up"]


def adopted(cli: Cli, folder: Path) -> None:
    """QA adopts version 2."""
    file = folder / "second.yaml"
    file.write_text(version("2", CD3, THAW), encoding="utf-8")
    cli.ok("protocol", "adopt", str(file), by="quality.1")


def test_a_running_therapy_is_moved_by_two_people_who_saw_what_changes(cli: Cli, tmp_path: Path) -> None:
    """Worklist and status say that a later version is there; shown, proposed, approved; then it is the one in force."""
    assert "amendment show" not in cli.ok("status", T).out
    adopted(cli, tmp_path)
    for words in (["status", T], ["worklist", "--therapy", T]):
        assert f"stays on its own; what it would change: unbroken amendment show {T} 2" in cli.ok(*words).out
    assert "was adopted after the version of" in cli.ok("worklist").out
    shown = cli.ok("amendment", "show", T, "2")
    assert "30 min" in shown.out
    assert "20 min" in shown.out
    assert "The patient consents again" in shown.out
    document = cli.ok("amendment", "show", T, "2", "--json").json
    assert {c["where"] for c in document["changes"]} == {"protocol", "step apheresis", "step infusion"}
    move = ["amendment", "move", T, "2", "--why", "approved by the ethics committee"]
    cli.refused("amendment.consent", *move, by="investigator.1")
    now = cli.ok("site", "show", "--json").json["now"]
    said = cli.ok(*move, *CONSENT, "--consented-at", now, by="investigator.1")
    assert said.out.index("What changes for") < said.out.index("Recorded for")
    assert "step infusion clocks 1 limits 1 at: 30 min -> 20 min" in said.out
    assert f"Next: unbroken amendment approve {T} V-1" in said.out
    rows = cli.ok("worklist", "--role", "qa_releaser", "--json").json
    assert {r["material"] for r in rows if r["kind"] == "amendment"} == {"V-1"}
    approve = ["amendment", "approve", T, "V-1", "--why", "reviewed"]
    cli.refused("authority.role", *approve, by=NURSE)
    said = cli.ok(*approve, by="qa.releaser.1")
    assert said.out.index("What changes for") < said.out.index("Recorded for")
    assert "the new version is in force from here on" in said.out
    status = cli.ok("status", T).out
    assert "CD20-CD22 2" in status
    assert "amendment show" not in status
    cli.ok(*apheresis(cli), by=NURSE)
    assert "consented again" in cli.ok("history", T).out
    cli.ok("verify", T)
    cli.ok("verify")


def test_what_cannot_be_moved_is_refused_for_people_and_programs(cli: Cli, tmp_path: Path) -> None:
    """A version that is not in the log, a therapy in the middle of an act, a proposal that is taken back."""
    adopted(cli, tmp_path)
    told = cli.refused(
        "amendment.version-known", "amendment", "move", T, "7", "--why", "typed wrongly", by="investigator.1"
    )
    assert "version 7" in told["says"]
    assert study().digest in told["values"]
    assert "CD20-CD22 2" in told["advice"]
    cli.refused("amendment.version-known", "amendment", "show", T, "7")
    cli.refused("order.therapy", "amendment", "show", "T-404", "2")
    cli.ok(*apheresis(cli), by=NURSE)
    assert "In the way: apheresis waits for its second signature" in cli.ok("amendment", "show", T, "2").out
    move = ["amendment", "move", T, "2", "--why", "approved", *CONSENT, "--consented-at"]
    now = cli.ok("site", "show", "--json").json["now"]
    told = cli.refused("amendment.fits", *move, now, by="investigator.1")
    assert "apheresis waits for its second signature" in told["says"]
    cli.ok("witness", T, "apheresis", by="apheresis.nurse.2")
    cli.ok(*move, now, by="investigator.1")
    cli.refused("amendment.known", "amendment", "decline", T, "V-9", "--why", "wrong", by="qa.releaser.1")
    assert "nothing changes" in cli.ok("amendment", "decline", T, "V-1", "--why", "not yet", by="qa.releaser.1").out
    cli.ok("verify")
