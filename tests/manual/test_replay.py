"""A therapy of the demo again, each act a process of its own with its person's passphrase: the same facts come out."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from console.demo import PASSPHRASE, Stage
from console.site import Site
from events.facts.base import Fact, spell
from events.facts.environment import EnvironmentReported
from events.facts.logger import LogFigures
from events.instant import to_wire
from events.reading import Record, verified_stream
from protocol.commands import (
    AcknowledgeAlert,
    Dispose,
    IssueLabels,
    Perform,
    ReportLate,
    TerminateTherapy,
    WithdrawPatient,
    Witness,
)
from protocol.retell import command_of
from tests.manual.demo_site import unbroken

SHORT = ["T-009", "T-010"]
"""The warm shipment and the withdrawal. With CI=true a whole path to release and rejection is walked too."""
LONG = ["T-008"]


def human_records(site: Site, therapy: str) -> list[Record]:
    found = verified_stream(site.log, f"therapy/{therapy}")
    return [record for record in found if record.statement.meaning != "recorded"]


def told(record: Record) -> list[dict[str, Any]]:
    """The facts, without the links of other records: those name bytes that were signed at another time."""
    return [{k: v for k, v in _wire(fact).items() if k != "act"} for fact in record.facts]


def _wire(fact: Fact) -> dict[str, Any]:
    return fact.to_wire()


def log_file(log: LogFigures, files: Path) -> dict[str, str]:
    """The temperature log as it was given: the raw file, which the site keeps, its format and its zone."""
    declared = json.loads(log.declaration)
    return {"file": str(files / log.file.sha256), "format": declared["id"], "zone": declared["zone"]}


def act_file(command: Perform, folder: Path, files: Path) -> Path:
    document = command.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    scans: dict[str, list[str]] = {}
    for scan in document.pop("scans", ()):
        scans.setdefault(scan["name"], []).append(scan["code"])
    document["scans"] = scans
    if command.logger is not None:
        document["logger"] = log_file(command.logger, files)
    document["labels"] = {label["serial"]: label["fate"] for label in document.pop("labels", ())}
    path = folder / "act.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def report_words(fact: EnvironmentReported) -> list[str]:
    """A room's monitoring, which is reported of the room and reaches whoever's cells were open there."""
    reads = [word for r in fact.readings for word in ("--read", f"{r.name}={r.value} {r.unit or ''}".strip())]
    return ["room", "report", fact.room, "--from", to_wire(fact.started), "--to", to_wire(fact.ended), *reads]


def words_for(record: Record, links: dict[str, str], folder: Path, files: Path) -> list[str]:
    """The command line that says again what this record says."""
    if isinstance(record.facts[0], EnvironmentReported):
        return report_words(record.facts[0])
    command, therapy = command_of(record), record.statement.subject.removeprefix("therapy/")
    match command:
        case Perform():
            verb = ["open", therapy] if command.screening else ["perform", therapy, command.step]
            return [*verb, "--from", str(act_file(command, folder, files))]
        case Witness():
            return ["witness", therapy, links[command.act]]
        case ReportLate():
            values = [
                f"{name}={entered.value} {entered.unit or ''}".strip() for name, entered in command.readings.items()
            ]
            reads = [word for value in values for word in ("--read", value)]
            material = ["--material", command.material] if command.material else []
            return ["late", therapy, command.step, "--occurrence", command.occurrence, *material, *reads]
        case IssueLabels():
            serials = [word for serial in command.serials for word in ("--serial", serial)]
            out = str(folder / f"{command.serials[0]}.pdf")
            what = ["--material", command.material, "--template", command.template or ""]
            return ["label", "print", therapy, *what, *serials, "--out", out]
        case WithdrawPatient():
            return [
                "withdraw",
                therapy,
                "--from",
                ",".join(command.withdrawn),
                "--at",
                spell(command.at),
                "--why",
                command.reason,
            ]
        case AcknowledgeAlert():
            return ["alert", "acknowledge", therapy, command.alert, "--note", command.note or ""]
        case TerminateTherapy():
            return ["terminate", therapy, "--why", command.reason]
        case Dispose():
            materials = [word for code in command.materials for word in ("--material", code)]
            return ["dispose", therapy, *materials, "--why", command.reason]
        case _:
            raise AssertionError(f"the demo has no {command}")


@pytest.mark.slow
@pytest.mark.parametrize("therapy", SHORT + (LONG if os.environ.get("CI") else []))
def test_the_same_therapy_by_separate_processes(demo_site: Path, founded: Stage, tmp_path: Path, therapy: str) -> None:
    """Each person types the passphrase; each process starts from nothing but the folder."""
    before = Site.open(demo_site)
    fresh = founded.copied(tmp_path / "again")
    folder = fresh.site.folder
    links: dict[str, str] = {}
    for record in verified_stream(before.log, f"therapy/{therapy}"):
        fresh.site.set_clock(record.statement.recorded)
        if record.statement.meaning == "recorded":
            fresh.site.desk().let_pass(therapy, fresh.system)  # what clocks do is not typed by anybody
            continue
        words = words_for(record, links, tmp_path, demo_site / "files")
        account = record.statement.account
        done = unbroken(folder, *words, "--as", account, passphrase=PASSPHRASE.format(account=account))
        assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"
        links[record.link] = human_records(fresh.site, therapy)[-1].link
    again = human_records(fresh.site, therapy)
    assert [told(r) for r in again] == [told(r) for r in human_records(before, therapy)]
    assert [r.statement.account for r in again] == [r.statement.account for r in human_records(before, therapy)]
    assert unbroken(folder, "verify", therapy).returncode == 0
