"""The command line in a test: one site, many lines, each with its exit code and what it printed."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from console import rehearsal
from console.main import main
from console.rehearsal import Patient
from console.site import Site
from events.log_sqlite import SqliteLog
from protocol.due import Due, instances
from tests.stage import ANNA, BRUNO, of_the_program, study

NURSE, SECOND = "apheresis.nurse.1", "apheresis.nurse.2"


def phrase(account: str) -> str:
    """Everybody's passphrase at a test site."""
    return f"phrase of {account}"


class Terminal(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@dataclass(frozen=True)
class Said:
    """What a line did: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The output as one JSON document."""
        return json.loads(self.out)


@dataclass
class Cli:
    """Lines on one site's folder. `environment` is all that a line sees of ours."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(
        self,
        *words: str,
        by: str | None = None,
        passphrase: str | None = None,
        stdin: str = "",
        terminal: bool = False,
    ) -> Said:
        """Run one line; `by` adds ``--as`` and the passphrase (the right one, unless another is given).

        Args:
            terminal: whether it stands before a person: what is missing is asked for, tables are drawn.
        """
        line = [*words, *(["--as", by] if by else [])]
        environment = {"UNBROKEN_SITE": str(self.folder), "HOME": os.environ.get("HOME", ""), **self.environment}
        if by:
            environment["UNBROKEN_PASSPHRASE"] = passphrase if passphrase is not None else phrase(by)
        stream = Terminal if terminal else io.StringIO
        out, err = stream(), stream()
        with (
            mock.patch.dict(os.environ, environment, clear=True),
            mock.patch.object(sys, "stdin", stream(stdin)),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                code = main(line)
            except SystemExit as left:
                code = left.code if isinstance(left.code, int) else 1
        return Said(code, out.getvalue(), err.getvalue())

    def ok(self, *words: str, by: str | None = None, stdin: str = "") -> Said:
        """A line that must do what it says."""
        said = self(*words, by=by, stdin=stdin)
        assert said.code == 0, f"{' '.join(words)} -> {said.code}\n{said.out}{said.err}"
        return said

    def refused(
        self,
        rule: str,
        *words: str,
        by: str | None = None,
        passphrase: str | None = None,
        records: int = 0,
        code: int = 4,
        stdin: str = "",
    ) -> dict[str, Any]:
        """A line that a rule must refuse, first for a person and then for a program; returns the refusal.

        Args:
            records: how many records the refusal itself leaves (each time): an attempt, or a wrong item.
        """
        before = self.size()
        said = self(*words, by=by, passphrase=passphrase, stdin=stdin)
        assert said.code == code, f"{' '.join(words)} -> {said.code}\n{said.out}{said.err}"
        assert "Traceback" not in said.err
        assert f"Rule:       {rule}" in said.err, said.err
        assert "What to do: " in said.err
        assert not of_the_program(said.err), said.err
        assert not said.out
        assert self.size() == before + records
        return self.refusal(rule, said.err)

    def refusal(self, rule: str, err: str) -> dict[str, Any]:
        """A refusal as a person read it, taken apart."""
        lines = err.splitlines()
        told = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        assert told["Rule"] == rule
        assert told["What to do"], err
        return {"says": lines[0].partition(": ")[2], "values": told.get("Values", ""), "advice": told["What to do"]}

    def size(self) -> int:
        """How many records the log has."""
        log = SqliteLog(self.folder / "log.db")
        try:
            return log.size()
        finally:
            log.close()

    def facts(self, position: int = -1) -> list[str]:
        """The names of the facts in a record, counted from the end if negative."""
        lines = [json.loads(line) for line in self.ok("events", "--json").out.splitlines()]
        return [fact["fact"] for fact in lines[position]["statement"]["data"]["facts"]]

    def form(self, step: str, *, patient: Patient = ANNA, occurrence: str = "", **changed: Any) -> dict[str, Any]:
        """An act file as a careful person would fill it in now, with changes; a value of None leaves a field out.

        `readings` and `scans` in the changes go over those of the form, name by name.
        """
        site = Site.open(self.folder)
        desk = site.desk()
        therapy = desk.therapy(patient.therapy)
        found = [d for d in instances(therapy, study()) if d.step.id == step and occurrence in ("", d.at.occurrence)]
        ready = [d for d in found if d.standing == "ready"]
        from protocol.state import Instance

        due = next(iter([*ready, *found]), Due(Instance(step), study().by_id[step], "waiting"))
        entry = rehearsal.entry(patient, therapy, study(), due, site.now())
        site.close()
        scans: dict[str, list[str]] = {}
        for scan in entry.scans:
            scans.setdefault(scan.name, []).append(scan.code)
        form: dict[str, Any] = {
            "step": step,
            "started": entry.started.isoformat() if entry.started else "",
            "readings": {name: f"{e.value} {e.unit or ''}".strip() for name, e in entry.readings.items()},
            "scans": scans,
            "used": dict(entry.used),
            "permits": list(entry.permits),
            "outcome": entry.outcome,
            "subject": entry.subject,
            "coi": entry.coi,
            "screening": entry.screening,
            "choices": dict(entry.choices),
            "slots": [{"resource": s.resource, "code": s.code, "starts": s.starts.isoformat(), "ends": s.ends.isoformat()}
                      for s in entry.slots],
            "labels": {label.serial: label.fate for label in entry.labels},
            "room": entry.room,
            "decision": entry.decision,
        }  # fmt: skip
        for name, value in changed.items():
            if isinstance(value, Mapping) and isinstance(form.get(name), dict):
                form[name] = {k: v for k, v in {**form[name], **value}.items() if v is not None}
            else:
                form[name] = value
        return {name: value for name, value in form.items() if value}

    def file(self, form: Mapping[str, Any], name: str = "act.json") -> str:
        """An act file on disk."""
        path = self.folder.parent / name
        path.write_text(json.dumps(form), encoding="utf-8")
        return str(path)

    def labels(self, step: str, by: str = NURSE, *, patient: Patient = ANNA) -> list[Path]:
        """Print the labels that a labelling step then reconciles; the files."""
        site = Site.open(self.folder)
        therapy = site.desk().therapy(patient.therapy)
        ready = [d for d in instances(therapy, study()) if d.step.id == step and d.standing == "ready"]
        wanted = [command for due in ready for command in rehearsal.prints(therapy, study(), due)]
        site.close()
        files = []
        for command in wanted:
            files.append(self.folder.parent / f"labels-{self.size()}.pdf")
            words = ["--material", command.material, "--template", command.template or "", "--out", str(files[-1])]
            self.ok("label", "print", patient.therapy, *words, by=by)
        return files

    def perform(
        self, step: str, by: str, *, patient: Patient = ANNA, flags: Sequence[str] = (), **changed: Any
    ) -> Said:
        """Perform a step that must be recorded; what a labelling step reconciles is printed first."""
        self.labels(step, by, patient=patient)
        act = self.file(self.form(step, patient=patient, **changed))
        return self.ok("perform", patient.therapy, step, "--from", act, *flags, by=by)


def apheresis(cli: Cli, **changed: Any) -> list[str]:
    """The line that performs Anna's collection."""
    return ["perform", ANNA.therapy, "apheresis", "--from", cli.file(cli.form("apheresis", **changed))]


__all__ = ["ANNA", "BRUNO", "NURSE", "SECOND", "Cli", "Said", "apheresis", "phrase"]
