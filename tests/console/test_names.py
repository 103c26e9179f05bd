"""Names and words as people type them: one form is kept, what hides is shown by its name, and nobody becomes two people unasked."""

from __future__ import annotations

import json

import pytest

from console.show import clean, json_text
from events import writing
from events.writing import Unfit
from tests.console.cli import ANNA, NURSE, Cli, phrase

MIA = "Mia Ivers"
"""Who is apheresis.nurse.1 at this site."""


def adding(name: str, *more: str, person: str = "P-900", account: str = "new.1") -> list[str]:
    """The line that enrols somebody."""
    return ["person", "add", account, "--person", person, "--name", name, "--role", "operator", *more]


@pytest.fixture
def office(cli: Cli) -> Cli:
    """The site, and an administrator at it."""
    cli.environment["UNBROKEN_NEW_PASSPHRASE"] = phrase("new.1")
    return cli


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("   ", "holds only blanks"),
        ("Ida\nBerg", "holds U+000A LINE FEED at place 4"),
        ("Ida \u202eBerg", "holds U+202E RIGHT-TO-LEFT OVERRIDE at place 5"),
        ("Ida\u200b Berg", "holds U+200B ZERO WIDTH SPACE at place 4"),
        ("\u3164", "holds U+3164 HANGUL FILLER at place 1"),
        ("Ida \uff11", "holds U+FF11 FULLWIDTH DIGIT ONE at place 5, which no name has"),
        ("Ida \N{SLIGHTLY SMILING FACE}", "holds U+1F642 SLIGHTLY SMILING FACE at place 5"),
        ("12", "has no letter in it"),
        ("I" * 121, "has 121 characters; 120 is the most"),
    ],
)
def test_what_is_no_name_is_refused_and_the_character_is_shown_by_its_name(office: Cli, name: str, says: str) -> None:
    assert says in office.refused("input.form", *adding(name), by="admin")["says"]


def test_a_name_is_kept_composed_and_with_single_blanks(office: Cli) -> None:
    office.ok(*adding("  Zoe\u0308   O\u2019Brien-A\u030ase,\u00a0MD "), by="admin")
    assert "Zoë O\u2019Brien-Åse, MD" in [p["printed_name"] for p in office.ok("person", "list", "--json").json]


@pytest.mark.parametrize("name", [MIA, "MIA  IVERS", "\uff2d\uff49\uff41 Ivers", "mia\u00a0ivers"])
def test_a_namesake_is_enrolled_only_when_told_so(office: Cli, name: str) -> None:
    told = office.refused("authority.namesake", *adding(name), by="admin")
    assert f"{MIA} ({NURSE}, person P-" in told["says"]
    assert "--namesake" in told["advice"]
    office.ok(*adding(name, "--namesake"), by="admin")


def test_a_second_account_of_one_person_is_none_and_another_name_of_hers_is_asked_about(office: Cli) -> None:
    person = next(p["person"] for p in office.ok("person", "list", "--json").json if p["account"] == NURSE)
    assert "Attention" not in office.ok(*adding(MIA, person=person), by="admin").out
    said = office.ok(*adding("Mia Berg", person=person, account="new.2"), by="admin").out
    assert f"person {person} is {MIA} under the account {NURSE}" in said


def test_a_namesake_in_a_people_file_is_said_to_be_one(cli: Cli) -> None:
    people = cli.folder.parent / "people.yaml"
    line = [
        "site",
        "init",
        str(cli.folder.parent / "new"),
        "--name",
        "New",
        "--site-code",
        "NEW",
        "--people",
        str(people),
    ]
    words = cli.folder.parent / "words.yaml"
    words.write_text("admin: short\nmia.1: short\n", encoding="utf-8")
    two = (
        "- {account: admin, person: P-001, printed_name: Mia Ivers, roles: administrator}\n"
        "- {account: mia.1, person: P-002, printed_name: mia IVERS, roles: operator%s}\n"
    )
    people.write_text(two % "", encoding="utf-8")
    assert "(mia.1, person P-002)" in cli.refused("authority.namesake", *line, "--passphrases", str(words))["says"]
    people.write_text(two % ", namesake: yes", encoding="utf-8")
    cli.refused("authority.passphrase-length", *line, "--passphrases", str(words))  # the people are right


def test_an_id_that_is_none_is_refused_with_the_form_of_one(cli: Cli) -> None:
    told = cli.refused("input.form", "open", "P-2", "--screening", "SCR-0002", by="investigator.1")
    assert told["says"] == "THERAPY 'P-2' is no therapy's id: T- and 1 to 24 of A-Z, 0-9 and hyphen: T-7K2QXM."
    assert "T- and 1 to 24" in " ".join(cli("open", "--help").out.replace("│", " ").split())
    for line in (["status", "P-2"], ["verify", "t-1"], ["trail", "T-\uff11"], ["worklist", "--therapy", "1"]):
        cli.refused("input.form", *line)


def test_a_reason_is_kept_on_one_line_and_what_hides_in_it_is_refused(cli: Cli) -> None:
    line = ["deviation", "open", ANNA.therapy, "--grade", "minor", "--says"]
    cli.ok(*line, "  the cafe\u0301\n\twas  closed ", by=NURSE)
    last = json.loads(cli.ok("events", "--json").out.splitlines()[-1])["statement"]["data"]["facts"][0]
    assert last["says"] == "the café was closed"
    told = cli.refused("input.form", *line, "the bag \u202ewas cold", by=NURSE)
    assert "holds U+202E RIGHT-TO-LEFT OVERRIDE at place 9" in told["says"]
    told = cli.refused("input.form", *line, "x" * 1501, by=NURSE)
    assert "has 1,501 characters; 1,500 is the most" in told["says"]
    assert "byte that is not UTF-8 at place 2" in cli.refused("input.form", *line, "a\udcff", by=NURSE)["says"]


def test_the_longest_reason_is_kept_wherever_the_program_tells_it_inside_a_sentence(cli: Cli) -> None:
    cli.ok("lot", "recall", "LOT-WASH-BUFFER", "--why", "w" * writing.LONGEST_TEXT, by="quality.1")


def test_digits_that_only_look_like_digits_are_refused_in_numbers_codes_and_times(cli: Cli) -> None:
    for line in (
        ["label", "print", ANNA.therapy, "--material", "G123426100001", "--out", "l.pdf", "--count", "\uff11"],
        ["deviation", "open", ANNA.therapy, "--grade", "minor", "--says", "so", "--occurrence", "\u0661"],
        ["device", "calibrated", "SEP-01", "--item", "cell_separator", "--due", "\uff12026-12-31T23:59"],
    ):
        assert " DIGIT " in cli.refused("input.form", *line, by="quality.1")["says"]
    lot = ["lot", "release", "LOT-\u0663", "--item", "wash_buffer", "--expires", "2027-01-01T00:00"]
    told = cli.refused("identifier.code", *lot, by="quality.1")
    assert "U+0663 ARABIC-INDIC DIGIT THREE) at place 5" in told["says"]


def test_what_is_printed_is_cleaned_and_json_escapes_it() -> None:
    assert clean("a\x1b[2J\u202eb\u2028c\n") == "a\ufffd[2J\ufffdb\ufffdc\n"
    text = json_text({"name": "a\u202eb\x7f\U000e0041\ud800"})
    assert text.isascii()
    assert json.loads(text) == {"name": "a\u202eb\x7f\U000e0041\ud800"}


@pytest.mark.parametrize("rule", [writing.line, writing.value, writing.free_text, writing.printed_name])
def test_what_a_rule_keeps_it_keeps_again(rule: object) -> None:
    assert callable(rule)
    for text in ("a", " a  b ", "e\u0301", "Ärzte\u00a0x", "O\u2019Brien", "a-1"):
        kept = rule(text)
        assert rule(kept) == kept
    with pytest.raises(Unfit):
        rule("a\u2066b")


def test_a_crash_file_repeats_no_passphrase(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError(f"it was {phrase(NURSE)!r}")

    monkeypatch.setattr("protocol.desk.Desk.act", broken)
    said = cli("death", ANNA.therapy, "--why", "progression", by=NURSE)
    assert said.code == 70
    (file,) = cli.folder.glob("crash-*.txt")
    text = file.read_text(encoding="utf-8")
    assert phrase(NURSE) not in text
    assert "ZeroDivisionError" in text
    secret = cli.folder.parent / "secret.txt"
    secret.write_text(phrase(NURSE) + "\n", encoding="utf-8")
    file.unlink()
    assert cli("death", ANNA.therapy, "--why", "x1", "--as", NURSE, "--passphrase-file", str(secret)).code == 70
    (file,) = cli.folder.glob("crash-*.txt")
    assert phrase(NURSE) not in file.read_text(encoding="utf-8")
