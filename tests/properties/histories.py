"""Random histories: three patients, people who do the right thing mostly, and everything that can go wrong in between."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from console.rehearsal import Patient, late_values, report
from events.errors import Refused
from events.facts.base import LabelFate, RawFile
from protocol.alerts import open_alerts
from protocol.commands import (
    AcceptException,
    AcknowledgeAlert,
    AnswerDlt,
    AnyCommand,
    AssessDeviation,
    AuthoriseRetest,
    BeginRemake,
    Begun,
    CheckAction,
    ChooseOption,
    ClearHold,
    CloseDeviation,
    Correct,
    DecideAmendment,
    DecideDlt,
    DecideFailure,
    DecideMismatch,
    DecideQuarantine,
    Decline,
    Dispose,
    DropFates,
    Entered,
    EvaluateException,
    FailManufacture,
    FailScreening,
    FindMaterial,
    FollowEvent,
    GiveFates,
    InvalidateResult,
    InvestigateDeviation,
    IssueLabels,
    KeepMaterial,
    LoseMaterial,
    OpenDeviation,
    PaperEntry,
    Perform,
    PlanAction,
    Presented,
    ProposeAmendment,
    ReadLogger,
    RegradeDeviation,
    ReportAction,
    ReportDeath,
    ReportEvent,
    ReportIncident,
    ReportLate,
    ReportMismatch,
    RequestException,
    ReturnMaterial,
    SendReport,
    SignGrades,
    StoreMaterial,
    TakeBack,
    TakeOver,
    TellHappened,
    TerminateTherapy,
    WithdrawException,
    WithdrawPatient,
    Witness,
    WitnessFates,
)
from protocol.commands.environment import ChangeOver, ReportEnvironment
from protocol.decide.amendments import open_amendment
from protocol.desk import Receipt
from protocol.due import Due, instances
from protocol.endings import over, unsettled
from protocol.grading import unsigned as unsigned_grades
from protocol.happened import unsigned
from protocol.incidents import undecided as undecided_incidents
from protocol.labels import next_serials, roles_for
from protocol.logger.deciding import asked_of
from protocol.logger.figures import read_figures
from protocol.manufacture import ground, needed, open_failure, ways_out
from protocol.mismatch import open_mismatches, undecided
from protocol.state import Act, Therapy
from protocol.worklist import worklist
from tests.logs import plain, rows
from tests.stage import ANNA, BRUNO, STUDY, Stage, Staged

CLARA = Patient(3, "T-3", {"cohort": "B-NHL", "dose_level": "level_3", "starting_material": "fresh"}, bags=2, reserve=1)
PATIENTS = (ANNA, BRUNO, CLARA)

# How often each happens: mostly the right thing, so that a history gets somewhere.
WEIGHTS = {
    "next": 30, "witness": 28, "system": 4, "wait": 2, "late": 2, "clear": 8, "label": 6,
    "any step": 2, "wrong actor": 2, "wrong value": 4, "missing value": 1, "wrong scan": 3, "wrong time": 2,
    "wrong lot": 1, "same again": 2, "correct": 3, "decline": 2, "take back": 2, "witness by anybody": 2,
    "mismatch": 1, "agree": 6, "incident": 2, "choose": 3, "acknowledge": 3,
    "deviate": 1, "assess": 4, "investigate": 3, "regrade": 1, "capa": 3, "close": 4,
    "retest": 2, "invalidate": 1, "exception": 4,
    "quarantine": 5, "dispose": 2, "withdraw": 1, "die": 1, "fail": 1,
    "settle": 3, "lose": 1, "find": 1, "tell late": 3,
    "happen": 3, "confirm": 5, "paper": 4, "take over": 2,
    "manufacture": 4, "recall": 1, "read the log": 3, "markers": 2, "room": 6, "store": 1, "amend": 4,
    "grade": 4, "adverse event": 3, "report": 2, "toxicity": 2, "cohort": 1,
}  # fmt: skip
STEP = st.tuples(
    st.sampled_from([name for name, weight in WEIGHTS.items() for _ in range(weight)]),
    st.integers(0, len(PATIENTS) - 1),
    st.integers(0, 2**20),
)
HISTORIES = st.tuples(
    st.sampled_from(["beginning", "collected", "made", "made again", "treated"]),
    st.lists(STEP, min_size=30, max_size=45),
)

_BEGUN: dict[str, dict[str, str]] = {
    "beginning": {},
    "collected": {"T-1": "apheresis", "T-2": "hand_over", "T-3": "selection"},
    "made": {"T-1": "harvest", "T-2": "cryopreservation", "T-3": "disposition"},
    "made again": {"T-1": "disposition", "T-2": "expansion", "T-3": "expansion"},
    "treated": {"T-1": "product_receipt", "T-2": "pre_thaw_check", "T-3": "bedside_check"},
}


def begun(stage: Stage, how: str) -> Staged:
    """A site whose three patients have come as far as `how` says."""

    def make(site: Staged) -> None:
        for patient in PATIENTS:
            if step := _BEGUN[how].get(patient.therapy):
                site.play(patient, step)
        if how == "made again":
            _fails(site)

    return stage.of(f"history {how}", make)


def _fails(site: Staged) -> None:
    """Anna's product was rejected, Bruno's culture is reported lost; Clara's was lost, and is made again from her reserve."""
    site.perform("disposition", decision="rejected", patient=ANNA)
    for patient in (BRUNO, CLARA):
        lost = tuple(m.code for m in site.therapy(patient).live("intermediate"))
        kept = tuple(m.code for m in site.therapy(patient).live("starting_reserve"))
        site.act(FailManufacture(step="expansion", says="lost", ends=lost, retains=kept), "operator.1", patient)
    site.act(DecideFailure(failure="F-1", decision="confirmed", reason="seen"), "qa.releaser.1", CLARA)
    site.act(BeginRemake(start="thaw_reserve", reason="once more"), "qa.releaser.1", CLARA)
    site.play(CLARA, "expansion")


@dataclass
class Happened:
    """A record that was accepted: who was asked to do what, and how the therapy stood before."""

    before: Therapy
    command: AnyCommand | None
    receipt: Receipt


@dataclass
class History:
    """Plays steps on a site. `happened` lists what was recorded, `refused` counts refusals by rule."""

    site: Staged
    happened: list[Happened] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    last: tuple[str, AnyCommand, str] | None = None

    def step(self, kind: str, number: int, seed: int) -> None:
        """One thing that somebody does, or tries."""
        chance = random.Random(seed)
        patient = PATIENTS[number]
        # Each patient's people work by the version of the study in force for that patient.
        self.site.protocol = self.site.desk.protocol_of(self.site.therapy(patient))
        try:
            getattr(self, "_" + kind.replace(" ", "_"))(patient, chance)
        except Refused as refused:
            self.refused[refused.rule] = self.refused.get(refused.rule, 0) + 1

    # ------------------------------------------------------------------ the two ways in

    def act(self, patient: Patient, command: AnyCommand, by: str) -> None:
        """Say something at the desk, and remember what was recorded."""
        before = self.site.therapy(patient)
        self.last = (patient.therapy, command, by)
        if before.opened is None and isinstance(command, Perform):
            receipt = self.site.desk.open(patient.therapy, command, self.site.sits(by))
        else:
            receipt = self.site.desk.act(patient.therapy, command, self.site.sits(by))
        self.happened.append(Happened(before, command, receipt))

    def perform(
        self, patient: Patient, chance: random.Random, change: Callable[[Perform], Perform] | None = None
    ) -> None:
        """Perform one of the steps that are ready, with one change."""
        due = self.choose(patient, chance)
        if due is None:
            return
        self.site.print_labels(due, patient)
        form = self.site.form(due.at.step, occurrence=due.at.occurrence, material=due.at.material, patient=patient)
        self.act(patient, change(form) if change else form, self.site.who(due.step.performed_by))

    def choose(self, patient: Patient, chance: random.Random) -> Due | None:
        """One of the steps that are ready; the clock goes on a little, or to when the step may begin."""
        therapy = self.site.therapy(patient)
        if therapy.opened is None:
            return self.site.due("consent", patient=patient)
        found = [d for d in instances(therapy, self.site.protocol) if d.standing == "ready"]
        self.site.pass_(minutes=chance.choice([1, 1, 3, 10, 600]))
        return chance.choice([*found, *found[-1:] * 4]) if found else None

    def anybody(self, chance: random.Random) -> str:
        """Some account."""
        return chance.choice(sorted(self.site.log.authority().people))

    def anybody_of_qa(self, chance: random.Random) -> str:
        """Some account of QA."""
        return chance.choice(["qa.releaser.1", "qa.releaser.2"])

    def act_of(self, patient: Patient, chance: random.Random) -> Act | None:
        """Some act that waits."""
        waiting = list(self.site.therapy(patient).pending.values())
        return chance.choice(waiting) if waiting else None

    # ------------------------------------------------------------------ the right thing

    def _next(self, patient: Patient, chance: random.Random) -> None:
        self.perform(patient, chance)

    def _witness(self, patient: Patient, chance: random.Random) -> None:
        self.site.pass_(minutes=1)
        if act := self.act_of(patient, chance):
            self.act(patient, Witness(act=act.by.link), self.site.who(act.fact.awaits, act.by.person))

    def _system(self, patient: Patient, _: random.Random) -> None:
        before = self.site.therapy(patient)
        receipt = self.site.desk.let_pass(patient.therapy, self.site.sits("system"))
        if receipt:
            self.happened.append(Happened(before, None, receipt))

    def _wait(self, _p: Patient, chance: random.Random) -> None:
        self.site.pass_(hours=chance.choice([1, 12, 30, 50, 200, 800] if chance.random() < 0.3 else [1, 12, 30]))

    def _late(self, patient: Patient, chance: random.Random) -> None:
        therapy = self.site.therapy(patient)
        for item in worklist(therapy, self.site.protocol):
            if item.kind == "late_value":
                step = self.site.protocol.by_id[item.step]
                values = late_values(patient, therapy, self.site.protocol, step, self.site.clock())
                if "cd3_count" in values and chance.random() < 0.5:
                    values = {"cd3_count": Entered(value="5e8 cells")}
                told = ReportLate(step=item.step, occurrence=item.occurrence, readings=values)
                return self.act(patient, told, self.site.who(item.roles))
        return None

    def _read_the_log(self, patient: Patient, chance: random.Random) -> None:
        """The logger of a transport is read after it, once more with a reason, or is lost."""
        therapy = self.site.therapy(patient)
        acts = [a for a in therapy.acts.values() if self.site.protocol.by_id[a.at.step].logger]
        if not acts:
            return
        act = chance.choice(acts)
        step = self.site.protocol.by_id[act.at.step]
        asked = asked_of(therapy, self.site.protocol, step, act.at, act.fact.ended)
        values = [chance.choice([5, -170, 5, -170, 20, None, "NaN"]) for _ in range(40)]
        data = rows([5, 5, *values], 1, asked.starts - timedelta(minutes=2)).encode()
        told: dict[str, Any] = {"step": step.id, "occurrence": act.at.occurrence, "material": act.at.material or None}
        told |= {"logger": read_figures(data, plain(), asked)} if chance.random() < 0.8 else {"logger_lost": "gone"}
        if act.at in therapy.loggers:
            told["why"] = "another file"
        by = self.site.who((*step.performed_by, *(step.second[0] if step.second else ())))
        self.act(patient, ReadLogger.model_validate(told), by if chance.random() < 0.9 else self.anybody(chance))

    def _clear(self, patient: Patient, chance: random.Random) -> None:
        while holds := list(self.site.therapy(patient).holds.values()):
            therapy, hold = self.site.therapy(patient), holds[0]
            by = self.site.who(("qa_releaser",), hold.pending[1].person if hold.pending else "")
            self.act(patient, ClearHold(wristband=therapy.wristband or "NONE", reason="rescanned"), by)
            if chance.random() < 0.2:
                return

    def _assess(self, patient: Patient, _: random.Random) -> None:
        for deviation in self.site.therapy(patient).deviations.values():
            if not deviation.closed:
                assess = AssessDeviation(deviation=deviation.code, impact="none")
                return self.act(patient, assess, self.site.who(("qa_releaser",)))
        return None

    def _investigate(self, patient: Patient, chance: random.Random) -> None:
        for deviation in self.site.therapy(patient).deviations.values():
            if not deviation.closed and deviation.investigation is None:
                said: Any = {"deviation": deviation.code, "cause": "process", "root_cause": "seen"}
                by = self.site.who(("qa_releaser",)) if chance.random() < 0.8 else self.anybody(chance)
                return self.act(patient, InvestigateDeviation.model_validate(said), by)
        return None

    def _regrade(self, patient: Patient, chance: random.Random) -> None:
        codes = list(self.site.therapy(patient).deviations)
        if codes:
            said: Any = {
                "deviation": chance.choice(codes), "grade": chance.choice(["minor", "major", "critical"]), "reason": "looked at it",
            }  # fmt: skip
            self.act(patient, RegradeDeviation.model_validate(said), self.anybody_of_qa(chance))

    def _capa(self, patient: Patient, chance: random.Random) -> None:
        therapy = self.site.therapy(patient)
        waiting = [a for a in therapy.actions.values() if not a.settled]
        if waiting and chance.random() < 0.8:
            action = chance.choice(waiting)
            said: Any = {"action": action.code, "says": "so"}
            if action.done is None:
                return self.act(patient, ReportAction.model_validate(said), self.anybody_of_qa(chance))
            if action.checked is None:
                result = chance.choice(["effective", "effective", "not_effective"])
                return self.act(
                    patient, CheckAction.model_validate({**said, "result": result}), self.anybody_of_qa(chance)
                )
        if therapy.deviations:
            due = self.site.clock() + timedelta(days=chance.choice([-1, 1, 7]))
            instead = chance.choice([None, *(a.code for a in waiting)])
            planned = PlanAction(
                deviation=chance.choice(list(therapy.deviations)), says="train", role="qa_releaser", due=due,
                instead_of=instead, owner=chance.choice([None, "qa.releaser.1", "operator.1", "nobody"]),
            )  # fmt: skip
            self.act(patient, planned, self.anybody_of_qa(chance))
        return None

    def _retest(self, patient: Patient, chance: random.Random) -> None:
        step = chance.choice([s.id for s in self.site.protocol.steps if s.kind == "test"])
        self.act(patient, AuthoriseRetest(step=step, reason="clogged"), self.anybody_of_qa(chance))

    def _invalidate(self, patient: Patient, chance: random.Random) -> None:
        found = [d for d in self.site.therapy(patient).deviations.values() if d.at and d.at.step.startswith("test")]
        if found:
            deviation = chance.choice(found)
            assert deviation.at is not None
            said: Any = {"deviation": deviation.code, "cause": "laboratory_error", "root_cause": "diluted twice"}
            self.act(patient, InvestigateDeviation.model_validate(said), "qa.releaser.1")
            away = InvalidateResult(
                step=deviation.at.step, occurrence=deviation.at.occurrence, deviation=deviation.code, reason="diluted",
            )  # fmt: skip
            self.act(patient, away, "qa.releaser.2")

    def _exception(self, patient: Patient, chance: random.Random) -> None:
        exceptions = list(self.site.therapy(patient).exceptions)
        code = exceptions[-1] if exceptions else "X-1"
        options: list[tuple[AnyCommand, str]] = [
            (RequestException(reason="no other therapy"), "physician.1"),
            (EvaluateException(exception=code, risks="fever"), "qa.releaser.1"),
            (AcceptException(exception=code, statement="known"), "physician.1"),
            (WithdrawException(exception=code, reason="not now"), "physician.2"),
        ]
        command, by = chance.choice(options)
        self.act(patient, command, by)

    def _close(self, patient: Patient, chance: random.Random) -> None:
        codes = list(self.site.therapy(patient).deviations)
        if codes:
            close = CloseDeviation(deviation=chance.choice(codes), conclusion="no harm")
            self.act(patient, close, self.anybody_of_qa(chance))

    def _label(self, patient: Patient, chance: random.Random) -> None:
        """A second signature on a label's fate that waits; else a fate for one that has none; else one more is printed."""
        therapy = self.site.therapy(patient)
        for link, (waits, by) in therapy.label_acts.items():
            drop = chance.random() < 0.2
            command: AnyCommand = DropFates(act=link, reason="not so") if drop else WitnessFates(act=link)
            return self.act(patient, command, self.site.who(waits.awaits, by.person))
        open_ = [label for label in therapy.labels.values() if not label.fate]
        if open_:
            label = chance.choice(open_)
            fate = LabelFate.model_validate({"serial": label.serial, "fate": chance.choice(["destroyed", "applied"])})
            given = GiveFates(labels=(fate,), reason="torn", rescan=label.material)
            return self.act(patient, given, self.site.who(roles_for(self.site.protocol, label.template)[0]))
        labels = [label for label in therapy.labels.values() if therapy.materials[label.material].live]
        if labels:
            like = chance.choice(labels)
            more = IssueLabels(
                material=like.material, template=like.template, serials=next_serials(therapy, 1), why="another one"
            )
            return self.act(patient, more, self.site.who(roles_for(self.site.protocol, like.template)[0]))
        return None

    def _quarantine(self, patient: Patient, chance: random.Random) -> None:
        held = [m for m in self.site.therapy(patient).materials.values() if m.status == "quarantined"]
        if held:
            cause = chance.choice(chance.choice(held).causes).code
            decision = chance.choice(["lifted", "lifted", "rejected"])
            command = DecideQuarantine.model_validate(
                {
                    "materials": [m.code for m in held if cause in {c.code for c in m.causes}],
                    "decision": decision, "reason": "looked at it", "cause": cause,
                }
            )  # fmt: skip
            self.act(patient, command, self.site.who(("qa_releaser",)))

    def _acknowledge(self, patient: Patient, chance: random.Random) -> None:
        for alert in open_alerts(self.site.therapy(patient)):
            by = self.site.who(alert.roles) if chance.random() < 0.7 else self.anybody(chance)
            return self.act(patient, AcknowledgeAlert(alert=alert.code, note="on my way"), by)
        return None

    def _agree(self, patient: Patient, chance: random.Random) -> None:
        for mismatch in open_mismatches(self.site.therapy(patient)):
            codes = list(undecided(self.site.therapy(patient), mismatch)) or [""]
            code = chance.choice(codes)
            pending = mismatch.pending.get(code)
            decision = (
                pending[0].decision if pending and chance.random() < 0.9 else chance.choice(["lifted", "rejected"])
            )
            document = {"mismatch": mismatch.code, "decision": decision, "reason": "typed again"}
            command = DecideMismatch.model_validate({**document, "materials": [code] if code else []})
            return self.act(patient, command, self.site.who(("qa_releaser",), pending[1].person if pending else ""))
        return None

    # ------------------------------------------------------------------ what goes wrong

    def _any_step(self, patient: Patient, chance: random.Random) -> None:
        step = chance.choice(self.site.protocol.steps)
        therapy = self.site.therapy(patient)
        if therapy.opened is not None:
            material = chance.choice([*therapy.materials, ""])
            form = self.site.form(step.id, patient=patient, occurrence=chance.choice([None, "1", "2", "D1", "M6"]))
            form = form.model_copy(update={"material": material or form.material})
            self.act(patient, form, self.site.who(step.performed_by))

    def _wrong_actor(self, patient: Patient, chance: random.Random) -> None:
        if due := self.choose(patient, chance):
            form = self.site.form(due.at.step, occurrence=due.at.occurrence, material=due.at.material, patient=patient)
            self.act(patient, form, self.anybody(chance))

    def _wrong_value(self, patient: Patient, chance: random.Random) -> None:
        def change(form: Perform) -> Perform:
            if not form.readings:
                return form
            name = chance.choice(sorted(form.readings))
            record = self.site.protocol.by_id[form.step].record_by_name[name]
            return form.model_copy(update={"readings": {**form.readings, name: _other_value(record, chance)}})

        self.perform(patient, chance, change)

    def _missing_value(self, patient: Patient, chance: random.Random) -> None:
        def change(form: Perform) -> Perform:
            readings = dict(form.readings)
            if readings:
                readings.pop(chance.choice(sorted(readings)))
            return form.model_copy(update={"readings": readings})

        self.perform(patient, chance, change)

    def _wrong_scan(self, patient: Patient, chance: random.Random) -> None:
        def change(form: Perform) -> Perform:
            if not form.scans:
                return form
            scans = list(form.scans)
            number = chance.randrange(len(scans))
            codes = [c for p in PATIENTS for c in codes_of(self.site.therapy(p))]
            other = chance.choice([*codes, "UNKNOWN-1", "???"])
            scans[number] = Presented(name=scans[number].name, code=other)
            return form.model_copy(update={"scans": tuple(scans)})

        self.perform(patient, chance, change)

    def _wrong_time(self, patient: Patient, chance: random.Random) -> None:
        def change(form: Perform) -> Perform:
            shift = timedelta(hours=chance.choice([-900, -30, -1, 1]))
            started = self.site.clock() + shift
            ended = started + timedelta(hours=chance.choice([-1, 0, 1]))
            return form.model_copy(update={"started": started, "ended": ended})

        self.perform(patient, chance, change)

    def _wrong_lot(self, patient: Patient, chance: random.Random) -> None:
        def change(form: Perform) -> Perform:
            used = {name: chance.choice([code, "LOT-X", "DEV-CYTOMETER"]) for name, code in form.used.items()}
            return form.model_copy(update={"used": used})

        self.perform(patient, chance, change)

    def _same_again(self, _p: Patient, _: random.Random) -> None:
        if self.last:
            therapy, command, by = self.last
            self.act(next(p for p in PATIENTS if p.therapy == therapy), command, by)

    def _correct(self, patient: Patient, chance: random.Random) -> None:
        therapy = self.site.therapy(patient)
        if therapy.readings:
            at, name = chance.choice(sorted(therapy.readings))
            step = self.site.protocol.by_id[at.step]
            other = _other_value(step.record_by_name[name], chance)
            command = Correct(
                step=at.step, occurrence=at.occurrence, material=at.material or None, reading=name,
                value=other.value, unit=other.unit, why=chance.choice(["misread", "misread", ""]),
            )  # fmt: skip
            self.act(patient, command, self.site.who(step.performed_by))

    def _decline(self, patient: Patient, chance: random.Random) -> None:
        if act := self.act_of(patient, chance):
            self.act(patient, Decline(act=act.by.link, reason="not so"), self.site.who(act.fact.awaits, act.by.person))

    def _take_back(self, patient: Patient, chance: random.Random) -> None:
        if act := self.act_of(patient, chance):
            self.act(patient, TakeBack(act=act.by.link, reason="too early"), act.by.account)

    def _witness_by_anybody(self, patient: Patient, chance: random.Random) -> None:
        if act := self.act_of(patient, chance):
            by = chance.choice([act.by.account, "moonlight", self.anybody(chance)])
            if by == "moonlight" and by not in self.site.log.authority().people:
                self.site.hire(act.by.person, by, *self.site.protocol.roles)
            self.act(patient, Witness(act=act.by.link), by)

    def _mismatch(self, patient: Patient, chance: random.Random) -> None:
        codes = sorted(self.site.therapy(patient).materials)
        if codes:
            known = [c for p in PATIENTS for c in codes_of(self.site.therapy(p))]
            found = chance.choice([chance.choice([*known, "UNKNOWN-1"]), None])
            command = ReportMismatch(material=chance.choice(codes), found=found, says="two labels")
            self.act(patient, command, self.anybody(chance))

    def _incident(self, patient: Patient, chance: random.Random) -> None:
        spec = chance.choice(self.site.protocol.incidents)
        by = self.site.who(spec.reported_by) if chance.random() < 0.9 else self.anybody(chance)
        self.act(patient, ReportIncident(name=spec.id, says="something was seen"), by)

    def _choose(self, patient: Patient, chance: random.Random) -> None:
        for happening, spec in undecided_incidents(self.site.therapy(patient), self.site.protocol):
            option = chance.choice(spec.options)
            choose = ChooseOption(incident=happening.code, option=option.id, why="the best that is left")
            return self.act(patient, choose, self.site.who(spec.decided_by))
        return None

    def _deviate(self, patient: Patient, chance: random.Random) -> None:
        grade = chance.choice(["minor", "major", "critical"])
        command = OpenDeviation.model_validate({"grade": grade, "says": "something was seen"})
        self.act(patient, command, self.anybody(chance))

    def _dispose(self, patient: Patient, chance: random.Random) -> None:
        codes = sorted(self.site.therapy(patient).materials)
        if codes:
            some = tuple(chance.sample(codes, chance.randint(1, min(3, len(codes)))))
            self.act(patient, Dispose(materials=some, reason="away"), self.site.who(("qa_releaser",)))

    def _settle(self, patient: Patient, chance: random.Random) -> None:
        codes = [m.code for m in unsettled(self.site.therapy(patient), self.site.protocol)]
        for code in chance.sample(codes, min(len(codes), 2)):
            ways: list[tuple[AnyCommand, str]] = [
                (KeepMaterial(materials=(code,), place="biobank", reason="as permitted"), "receiver.1"),
                (ReturnMaterial(materials=(code,), to="the sponsor", reason="unused"), "qa.releaser.1"),
                (Dispose(materials=(code,), reason="not kept"), "qa.releaser.1"),
            ]
            self.act(patient, *chance.choice(ways))

    def _lose(self, patient: Patient, chance: random.Random) -> None:
        codes = [m.code for m in self.site.therapy(patient).materials.values() if m.live]
        if codes:
            how = chance.choice(["lost", "destroyed"])
            command = {"materials": [chance.choice(codes)], "how": how, "at": self.site.clock(), "says": "dropped"}
            self.act(patient, LoseMaterial.model_validate(command), self.anybody(chance))

    def _find(self, patient: Patient, chance: random.Random) -> None:
        codes = [m.code for m in self.site.therapy(patient).materials.values() if m.ended == "lost"]
        for code in codes[:1]:
            found = FindMaterial(materials=(code,), place="plant", at=self.site.clock(), says="behind the rack")
            self.act(patient, found, self.anybody(chance))

    def _tell_late(self, patient: Patient, chance: random.Random) -> None:
        """After an end: a result, a visit or an event that is told afterwards, with some time or other."""
        therapy = self.site.therapy(patient)
        if not over(therapy):
            return
        kinds = [s for s in self.site.protocol.steps if s.kind in ("test", "observation")]
        step = chance.choice(kinds)
        form = self.site.form(step.id, patient=patient, occurrence=chance.choice([None, "1", "2", "D0", "D1", "M3"]))
        when = self.site.clock() - timedelta(hours=chance.choice([0, 0, 1, 20]))
        form = form.model_copy(update={"started": when, "ended": when})
        self.act(patient, form, self.site.who(step.performed_by))

    def _withdraw(self, patient: Patient, chance: random.Random) -> None:
        what = chance.sample(["treatment", "visits", "data", "data", "samples"], chance.randint(0, 2))
        command: Any = {"withdrawn": what, "at": self.site.clock(), "reason": "the patient's wish"}
        self.act(patient, WithdrawPatient.model_validate(command), "investigator.1")

    def _die(self, patient: Patient, chance: random.Random) -> None:
        if chance.random() < 0.5:
            self.act(patient, ReportDeath(at=self.site.clock(), reason="of the disease"), "investigator.1")

    def _fail(self, patient: Patient, _: random.Random) -> None:
        self.act(patient, FailScreening(reason="moved away"), "investigator.1")

    def _manufacture(self, patient: Patient, chance: random.Random) -> None:
        """Manufacture fails, somebody confirms it or not, and a way out is taken."""
        therapy, protocol = self.site.therapy(patient), self.site.protocol
        if therapy.opened is None:
            return
        if failure := open_failure(therapy):
            decision = chance.choice(["confirmed", "confirmed", "declined"])
            decide = DecideFailure.model_validate({"failure": failure.code, "decision": decision, "reason": "seen"})
            self.act(patient, decide, self.site.who(failure.awaits, failure.by.person))
        elif ground(therapy, protocol):
            ways = [way.way for way in ways_out(therapy, protocol)]
            way = chance.choice([*ways, None])
            if way is None:
                self.act(patient, TerminateTherapy(reason="no more"), "investigator.1")
            else:
                begin = BeginRemake(start=way.start, reason="once more")
                self.act(patient, begin, self.site.who(way.decided_by))
        else:
            live = [m.code for m in needed(therapy, protocol) if m.live]
            kept = [
                code for code in live if therapy.materials[code].kind == "starting_reserve" and chance.random() < 0.9
            ]
            lost = tuple(code for code in live if code not in kept)
            step = chance.choice(["transport", "selection", "expansion", "harvest", "cryopreservation"])
            fail = FailManufacture(step=step, says="lost", ends=lost, retains=tuple(kept))
            self.act(patient, fail, "operator.1")

    def _amend(self, patient: Patient, chance: random.Random) -> None:
        """Later versions are adopted, somebody proposes to move a therapy to it, a second person decides."""
        therapy = self.site.therapy(patient)
        if therapy.opened is None:
            return
        if waiting := open_amendment(therapy):
            decision = chance.choice(["approved", "approved", "approved", "declined"])
            said = {"amendment": waiting.fact.amendment, "decision": decision, "reason": "reviewed"}
            by = (
                self.site.who(waiting.fact.awaits, waiting.by.person) if chance.random() < 0.9 else self.anybody(chance)
            )
            self.act(patient, DecideAmendment.model_validate(said), by)
        else:
            for number in ("2", "3"):
                self.site.desk.adopt(later_version(number), self.site.sits("quality.1"))
            to = chance.choice(["2", "2", "3", "3", "1", "4"])
            by = "investigator.1" if chance.random() < 0.9 else self.anybody(chance)
            self.act(patient, ProposeAmendment(to=to, reason="approved"), by)

    def _happen(self, patient: Patient, chance: random.Random) -> None:
        """Some step is told to have been done: with what it asks for or not, with another patient's items, by some people."""
        therapy = self.site.therapy(patient)
        if therapy.opened is None:
            return
        step = chance.choice(self.site.protocol.steps)
        form = self.site.form(step.id, patient=patient)
        codes = [code for p in PATIENTS for code in codes_of(self.site.therapy(p))]
        scans = [s for s in form.scans if chance.random() < 0.9]
        if scans and codes and chance.random() < 0.3:
            scans[0] = Presented(name=scans[0].name, code=chance.choice(codes))
        people = [self.site.who(step.performed_by)]
        people += [self.site.who(step.second[0])] if step.second and chance.random() < 0.7 else []
        when = self.site.clock() - timedelta(hours=chance.choice([0, 0, 1, 40]))
        told = TellHappened(
            step=step.id, material=form.material if chance.random() < 0.2 else None, started=when, scans=tuple(scans),
            performed_by=tuple(people if chance.random() < 0.9 else []), used=form.used if chance.random() < 0.7 else {},
            readings=form.readings if chance.random() < 0.5 else {}, room=form.room, says="it was done",
            alone="nobody else was there" if chance.random() < 0.2 else None,
        )  # fmt: skip
        self.act(patient, told, people[0] if chance.random() < 0.7 else self.anybody(chance))

    def _confirm(self, patient: Patient, chance: random.Random) -> None:
        for one in unsigned(self.site.therapy(patient)):
            by = self.site.who(one.fact.awaits, one.by.person) if chance.random() < 0.9 else self.anybody(chance)
            ways = [Witness(act=one.by.link)] * 4 + [Decline(act=one.by.link, reason="not so")]
            return self.act(patient, chance.choice(ways), by)
        return None

    def _paper(self, patient: Patient, chance: random.Random) -> None:
        """A step that is ready was done on paper some time ago."""
        due = self.choose(patient, chance)
        if due is None or self.site.therapy(patient).opened is None:
            return
        self.site.print_labels(due, patient)
        form = self.site.form(due.at.step, occurrence=due.at.occurrence, material=due.at.material, patient=patient)
        first = self.site.who(due.step.performed_by)
        second = self.site.who(due.step.second[0], self.site.person(first)) if due.step.second else None
        when = self.site.clock() - timedelta(hours=chance.choice([0, 0, 1, 5, 100]))
        sheet = RawFile(sha256="ab" * 32, size=7, what="sheet")
        paper = PaperEntry(
            file=sheet,
            performed_by=first,
            second_by=chance.choice([second, second, second, first, None]),
            why="no network",
        )
        form = form.model_copy(update={"paper": paper, "started": when, "ended": when})
        self.act(patient, form, self.anybody_of_qa(chance) if chance.random() < 0.8 else self.anybody(chance))

    def _take_over(self, patient: Patient, chance: random.Random) -> None:
        if (act := self.act_of(patient, chance)) and chance.random() < 0.6:
            step = self.site.protocol.by_id[act.at.step]
            by = self.site.who(step.performed_by, act.by.person) if chance.random() < 0.9 else self.anybody(chance)
            return self.act(patient, TakeOver(act=act.by.link, reason="locked out"), by)

        def begun(form: Perform) -> Perform:
            from_whom = Begun(account=self.anybody(chance), why="locked out")
            return form.model_copy(update={"taken_over": from_whom})

        return self.perform(patient, chance, begun)

    def _grade(self, patient: Patient, chance: random.Random) -> None:
        """A physician, or somebody else, signs the grades of a visit: as proposed, or otherwise."""
        for graded in unsigned_grades(self.site.therapy(patient)):
            grades = {graded.proposed.grading: chance.choice([0, 2, 5, 6])} if chance.random() < 0.3 else {}
            why = chance.choice([None, "seen"])
            by = "physician.1" if chance.random() < 0.9 else self.anybody(chance)
            sign = SignGrades(step=graded.at.step, occurrence=graded.at.occurrence, grades=grades, why=why)
            return self.act(patient, sign, by)
        return None

    def _adverse_event(self, patient: Patient, chance: random.Random) -> None:
        therapy, now = self.site.therapy(patient), self.site.clock()
        told: dict[str, Any] = {"grade": chance.choice([1, 2, 3, 4, 5, None]), "dlt": chance.random() < 0.3}
        if chance.random() < 0.5:
            told |= {"serious": True, "criteria": [chance.choice(["death", "life_threatening", "disability", "bad"])]}
        by = "physician.1" if chance.random() < 0.9 else self.anybody(chance)
        if therapy.safety.events and chance.random() < 0.6:
            event = chance.choice(list(therapy.safety.events))
            told |= {
                "event": event,
                "says": "seen",
                "resolved": chance.random() < 0.2,
                "expected": chance.choice([True, None]),
            }
            return self.act(patient, FollowEvent.model_validate(told), by)
        term = chance.choice(
            ["Anemia", "anemia ", "Sepsis", "Alopecia", "Low blood"]
        )  # few grades, another spelling, none
        told |= {"term": term, "grade": told["grade"] or 2, "related": chance.choice(["no", "possibly"])}
        told |= {
            "onset": now - timedelta(hours=chance.choice([0, 5, 500])),
            "aware": now - timedelta(hours=chance.choice([0, 5])),
        }
        return self.act(patient, ReportEvent.model_validate(told), by)

    def _report(self, patient: Patient, chance: random.Random) -> None:
        events = list(self.site.therapy(patient).safety.events)
        if events:
            report = chance.choice(["sae", "sae", "susar_7", "susar_15", "susar_follow_up"])
            by = "investigator.1" if report == "sae" else "safety.officer.1"
            self.act(patient, SendReport(event=chance.choice(events), report=report), by)

    def _toxicity(self, patient: Patient, chance: random.Random) -> None:
        """Whether there was a dose-limiting toxicity: decided, or answered."""
        therapy = self.site.therapy(patient)
        if therapy.safety.proposed_dlt is not None:
            said: Any = {
                "answer": chance.choice(["agreed", "agreed", "not_agreed"]),
                "why": chance.choice(["seen", None]),
            }
            return self.act(
                patient, AnswerDlt.model_validate(said), chance.choice(["safety.officer.1", "investigator.1"])
            )
        flagged = [event.code for event in therapy.safety.events.values() if event.dlt]
        said = {"decision": chance.choice(["dlt", "no_dlt", "not_evaluable"]), "why": "looked at", "events": ()}
        if said["decision"] == "dlt":
            said["events"] = tuple(flagged)
        return self.act(patient, DecideDlt.model_validate(said), "investigator.1")

    def _cohort(self, _p: Patient, chance: random.Random) -> None:
        """A dose cohort is stopped, or opened again."""
        change = chance.choice([self.site.desk.stop_cohort, self.site.desk.reopen_cohort])
        change(
            chance.choice(["level_1", "level_2"]),
            "seen",
            self.site.sits(chance.choice(["safety.officer.1", "safety.officer.2", "investigator.1"])),
        )

    def _recall(self, _p: Patient, chance: random.Random) -> None:
        names = sorted({name for step in self.site.protocol.steps for name in step.needs.lots})
        self.site.recall_lot(chance.choice(names), "particles")

    def _markers(self, patient: Patient, chance: random.Random) -> None:
        """A result that comes late, or markers drawn again; mostly good news."""
        form = self.site.form("markers_again", patient=patient)
        words = ["negative", "negative", "negative", "pending", "positive", "not_tested"]
        told = {name: Entered(value=chance.choice(words)) for name in chance.sample(["hiv", "hbsag", "anti_hbc"], 2)}
        command = form.model_copy(update={"readings": {**form.readings, **told}})
        self.act(patient, command, "investigator.1" if chance.random() < 0.9 else self.anybody(chance))

    def _room(self, patient: Patient, chance: random.Random) -> None:
        """Results of the room come, in limits or out of them, for a patient or for any hours; or it is changed over."""
        desk, by = self.site.desk, "quality.1" if chance.random() < 0.9 else self.anybody(chance)
        room, now = f"SUITE-{chance.choice([1, 2, 3])}", self.site.clock()
        what = chance.random()
        if what < 0.5 and (results := report(patient, self.site.therapy(patient), self.site.protocol)):
            desk.report_environment(results, self.site.sits(by))
        elif what < 0.7:
            plates = {"settle_plates": Entered(value=chance.choice(["0 CFU", "0 CFU", "3 CFU", "3"]))}
            began = now - timedelta(hours=chance.choice([1, 30, 300]))
            said = ReportEnvironment(room=room, started=began, ended=now, readings=plates)
            desk.report_environment(said, self.site.sits(by))
        elif what < 0.85:
            desk.change_over(ChangeOver(room=room, at=now, says="line clear"), self.site.sits("operator.1"))
        else:
            desk.clear_room(room, self.site.sits(chance.choice(["operator.1", "operator.2"])))

    def _store(self, patient: Patient, chance: random.Random) -> None:
        live = [m.code for m in self.site.therapy(patient).materials.values() if m.live]
        if live:
            where = chance.choice(["SHELF-9", "SEG-9"])
            self.act(
                patient,
                StoreMaterial(materials=(chance.choice(live),), position=where, reason="room made"),
                "operator.1",
            )


def later_version(number: str) -> str:
    """The study with other limits, a shorter clock, a visit more and one less, and a step more before the infusion."""
    text = STUDY.read_text(encoding="utf-8")
    for old, new in (
        ('  version: "1"', f'  version: "{number}"'),
        ("  consent: again", "  consent: same"),
        ("{at: 30 min, then: deviation major}, {at: 90 min", "{at: 20 min, then: deviation major}, {at: 90 min"),
        ("limits: [{at_least: 1e9, otherwise: offer", f"limits: [{{at_least: {number}e9, otherwise: offer"),
        ("{id: D7, at: 7 d, early: 12 h, late: 12 h}", "{id: D8, at: 8 d, early: 12 h, late: 12 h}"),
        ("(D-5 to D-3)\n    after: [product_receipt", "(D-5 to D-3)\n    after: [ecg, product_receipt"),
        (
            "  - id: lymphodepletion\n",
            "  - {id: ecg, kind: observation, title: ECG, after: disposition, performed_by: physician,\n"
            "     records: [{name: qtc, title: QTc, unit: ms, plausible: [200, 800]}]}\n\n  - id: lymphodepletion\n",
        ),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def _other_value(record: Any, chance: random.Random) -> Entered:
    if record.type == "number":
        low, high = record.plausible or (0, 100)
        value = chance.choice([low, high, (low + high) / 2, high + 1, low + (high - low) / 1000])
        return Entered(value=f"{value}", unit=chance.choice([record.unit, record.unit, record.unit, None]))
    if record.type in ("choice", "yes_no"):
        return Entered(value=chance.choice([*(record.options or ("yes", "no")), "perhaps"]))
    return Entered(value=chance.choice(["2026-01-01", "ab" * 32, "words"]))


def codes_of(therapy: Therapy) -> list[str]:
    """Every code that is bound to a therapy."""
    own = [therapy.wristband, therapy.coi, therapy.subject, therapy.opened.screening if therapy.opened else ""]
    return [code for code in (*own, *therapy.materials, *therapy.labels) if code]


def played(site: Staged, steps: list[tuple[str, int, int]], each: Callable[[History, int], None]) -> History:
    """Play a history; `each` is told after each step how many records there were before it."""
    history = History(replace(site))
    for kind, number, seed in steps:
        before = len(history.happened)
        history.step(kind, number, seed)
        each(history, before)
    return history
