"""The desk: the only door through which anything is recorded.

It loads what a decision needs, each signature of it verified again, lets `decide` speak, has the facts signed together
with the heads they extend, and appends. If a head has moved meanwhile it decides again: the same facts are signed
again with the key still in hand, other facts are refused. Nothing is half written.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from events.authority import STREAM, Authority
from events.envelope import seal
from events.errors import Moved, Refused, Unavailable
from events.facts import authority as authority_facts
from events.facts import site as site_facts
from events.facts.base import Fact
from events.facts.steps import ProcessPerformed, SlotsBooked
from events.facts.course import SlotsFreed
from events.heads import Head
from events.identifiers import read_code
from events.instant import whole_milliseconds
from events.keys import Signer, key_id
from events.log import Appended, EventLog
from events.reading import Record, verified_stream
from events.statement import Statement
from protocol import administration
from protocol.automatic import let_pass, next_deadline
from protocol.commands import AnyCommand, ClearHold, LetPass, Perform
from protocol.decide import RULEBOOK, decide
from protocol.decision import Decision, code_stream, room_stream, slot_stream, therapy_stream
from protocol.evolve import fold, head_of
from protocol.file import read_protocol
from protocol.model import StudyProtocol
from protocol.perform import open_therapy
from protocol.refusals import refuse
from protocol.state import Therapy
from protocol.surroundings import Actor, Device, Interval, Lot, Surroundings

MOST_TRIES = 200
KEPT_THERAPIES = 4096


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


class Reader:
    """Reads what a log says of its therapies; every signature and link is verified when this process first sees it."""

    def __init__(self, log: EventLog) -> None:
        self.log = log
        self._therapies: OrderedDict[str, Therapy] = OrderedDict()
        self._protocols: dict[str, StudyProtocol] = {}

    def therapy(self, name: str) -> Therapy:
        """A therapy as it stands now, every signature and link of it verified; an empty one if nobody opened it."""
        known = self._therapies.pop(name, None) or Therapy(id=name)
        seen = head_of(known, self.log.id)
        known = fold(known, verified_stream(self.log, therapy_stream(name), seen))
        self._therapies[name] = known
        while len(self._therapies) > KEPT_THERAPIES:
            self._therapies.popitem(last=False)
        return known

    def protocol(self, digest: str) -> StudyProtocol:
        """The protocol of this digest, read from the log.

        Raises:
            Refused: the log holds no such protocol.
        """
        if digest not in self._protocols:
            for record in verified_stream(self.log, f"protocol/{digest}"):
                for fact in record.facts:
                    if isinstance(fact, site_facts.ProtocolAdopted) and fact.digest == digest:
                        self._protocols[digest] = read_protocol(fact.text)
        if digest not in self._protocols:
            raise refuse(
                "protocol.adopted",
                f"Protocol {digest[:12]} is not in the log.",
                "Adopt it first: `unbroken protocol adopt FILE`.",
                digest=digest,
            )
        return self._protocols[digest]

    def protocol_of(self, therapy: Therapy) -> StudyProtocol:
        """The protocol that a therapy is pinned to."""
        return self.protocol(therapy.opened.digest) if therapy.opened else self.current_protocol()

    def protocols(self) -> list[StudyProtocol]:
        """Every adopted protocol, the newest last."""
        found = []
        for stream in self.log.streams("protocol/"):
            first = next(iter(self.log.stream(stream)))
            found.append((first.position, stream.removeprefix("protocol/")))
        return [self.protocol(digest) for _, digest in sorted(found)]

    def current_protocol(self) -> StudyProtocol:
        """The protocol under which new therapies begin: the one adopted last.

        Raises:
            Refused: none was adopted.
        """
        adopted = self.protocols()
        if not adopted:
            raise refuse("protocol.adopted", "No protocol is adopted.", "Adopt one: `unbroken protocol adopt FILE`.")
        return adopted[-1]

    def actor(self, account: str) -> Actor:
        """Who acts under an account, with the roles in force now.

        Raises:
            Refused: nobody is enrolled under it, or none of its keys is in force.
        """
        authority = self.log.authority()
        person = authority.people.get(account)
        if person is None:
            raise administration.unknown_account(account)
        return Actor(account, person.person, person.roles_at())

    def failures_in_a_row(self, account: str) -> int:
        """How many wrong passphrases in a row an account stands at."""
        count = 0
        for record in verified_stream(self.log, f"account/{account}"):
            for fact in record.facts:
                if isinstance(fact, authority_facts.SignInFailed):
                    count += 1
                elif isinstance(fact, authority_facts.SignInSucceeded | authority_facts.AccountUnlocked):
                    count = 0
        return count


class Desk(Reader):
    """The door to one log.

    Args:
        clock: says what time it is, aware.
        random: gives that many random bytes.
        site: the site's code, written into each therapy opened here.
        simulated: whether time at this site is a simulation; each therapy says so.
    """

    def __init__(
        self,
        log: EventLog,
        clock: Callable[[], datetime],
        random: Callable[[int], bytes],
        *,
        site: str,
        simulated: bool = False,
    ) -> None:
        super().__init__(log)
        self.clock, self.random, self.site, self.simulated = clock, random, site, simulated

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
        if state.opened is None or state.completed:
            return None
        return next_deadline(state, self.protocol_of(state))

    def may(self, therapy: str, command: AnyCommand, account: str) -> Decision:
        """Ask without recording: what would follow, or the refusal.

        Raises:
            Refused: as `act` would; a wrong item is refused, and not recorded.
        """
        state = self.therapy(therapy)
        around, _ = self._surroundings(state, command, self.actor(account), self._now())
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
            around, seen = self._surroundings(state, command, actor, now)
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

    def _heads(
        self, name: str, state: Therapy, decision: Decision, seen: dict[str, Head]
    ) -> dict[str, Head]:
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
        self, streams: Sequence[str], decide_facts: Callable[[Actor, Authority], Iterable[Fact]], sitting: Sitting,
        meaning: str = "performed",
    ) -> Receipt:
        """Record facts of a site or of authority; the first stream is the record's subject.

        Raises:
            Refused: `decide_facts` or the judge says no.
        """
        now = self._now()
        actor = self._signing_actor(sitting)
        for _ in range(MOST_TRIES):
            heads = self.log.heads(streams)
            facts = tuple(decide_facts(actor, self.log.authority()))
            decision = Decision((), meaning, now)
            try:
                done = self._append(sitting, actor, decision, heads, streams[0], None, now, facts)
            except Moved:
                continue
            return Receipt(done.position, done.link, facts)
        raise self._too_busy()

    def authorise(
        self, decide_facts: Callable[[Actor, Authority], Iterable[Fact]], sitting: Sitting
    ) -> Receipt:
        """Record facts of authority."""
        return self.record([STREAM], decide_facts, sitting, "authorised")

    def adopt(self, text: str, sitting: Sitting, name: str = "the protocol file") -> StudyProtocol:
        """Adopt a protocol file; adopting it twice changes nothing.

        Raises:
            Refused: the file is wrong, naming each line, field and reason.
        """
        protocol = read_protocol(text, name)
        stream = f"protocol/{protocol.digest}"
        if self.log.heads([stream])[stream].number == 0:
            self.record([stream], lambda actor, _: [administration.adopt(actor, protocol)], sitting, "approved")
        return protocol

    # ------------------------------------------------------------------ the last steps of every act

    def _now(self) -> datetime:
        return whole_milliseconds(self.clock())

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
            facts=tuple(fact.to_wire() for fact in facts or decision.facts),
            protocol=protocol,
        )
        return self.log.append(seal(statement.payload(), sitting.signer).value())

    # ------------------------------------------------------------------ what a decision may know

    def _surroundings(
        self, therapy: Therapy, command: AnyCommand, actor: Actor, now: datetime
    ) -> tuple[Surroundings, dict[str, Head]]:
        """Everything that the command names, looked up, with the heads as they stood when it was."""
        seen: dict[str, Head] = {}
        around = Surroundings(now=now, actor=actor)
        if isinstance(command, Perform):
            self._look_up(command, actor, around, seen)
        elif isinstance(command, ClearHold):
            self._owners([command.wristband], around, seen)
        return around, seen

    def _look_up(self, command: Perform, actor: Actor, around: Surroundings, seen: dict[str, Head]) -> None:
        codes = [scan.code for scan in command.scans]
        codes += [code for code in (command.subject, command.coi, command.screening) if code]
        self._owners(codes, around, seen)
        for name, code in command.used.items():
            self._lot_or_device(name, code, around)
        for record in self._records(f"training/{actor.person}"):
            for fact in record.facts:
                if isinstance(fact, site_facts.TrainingRecorded):
                    around.training[fact.topic] = fact.until
        if command.room:
            room = read_code(command.room)
            around.rooms[room] = tuple(self._room(room, seen))
        for slot in command.slots:
            around.booked[slot.code] = tuple(self._booked(slot.code, seen))

    def _records(self, stream: str, seen: dict[str, Head] | None = None) -> list[Record]:
        records = list(verified_stream(self.log, stream))
        if seen is not None:
            seen[stream] = Head(len(records), records[-1].link) if records else Head(0, self.log.id)
        return records

    def _owners(self, codes: Iterable[str], around: Surroundings, seen: dict[str, Head]) -> None:
        for raw in codes:
            try:
                code = read_code(raw)
            except Refused:
                continue  # the gate refuses it again, at its own place in the order of questions
            records = self._records(code_stream(code), seen)
            if records:
                around.owners[code] = records[0].statement.subject.removeprefix("therapy/")

    def _lot_or_device(self, name: str, code: str, around: Surroundings) -> None:
        try:
            code = read_code(code)
        except Refused:
            return
        for record in (*self._records(f"lot/{code}"), *self._records(f"device/{code}")):
            for fact in record.facts:
                match fact:
                    case site_facts.LotReleased():
                        around.lots[code] = Lot(fact.item, fact.expires)
                    case site_facts.LotRecalled() if code in around.lots:
                        around.lots[code] = around.lots[code]._replace(recalled=fact.reason)
                    case site_facts.DeviceCalibrated():
                        around.devices[code] = Device(fact.item, fact.due)
                    case _:
                        pass

    def _room(self, room: str, seen: dict[str, Head]) -> Iterable[Interval]:
        for record in self._records(room_stream(room), seen):
            for fact in record.facts:
                if isinstance(fact, ProcessPerformed) and fact.suite == room:
                    yield Interval(fact.therapy, fact.started, fact.ended)

    def _booked(self, code: str, seen: dict[str, Head]) -> list[Interval]:
        booked: list[Interval] = []
        for record in self._records(slot_stream(code), seen):
            for fact in record.facts:
                if isinstance(fact, SlotsBooked):
                    booked += [Interval(fact.therapy, s.starts, s.ends) for s in fact.slots if s.code == code]
                elif isinstance(fact, SlotsFreed) and code in fact.slots:
                    booked = [interval for interval in booked if interval.therapy != fact.therapy]
        return booked
