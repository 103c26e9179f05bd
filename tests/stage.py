"""A stage for tests: a throw-away site from fixed seeds, a clock that is moved by hand, staff who sign when told to.

A study is played once a session as far as a test asks; each test then gets a copy of that log and goes on from there.
"""

from __future__ import annotations

import hashlib
import random
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from console import rehearsal
from console.cast import Member, cast
from console.rehearsal import Patient
from events.envelope import seal
from events.errors import Refused
from events.facts.authority import LogOpened, PersonEnrolled
from events.facts.base import Fact, LabelFate
from events.heads import NOWHERE, Head
from events.keys import FileKey, key_id
from events.log import EventLog
from events.reading import Record, read_record
from events.statement import Statement
from protocol import administration
from protocol.commands import (
    AnswerDlt,
    AnyCommand,
    AssessDeviation,
    CheckAction,
    CloseDeviation,
    Correct,
    DecideDlt,
    Dispose,
    Entered,
    InvestigateDeviation,
    Perform,
    PlanAction,
    Presented,
    ReportAction,
    ReportLate,
    SignGrades,
    Witness,
    WitnessDisposal,
)
from protocol.decide import RULEBOOK
from protocol.decision import therapy_stream
from protocol.desk import Desk, Receipt, Sitting
from protocol.deviations import actions_of, handling, investigators
from protocol.due import Due, instances
from protocol.endings import unsettled
from protocol.evolve import head_of
from protocol.file import read_protocol
from protocol.model import StudyProtocol
from protocol.schedule import schedule
from protocol.state import Act, Instance, Therapy
from protocol.worklist import WorkItem, worklist
from tests.contracts.backends import Backend

SEED = 20260302
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
STUDY = Path(rehearsal.__file__).parents[1] / "protocol" / "studies" / "cd20-cd22.yaml"
LONG = timedelta(days=2000)
BETWEEN, TO_SECOND = timedelta(minutes=5), timedelta(minutes=2)

ANNA = Patient(1, "T-1", {"cohort": "B-ALL", "starting_material": "fresh"})
"""The patient of most stories: B-ALL, processed fresh, one bag."""
BRUNO = Patient(2, "T-2", {"cohort": "B-NHL", "dose_level": "level_2", "starting_material": "frozen"}, bags=2)
"""The other patient: B-NHL, frozen at the plant, two bags."""
OTHER_UNTIL = "thaw"
"""How far the other patient has come in the stories: her bags are at the hospital, ready to be thawed."""


@cache
def study() -> StudyProtocol:
    """The protocol that ships."""
    return read_protocol(STUDY.read_text(encoding="utf-8"))


class Clock:
    """A clock that stands until somebody moves it."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Staged:
    """A site and its staff. `patient` is who the story is about; `path` is where the log is kept."""

    log: EventLog
    protocol: StudyProtocol
    clock: Clock
    patient: Patient = ANNA
    seed: int = SEED
    path: Path = Path()

    def __post_init__(self) -> None:
        # Ids must differ between two stages on one log; the log's length makes them so, and the same again next time.
        source = random.Random(f"{self.seed} {self.log.size()}")
        self.desk = Desk(self.log, self.clock, source.randbytes, site="SITE1", simulated=True)
        self._signers: dict[str, Sitting] = {}

    # ------------------------------------------------------------------ people

    def sits(self, account: str) -> Sitting:
        """Somebody at the desk, key unlocked."""
        if account not in self._signers:
            self._signers[account] = Sitting(account, key_of(self.seed, account))
        return self._signers[account]

    def hire(self, person: str, account: str, *roles: str, trained: bool = True) -> str:
        """Enrol an account of a person; a second account of somebody is made by naming the person again."""
        known = administration.known_roles([self.protocol])
        public = key_of(self.seed, account).public

        def enrolled(actor: Any, authority: Any) -> list[Fact]:
            return [
                administration.enrol(
                    actor, authority, known,
                    person=person, account=account, printed_name=account.title(), public=public, roles=roles,
                )
            ]  # fmt: skip

        self.desk.authorise(enrolled, self.sits("admin"))
        for topic in sorted({t for step in self.protocol.steps for t in step.needs.training}) if trained else ():
            self.train(person, topic, self.clock() + LONG)
        return account

    def person(self, account: str) -> str:
        """Who is behind an account."""
        return self.desk.actor(account).person

    def train(self, person: str, topic: str, until: datetime) -> None:
        """Record that somebody's training is current until then."""
        stream = f"training/{person}"
        self.desk.record([stream], lambda a, _: [administration.train(a, person, topic, until)], self.sits("quality.1"))

    def release_lot(self, name: str, expires: date, code: str = "") -> str:
        """Release a lot of an item."""
        lot = code or rehearsal.lot_code(name)
        self._quality(f"lot/{lot}", lambda a: administration.release_lot(a, lot, name, expires))
        return lot

    def recall_lot(self, name: str, reason: str) -> None:
        """Recall the lot of an item."""
        self.desk.recall_lot(rehearsal.lot_code(name), reason, self.sits("quality.1"))

    def monitor(self, patient: Patient | None = None) -> list[Receipt]:
        """Report every result of environmental monitoring that a patient's open steps lack."""
        whom, found = patient or self.patient, []
        while results := rehearsal.report(whom, self.therapy(whom), self.protocol):
            found.append(self.desk.report_environment(results, self.sits("quality.1")))
        return found

    def calibrate(self, name: str, due: datetime) -> None:
        """Record that the device is in calibration until then."""
        device = rehearsal.device_code(name)
        self._quality(f"device/{device}", lambda a: administration.calibrate(a, device, name, due))

    def _quality(self, stream: str, decide: Callable[[Any], Fact]) -> None:
        self.desk.record([stream], lambda actor, _: [decide(actor)], self.sits("quality.1"))

    def who(self, roles: Iterable[str], not_person: str = "") -> str:
        """An account that holds one of the roles, of another person than `not_person`."""
        for role in roles:
            for account, known in sorted(self.log.authority().people.items()):
                if role in known.roles_at() and known.person != not_person:
                    return account
        raise LookupError(f"nobody is {' or '.join(roles)} beside {not_person}")

    # ------------------------------------------------------------------ time

    def pass_(self, **length: float) -> datetime:
        """Let time pass."""
        self.clock.now += timedelta(**length)
        return self.clock.now

    def system(self, therapy: str = "") -> list[Fact]:
        """The system's turn; the facts it recorded."""
        receipt = self.desk.let_pass(therapy or self.patient.therapy, self.sits("system"))
        return list(receipt.facts) if receipt else []

    # ------------------------------------------------------------------ looking

    def therapy(self, patient: Patient | None = None) -> Therapy:
        """The therapy as it stands."""
        return self.desk.therapy((patient or self.patient).therapy)

    @property
    def now(self) -> Therapy:
        """The therapy that the story is about."""
        return self.therapy()

    def records(self, patient: Patient | None = None) -> list[Record]:
        """The records of the therapy's stream, in order."""
        stream = therapy_stream((patient or self.patient).therapy)
        return [read_record(stored) for stored in self.log.stream(stream)]

    def due(self, step: str, occurrence: str | None = None, material: str = "", patient: Patient | None = None) -> Due:
        """The instance of a step that is to be done: the one named, else the first that is ready, else the first."""
        found = [
            d
            for d in instances(self.therapy(patient), self.protocol)
            if d.step.id == step and occurrence in (None, d.at.occurrence) and material in ("", d.at.material)
        ]
        ready = [d for d in found if d.standing == "ready"]
        blank = Due(Instance(step, occurrence or "1", material), self.protocol.by_id[step], "waiting")
        return next(iter([*ready, *found, blank]))

    def standing(self, step: str, occurrence: str | None = None, material: str = "") -> str:
        """How an instance of a step stands."""
        found = [
            d.standing
            for d in instances(self.now, self.protocol)
            if d.step.id == step and occurrence in (None, d.at.occurrence) and material in ("", d.at.material)
        ]
        return found[0] if found else "none"

    def waiting(self, patient: Patient | None = None) -> Act:
        """The act that waits for a second signature."""
        (act,) = self.therapy(patient).pending.values()
        return act

    def one(self, kind: str, patient: Patient | None = None) -> str:
        """The code of the only live material of a kind."""
        (material,) = self.therapy(patient).live(kind)
        return material.code

    # ------------------------------------------------------------------ acting

    def form(
        self,
        step: str,
        *,
        occurrence: str | None = None,
        material: str = "",
        patient: Patient | None = None,
        values: Mapping[str, str | None] | None = None,
        scan: Mapping[str, str | Sequence[str]] | None = None,
        use: Mapping[str, str] | None = None,
        **changed: Any,
    ) -> Perform:
        """What a careful person would enter for a step now, with changes.

        Args:
            values: readings that differ ("12 mL"); None leaves one out.
            scan: what is scanned instead, by name of the scan.
            use: lots and devices that differ; changed: any other field of the form.
        """
        whom = patient or self.patient
        due = self.due(step, occurrence, material, whom)
        form = rehearsal.entry(whom, self.therapy(whom), self.protocol, due, self.clock())
        readings = dict(form.readings)
        for name, value in (values or {}).items():
            readings.pop(name, None)
            if value is not None:
                readings[name] = Entered(value=value)
        scans = [s for s in form.scans if s.name not in (scan or {})]
        for name, codes in (scan or {}).items():
            scans += [Presented(name=name, code=code) for code in ([codes] if isinstance(codes, str) else codes)]
        update = {"readings": readings, "scans": tuple(scans), "used": {**form.used, **(use or {})}, **changed}
        return form.model_copy(update=update)

    def perform(self, step: str, by: str = "", *, patient: Patient | None = None, **changes: Any) -> Receipt:
        """Perform a step and sign it; see `form` for what may differ."""
        whom = patient or self.patient
        if "labels" not in changes:
            self.print_labels(self.due(step, changes.get("occurrence"), changes.get("material", ""), whom), whom)
        form = self.form(step, patient=whom, **changes)
        roles = self.protocol.by_id[step].performed_by
        account = by or self.who(roles)
        if self.therapy(whom).opened is None:
            return self.desk.open(whom.therapy, form, self.sits(account))
        return self.desk.act(whom.therapy, form, self.sits(account))

    def print_labels(self, due: Due, patient: Patient | None = None) -> None:
        """Print the labels that a labelling step is about to reconcile, where its items have none yet."""
        whom = patient or self.patient
        for labels in rehearsal.prints(self.therapy(whom), self.protocol, due):
            template = self.protocol.labels[labels.template or ""]
            self.desk.act(whom.therapy, labels, self.sits(self.who(template.printed_by)))

    def witness(self, by: str = "", *, patient: Patient | None = None) -> Receipt:
        """Sign the act that waits second."""
        whom = patient or self.patient
        act = self.waiting(whom)
        account = by or self.who(act.fact.awaits, act.by.person)
        return self.desk.act(whom.therapy, Witness(act=act.by.link), self.sits(account))

    def do(self, step: str, *, patient: Patient | None = None, **changes: Any) -> Receipt:
        """Perform a step, and have it signed second where it needs that; returns the performer's receipt."""
        receipt = self.perform(step, patient=patient, **changes)
        if self.therapy(patient).pending:
            self.clock.now += TO_SECOND
            self.witness(patient=patient)
        self.sign_grades(patient=patient)
        return receipt

    def sign_grades(self, *, patient: Patient | None = None) -> bool:
        """Sign every computed grade that waits, as it is proposed; whether there were any."""
        items = [i for i in worklist(self.therapy(patient), self.protocol) if i.kind == "grade"]
        for item in items:
            self.clock.now += TO_SECOND
            self.act(SignGrades(step=item.step, occurrence=item.occurrence), self.who(item.roles), patient)
        return bool(items)

    def decide_dlt(self, *, patient: Patient | None = None) -> bool:
        """Decide that there was no dose-limiting toxicity, by two people, once the window is over; whether it was due."""
        item = next((i for i in worklist(self.therapy(patient), self.protocol) if i.kind == "dlt"), None)
        if item is None or (item.opens is not None and item.opens > self.clock()):
            return False
        decided_by = self.who(item.roles)
        self.act(DecideDlt(decision="no_dlt", why="nothing was flagged"), decided_by, patient)
        self.clock.now += TO_SECOND
        waiting = self.therapy(patient).safety.proposed_dlt
        assert waiting is not None  # it was just decided
        self.act(AnswerDlt(answer="agreed"), self.who(waiting.fact.awaits, waiting.by.person), patient)
        return True

    def act(self, command: AnyCommand, by: str, patient: Patient | None = None) -> Receipt:
        """Any other command."""
        return self.desk.act((patient or self.patient).therapy, command, self.sits(by))

    def handle(self, deviation: str, *, patient: Patient | None = None, close: bool = True) -> None:
        """Do all that the deviation's grade asks for; and have it closed by somebody of QA who did not open it."""
        qa, roles = self.protocol.qa_roles, investigators(self.protocol)
        found = self.therapy(patient).deviations[deviation]
        asked = handling(self.protocol, found).requires
        if "investigation" in asked and found.investigation is None:
            self.act(
                InvestigateDeviation(deviation=deviation, cause="process", root_cause="understood"),
                self.who(roles), patient,
            )  # fmt: skip
        if "impact" in asked and not found.impact:
            self.act(AssessDeviation(deviation=deviation, impact="none on the product"), self.who(qa), patient)
        if "capa" in asked and not actions_of(self.therapy(patient), found):
            by, due = self.who(qa), self.clock() + timedelta(days=7)
            self.act(PlanAction(deviation=deviation, says="train again", role=qa[0], due=due), by, patient)
            action = list(self.therapy(patient).actions)[-1]
            self.act(ReportAction(action=action, says="trained"), by, patient)
            other = self.who(qa, self.person(by))
            self.act(CheckAction(action=action, result="effective", says="asked and answered"), other, patient)
        if close:
            closer = self.who(qa, found.opener)
            self.act(CloseDeviation(deviation=deviation, conclusion="no harm"), closer, patient)

    def settle(self, reason: str = "nobody needs it any more", patient: Patient | None = None) -> list[str]:
        """Dispose of everything that has to end before the therapy is complete, with both signatures where two are asked."""
        whom = patient or self.patient
        codes = [m.code for m in unsettled(self.therapy(whom), self.protocol)]
        if codes:
            signed = self.act(Dispose(materials=tuple(codes), reason=reason), self.who(self.protocol.qa_roles), whom)
            for link, (fact, by) in self.therapy(whom).disposals.items():
                if link == signed.link:
                    self.act(WitnessDisposal(act=link), self.who(fact.awaits, by.person), whom)
        return codes

    def late(self, step: str, values: Mapping[str, str], by: str = "", **where: Any) -> Receipt:
        """Report values that come late."""
        account = by or self.who(self.protocol.by_id[step].performed_by)
        return self.act(ReportLate(step=step, readings=entered(values), **where), account)

    def correct(self, step: str, reading: str, value: str, why: str = "misread", by: str = "", **where: Any) -> Receipt:
        """Correct a value."""
        account = by or self.who(self.protocol.by_id[step].performed_by)
        return self.act(Correct(step=step, reading=reading, value=value, why=why, **where), account)

    @contextmanager
    def refused(self, rule: str, *, records: int = 0) -> Iterator[Told]:
        """What is done inside is refused by this rule, and records nothing (or that many records)."""
        before, told = self.log.size(), Told()
        try:
            yield told
        except Refused as refused:
            told.rule, told.says, told.advice, told.values = refused.rule, refused.says, refused.advice, refused.values
        assert told.rule == rule, f"{rule} should refuse it; {told.rule or 'nothing'} did: {told.says}"
        spelled = of_the_program(f"{told.says} {told.advice}")
        assert not spelled, f"a person is told {spelled}: {told.says} {told.advice}"
        assert self.log.size() == before + records, "a refused act was recorded"

    # ------------------------------------------------------------------ playing on

    def play(
        self,
        patient: Patient,
        until: str = "",
        each: Callable[[Due], None] = lambda _due: None,
        *,
        late: bool = True,
    ) -> None:
        """Do everything that comes before a step is ready (or to the end), on time and inside every limit.

        The labels that a labelling step reconciles are printed when the step is reached.

        Args:
            each: is told of each step before it is performed.
            late: whether values that may come late are reported.
        """
        if self.therapy(patient).opened is None:
            if self.protocol.first.id == until:
                return
            each(Due(Instance(self.protocol.first.id), self.protocol.first, "ready"))
            self.perform(self.protocol.first.id, patient=patient)
        for _ in range(1000):
            therapy = self.therapy(patient)
            if therapy.completed:
                return
            if self.desk.let_pass(patient.therapy, self.sits("system")):
                continue
            if therapy.pending:
                self.clock.now += TO_SECOND
                self.witness(patient=patient)
                continue
            if self.sign_grades(patient=patient) or self.decide_dlt(patient=patient):
                continue
            if late and self.monitor(patient):
                continue
            item = self._next(therapy, late)
            if item is None:
                return
            if item.kind == "late_value":
                self._late(patient, therapy, item)
                continue
            due = next(d for d in instances(therapy, self.protocol) if d.at == _at(item))
            planned = next((e.planned for e in schedule(therapy, self.protocol) if e.at == due.at), None)
            self.clock.now = max(self.clock.now + BETWEEN, planned or self.clock.now)
            self.print_labels(due, patient)
            if due.step.id == until:
                return
            each(due)
            form = rehearsal.entry(patient, self.therapy(patient), self.protocol, due, self.clock())
            self.desk.act(patient.therapy, form, self.sits(self.who(due.step.performed_by)))
        raise AssertionError(f"{patient.therapy} does not come to an end")

    def _next(self, therapy: Therapy, with_late: bool) -> WorkItem | None:
        items = worklist(therapy, self.protocol)
        late = next((i for i in items if i.kind == "late_value" and with_late), None)
        planned = {e.at: e.planned for e in schedule(therapy, self.protocol)}
        order = list(self.protocol.by_id)
        steps = [i for i in items if i.kind == "perform" and i.required and not i.blocks]
        now = self.clock()
        # Of what can be done now the furthest goes first: a thawed bag is infused before the next one is thawed.
        return late or min(
            steps, key=lambda i: (max(planned.get(_at(i)) or now, now), -order.index(i.step)), default=None
        )

    def _late(self, patient: Patient, therapy: Therapy, item: WorkItem) -> None:
        self.clock.now += TO_SECOND
        step = self.protocol.by_id[item.step]
        values = rehearsal.late_values(patient, therapy, self.protocol, step, self.clock())
        told = ReportLate(step=item.step, occurrence=item.occurrence, material=item.material or None, readings=values)
        self.desk.act(patient.therapy, told, self.sits(self.who(item.roles)))

    # ------------------------------------------------------------------ what no desk would do

    def forge(
        self,
        facts: Iterable[Fact | dict[str, Any]],
        by: str,
        *,
        therapy: str = "",
        meaning: str = "performed",
        also: Iterable[str] = (),
        subject: str = "",
        happened: datetime | None = None,
        without_therapy: bool = False,
        rulebook: int = RULEBOOK,
    ) -> str:
        """Sign facts with a lawful key past the desk, as a program of one's own could; returns the record's link.

        Args:
            without_therapy: the record extends no therapy's stream, only its subject.
            rulebook: the version of the rules that it says it was decided under.
        """
        state = self.desk.therapy(therapy or self.patient.therapy)
        heads = self.log.heads([*also, *([subject] if subject else [])])
        if not without_therapy:
            heads[therapy_stream(state.id)] = head_of(state, self.log.id)
        sitting = self.sits(by)
        wired = tuple(fact if isinstance(fact, dict) else fact.to_wire() for fact in facts)
        statement = Statement(
            id=self.desk.random(16).hex(),
            log=self.log.id,
            subject=subject or therapy_stream(state.id),
            heads=heads,
            happened=happened or self.clock(),
            recorded=self.clock(),
            person=self.person(by),
            account=by,
            key=key_id(sitting.signer.public),
            meaning=meaning,
            rulebook=rulebook,
            facts=wired,
            protocol=None if without_therapy else self.protocol.digest,
        )
        return self.log.append(seal(statement.payload(), sitting.signer).value()).link


def of_the_program(text: str) -> list[str]:
    """What stands in a sentence as this program spells it for itself: lists, fields, types, and that there is nothing."""
    return re.findall(r"\['|\('|\{'|\[\]|\{\}|[=:(] ?None\b|datetime\.|Decimal\(|frozenset|<[a-z_.]+ object", text)


@dataclass
class Told:
    """What a refusal said."""

    rule: str = ""
    says: str = ""
    advice: str = ""
    values: dict[str, object] = field(default_factory=dict)


def _at(item: WorkItem) -> Instance:
    return Instance(item.step, item.occurrence, item.material, item.batch)


def entered(values: Mapping[str, str]) -> dict[str, Entered]:
    """Values as they are typed."""
    return {name: Entered(value=value) for name, value in values.items()}


def names(facts: Iterable[Fact]) -> list[str]:
    """The facts' names, without their versions."""
    return [fact.wire.rpartition(".v")[0] for fact in facts]


def fates(**labels: str) -> tuple[LabelFate, ...]:
    """``L1="applied"``: the fate of each serial label."""
    return tuple(LabelFate.model_validate({"serial": serial, "fate": fate}) for serial, fate in labels.items())


def key_of(seed: int, account: str) -> FileKey:
    """The key of an account under a seed."""
    return FileKey.from_seed(hashlib.sha256(f"stage {seed} {account}".encode()).digest())


# ---------------------------------------------------------------------------------------------------- sites and copies


def new_site(
    backend: Backend, where: Path, protocol: StudyProtocol | None = None, seed: int = SEED, patient: Patient = ANNA
) -> Staged:
    """A site with two people for each role, its system account, its lots, devices and training."""
    protocol = protocol or study()
    members = cast(protocol)
    root = members[0]
    key = key_of(seed, root.account)
    me = PersonEnrolled(
        person=root.person, account=root.account, printed_name=root.printed_name,
        public_key=key.public.hex(), roles=root.roles,
    )  # fmt: skip
    opened = LogOpened(site="Stage", zone="UTC", root=me, judge=1, simulated=True)
    genesis = Statement(
        random.Random(seed).randbytes(16).hex(), None, "authority", {"authority": Head(0, NOWHERE)}, START, START,
        root.person, root.account, key_id(key.public), "authorised", RULEBOOK, (opened.to_wire(),),
    )  # fmt: skip
    log = backend.create(where, seal(genesis.payload(), key).value())
    staged = Staged(log, protocol, Clock(), patient, seed, where)
    known = administration.known_roles([protocol])
    # The system's own account is made with the site; no administrator gives its role to anybody.
    own = PersonEnrolled(
        person="SYSTEM", account="system", printed_name="Unbroken, the system itself",
        public_key=key_of(seed, "system").public.hex(), roles=("system",),
    )  # fmt: skip

    def enrolled(actor: Any, authority: Any) -> list[Fact]:
        return [own] + [
            administration.enrol(
                actor, authority, known, person=m.person, account=m.account, printed_name=m.printed_name,
                public=key_of(seed, m.account).public, roles=m.roles,
            )
            for m in members[1:]
        ]  # fmt: skip

    staged.desk.authorise(enrolled, staged.sits("admin"))
    staged.desk.adopt(protocol.text, staged.sits("quality.1"), terms=protocol.terms)
    _equip(staged, members)
    return staged


def _equip(staged: Staged, members: Sequence[Member]) -> None:
    steps, until = staged.protocol.steps, START + LONG
    for topic in sorted({t for step in steps for t in step.needs.training}):
        trained = {r for step in steps if topic in step.needs.training for r in step.performed_by}
        people = [m.person for m in members if trained & set(m.roles)]
        for person in people:
            staged.train(person, topic, until)
    for name in sorted({n for step in steps for n in step.needs.lots}):
        staged.release_lot(name, until)
    for name in sorted({n for step in steps for n in step.needs.devices}):
        staged.calibrate(name, until)


class Stage:
    """Gives each test a site that has been played to a step. What was played is kept for the session and copied."""

    def __init__(self, backend: Backend, folder: Path) -> None:
        self.backend, self.folder = backend, folder
        self._marks: dict[str, dict[str, tuple[Path, datetime]]] = {}
        self._count = 0
        self._open: list[EventLog] = []

    def at(self, step: str, patient: Patient = ANNA, *, other: bool = False) -> Staged:
        """A copy in which `step` is the next thing to do for the patient.

        Args:
            other: whether the other patient is there too, whose bags are ready to be thawed.
        """
        key = f"{patient} {other}"
        if key not in self._marks:
            self._marks[key] = self._played(patient, other)
        kept, now = self._marks[key][step]
        return self._copy(kept, now, patient)

    def site(self, protocol: StudyProtocol | None = None, patient: Patient = ANNA) -> Staged:
        """A new site without any patient, under this protocol."""
        if protocol is None:
            return self.at("consent", patient)
        staged = new_site(self.backend, self._path(), protocol, patient=patient)
        self._open.append(staged.log)
        return staged

    def of(self, name: str, make: Callable[[Staged], None], patient: Patient = ANNA) -> Staged:
        """A copy of a site that `make` has played on; it is made once."""
        if name not in self._marks:
            staged = new_site(self.backend, self._path(), patient=patient)
            make(staged)
            self._marks[name] = {"": (self._keep(staged), staged.clock())}
            staged.log.close()
        return self._copy(*self._marks[name][""], patient)

    def again(self, staged: Staged) -> Staged:
        """Another desk on the same log and the same clock, as a second computer would have it."""
        log = self.backend.open(staged.path)
        self._open.append(log)
        return replace(staged, log=log)

    def let_go(self) -> None:
        """Close every log that was opened since: one in Kafka holds threads and connections."""
        while self._open:
            self._open.pop().close()

    def _path(self) -> Path:
        self._count += 1
        return self.folder / f"{self._count}.db"

    def _played(self, patient: Patient, other: bool) -> dict[str, tuple[Path, datetime]]:
        marks: dict[str, tuple[Path, datetime]] = {}
        staged = new_site(self.backend, self._path(), patient=patient)
        if other:
            staged.play(BRUNO, OTHER_UNTIL)

        def mark(due: Due) -> None:
            if due.step.id not in marks:
                marks[due.step.id] = self._keep(staged), staged.clock()

        staged.play(patient, each=mark)
        marks["the end"] = self._keep(staged), staged.clock()
        staged.log.close()
        return marks

    def _keep(self, staged: Staged) -> Path:
        kept = self._path()
        if self.backend.name == "sqlite":
            copy_sqlite(staged.path, kept)
        else:
            kept.write_bytes(b"\n".join(stored.value for stored in staged.log.read()))
        return kept

    def _copy(self, kept: Path, now: datetime, patient: Patient) -> Staged:
        where = self._path()
        if self.backend.name == "sqlite":
            shutil.copyfile(kept, where)
            log = self.backend.open(where)
        else:
            log = self.backend.filled(where, kept.read_bytes().split(b"\n"))
        self._open.append(log)
        return Staged(log, study(), Clock(now), patient, path=where)


_STAGES: dict[Path, Stage] = {}


def stage_of(backend: Backend, folder: Path) -> Stage:
    """The one stage of a session; what one folder of tests has played, the next one finds."""
    kept = folder / f"stage-{backend.name}"
    if kept not in _STAGES:
        kept.mkdir()
        _STAGES[kept] = Stage(backend, kept)
    return _STAGES[kept]


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy a database that may be open, without its journal."""
    with closing(sqlite3.connect(source)) as db:
        db.execute("VACUUM INTO ?", (str(target),))


__all__ = ["ANNA", "BRUNO", "START", "STUDY", "Clock", "Stage", "Staged", "names", "new_site", "stage_of", "study"]
