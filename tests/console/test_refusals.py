"""Bad input, through the command line: a clear refusal that names rule, values and advice, and nothing else recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.console.cli import ANNA, BRUNO, NURSE, SECOND, Cli, apheresis, phrase
from tests.stage import study

# ------------------------------------------------------------------------------------------------ who signs


def test_an_unknown_person_signs_nothing(cli: Cli) -> None:
    told = cli.refused("authority.account", *apheresis(cli), by="nobody.1")
    assert told["says"] == "Nobody is enrolled as nobody.1."
    assert "account = nobody.1" in told["values"]
    assert "unbroken person add" in told["advice"]


def test_a_refusal_is_told_to_a_program_as_json(cli: Cli) -> None:
    said = cli(*apheresis(cli), "--json", by="nobody.1")
    assert (said.code, said.err) == (4, "")
    assert said.json["error"] == "refused"
    assert said.json["rule"] == "authority.account"
    assert said.json["values"] == {"account": "nobody.1"}


def test_a_line_that_names_nobody_is_refused_where_nobody_can_be_asked(cli: Cli) -> None:
    told = cli.refused("authority.account", *apheresis(cli))
    assert "--as ACCOUNT" in told["advice"]


def test_a_reason_of_nothing_but_spaces_is_refused_and_no_fault_of_the_program(cli: Cli) -> None:
    """Each way in by which a reason reaches the record without a command of the rulebook between."""
    for line in (
        ["lot", "recall", "LOT-VECTOR"],
        ["cohort", "stop", "level_1"],
        ["cohort", "reopen", "level_1"],
        ["unlock", NURSE],
    ):
        assert cli.refused("input.form", *line, "--why", "   ", by="quality.1")["says"] == "The reason is empty."
    for line in (["--logger-lost", "   "], ["--logger", "log.csv", "--why", "   "]):
        assert cli.refused("input.form", "late", "T-1", "transport", *line, by=NURSE)["says"] == "The reason is empty."


def test_a_wrong_passphrase_is_recorded_as_an_attempt_and_nothing_else(cli: Cli) -> None:
    told = cli.refused("authority.passphrase", *apheresis(cli), by=NURSE, passphrase="not this one", records=1)
    assert "1 in a row, 4 left" in told["says"]
    assert "failures = 1, left = 4" in told["values"]
    assert cli.facts() == ["sign_in.failed.v1"]
    last = json.loads(cli.ok("events", "--json").out.splitlines()[-1])["statement"]
    assert last["data"]["account"] == "system"
    assert last["subject"] == f"account/{NURSE}"
    # The right one begins the count again, and says so.
    cli.ok(*apheresis(cli), by=NURSE)
    assert cli.facts(-2) == ["sign_in.succeeded.v1"]


def test_five_wrong_passphrases_lock_the_account_and_a_supervisor_unlocks_it(cli: Cli) -> None:
    for number in range(1, 6):
        told = cli.refused("authority.passphrase", *apheresis(cli), by=NURSE, passphrase=f"guess {number}", records=1)
        assert f"{number} in a row, {5 - number} left" in told["says"]
        # Who has none left is not told to type it again.
        assert ("Type it again" in told["advice"]) == (number < 5)
        assert (f"unbroken unlock {NURSE}" in told["advice"]) == (number == 5)
    told = cli.refused("authority.locked", *apheresis(cli), by=NURSE)
    assert "failures = 5" in told["values"]
    assert f"unbroken unlock {NURSE}" in told["advice"]
    assert "another qualified person" in told["advice"]

    why = ["--why", "identified in person"]
    assert "supervisor" in cli.refused("authority.role", "unlock", NURSE, *why, by=SECOND)["says"]
    cli.ok("unlock", NURSE, *why, by="supervisor.1")
    assert cli.facts() == ["account.unlocked.v1"]
    cli.ok(*apheresis(cli), by=NURSE)


def test_another_qualified_person_takes_over_from_one_who_is_locked_out(cli: Cli) -> None:
    for _ in range(5):
        cli(*apheresis(cli), by=NURSE, passphrase="not this one")
    before = cli.size()
    cli.ok(*apheresis(cli), by=SECOND)
    assert cli.size() == before + 1
    # And nobody unlocks an account that is not locked.
    told = cli.refused("authority.locked", "unlock", SECOND, "--why", "to be sure", by="supervisor.1")
    assert "not locked" in told["says"]


def test_a_locked_person_does_not_unlock_herself_under_another_account(cli: Cli) -> None:
    person = next(p["person"] for p in cli.ok("person", "list", "--json").json if p["account"] == NURSE)
    cli.environment["UNBROKEN_NEW_PASSPHRASE"] = phrase("boss.2")
    cli.ok("person", "add", "boss.2", "--person", person, "--name", "Same Person", "--role", "supervisor", by="admin")
    for _ in range(5):
        cli(*apheresis(cli), by=NURSE, passphrase="not this one")
    told = cli.refused("authority.two-people", "unlock", NURSE, "--why", "it is me", by="boss.2")
    assert "same person" in told["says"]


def test_a_revoked_key_signs_nothing(cli: Cli) -> None:
    cli.ok("person", "revoke", NURSE, "--why", "left the house", by="admin")
    told = cli.refused("authority.key", *apheresis(cli), by=NURSE)
    assert "not in force" in told["says"]
    assert f"account = {NURSE}" in told["values"]
    assert "Another qualified person" in told["advice"]


def test_the_performer_is_no_witness_under_another_account(cli: Cli) -> None:
    person = next(p["person"] for p in cli.ok("person", "list", "--json").json if p["account"] == NURSE)
    cli.environment["UNBROKEN_NEW_PASSPHRASE"] = phrase("nurse.other")
    cli.ok(
        "person",
        "add",
        "nurse.other",
        "--person",
        person,
        "--name",
        "Same Person",
        "--role",
        "apheresis_nurse",
        by="admin",
    )
    cli.perform("apheresis", NURSE)
    for account in (NURSE, "nurse.other"):
        told = cli.refused("authority.two-people", "witness", ANNA.therapy, "apheresis", by=account)
        assert f"performed_as = {NURSE}" in told["values"]
        assert f"account = {account}" in told["values"]
        assert "Fetch another" in told["advice"]
    cli.ok("witness", ANNA.therapy, "apheresis", by=SECOND)


def test_a_role_that_is_missing_is_named(cli: Cli) -> None:
    told = cli.refused("authority.role", *apheresis(cli), by="courier.1")
    assert "asks = apheresis_nurse" in told["values"]
    assert "holds = courier" in told["values"]


# ------------------------------------------------------------------------------------------------ order


def test_a_step_out_of_order_waits_for_what_comes_before(cli: Cli) -> None:
    act = cli.file(cli.form("transduction"))
    told = cli.refused("order.after", "perform", ANNA.therapy, "transduction", "--from", act, by="operator.1")
    assert "waits_for = selection" in told["values"]
    assert "Do that first" in told["advice"]


def test_a_step_that_nobody_witnessed_is_not_done(cli: Cli) -> None:
    cli.perform("apheresis", NURSE)
    act = cli.file(cli.form("label_collection"))
    cli.refused("order.instance", "perform", ANNA.therapy, "label_collection", "--from", act, by=NURSE)


def test_the_same_command_twice_is_recorded_once(cli: Cli) -> None:
    line = apheresis(cli)
    cli.ok(*line, by=NURSE)
    told = cli.refused("order.pending", *line, by=NURSE)
    assert "unbroken witness" in told["advice"]
    cli.ok("witness", ANNA.therapy, "apheresis", by=SECOND)
    told = cli.refused("order.done", *line, by=NURSE)
    assert "unbroken correct" in told["advice"]
    told = cli.refused("signature.pending", "witness", ANNA.therapy, "apheresis", by=SECOND)
    assert "Waiting are: nothing" in told["advice"]


def test_unknown_therapies_and_steps_are_told_with_what_there_is(cli: Cli) -> None:
    cli.refused("order.therapy", "status", "T-NONE")
    cli.refused("order.therapy", "perform", "T-NONE", "apheresis", by=NURSE)
    told = cli.refused("order.step-known", "perform", ANNA.therapy, "apheresys", by=NURSE)
    assert "apheresis" in told["advice"]


# ------------------------------------------------------------------------------------------------ scans


@pytest.mark.parametrize(
    ("scan", "code"),
    [
        ("wristband", BRUNO.code("W")),
        ("bag", BRUNO.din.scanned()),
        ("bag", BRUNO.code("COI")),
        ("wristband", BRUNO.code("S")),
    ],
    ids=["wristband", "bag", "chain-of-identity id", "subject number"],
)
def test_anything_of_another_patient_stops_the_act_and_holds_both(cli: Cli, scan: str, code: str) -> None:
    line = apheresis(cli, scans={scan: [code]})
    told = cli.refused("identity.wrong-item", *line, by=NURSE, records=1)
    assert told["says"].startswith("STOP.")
    assert f"other = {BRUNO.therapy}" in told["values"]
    assert f"scan = {scan}" in told["values"]
    assert "unbroken hold clear" in told["advice"]
    assert cli.facts() == ["identity.mismatched.v1", "item.presented_elsewhere.v1"]
    for patient in (ANNA, BRUNO):
        assert cli.ok("status", patient.therapy, "--json").json["held"] == 1
    told = cli.refused("identity.hold", *apheresis(cli), by=NURSE)
    assert "held" in told["says"]


def test_a_hold_is_cleared_by_two_people_after_a_right_rescan(cli: Cli) -> None:
    cli(*apheresis(cli, scans={"wristband": [BRUNO.code("W")]}), by=NURSE)
    clear = ["hold", "clear", ANNA.therapy, "--why", "right wristband rescanned", "--wristband"]
    told = cli.refused("identity.scan-matches", *clear, BRUNO.code("W"), by="qa.releaser.1")
    assert f"expected = {ANNA.code('W')}" in told["values"]
    cli.ok(*clear, ANNA.code("W"), by="qa.releaser.1")
    cli.refused("authority.two-people", *clear, ANNA.code("W"), by="qa.releaser.1")
    cli.ok(*clear, ANNA.code("W"), by=SECOND)
    cli.ok(*apheresis(cli), by=NURSE)


def test_no_scan_no_start(cli: Cli) -> None:
    told = cli.refused("identity.scan-present", *apheresis(cli, scans={"wristband": None}), by=NURSE)
    assert "scan = wristband" in told["values"]


def test_an_unreadable_barcode_is_scanned_again(cli: Cli) -> None:
    wrong = ANNA.din.number[:-1] + ("0" if ANNA.din.number[-1] != "0" else "1") + ANNA.din.check
    told = cli.refused("identifier.din-check", *apheresis(cli, scans={"bag": [wrong]}), by=NURSE)
    assert "Scan it again" in told["advice"]


# ------------------------------------------------------------------------------------------------ values


@pytest.mark.parametrize(
    ("reading", "rule", "values"),
    [
        ("25000 mL", "value.plausible", "name = volume, value = 25000, low = 1, high = 2000, unit = mL"),
        ("250", "value.unit", "name = volume, value = 250, unit = mL"),
        ("250 L", "value.unit", "name = volume, value = 250, unit = L, expected = mL"),
        ("a lot", "value.form", "name = volume, value = a lot"),
    ],
)
def test_a_value_implausible_or_without_its_unit_is_refused(cli: Cli, reading: str, rule: str, values: str) -> None:
    told = cli.refused(rule, *apheresis(cli, readings={"volume": reading}), by=NURSE)
    assert told["values"] == values


def test_a_value_that_is_missing_or_unknown_is_named(cli: Cli) -> None:
    told = cli.refused("record.complete", *apheresis(cli, readings={"alc": None}), by=NURSE)
    assert "missing = alc" in told["values"]
    told = cli.refused("record.known", *apheresis(cli), "--read", "weather=fine", by=NURSE)
    assert "unknown = weather" in told["values"]


def test_what_is_out_of_limits_but_happened_is_recorded_with_its_deviation(cli: Cli) -> None:
    before = cli.size()
    said = cli.ok(*apheresis(cli, readings={"washouts": "no"}), by=NURSE)
    assert cli.size() == before + 1
    assert cli.facts() == ["cells.collected.v1", "deviation.opened.v1"]
    assert "Deviation D-1 (minor): washouts is no, the protocol says yes" in said.out


def test_a_time_in_the_future_is_refused(cli: Cli) -> None:
    told = cli.refused("time.future", *apheresis(cli, started="2030-01-01T08:00:00+00:00"), by=NURSE)
    assert "given = 2030-01-01 08:00:00+00:00" in told["values"]
    assert "now = 2026-" in told["values"]
    assert "clock of this computer" in told["advice"]


def test_a_time_before_the_step_it_follows_is_refused(cli: Cli) -> None:
    told = cli.refused("time.sequence", *apheresis(cli, started="2026-03-01T08:00:00+00:00"), by=NURSE)
    assert "follows = slot_confirmation" in told["values"]


def test_a_time_that_cannot_be_understood_is_refused_before_anybody_signs(cli: Cli) -> None:
    told = cli.refused("time.form", *apheresis(cli, started="yesterday"), by=NURSE)
    assert "Europe/Berlin" in told["advice"]
    # When clocks go back in Berlin, half past two comes twice.
    told = cli.refused("time.zone", *apheresis(cli, started="2026-10-25T02:30"), by=NURSE)
    assert "+02:00" in told["advice"]
    assert "+01:00" in told["advice"]


def test_a_correction_without_a_reason_is_refused(cli: Cli) -> None:
    cli.perform("apheresis", NURSE)
    cli.ok("witness", ANNA.therapy, "apheresis", by=SECOND)
    line = ["correct", ANNA.therapy, "apheresis", "volume", "--to", "205 mL", "--why"]
    told = cli.refused("correction.why", *line, "   ", by=NURSE)
    assert "Annex 11" in told["advice"]
    cli.ok(*line, "digits swapped", by=NURSE)
    history = cli.ok("history", ANNA.therapy).out
    assert "volume corrected: old " in history
    assert "new 205 mL; why: digits swapped" in history


def test_a_wrong_study_is_told_line_by_line_and_not_once_more_as_values(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(study().text.replace("to: courier", "to: moon", 1), encoding="utf-8")
    said = cli("protocol", "check", str(file))
    assert (said.code, "Values:" in said.err) == (4, False)
    told = cli.refused("protocol.file", "protocol", "check", str(file))
    assert "there is no place 'moon'" in said.err
    assert "{" not in said.err
    assert told["says"].endswith("has 1 problem:")
    (problem,) = cli("protocol", "check", str(file), "--json").json["values"]["problems"]
    assert (problem["field"], problem["reason"][:22]) == ("steps[13] hand_over.to", "there is no place 'moo")


def test_the_clock_says_what_it_shows_and_takes_only_a_later_time(cli: Cli) -> None:
    shown = cli.ok("site", "clock").out.partition(" (")[0]
    told = cli.refused("site.clock", "site", "clock", "--at", shown.replace(" ", "T", 1).replace(" ", ""))
    assert told["says"] == f"The clock is only moved on, and {shown} is the time that the clock shows already."
    assert told["advice"] == f"Choose a time after {shown}."
    told = cli.refused("site.clock", "site", "clock", "--at", "2020-01-01T00:00+00:00")
    assert f"2020-01-01 01:00 +01:00 is before {shown}" in told["says"]
