"""The desk: the only door through which anything is recorded.

It loads what a decision needs, each signature of it verified again, lets `decide` speak, has the facts signed together
with the heads they extend, and appends. If a head has moved meanwhile it decides again: the same facts are signed
again with the key still in hand, other facts are refused. Nothing is half written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from events.authority import STREAM, SYSTEM, Authority
from events.envelope import seal
from events.errors import Moved, Refused, Unavailable
from events.facts.base import Fact
from events.facts.site import ZoneStated
from events.heads import Head
from events.identifiers import read_code
from events.instant import whole_milliseconds
from events.keys import Signer, key_id
from events.log import Appended, EventLog
from events.statement import Statement
from events.writing import free_text
from protocol import administration, changeover, cohorts
from protocol.automatic import let_pass, next_deadline
from protocol.commands import AnyCommand, LetPass, Perform
from protocol.commands.environment import ChangeOver, ReportEnvironment
from protocol.decide import RULEBOOK, decide
from protocol.decision import Decision, lot_stream, room_stream, therapy_stream
from protocol.evolve import head_of
from protocol.file import read_protocol
from protocol.model import StudyProtocol
from protocol.monitoring import decide_report
from protocol.perform import open_therapy
from protocol.reader import Reader
from protocol.recall import decide_recall
from protocol.refusals import refuse
from protocol.state import Therapy
from protocol.stored import check_stored, formed, written
from protocol.surroundings import Actor, Cohort, Surroundings

MOST_TRIES = 200


@dataclass(frozen=True, slots=True)
class Sitting:
    """Somebody at the desk: the account, and the key that was unlocked for this act or session."""

    account: str
    signer: Signer


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was recorded: where, the facts, and what the person should know."""

    position: int
    link: str
    facts: tuple[Fact, ...]
    warnings: tuple[str, ...] = ()


class Desk(Reader):
    """The door to one log.

    Args:
        clock: says what time it is, aware.
        random: gives that many random bytes.
        site: the site's code, written into each therapy opened here.
        simulated: whether time at this site is a simulation; each therapy says so.
        zone: the time zone of the place where this desk stands; the log's own where none is named.
    """

    def __init__(
        self,
        log: EventLog,
        clock: Callable[[], datetime],
        random: Callable[[int], bytes],
        *,
        site: str,
        simulated: bool = False,
        zone: str = "",
    ) -> None:
        super().__init__(log)
        self.clock, self.random, self.site, self.simulated = clock, random, site, simulated
        self.zone = zone or log.authority().zone

    # ------------------------------------------------------------------ acting on a therapy

    def act(self, therapy: str, command: AnyCommand, sitting: Sitting) -> Receipt:
        """Decide a command on a therapy and record what follows.

        Raises:
            Refused: a rule says no; nothing was recorded (but a wrong item that was presented).
            Unavailable, Corrupt: see `EventLog.append`.
        """
        receipt = self._act(therapy, command, sitting, self._decide_running)
        assert receipt is not None  # only the system's own turn may have nothing to say
        return receipt

    def open(self, therapy: str, consent: Perform, sitting: Sitting) -> Receipt:
        """Open a therapy with its consent, pinned to the current protocol."""
        receipt = self._act(therapy, consent, sitting, self._decide_opening)
        assert receipt is not None  # an opening always has facts
        return receipt

    def let_pass(self, therapy: str, system: Sitting) -> Receipt | None:
        """The system's turn: record what is due by itself; None where nothing is."""
        return self._act(therapy, LetPass(), system, self._decide_running)

    def due_by_itself(self, therapy: str) -> Decision:
        """What the system's turn would record now; no facts where nothing is due."""
        state = self.therapy(therapy)
        return let_pass(state, self.protocol_of(state), self._now())

    def next_deadline(self, therapy: str) -> datetime | None:
        """When something next becomes due by itself in a therapy, None if nothing runs."""
        state = self.therapy(therapy)
        if state.opened is None:
            return None
        return next_deadline(state, self.protocol_of(state))

    def may(self, therapy: str, command: AnyCommand, account: str) -> Decision:
        """Ask without recording: what would follow, or the refusal.

        Raises:
            Refused: as `act` would; a wrong item is refused, and not recorded.
        """
        state = self.therapy(therapy)
        around, _ = self.surroundings(command, self.actor(account), self._now(), self.zone, therapy=state)
        with formed():
            decision = self._decide_running(state, command, around)
        if decision.stop is not None:
            raise decision.stop
        return decision

    def _decide_running(self, state: Therapy, command: AnyCommand, around: Surroundings) -> Decision:
        if state.opened is None:
            raise refuse(
                "order.therapy",
                f"There is no therapy {state.id}.",
                "Check the id; a therapy begins with `unbroken open`, which signs the consent.",
                therapy=state.id,
            )
        return decide(state, self.protocol_of(state), command, around)

    def _decide_opening(self, state: Therapy, command: AnyCommand, around: Surroundings) -> Decision:
        assert isinstance(command, Perform)  # `open` takes nothing else
        protocol = self.current_protocol()
        return open_therapy(state, protocol, command, around, site=self.site, simulated=self.simulated)

    def _act(
        self,
        name: str,
        command: AnyCommand,
        sitting: Sitting,
        decider: Callable[[Therapy, AnyCommand, Surroundings], Decision],
    ) -> Receipt | None:
        now = self._now()
        actor = self._signing_actor(sitting)
        first: tuple[Fact, ...] | None = None
        for _ in range(MOST_TRIES):
            state = self.therapy(name)
            around, seen = self.surroundings(command, actor, now, self.zone, therapy=state)
            with formed():
                decision = decider(state, command, around)
            if not decision.facts:
                return None
            if first is not None and decision.facts != first and not isinstance(command, LetPass):
                raise self._changed(name)
            first = decision.facts
            heads = self._heads(name, state, decision, seen)
            digest = self.protocol_of(state).digest
            try:
                done = self._append(sitting, actor, decision, heads, therapy_stream(name), digest, now)
            except Moved:
                continue
            if decision.stop is not None:
                raise decision.stop
            return Receipt(done.position, done.link, decision.facts, decision.warnings)
        raise self._too_busy()

    def _heads(self, name: str, state: Therapy, decision: Decision, seen: dict[str, Head]) -> dict[str, Head]:
        heads = {therapy_stream(name): head_of(state, self.log.id)}
        unseen = [stream for stream in decision.extends if stream not in seen]
        return heads | {s: seen[s] for s in decision.extends if s in seen} | self.log.heads(unseen)

    def _changed(self, name: str) -> Refused:
        return refuse(
            "log.moved-meanwhile",
            f"Therapy {name} changed while this was being signed, and other facts would follow now.",
            "Nothing was recorded. Look at the therapy again, then repeat the act.",
            therapy=name,
        )

    def _too_busy(self) -> Unavailable:
        return Unavailable(
            "log.busy",
            f"The log moved on {MOST_TRIES} times before this could be signed; nothing was recorded.",
            advice="Too many people act on the same patient or room at once; try again.",
        )

    # ------------------------------------------------------------------ acting on the site

    def record(
        self,
        streams: Sequence[str],
        decide_facts: Callable[[Actor, Authority], Iterable[Fact]],
        sitting: Sitting,
        meaning: str = "performed",
    ) -> Receipt:
        """Record facts of a site or of authority; the first stream is the record's subject.

        Raises:
            Refused: `decide_facts` or the judge says no.
        """
        now = self._now()
        actor = self._signing_actor(sitting)
        for _ in range(MOST_TRIES):
            heads = self.first_heads(streams)
            with formed():
                facts = tuple(decide_facts(actor, self.log.authority()))
            self.check_people(facts)
            decision = Decision((), meaning, now)
            try:
                done = self._append(sitting, actor, decision, heads, streams[0], None, now, facts)
            except Moved:
                continue
            return Receipt(done.position, done.link, facts)
        raise self._too_busy()

    def recall_lot(self, lot: str, reason: str, sitting: Sitting) -> list[Receipt]:
        """Recall a lot, and reach every patient whom it touched: in one record, or in several where one does not hold them.

        Killed between two of several, it goes on when it is asked again. Whoever uses the lot meanwhile is seen, or refused.

        Raises:
            Refused: not the role, or the lot is recalled and everybody has been reached.
        """
        now = self._now()
        actor = self._signing_actor(sitting)
        reason = written("The reason", reason, free_text)
        receipts: list[Receipt] = []
        for _ in range(MOST_TRIES):
            first = self.first_heads([lot_stream(lot)])
            touched, recalled, seen = self.touched_by_lot(lot)
            with formed():
                recall = decide_recall(actor, lot, reason, touched, recalled)
            heads = first | {stream: seen[stream] for stream in recall.streams}
            decision = Decision((), "performed", now)
            try:
                done = self._append(sitting, actor, decision, heads, lot_stream(lot), None, now, recall.facts)
            except Moved:
                continue
            receipts.append(Receipt(done.position, done.link, recall.facts))
            if not recall.left:
                return receipts
        raise self._too_busy()

    def report_environment(self, command: ReportEnvironment, sitting: Sitting) -> Receipt:
        """Report the environmental monitoring of a room: one record, also in the stream of every patient whom it concerns.

        Whoever signs an open step in that room meanwhile is seen, or sees it.

        Raises:
            Refused: see `protocol.monitoring.decide_report`.
        """
        now = self._now()
        actor = self._signing_actor(sitting)
        for _ in range(MOST_TRIES):
            first = self.first_heads([room_stream(read_code(command.room))])
            room, head = self.room(read_code(command.room))
            there, seen = self.touched_in_room(room)
            with formed():
                reported = decide_report(actor, command, room, there, self.protocols(), now)
            heads = first | {stream: {room_stream(room.code): head, **seen}[stream] for stream in reported.streams}
            decision = Decision((), "performed", command.ended)
            try:
                done = self._append(sitting, actor, decision, heads, room_stream(room.code), None, now, reported.facts)
            except Moved:
                continue
            return Receipt(done.position, done.link, reported.facts)
        raise self._too_busy()

    def change_over(self, command: ChangeOver, sitting: Sitting) -> Receipt:
        """Record that a room was changed over; it is clear once another person has looked.

        Raises:
            Refused: see `protocol.changeover.change_over`.
        """
        code = read_code(command.room)

        def decide_facts(actor: Actor, _authority: Authority) -> list[Fact]:
            room, _ = self.room(code)
            return [changeover.change_over(actor, self.protocols(), room, command, self._now())]

        return self.record([room_stream(code)], decide_facts, sitting)

    def clear_room(self, room: str, sitting: Sitting) -> Receipt:
        """Clear a room after its last changeover, as the second person.

        Raises:
            Refused: see `protocol.changeover.clear`.
        """
        code = read_code(room)

        def decide_facts(actor: Actor, _authority: Authority) -> list[Fact]:
            return [changeover.clear(actor, self.protocols(), self.room(code)[0])]

        return self.record([room_stream(code)], decide_facts, sitting, "witnessed")

    def stop_cohort(self, name: str, reason: str, sitting: Sitting) -> Receipt:
        """Stop a dose cohort of the current protocol: nobody is enrolled into it, and nobody of it begins conditioning."""
        return self._on_cohort(name, cohorts.stop_cohort, reason, sitting, "performed")

    def reopen_cohort(self, name: str, reason: str, sitting: Sitting) -> Receipt:
        """Open a stopped dose cohort again."""
        return self._on_cohort(name, cohorts.reopen_cohort, reason, sitting, "approved")

    def _on_cohort(
        self,
        name: str,
        decide_fact: Callable[[Actor, StudyProtocol, Cohort, str], Fact],
        reason: str,
        sitting: Sitting,
        meaning: str,
    ) -> Receipt:
        protocol = self.current_protocol()
        reason = written("The reason", reason, free_text)
        cohorts.known_cohort(protocol, name)
        stream = cohorts.cohort_stream(protocol, name)
        # The head is taken before the cohort is read: whatever comes between makes it decide again.
        return self.record(
            [stream],
            lambda actor, _: [decide_fact(actor, protocol, self.cohort(protocol, name)[0], reason)],
            sitting,
            meaning,
        )

    def authorise(self, decide_facts: Callable[[Actor, Authority], Iterable[Fact]], sitting: Sitting) -> Receipt:
        """Record facts of authority."""
        return self.record([STREAM], decide_facts, sitting, "authorised")

    def adopt(self, text: str, sitting: Sitting, name: str = "the protocol file", *, terms: str = "") -> StudyProtocol:
        """Adopt a protocol file, with the text of the dictionary that it names as a file; adopting it twice changes nothing.

        Raises:
            Refused: the file is wrong, naming each line, field and reason.
        """
        protocol = read_protocol(text, name, terms=terms)
        stream = f"protocol/{protocol.digest}"
        if self.log.heads([stream])[stream].number == 0:
            self.record([stream], lambda actor, _: [administration.adopt(actor, protocol)], sitting, "approved")
        return protocol

    # ------------------------------------------------------------------ the last steps of every act

    def _now(self) -> datetime:
        return whole_milliseconds(self.clock())

    def _zone_stated(self, actor: Actor, heads: dict[str, Head]) -> tuple[Fact, ...]:
        """Where the signer stands, where that is in another zone than the log's. The system counts where others acted."""
        home = self.log.authority().zone
        if self.zone == home or STREAM in heads or SYSTEM in actor.roles:
            return ()
        return (ZoneStated(zone=self.zone),)

    def _signing_actor(self, sitting: Sitting) -> Actor:
        actor = self.actor(sitting.account)
        key = self.log.authority().key_in_force(key_id(sitting.signer.public))
        if key is None or key.account != sitting.account:
            raise refuse(
                "authority.key",
                f"The key of {sitting.account} is not in force: it was revoked or never enrolled.",
                "Another qualified person does the step; an administrator enrols a new key.",
                account=sitting.account,
                key=key_id(sitting.signer.public)[:12],
            )
        return actor

    def _append(
        self,
        sitting: Sitting,
        actor: Actor,
        decision: Decision,
        heads: dict[str, Head],
        subject: str,
        protocol: str | None,
        now: datetime,
        facts: tuple[Fact, ...] = (),
    ) -> Appended:
        check_stored(facts or decision.facts)
        statement = Statement(
            id=self.random(16).hex(),
            log=self.log.id,
            subject=subject,
            heads=heads,
            happened=decision.happened,
            recorded=now,
            person=actor.person,
            account=actor.account,
            key=key_id(sitting.signer.public),
            meaning=decision.meaning,
            rulebook=RULEBOOK,
            facts=tuple(fact.to_wire() for fact in (*(facts or decision.facts), *self._zone_stated(actor, heads))),
            protocol=protocol,
        )
        return self.log.append(seal(statement.payload(), sitting.signer).value())
