"""Plays therapies through the desk, as staff would, on a simulated clock: who is due signs, and nobody signs twice.

Which patient does what differently is a script; everything else follows from the worklist, as it would for people.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from console import mishaps
from console.labels.pdf import digest, labels_pdf
from console.rehearsal import Patient, dlt_decision, entry, late_values, prints, raw_file, report
from events.errors import Refused
from events.facts.labels import LabelsIssued
from protocol.administration import QA
from protocol.commands import (
    AnswerDlt,
    ClearHold,
    Dispose,
    Perform,
    Presented,
    ReportLate,
    SignGrades,
    WithdrawPatient,
    Witness,
)
from protocol.desk import Desk, Sitting
from protocol.due import Due, instances
from protocol.model import Step, StudyProtocol
from protocol.schedule import schedule
from protocol.state import Instance, Therapy
from protocol.worklist import WorkItem, worklist

_BETWEEN = timedelta(minutes=7)
_TO_SECOND = timedelta(minutes=2)
_ON_THE_ROAD = timedelta(hours=4)
_ASKS_AGAIN, _ASKS_FOR = timedelta(days=1), timedelta(days=200)
"""How often a patient whose dose cohort is shut asks again, and for how long."""
_SLOW = timedelta(days=10)


@dataclass(frozen=True, slots=True)
class Script:
    """What is different about a patient.

    Args:
        starts: after how long the consent is signed.
        withdraws_after: the step after which the patient withdraws from treatment.
        wrong_bag_of: at the first bedside check a bag of this therapy is presented.
        misses: visits (step, visit) to which the patient does not come.
        fails_in: at the first occurrence of this step manufacture is reported to have failed, and is begun again if it can be.
        no_courier: to this hand-over the courier does not come.
        slow: the result of this test comes `_SLOW` after it could have.
    """

    patient: Patient
    tells: str
    starts: timedelta = timedelta(0)
    withdraws_after: str = ""
    wrong_bag_of: str = ""
    misses: frozenset[tuple[str, str]] = frozenset()
    fails_in: str = ""
    no_courier: str = ""
    slow: str = ""


@dataclass
class Play:
    """The stage: patients on one clock. `tell` gets (therapy, sentence) for what somebody should notice.

    With `keep`, which takes the bytes of a raw file, each raw file that is named exists, and shipments travel for hours with a logger.
    """

    desk: Desk
    protocol: StudyProtocol
    scripts: Sequence[Script]
    sitting: Callable[[str], Sitting]
    set_clock: Callable[[datetime], None]
    tell: Callable[[str, str], None] = lambda _therapy, _says: None
    keep: Callable[[bytes], object] | None = None
    acts: int = 0
    _queue: list[tuple[datetime, int]] = field(default_factory=list)
    _done: set[str] = field(default_factory=set)
    _shut: dict[str, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        begun = self.desk.clock()
        self._queue = [(begun + script.starts, number) for number, script in enumerate(self.scripts)]
        heapq.heapify(self._queue)
        self._holders = self._by_role()

    def _by_role(self) -> dict[str, list[tuple[str, str]]]:
        found: dict[str, list[tuple[str, str]]] = {}
        for person in self.desk.log.authority().people.values():
            for role in person.roles_at():
                found.setdefault(role, []).append((person.account, person.person))
        return found

    @property
    def finished(self) -> bool:
        """Whether nobody has anything to do at any later time."""
        return not self._queue

    def run(self, acts: int, until: datetime | None = None) -> int:
        """Play up to that many acts, and not beyond a time; returns how many were played."""
        before = self.acts
        while self._queue and self.acts - before < acts and (until is None or self._queue[0][0] <= until):
            when, number = heapq.heappop(self._queue)
            self.set_clock(max(when, self.desk.clock()))
            following = self._one(self.scripts[number])
            if following is not None:
                heapq.heappush(self._queue, (following, number))
        return self.acts - before

    def wake(self) -> None:
        """Look again at everybody who had nothing to do: the system may have moved something on."""
        queued = {number for _, number in self._queue}
        for number, script in enumerate(self.scripts):
            if number not in queued and not self.desk.therapy(script.patient.therapy).completed:
                therapy = self.desk.therapy(script.patient.therapy)
                if self._choose(script, therapy) is not None:
                    heapq.heappush(self._queue, (self.desk.clock(), number))

    # ------------------------------------------------------------------ one patient's next act

    def _one(self, script: Script) -> datetime | None:
        """Do the next thing for a patient; returns when to look again, None when there is nothing to do."""
        name, now = script.patient.therapy, self.desk.clock()
        therapy = self.desk.therapy(name)
        if therapy.opened is None:
            self._open(script)
            return now + _BETWEEN
        if self._withdraws(script, therapy):
            return now + _BETWEEN
        item = self._choose(script, therapy)
        if item is None:
            return self._dispose(script, therapy)
        planned = self._planned(script, therapy, item)
        if planned is not None and planned > now:
            return planned
        try:
            self._do(script, therapy, item)
        except Refused as refused:
            return self._waits(name, refused)
        self.acts += 1
        after = self.desk.therapy(name)
        return now + (_TO_SECOND if after.pending else _BETWEEN)

    def _waits(self, name: str, refused: Refused) -> datetime | None:
        """When to ask again, where the patient's dose cohort is shut; it is told once. Nobody asks for ever."""
        if not refused.rule.startswith("cohort."):
            raise refused
        now = self.desk.clock()
        if name not in self._shut:
            self.tell(name, f"waits for the dose cohort: {refused.says}")
        if now - self._shut.setdefault(name, now) > _ASKS_FOR:
            return None
        opens = refused.values.get("opens")
        return opens if isinstance(opens, datetime) and opens > now else now + _ASKS_AGAIN

    def _open(self, script: Script) -> None:
        first = self.protocol.first
        blank = Therapy(id=script.patient.therapy)
        due = Due(Instance(first.id), first, "ready")
        consent = entry(script.patient, blank, self.protocol, due, self.desk.clock())
        self.desk.open(script.patient.therapy, consent, self._who(first.performed_by))
        self.tell(script.patient.therapy, "consent signed; " + script.tells)
        self.acts += 1

    def _who(self, roles: Sequence[str], not_person: str = "") -> Sitting:
        for role in roles:
            for account, person in self._holders.get(role, []):
                if person != not_person:
                    return self.sitting(account)
        raise LookupError(f"nobody can act as {' or '.join(roles)}")

    def _choose(self, script: Script, therapy: Therapy) -> WorkItem | None:
        waiting = worklist(therapy, self.protocol)
        items = [i for i in waiting if not self._leaves(script, i)]
        for kind in (
            "hold",
            "alert",
            "incident",
            "failure",
            "way_out",
            "second_signature",
            "grade",
            "late_value",
            "environment",
        ):
            found = [i for i in items if i.kind == kind]
            if found:
                return found[0]
        open_steps = [i for i in items if (i.kind == "perform" and i.required and not i.blocks) or i.kind == "dlt"]
        if script.fails_in and (blocking := mishaps.unassessed(therapy, waiting)):
            return blocking
        times, now = self._times(therapy), self.desk.clock()
        order = list(self.protocol.by_id)
        # Of what can be done now the furthest goes first: a thawed bag is infused before the next one is thawed.
        planned = {id(i): (i.opens if i.kind == "dlt" else times.get(_at(i))) or now for i in open_steps}
        furthest = {id(i): -order.index(i.step) if i.step else 1 for i in open_steps}
        return min(open_steps, key=lambda i: (max(planned[id(i)], now), furthest[id(i)]), default=None)

    def _leaves(self, script: Script, item: WorkItem) -> bool:
        missed = (item.step, item.occurrence) in script.misses
        return missed or item.kind in ("quarantine", "deviation") or self._stands_still(script, item)

    def _stands_still(self, script: Script, item: WorkItem) -> bool:
        # A quarantined material waits for QA, who does not come in this play: nothing that needs it goes on.
        therapy = self.desk.therapy(script.patient.therapy)
        held = any(m.status == "quarantined" and m.live for m in therapy.materials.values())
        step = self.protocol.by_id.get(item.step)
        return held and item.kind == "perform" and step is not None and step.kind in ("process", "hand_over", "thaw")

    def _times(self, therapy: Therapy) -> dict[Instance, datetime | None]:
        return {e.at: e.planned for e in schedule(therapy, self.protocol)}

    def _planned(self, script: Script, therapy: Therapy, item: WorkItem) -> datetime | None:
        if item.step == script.no_courier and (soon := mishaps.second_pickup(therapy)):
            return soon
        step = self.protocol.by_id.get(item.step)
        if (
            self.keep
            and item.kind == "perform"
            and step is not None
            and step.kind == "transport"
            and therapy.last_happened
        ):
            return therapy.last_happened + _ON_THE_ROAD
        if item.kind == "dlt":
            return item.opens
        planned = self._times(therapy).get(_at(item)) if item.kind == "perform" else None
        return planned + _SLOW if planned is not None and item.step == script.slow else planned

    def _do(self, script: Script, therapy: Therapy, item: WorkItem) -> None:
        name, now = therapy.id, self.desk.clock()
        match item.kind:
            case "second_signature":
                act = therapy.pending[item.act or ""]
                self.desk.act(name, Witness(act=act.by.link), self._who(item.roles, act.by.person))
            case "late_value":
                step = self.protocol.by_id[item.step]
                values = late_values(script.patient, therapy, self.protocol, step, now)
                self._keep_files(therapy, step, values)
                late = ReportLate(
                    step=item.step, occurrence=item.occurrence, material=item.material or None, readings=values
                )
                self.desk.act(name, late, self._who(item.roles))
            case "environment":
                results = report(script.patient, therapy, self.protocol)
                assert results is not None  # that is what waits
                self.desk.report_environment(results, self._who((QA,)))
            case "alert":
                self.desk.act(name, mishaps.acknowledgement(item), self._who(item.roles))
                self.tell(name, f"{' or '.join(item.roles)} acknowledged {item.says}")
            case "incident":
                chosen = mishaps.option(therapy, self.protocol, item, now)
                self.desk.act(name, chosen, self._who(item.roles))
                self.tell(name, f"{item.says}; chosen: {chosen.option}")
            case "deviation":
                self.desk.act(name, mishaps.handled(therapy, item), self._who(item.roles))
            case "failure":
                reporter = next(f.by.person for f in therapy.failures.values() if not f.decision)
                self.desk.act(name, mishaps.confirmation(therapy), self._who(item.roles, reporter))
            case "dlt":
                waiting = therapy.safety.proposed_dlt
                answer = AnswerDlt(answer="agreed") if waiting else dlt_decision(therapy)
                self.desk.act(name, answer, self._who(item.roles, waiting.by.person if waiting else ""))
            case "grade":
                self.desk.act(name, SignGrades(step=item.step, occurrence=item.occurrence), self._who(item.roles))
            case "way_out":
                decided, roles = mishaps.way_out(therapy, self.protocol, bool(script.fails_in))
                self.desk.act(name, decided, self._who(roles))
                self.tell(name, decided.reason)
            case "hold":
                pending = next(iter(therapy.holds.values())).pending
                clear = ClearHold(wristband=therapy.wristband, reason="right bag rescanned; the wrong one went back")
                self.desk.act(name, clear, self._who(item.roles, pending[1].person if pending else ""))
            case _:
                self._perform(script, therapy, item)

    def _perform(self, script: Script, therapy: Therapy, item: WorkItem) -> None:
        due = next(d for d in instances(therapy, self.protocol) if d.at == _at(item))
        therapy = self._print(therapy, due)
        command = self._with_files(
            script, therapy, due, entry(script.patient, therapy, self.protocol, due, self.desk.clock())
        )
        who = self._who(item.roles)
        if due.step.kind == "identity_check" and self._wrong_bag(script, due, command, who):
            return
        if due.step.id == script.no_courier and not therapy.incidents:
            missed = mishaps.no_courier(self.protocol, item)
            self.desk.act(therapy.id, missed, who)
            self.tell(therapy.id, missed.says)
            return
        if due.step.id == script.fails_in and therapy.batch == 1:
            failed = mishaps.failure(therapy, self.protocol, item)
            self.desk.act(therapy.id, failed, who)
            self.tell(therapy.id, f"manufacture failed in {due.at}: {failed.says}")
            return
        try:
            receipt = self.desk.act(therapy.id, command, who)
        except Refused as refused:
            if due.step.kind != "disposition":
                raise
            self.tell(therapy.id, f"release refused: {refused.says}")
            receipt = self.desk.act(therapy.id, command.model_copy(update={"decision": "rejected"}), who)
            self.tell(therapy.id, "product rejected by QA")
        for warning in receipt.warnings:
            self.tell(therapy.id, warning)

    def _print(self, therapy: Therapy, due: Due) -> Therapy:
        """Labels are printed before they are reconciled; the file itself is not kept, its digest stands in the record."""
        for labels in prints(therapy, self.protocol, due):
            who = self._who(self.protocol.labels[labels.template or ""].printed_by)
            (issued,) = self.desk.may(therapy.id, labels, who.account).facts
            assert isinstance(issued, LabelsIssued)  # that is what the command gives
            self.desk.act(therapy.id, labels.model_copy(update={"file": digest(labels_pdf(issued))}), who)
        return self.desk.therapy(therapy.id)

    def _with_files(self, script: Script, therapy: Therapy, due: Due, command: Perform) -> Perform:
        """The command with the raw files that it names kept, and with its temperature log."""
        if self.keep is None:
            return command
        from console.travelling import with_log

        self._keep_files(therapy, due.step, command.readings)
        return with_log(script.patient, therapy, self.protocol, due, command, self.keep)

    def _keep_files(self, therapy: Therapy, step: Step, named: Container[str]) -> None:
        for record in step.records:
            if self.keep is not None and record.type == "file" and record.name in named:
                self.keep(raw_file(therapy, step, record))

    def _wrong_bag(self, script: Script, due: Due, command: Perform, who: Sitting) -> bool:
        """Present another patient's bag once, where the script says so and there is one."""
        other = self.desk.therapy(script.wrong_bag_of) if script.wrong_bag_of else None
        product = self.protocol.release.product if self.protocol.release else ""
        bags = other.live(product) if other else []
        if not bags or f"{due.step.id} wrong bag" in self._done or due.step.at != "ward":
            return False
        self._done.add(f"{due.step.id} wrong bag")
        wrong = tuple(
            Presented(name=s.name, code=bags[0].code) if s.code == due.at.material else s for s in command.scans
        )
        try:
            self.desk.act(script.patient.therapy, command.model_copy(update={"scans": wrong}), who)
        except Refused as refused:
            self.tell(script.patient.therapy, refused.says)
        return True

    def _withdraws(self, script: Script, therapy: Therapy) -> bool:
        if not script.withdraws_after or therapy.stopped or not therapy.of_step(script.withdraws_after):
            return False
        gone = WithdrawPatient(
            withdrawn=("treatment", "visits"), at=self.desk.clock(), reason="the patient chose another treatment"
        )
        self.desk.act(therapy.id, gone, self._who(self.protocol.first.performed_by))
        self.tell(therapy.id, "the patient withdrew; booked slots are free again")
        self.acts += 1
        return True

    def _dispose(self, script: Script, therapy: Therapy) -> datetime | None:
        """Material of a therapy that stopped is disposed of, so that custody ends cleanly."""
        if not therapy.stopped or therapy.infused or therapy.pending:
            return None
        live = tuple(m.code for m in therapy.materials.values() if m.live)
        if live:
            dispose = Dispose(materials=live, reason=f"{therapy.stopped}; consent does not ask to keep it")
            self.desk.act(therapy.id, dispose, self._who(self.protocol.qa_roles))
            self.acts += 1
        return None


def _at(item: WorkItem) -> Instance:
    return Instance(item.step, item.occurrence, item.material, item.batch)
