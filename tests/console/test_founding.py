"""A site is set up whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.main import main
from tests.console.cli import Cli

PEOPLE = """\
# account, person, printed name, roles
- {account: admin, person: P-001, printed_name: Ada Abel, roles: administrator}
- {account: nurse.1, person: P-002, printed_name: Grace Nurse, roles: [apheresis_nurse]}
"""


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """A line without a site."""
    return Cli(tmp_path / "site")


def init(cli: Cli, *more: str) -> list[str]:
    """The line that sets the site up."""
    return [
        "site",
        "init",
        str(cli.folder),
        "--name",
        "St. Anna",
        "--site-code",
        "ANNA",
        "--zone",
        "Europe/Berlin",
        *more,
    ]


def people(cli: Cli, text: str) -> str:
    """A people file."""
    path = cli.folder.parent / "people.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_site_with_people_and_generated_passphrases(cli: Cli) -> None:
    phrases = cli.folder.parent / "phrases.yaml"
    said = cli.ok(*init(cli, "--people", people(cli, PEOPLE), "--generate-passphrases", str(phrases)))
    assert phrases.stat().st_mode & 0o777 == 0o600
    assert "Write it down outside this computer" in said.out
    assert "Warning: Nobody is physician" in said.out, "staffing gaps are told"
    pinned = cli.ok("site", "show", "--json").json["log"]
    assert f"The log's id: {pinned}" in said.out
    assert cli.ok("verify", "--log-id", pinned).code == 0
    phrase = dict(line.split(": ") for line in phrases.read_text().splitlines()[1:])["admin"]
    cli.environment["UNBROKEN_NEW_PASSPHRASE"] = "eight characters"
    line = ["person", "add", "inv.1", "--person", "P-3", "--name", "Ina", "--role", "investigator"]
    assert cli(*line, by="admin", passphrase=phrase).code == 0
    assert {path.name for path in cli.folder.iterdir()} >= {"site.json", "log.db", "keys"}
    assert sorted(p.name for p in (cli.folder / "keys").iterdir() if p.stat().st_mode & 0o077) == []
    assert cli("site", "clock", "--forward", "1 h").code == 4, "a real site's clock is the computer's"


def test_an_administrator_alone(cli: Cli, tmp_path: Path) -> None:
    secret = tmp_path / "words.yaml"
    secret.write_text("admin: correct horse battery\n", encoding="utf-8")
    said = cli.ok(*init(cli, "--passphrases", str(secret), "--json")).json
    assert said["accounts"] == ["admin", "system"]
    assert len(said["log"]) == 64


@pytest.mark.parametrize(
    ("text", "rule", "told"),
    [
        (PEOPLE.replace("administrator", "courier"), "site.people", "nobody is administrator"),
        (PEOPLE.replace("nurse.1", "admin"), "site.people", "stands twice"),
        (PEOPLE.replace("account: nurse.1, ", ""), "site.people", "person 2 has not exactly"),
        (PEOPLE.replace("P-002", "grace"), "site.people", "person 2, person: 'grace'"),
        (PEOPLE.replace("apheresis_nurse", "wizard"), "authority.role-known", "wizard"),
        ("- [", "input.form", "line"),
    ],
)
def test_a_wrong_people_file_leaves_nothing_behind(cli: Cli, text: str, rule: str, told: str) -> None:
    phrases = cli.folder.parent / "phrases.yaml"
    said = cli(*init(cli, "--people", people(cli, text), "--generate-passphrases", str(phrases)))
    assert said.code == 4, said.out
    assert f"Rule:       {rule}" in said.err
    assert told in said.err
    left = {path.name for path in cli.folder.parent.iterdir()} - {"people.yaml", "phrases.yaml"}
    assert not left


def test_a_site_is_never_set_up_over_something(cli: Cli, tmp_path: Path) -> None:
    cli.folder.mkdir()
    (cli.folder / "notes.txt").write_text("mine", encoding="utf-8")
    said = cli(*init(cli))
    assert said.code == 4
    assert "Rule:       site.new" in said.err
    assert (cli.folder / "notes.txt").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("phrases", "rule"),
    [("admin: short\n", "authority.passphrase-length"), ("other: long enough\n", "authority.passphrase")],
)
def test_a_passphrase_missing_or_too_short(cli: Cli, tmp_path: Path, phrases: str, rule: str) -> None:
    secret = tmp_path / "words.yaml"
    secret.write_text(phrases, encoding="utf-8")
    said = cli(*init(cli, "--passphrases", str(secret)))
    assert said.code == 4
    assert f"Rule:       {rule}" in said.err
    assert not cli.folder.exists()


def test_an_unknown_zone_and_a_wrong_study(cli: Cli, tmp_path: Path) -> None:
    secret = tmp_path / "words.yaml"
    secret.write_text("admin: correct horse battery\n", encoding="utf-8")
    line = init(cli, "--passphrases", str(secret))
    said = cli(*[word.replace("Europe/Berlin", "Europe/Atlantis") for word in line])
    assert "Rule:       site.zone" in said.err
    study = tmp_path / "study.yaml"
    study.write_text("protocol: {}\n", encoding="utf-8")
    said = cli(*line, "--protocol", str(study))
    assert "Rule:       protocol.file" in said.err
    assert not cli.folder.exists()


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("unbroken ")
