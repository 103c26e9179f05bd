"""Two patients: every identifier of the one, in every spelling, wherever a code is given for the other. None is accepted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from console.rehearsal import Patient, lot_code
from events.errors import Refused
from events.facts.base import LabelFate
from events.identifiers import Bag, Din
from protocol.commands import (
    AnyCommand,
    BookedSlot,
    ChooseOption,
    ClearHold,
    Correct,
    DecideMismatch,
    DecideQuarantine,
    Dispose,
    Entered,
    FailManufacture,
    GiveFates,
    IssueLabels,
    Perform,
    Presented,
    ReportIncident,
    ReportLate,
    ReportMismatch,
    Witness,
)
from protocol.decide import decide
from protocol.due import Due, instances
from protocol.state import Offer, Therapy
from tests.properties.histories import codes_of
from tests.stage import ANNA, BRUNO, Stage, Staged

pytestmark = pytest.mark.property
CLARA = Patient(3, "T-3", {"cohort": "B-NHL", "starting_material": "fresh"}, bags=2)
STOPPED = {"identity.wrong-item"}


def spellings(code: str) -> list[str]:
    """A code as it stands, as a scanner sends it and as the eye reads it."""
    try:
        bag = Bag.read(code)
    except Refused:
        pass
    else:
        return [code, bag.scanned(), code.lower()]
    try:
        din = Din.read(code)
    except Refused:
        return [code, f" {code.lower()} "]
    return [code, din.scanned(), din.printed(), f"{din.number}{din.check}"]


@dataclass
class Trial:
    """Presents the other patient's codes; counts the refusals by rule, and keeps whatever was accepted."""

    site: Staged
    patient: Patient
    foreign: list[str]
    plain: list[str]
    refused: Counter[str] = field(default_factory=Counter)
    accepted: list[str] = field(default_factory=list)
    scanned: set[tuple[str, str]] = field(default_factory=set)

    def present(self, command: AnyCommand, by: str, what: str, therapy: Therapy | None = None) -> None:
        """Say it at the desk, or about a therapy that stands a little otherwise; nothing is recorded."""
        try:
            if therapy is None:
                self.site.desk.may(self.patient.therapy, command, by)
            else:
                around, _ = self.site.desk.surroundings(command, self.site.desk.actor(by), self.site.clock(), "UTC")
                decision = decide(therapy, self.site.protocol, command, around)
                if decision.stop is not None:
                    raise decision.stop
        except Refused as refused:
            self.refused[refused.rule] += 1
        else:
            self.accepted.append(what)

    # ------------------------------------------------------------------ a step

    def step(self, due: Due, therapy: Therapy | None = None) -> None:
        """Every code in place of each thing that the step has scanned or given."""
        form = self.site.form(due.at.step, occurrence=due.at.occurrence, material=due.at.material, patient=self.patient)
        if therapy is not None:
            form = form.model_copy(update={"occurrence": due.at.occurrence, "material": due.at.material or None})
        by = self.site.who(due.step.performed_by)
        for name, wrong in self._wrong(due, form):
            self.present(wrong, by, f"{name} of {due.at}", therapy)

    def _wrong(self, due: Due, form: Perform) -> Iterator[tuple[str, Perform]]:
        for name in dict.fromkeys([*due.step.scans, *(scan.name for scan in form.scans)]):
            rest = [scan for scan in form.scans if scan.name != name]
            own = [scan for scan in form.scans if scan.name == name]
            most = due.step.scans[name].count[1] if name in due.step.scans else 1
            self.scanned.add((due.step.id, name))
            for code in self.foreign:
                wrong = Presented(name=name, code=code)
                yield f"{code} as {name}", form.model_copy(update={"scans": (*rest, wrong)})
                if len(own) < most:
                    yield f"{code} among {name}", form.model_copy(update={"scans": (*rest, *own, wrong)})
        for code in self.foreign:
            for update in self._given(due, form, code):
                yield f"{code} in {next(iter(update))}", form.model_copy(update=update)

    def _given(self, due: Due, form: Perform, code: str) -> Iterator[dict[str, Any]]:
        """What is no scan of the file's, and holds a code all the same."""
        if due.step.kind == "enrolment":
            yield {"subject": code}
            yield {"coi": code}
        if due.step.one_patient_in:
            yield {"room": code}
        for number, slot in enumerate(form.slots):
            try:
                other = BookedSlot(resource=slot.resource, code=code, starts=slot.starts, ends=slot.ends)
            except ValueError:
                continue  # a spelling that no slot has
            yield {"slots": (*form.slots[:number], other, *form.slots[number + 1 :])}
        for name in form.used if code in self.plain else ():
            yield {"used": {**form.used, name: code}}
        if form.labels:
            try:
                applied = LabelFate(serial=code, fate="applied")
            except ValueError:
                return
            yield {"labels": (*form.labels[1:], applied), "issued": (*form.issued[1:], code)}
            yield {"labels": (*form.labels, applied), "issued": (*form.issued, code)}

    def reserves(self) -> None:
        """The steps that are kept in reserve, as if each had been offered."""
        therapy = self.site.therapy(self.patient)
        every = {step.id: (Offer("as if"),) for step in self.site.protocol.steps if step.reserve}
        offered = replace(therapy, offers={**every, **therapy.offers})
        for due in instances(offered, self.site.protocol):
            if due.step.reserve and due.standing == "ready":
                self.step(due, offered)

    # ------------------------------------------------------------------ the second signature

    def witness(self) -> None:
        """Every code in place of each thing that the second person scans again."""
        (act,) = self.site.therapy(self.patient).pending.values()
        by = self.site.who(act.fact.awaits, act.by.person)
        for name in {scan.name for scan in act.fact.scans}:
            for code in self.foreign:
                again = Witness(act=act.by.link, scans=(Presented(name=name, code=code),))
                self.present(again, by, f"{code} as {name} of {act.at}, scanned again")

    # ------------------------------------------------------------------ whatever else names an item

    def other_commands(self) -> None:
        """Every code in every command that names an item of this patient."""
        at: dict[str, Any] = {"step": "apheresis", "occurrence": "1"}
        for code in self.foreign:
            says = {"reason": "as told", "materials": (code,)}
            lost = "lost_logger"
            tried: list[tuple[AnyCommand, str]] = [
                (ReportMismatch(material=code, says="two labels"), "operator.1"),
                (DecideMismatch.model_validate({**says, "mismatch": "M-1", "decision": "lifted"}), "qa.releaser.1"),
                (DecideQuarantine.model_validate({**says, "decision": "lifted"}), "qa.releaser.1"),
                (Dispose.model_validate(says), "qa.releaser.1"),
                (FailManufacture(step="selection", says="lost", ends=(code,)), "operator.1"),
                (FailManufacture(step="receipt", says="lost", material=code), "operator.1"),
                (ReportIncident(name=lost, says="it is gone", material=code), "courier.1"),
                (ChooseOption(incident=code, option="rebook", why="as told"), "coordinator.1"),
                (IssueLabels(material=code, serials=("L-NEW-1",)), "operator.1"),
                (GiveFates(labels=(LabelFate(serial=_plain(code), fate="destroyed"),), reason="torn"), "operator.1"),
                (Correct(**at, material=code, reading="volume", value="200", unit="mL", why="x"), "apheresis.nurse.1"),
                (ReportLate(**at, material=code, readings={"cd3_count": Entered(value="2e9 cells")}), "apheresis.nurse.1"),
            ]  # fmt: skip
            for command, by in tried:
                self.present(command, by, f"{code} in {type(command).__name__}")


def _plain(code: str) -> str:
    return "".join(c for c in code.upper() if c.isalnum() or c in ".-")


def met(stage: Stage, first: Patient, second: Patient) -> Trial:
    """The second patient has been followed to the end; the first is about to begin. Every identifier, in every spelling."""
    second = replace(second, reserve=1)
    site = stage.of(f"{second.therapy} to the end", lambda site: site.play(second), first)
    codes = codes_of(site.therapy(second))
    kinds = {m.kind for m in site.therapy(second).materials.values()}
    assert kinds == set(site.protocol.materials), "every kind of material is among them"
    assert site.therapy(second).labels
    return Trial(site, first, [spelling for code in codes for spelling in spellings(code)], codes)


def go(trial: Trial, until: str = "") -> None:
    """Play on, presenting the wrong codes before each step and before each second signature."""
    site, sign = trial.site, trial.site.witness
    seen: set[tuple[str, str]] = set()

    def first_wrong(by: str = "", *, patient: Patient | None = None) -> object:
        (act,) = site.therapy(trial.patient).pending.values()
        if (act.at.step, "second") not in seen:
            seen.add((act.at.step, "second"))
            trial.witness()
        return sign(by, patient=patient)

    def each(due: Due) -> None:
        if (due.step.id, "first") not in seen and site.therapy(trial.patient).opened is not None:
            seen.add((due.step.id, "first"))
            trial.step(due)
            if due.step.scans:
                trial.reserves()

    site.witness = first_wrong  # type: ignore[method-assign, assignment]
    site.play(trial.patient, until, each)
    site.witness = sign  # type: ignore[method-assign]


@pytest.mark.parametrize(("first", "second"), [(ANNA, BRUNO), (BRUNO, ANNA)], ids=["Bruno's labels", "Anna's labels"])
def test_no_label_of_one_patient_is_accepted_for_another(stage: Stage, first: Patient, second: Patient) -> None:
    """At every scan of every step, at each second signature, as subject, room, slot, lot, device, label: none is accepted."""
    trial = met(stage, first, second)
    go(trial)
    assert trial.accepted == []
    # A wrong item stops the act and holds both; as a lot or a device it is unknown, and what no label has is unreadable. A step
    # in reserve, tried as if it had been offered, may be one of another place; its scans are looked at before that.
    assert set(trial.refused) <= STOPPED | {
        "readiness.lot", "readiness.device", "identifier.code", "identity.scan-present", "label.one-fate",
        "label.unaccounted", "custody.place",
    }, trial.refused  # fmt: skip
    assert trial.refused["identity.wrong-item"] > 2000
    untried = {(s.id, name) for s in trial.site.protocol.steps for name in s.scans} - trial.scanned
    chosen = set(first.choices.values())
    other_arm = {s.id for s in trial.site.protocol.steps if any(not chosen & set(o) for o in s.when.values())}
    frozen_road = {"local_freeze", "cryo_transport", "cryo_receipt", "thaw_on_arrival"}
    assert {step for step, _ in untried} <= other_arm | frozen_road, "every step with a scan was tried"


def test_nor_on_the_road_of_a_collection_that_was_frozen_at_the_hospital(stage: Stage) -> None:
    """The steps in reserve that a local freeze opens, up to the culture."""
    trial = met(stage, ANNA, BRUNO)
    site = trial.site
    site.play(ANNA, "hand_over")
    site.act(ReportIncident(name="missed_pickup", says="nobody came"), "scheduler.1")
    site.act(ChooseOption(incident="I-1", option="freeze_locally", why="nobody will come today"), "coordinator.1")
    go(trial, "transduction")
    assert trial.accepted == []
    road = {"label_local_freeze", "local_freeze", "cryo_transport", "cryo_receipt", "thaw_on_arrival"}
    assert road <= {step for step, _ in trial.scanned}


def test_nor_in_any_other_command_that_names_an_item(stage: Stage) -> None:
    """Reports, decisions, labels, corrections: an item of another patient is none of this one's."""
    trial = met(stage, ANNA, BRUNO)
    site = trial.site
    for step in ("apheresis", "transport", "harvest", "bedside_check", "acute_monitoring"):
        site.play(ANNA, step)
        if step == "bedside_check":
            site.act(ReportMismatch(material=site.one("drug_product"), says="two labels"), "ward.nurse.1")
        trial.other_commands()
        if step == "bedside_check":
            for by in ("qa.releaser.1", "qa.releaser.2"):
                document = {"mismatch": "M-1", "materials": site.now.mismatches["M-1"].materials}
                site.act(DecideMismatch.model_validate({**document, "decision": "lifted", "reason": "typed"}), by)
    assert trial.accepted == []
    assert trial.refused.total() > 1000


def test_nor_does_it_clear_a_hold(stage: Stage) -> None:
    """Of QA or as the second person, as wristband or as item: no code of the other patient clears either patient's hold."""
    for first, second in ((ANNA, BRUNO), (BRUNO, ANNA)):
        trial = met(stage, first, second)
        site = trial.site
        site.play(first, "label_collection")
        with site.refused("identity.wrong-item", records=1):
            site.perform("label_collection", scan={"wristband": site.therapy(second).wristband})
        for by in ("qa.releaser.1", "qa.releaser.2"):
            for code in trial.foreign:
                for where in ("wristband", "item"):
                    command = ClearHold.model_validate({where: code, "reason": "scanned again"})
                    trial.present(command, by, f"{code} as {where}")
            site.act(ClearHold(wristband=site.now.wristband, reason="scanned again"), by)
        assert trial.accepted == []
        assert set(trial.refused) == {"identity.scan-matches"}
        assert site.now.holds == {}


def test_nor_does_it_open_another_therapy(stage: Stage) -> None:
    """No code in use, in whatever spelling, is the screening number of somebody new."""
    trial = met(stage, ANNA, BRUNO)
    site = trial.site
    consent = site.form("consent", patient=CLARA)
    for code in trial.foreign:
        with site.refused("identity.new-code"):
            site.desk.open("T-9", consent.model_copy(update={"screening": code}), site.sits("investigator.1"))


@pytest.mark.parametrize("patient", [ANNA, BRUNO], ids=["fresh", "frozen"])
def test_no_lot_or_device_of_something_else_is_accepted(stage: Stage, patient: Patient) -> None:
    """Each lot and each device of the site, wherever a step asks for another: none is accepted."""
    site = stage.of("nobody yet", lambda _site: None, patient)
    names = sorted({n for s in site.protocol.steps for n in (*s.needs.lots, *s.needs.devices)})
    known = {code: name for name in names for code in (lot_code(name), f"DEV-{name.upper().replace('_', '-')}")}
    accepted, refused = list[str](), Counter[str]()

    def each(due: Due) -> None:
        for asked in (*due.step.needs.lots, *due.step.needs.devices):
            form = site.form(due.at.step, occurrence=due.at.occurrence, material=due.at.material)
            for code, item in known.items():
                if item == asked and form.used[asked] == code:
                    continue
                wrong = form.model_copy(update={"used": {**form.used, asked: code}})
                try:
                    site.desk.may(patient.therapy, wrong, site.who(due.step.performed_by))
                except Refused as problem:
                    refused[problem.rule] += 1
                else:
                    accepted.append(f"{code} as {asked} of {due.at}")

    site.play(patient, "acute_monitoring", each)
    assert accepted == []
    assert set(refused) <= {"readiness.lot", "readiness.device"}
    assert refused.total() > 500
