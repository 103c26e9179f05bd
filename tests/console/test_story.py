"""One patient's first steps, typed as people would type them: opened, enrolled, collected, handed over, looked at."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from console.commands.steps import ALPHABET
from tests.console.cli import ANNA, BRUNO, Cli

NURSE, SECOND = "apheresis.nurse.1", "apheresis.nurse.2"


@pytest.mark.story
def test_from_consent_to_the_courier(cli: Cli) -> None:
    said = cli.ok(
        "open", "--screening", "scr-77", "--permits", "material,data,follow_up", "--read", "form_version=3.1",
        by="investigator.1",
    )  # fmt: skip
    name = said.out.split("The therapy's id is ")[1].split(".")[0]
    assert name.startswith("T-")
    assert len(name) == 8
    assert set(name[2:]) <= set(ALPHABET)
    assert "simulated time" in said.out
    assert "Signed: Edda Jonas (investigator.1), 2026-" in said.out
    assert " +01:00, performed" in said.out or " +02:00, performed" in said.out

    assert "eligibility" in cli.ok("worklist", "--therapy", name).out
    asked = cli.ok("step", "show", name, "eligibility").out
    for told in ("investigator", "physician (reviewed)", "number in kg, 3 to 300", "positive, otherwise not eligible"):
        assert told in asked, asked
    assert "eligibility" in cli.ok("step", "show", name, "eligibility", "--json").json["step"]["id"]

    act = cli.folder.parent / "eligibility.yaml"
    blank = cli.ok("step", "show", name, "eligibility", "--template").out
    filled = {
        "cd20:": "cd20: positive", "cd22:": "cd22: positive", "relapsed_refractory:": "relapsed_refractory: yes",
        "organ_function:": "organ_function: yes", "weight:": "weight: 71.50 kg",
        "hiv:": "hiv: negative", "hbsag:": "hbsag: negative", "anti_hbc:": "anti_hbc: negative", "hcv:": "hcv: negative",
        "syphilis:": "syphilis: negative", "markers_drawn:": "markers_drawn: 2026-03-05",
        "outcome:": "outcome: eligible",
    }  # fmt: skip
    lines = []
    for line in blank.splitlines():
        known = next((k for k in filled if line.strip().startswith(k)), None)
        lines.append(line.replace(known, filled[known] + " #", 1) if known else line)
    act.write_text("\n".join(lines), encoding="utf-8")
    asked = cli.ok("ask", name, "eligibility", "--from", str(act), by="investigator.1").out
    assert "Nothing was recorded" in asked
    before = cli.size()
    said = cli.ok("perform", name, "eligibility", "--from", str(act), by="investigator.1")
    assert "weight: 71.50 kg" in said.out, "a value keeps the digits that were written"
    assert "waits for review by physician (physician.1, physician.2)" in said.out
    assert f"Next: unbroken witness {name} eligibility --as ACCOUNT" in said.out
    cli.ok("witness", name, "eligibility", by="physician.1")
    assert cli.size() == before + 2

    said = cli.ok(
        "perform", name, "enrolment", "--subject", "S-77", "--coi", "COI-77", "--scan", "wristband=WB-77",
        "--choice", "cohort=B-ALL", "--choice", "dose_level=level_1", "--choice", "starting_material=fresh", "--json",
        by="coordinator.1",
    ).json  # fmt: skip
    assert said["recorded"]["printed_name"]
    assert said["waits_for"] == ["coordinator"]
    cli.ok("witness", name, said["recorded"]["link"][:10], by="coordinator.2")
    assert cli.ok("status", name, "--json").json["subject"] == "S-77"


def test_scans_piped_in_the_steps_order(cli: Cli) -> None:
    form = cli.form("apheresis", scans={"wristband": None, "bag": None})
    lines = f"{ANNA.code('W').lower()}\n{ANNA.din.scanned()}\n"
    cli.ok("perform", ANNA.therapy, "apheresis", "--from", cli.file(form), "--scans-from", "-", by=NURSE, stdin=lines)
    cli.ok("witness", ANNA.therapy, "apheresis", by=SECOND)
    trail = cli.ok("trail", ANNA.therapy, "--json").json
    assert [entry["material"] for entry in trail["trail"]] == [ANNA.din.number]
    assert trail["gaps"] == []
    before = cli.size()
    form = cli.form("label_collection", scans={"wristband": None, "bag": None})
    too_many = f"{ANNA.code('W')}\n{ANNA.din.scanned()}\nMORE-1\n"
    cli.refused(
        "input.form", "perform", ANNA.therapy, "label_collection", "--from", cli.file(form), "--scans-from", "-", by=NURSE,
        stdin=too_many,
    )  # fmt: skip
    assert cli.size() == before


def test_material_is_given_and_taken(cli: Cli) -> None:
    cli.perform("apheresis", NURSE)
    cli.ok("witness", ANNA.therapy, "apheresis", by=SECOND)
    cli.perform("label_collection", NURSE)
    cli.ok("witness", ANNA.therapy, "label_collection", by=SECOND)
    act = cli.file(cli.form("hand_over"))
    said = cli.ok("give", ANNA.therapy, "hand_over", "--from", act, by=NURSE)
    assert ", given" in said.out
    assert f"Next: unbroken take {ANNA.therapy} hand_over" in said.out
    assert "until now" in cli.ok("trail", ANNA.therapy).out, "nobody has taken it yet"
    assert cli.ok("trail", ANNA.therapy, "--json").json["trail"][-1]["place"] == "apheresis_unit"
    said = cli.ok("take", ANNA.therapy, "hand_over", by="courier.1")
    assert ", received" in said.out
    last = cli.ok("trail", ANNA.therapy, "--json").json["trail"][-1]
    assert (last["holder"], last["place"], last["given_by"]) == ("courier.1", "courier", NURSE)
    assert "No gap in custody." in cli.ok("trail", ANNA.therapy, "--material", ANNA.din.number).out


def test_declined_withdrawn_late_and_corrected(cli: Cli) -> None:
    cli.perform("apheresis", NURSE)
    cli.ok("decline", ANNA.therapy, "apheresis", "--why", "volume misread", by=SECOND)
    cli.perform("apheresis", NURSE)
    cli.refused("authority.own-act", "withdraw-act", ANNA.therapy, "apheresis", "--why", "not mine", by=SECOND)
    cli.ok("withdraw-act", ANNA.therapy, "apheresis", "--why", "wrong day", by=NURSE)
    cli.perform("apheresis", NURSE)
    cli.ok("witness", ANNA.therapy, "apheresis", by=SECOND)
    cli.ok("late", ANNA.therapy, "apheresis", "--read", "cd3_count=2e9 cells", by=NURSE)
    cli.refused("record.once", "late", ANNA.therapy, "apheresis", "--read", "cd3_count=3e9 cells", by=NURSE)
    cli.ok("correct", ANNA.therapy, "apheresis", "cd3_count", "--to", "2.1e9 cells", "--why", "typing", by=NURSE)
    history = cli.ok("history", ANNA.therapy, "--json").json
    assert {entry["meaning"] for entry in history} >= {"performed", "declined", "withdrawn", "witnessed", "corrected"}
    assert all(entry["printed_name"] and entry["recorded"].endswith("Z") for entry in history)


def test_a_late_entry_says_so(cli: Cli) -> None:
    now = cli.ok("site", "show", "--json").json["now"]
    cli.ok("site", "clock", "--forward", "3 h")
    cli.perform("apheresis", NURSE, started=now)
    out = cli.ok("history", ANNA.therapy).out
    assert "LATE ENTRY: it happened 2026-" in out
    assert ", 3 h before" in out


def test_quality(cli: Cli) -> None:
    cli.ok("deviation", "open", BRUNO.therapy, "--grade", "minor", "--says", "label torn", by=NURSE)
    cli.refused(
        "deviation.assessed", "deviation", "close", BRUNO.therapy, "D-1", "--conclusion", "fine", by="qa.releaser.1"
    )
    cli.ok("deviation", "assess", BRUNO.therapy, "d-1", "--impact", "none", by="qa.releaser.1")
    cli.ok("deviation", "close", BRUNO.therapy, "D-1", "--conclusion", "trained again", by="qa.releaser.1")
    cli.refused("input.form", "deviation", "open", BRUNO.therapy, "--grade", "awful", "--says", "x", by=NURSE)
    bag = BRUNO.din.number
    cli.refused(
        "material.quarantined", "quarantine", "lift", BRUNO.therapy, "--material", bag, "--why", "x", by="qa.releaser.1"
    )
    cli.refused("custody.dispose", "dispose", BRUNO.therapy, "--material", bag, "--why", "x", by="qa.releaser.1")
    cli.ok("withdraw", BRUNO.therapy, "--from", "treatment", "--why", "chose another", by="investigator.1")
    cli.ok("dispose", BRUNO.therapy, "--material", bag, "--why", "incinerated", by="qa.releaser.1")
    cli.ok("death", BRUNO.therapy, "--why", "progression", by="investigator.1")
    assert cli.ok("status", BRUNO.therapy, "--json").json["stopped"] == "died"
    said = cli.ok("screen-failure", ANNA.therapy, "--why", "CD22 lost on repeat biopsy", by="investigator.1")
    assert "slots freed" in said.out
    assert cli.ok("status", ANNA.therapy, "--json").json["stopped"] == "screen failure"


def test_readiness(cli: Cli) -> None:
    used = json.loads(Path(cli.file(cli.form("apheresis"))).read_text())["used"]
    cli.perform("apheresis", NURSE)
    said = cli.ok("lot", "recall", used["collection_kit"], "--why", "maker's notice", by="quality.1")
    assert ANNA.therapy in said.out
    assert BRUNO.therapy in said.out
    cli.ok("lot", "release", "kit-new", "--item", "collection_kit", "--expires", "2030-01-01T00:00", by="quality.1")
    cli.ok("device", "calibrated", "sep-9", "--item", "cell_separator", "--due", "2030-01-01T00:00", by="quality.1")
    cli.ok("training", "record", "courier.1", "--topic", "apheresis", "--until", "2030-01-01T00:00", by="quality.1")
    cli.refused(
        "authority.own-training", "training", "record", "quality.1", "--topic", "x", "--until", "2030-01-01T00:00",
        by="quality.1",
    )  # fmt: skip


def test_people(cli: Cli) -> None:
    cli.environment["UNBROKEN_NEW_PASSPHRASE"] = "a new passphrase"
    cli.refused(
        "authority.account", "person", "add", NURSE, "--person", "P-9", "--name", "X", "--role", "courier", by="admin"
    )
    cli.refused(
        "authority.role-known",
        "person",
        "add",
        "new.1",
        "--person",
        "P-99",
        "--name",
        "X",
        "--role",
        "wizard",
        by="admin",
    )
    assert not (cli.folder / "keys/new.1.pem").exists()
    cli.ok("person", "add", "new.1", "--person", "P-99", "--name", "New Person", "--role", "courier", by="admin")
    assert (cli.folder / "keys/new.1.pem").stat().st_mode & 0o777 == 0o600
    cli.ok("person", "roles", "new.1", "--role", "apheresis_nurse", "--why", "trained", by="admin")
    cli.ok("person", "key", NURSE, "--why", "forgotten", by="admin")
    act = cli.file(cli.form("apheresis"))
    cli.refused("authority.passphrase", "perform", ANNA.therapy, "apheresis", "--from", act, by=NURSE, records=1)
    assert cli("perform", ANNA.therapy, "apheresis", "--from", act, by=NURSE, passphrase="a new passphrase").code == 0
    people = {p["account"]: p for p in cli.ok("person", "list", "--json").json}
    assert people["new.1"]["roles"] == ["apheresis_nurse"]
    assert "New Person" in cli.ok("person", "list").out
    cli.refused("authority.last-administrator", "person", "revoke", "admin", "--why", "x", by="admin")


def test_protocols(cli: Cli, tmp_path: Path) -> None:
    text = cli.ok("protocol", "show", "--text").out
    file = tmp_path / "second.yaml"
    file.write_text(text.replace('version: "1"', 'version: "2"', 1), encoding="utf-8")
    assert "can be adopted" in cli.ok("protocol", "check", str(file)).out
    cli.refused("authority.role", "protocol", "adopt", str(file), by=NURSE)
    cli.ok("protocol", "adopt", str(file), by="quality.1")
    before = cli.size()
    assert "adopted already" in cli.ok("protocol", "adopt", str(file), by="quality.1").out
    assert cli.size() == before
    assert [p["version"] for p in cli.ok("protocol", "list", "--json").json] == ["1", "2"]
    assert "CD20-CD22 2" in cli.ok("protocol", "show").out
    assert cli.ok("status", ANNA.therapy, "--json").json["protocol"] == "CD20-CD22 1", "a running therapy keeps its own"


def test_the_simulated_clock_moves_forward_only(cli: Cli) -> None:
    cli.ok("site", "clock", "--forward", "24 h")
    cli.refused("site.clock", "site", "clock", "--at", "2026-01-01T00:00")
    assert "simulated" in cli.ok("site", "clock").out
    assert "log id" in cli.ok("site", "show").out
    assert cli.ok("site", "show", "--json").json["simulated"] is True


def test_lists_and_views(cli: Cli) -> None:
    rows = cli.ok("batches", "--json").json
    assert [row["therapy"] for row in rows] == [ANNA.therapy, BRUNO.therapy]
    for row in rows:  # the list and the single look agree
        one = cli.ok("status", row["therapy"], "--json").json
        assert {k: v for k, v in row.items() if k != "finding"} == {
            k: v for k, v in one.items() if k not in ("simulated", "findings")
        }
    assert "apheresis" in cli.ok("worklist", "--role", "apheresis_nurse").out
    assert all("scheduler" not in row["roles"] for row in cli.ok("worklist", "--role", "courier", "--json").json)
    first = cli.ok("digest").out
    assert cli.ok("rebuild", "--json").json["equal"] is True
    assert cli.ok("digest", "--json").json["digest"] == first.strip()
    assert "booked" in cli.ok("schedule", ANNA.therapy).out
    assert cli.ok("schedule", ANNA.therapy, "--json").json[0]["step"] == "consent"


def test_status_for_a_person(cli: Cli) -> None:
    out = cli.ok("status", BRUNO.therapy).out
    for told in ("simulated time", "last step", "hand_over", "witnessed", "every signature verified", "+01:00"):
        assert told in out, out


def test_on_a_terminal_what_is_missing_is_asked_for_one_question_at_a_time(cli: Cli) -> None:
    form = cli.form("apheresis")
    used, read = form["used"], form["readings"]
    answers = [
        "!" + ANNA.code("W"), ANNA.din.scanned(), used["collection_kit"], used["anticoagulant"], used["cell_separator"],
        read["identifiers"], read["washouts"], read["alc"], read["volume"], "", "", "",
    ]  # fmt: skip
    said = cli("perform", ANNA.therapy, "apheresis", by=NURSE, stdin="\n".join(answers), terminal=True)
    assert said.code == 0, said.err
    for question in (
        "Scan wristband: the patient's wristband (begin with ! if you type it by hand): ",
        "Scan the collection kit: ",
        "Volume collected (number in mL, 1 to 2000): ",
        "CD3+ cells collected (number in cells, 0 to 1e12; expected at least 1e9 cells, otherwise offer second_collection)"
        " [Enter: later]: ",
        "Started [Enter: now]: ",
    ):
        assert question in said.out, said.out
    assert f"scan wristband: {ANNA.code('W')} (typed by hand)" in said.out
    assert cli.facts() == ["cells.collected.v1"]


def test_on_a_terminal_tables_are_drawn_and_refusals_coloured(cli: Cli) -> None:
    said = cli("worklist", "--therapy", ANNA.therapy, terminal=True)
    assert "apheresis" in said.out
    assert "\u2500" in said.out, "rich draws a rule under the columns"
    assert cli("status", "T-NONE", terminal=True).err.startswith("\x1b[1;31mRefused:")
    cli.environment["NO_COLOR"] = "1"
    assert cli("status", "T-NONE", terminal=True).err.startswith("Refused:")


def test_what_is_printed_cannot_move_a_terminals_cursor(cli: Cli) -> None:
    said = cli("perform", ANNA.therapy, "apheresis", "--scan", "wristband=\x1b[2JW", by=NURSE)
    assert said.code == 4
    assert "\x1b" not in said.err
