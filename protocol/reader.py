"""Reading what the log says of therapies, people, codes, lots and rooms; nothing is recorded here.

Every signature and link is verified when this process first sees it. `before` asks how things stood before a position,
which is how the audit asks old questions again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache

from events.authority import STREAM
from events.errors import Corrupt, Refused
from events.facts import authority as authority_facts
from events.facts import site as site_facts
from events.facts.base import Fact
from events.facts.cohorts import CohortReopened, CohortStopped
from events.heads import Head
from events.log import EventLog
from events.reading import Record, verified_stream
from protocol.administration import unknown_account
from protocol.codes import OF_THE_SITE, WORDS, bound_as, canonical, check_kind, person_of, site_code, used_as
from protocol.cohorts import cohort_of, cohort_stream, known_cohort, member, opened_further
from protocol.commands import (
    AnyCommand,
    ClearHold,
    DecideAmendment,
    GiveFates,
    IssueLabels,
    Perform,
    PlanAction,
    ProposeAmendment,
    ReportMismatch,
    TakeOver,
    TellHappened,
    Witness,
)
from protocol.decision import code_stream, lot_stream, room_stream, therapy_stream
from protocol.entitled import not_entitled
from protocol.equipment import Equipment
from protocol.evolve import fold, head_of
from protocol.file import read_protocol
from protocol.looking import Looking, therapy_of
from protocol.model import StudyProtocol
from protocol.recall import Touched
from protocol.refusals import refuse
from protocol.rooms import read_room
from protocol.state import Therapy
from protocol.surroundings import Actor, Cohort, Member, Opening, Room, Surroundings

KEPT_THERAPIES = 4096
"""Folded therapies that one process remembers."""


@lru_cache(maxsize=16)
def adopted(text: str, terms: str = "") -> StudyProtocol:
    """The protocol of a text that stands in a log. It is frozen, so every reader of this process may share it."""
    return read_protocol(text, terms=terms, adopted=True)


class Reader:
    """Reads what a log says of its therapies; every signature and link is verified when this process first sees it."""

    def __init__(self, log: EventLog) -> None:
        self.log = log
        self._therapies: OrderedDict[str, Therapy] = OrderedDict()
        self._protocols: dict[str, StudyProtocol] = {}
        self._moved: dict[tuple[str, ...], StudyProtocol] = {}
        self.equipment = Equipment(
            log.id,
            lambda stream, seen: verified_stream(log, stream, seen),
            lambda record, fact: not not_entitled(self, record, fact),
        )

    def therapy(self, name: str) -> Therapy:
        """A therapy as it stands now, every signature and link of it verified; an empty one if nobody opened it."""
        known = self._therapies.pop(name, None) or Therapy(id=name)
        seen = head_of(known, self.log.id)
        known = fold(known, verified_stream(self.log, therapy_stream(name), seen))
        self._therapies[name] = known
        while len(self._therapies) > KEPT_THERAPIES:
            self._therapies.popitem(last=False)
        return known

    def therapy_before(self, name: str, before: int | None) -> Therapy:
        """A therapy as it stood before a position; as it stands now for None."""
        if before is None:
            return self.therapy(name)
        stood = (r for r in verified_stream(self.log, therapy_stream(name)) if r.position < before)
        return fold(Therapy(id=name), stood)

    def protocol(self, digest: str) -> StudyProtocol:
        """The protocol of this digest, read from the log.

        Raises:
            Refused: the log holds no such protocol.
        """
        if digest not in self._protocols:
            for _, fact in self.believed(f"protocol/{digest}"):
                if isinstance(fact, site_facts.ProtocolAdopted):
                    self._protocols[digest] = adopted(fact.text, fact.terms)
        if digest not in self._protocols:
            raise refuse(
                "protocol.adopted",
                f"Protocol {digest[:12]} is not in the log.",
                "Adopt it first: `unbroken protocol adopt FILE`.",
                digest=digest,
            )
        return self._protocols[digest]

    def protocol_of(self, therapy: Therapy) -> StudyProtocol:
        """The version of the study in force for a therapy, with those under which it stood before."""
        if not therapy.versions:
            return self.current_protocol()
        if not therapy.moves:
            return self.protocol(therapy.versions[0])
        if therapy.versions not in self._moved:
            *before, last = (self.protocol(digest) for digest in therapy.versions)
            self._moved[therapy.versions] = last.model_copy(update={"earlier": tuple(before)})
        return self._moved[therapy.versions]

    def adopted(self) -> list[tuple[Record, site_facts.ProtocolAdopted]]:
        """Every protocol that was adopted, in that order; none of the files is read."""
        found = []
        for stream in self.log.streams("protocol/"):
            first = next(iter(self.believed(stream)), None)
            if first is not None and isinstance(first[1], site_facts.ProtocolAdopted):
                found.append((first[0], first[1]))
        return sorted(found, key=lambda one: one[0].position)

    def protocols(self, before: int | None = None) -> list[StudyProtocol]:
        """Every adopted protocol (before a position), the newest last."""
        found = []
        for stream in self.log.streams("protocol/"):
            first = next(iter(self.believed(stream, before)), None)
            if first is not None:
                found.append((first[0].position, stream.removeprefix("protocol/")))
        return [self.protocol(digest) for _, digest in sorted(found)]

    def current_protocol(self, before: int | None = None) -> StudyProtocol:
        """The protocol under which new therapies begin (before a position): the one adopted last.

        Raises:
            Refused: none was adopted.
        """
        adopted = self.protocols(before)
        if not adopted:
            raise refuse("protocol.adopted", "No protocol is adopted.", "Adopt one: `unbroken protocol adopt FILE`.")
        return adopted[-1]

    def actor(self, account: str, before: int | None = None) -> Actor:
        """Who acts under an account, with the roles in force now (or before a position).

        Raises:
            Refused: nobody is enrolled under it, or none of its keys is in force.
        """
        authority = self.log.authority()
        person = authority.people.get(account)
        if person is None:
            raise unknown_account(account)
        return Actor(account, person.person, person.roles_at(before))

    def authority_at(self, when: datetime, before: int | None = None) -> int | None:
        """The position before which everything of authority had been recorded at a time (and before a position); None: all."""
        for record in verified_stream(self.log, STREAM):
            if before is not None and record.position >= before:
                break
            if record.statement.recorded > when:
                return record.position
        return before

    def failures_in_a_row(self, account: str) -> int:
        """How many wrong passphrases in a row an account stands at."""
        count = 0
        for _, fact in self.believed(f"account/{account}"):
            if isinstance(fact, authority_facts.SignInFailed):
                count += 1
            elif isinstance(fact, authority_facts.SignInSucceeded | authority_facts.AccountUnlocked):
                count = 0
        return count

    def believed(self, stream: str, before: int | None = None) -> Iterator[tuple[Record, Fact]]:
        """The facts of a stream of the site that their signers might record; the audit names the others."""
        for record in verified_stream(self.log, stream):
            if before is not None and record.position >= before:
                return
            try:
                facts = record.facts
            except Corrupt:
                continue
            for fact in facts:
                if not not_entitled(self, record, fact):
                    yield record, fact

    def owner(self, code: str, before: int | None = None) -> str | None:
        """The therapy that a code is bound to, None if nobody has bound it."""
        for record in verified_stream(self.log, code_stream(code)):
            if before is not None and record.position >= before:
                return None
            if (name := therapy_of(record)) is not None and not used_as(record, code):
                return name
        return None

    def known_as(self, code: str, before: int | None = None) -> dict[str, str]:
        """What a code is beside a patient's own, by kind, in words; nothing where it is nothing (before a position)."""
        found: dict[str, str] = {}
        heads = self.log.heads([f"{kind}/{code}" for kind in OF_THE_SITE])
        for kind in OF_THE_SITE:
            stream = f"{kind}/{code}"
            first = next(iter(verified_stream(self.log, stream)), None) if heads[stream].number else None
            if first is not None and (before is None or first.position < before):
                found[kind] = WORDS[kind]
        if {"lot", "device"} & set(found):
            known = self.equipment.known(code, before)
            found |= {"lot": f"a lot of {known.lot.item}"} if known.lot and "lot" in found else {}
            found |= {"device": f"a device ({known.device.item})"} if known.device and "device" in found else {}
        if person := person_of(self.log.authority(), code, before):
            found["person"] = person
        return found

    def check_code(self, kind: str, code: str, before: int | None = None) -> None:
        """Refuse a code as one of this kind where it is something else already, a patient's or another of the site's.

        Raises:
            Refused: naming what it is.
        """
        owner = self.owner(code, before) or ""
        what = bound_as(self.therapy_before(owner, before), code) if owner else ""
        check_kind(kind, code, self.known_as(code, before), owner, what)

    def check_people(self, facts: Iterable[Fact], before: int | None = None) -> None:
        """Refuse to enrol a person under a number or an account that is a code of something else already.

        Raises:
            Refused: naming what it is.
        """
        for fact in facts:
            if isinstance(fact, authority_facts.PersonEnrolled):
                for code in filter(None, map(canonical, (fact.person, fact.account))):
                    self.check_code("person", code, before)

    def first_heads(self, streams: Sequence[str]) -> dict[str, Head]:
        """The heads of streams; for a lot, a device or a room that is new here, that of its code too, which must be nothing else.

        Raises:
            Refused: naming what the code is already.
        """
        heads = self.log.heads([*streams])
        new = [code for stream, head in heads.items() if not head.number and (code := site_code(stream)[1])]
        heads |= self.log.heads([code_stream(code) for code in new])
        for kind, code in (site_code(stream) for stream in streams):
            if kind:
                self.check_code(kind, code)
        return heads

    def records(self, stream: str, before: int | None = None) -> tuple[list[Record], Head]:
        """A stream's records (before a position), and the head as it stood when they were read."""
        records = [r for r in verified_stream(self.log, stream) if before is None or r.position < before]
        return records, Head(len(records), records[-1].link) if records else Head(0, self.log.id)

    def touched_by_lot(self, lot: str, before: int | None = None) -> tuple[list[Touched], str, dict[str, Head]]:
        """Every therapy that used a lot, why it was recalled if it was, and the heads as they stood when this was read."""
        known = self.equipment.known(lot, before)
        found, seen = self._touched(known.therapies, before)
        return found, known.recalled, {lot_stream(lot): self.equipment.head(lot_stream(lot)), **seen}

    def room(self, code: str, before: int | None = None) -> tuple[Room, Head]:
        """A room as its stream has it (before a position), and the head as it stood when this was read."""
        records, head = self.records(room_stream(code), before)
        return read_room(code, records, lambda record, fact: not not_entitled(self, record, fact)), head

    def touched_in_room(self, room: Room, before: int | None = None) -> tuple[list[Touched], dict[str, Head]]:
        """Every therapy whose cells were open in a room, and the heads as they stood when this was read."""
        return self._touched(room.therapies, before)

    def _touched(self, names: Iterable[str], before: int | None) -> tuple[list[Touched], dict[str, Head]]:
        found, seen = [], {}
        for name in names:
            therapy = self.therapy_before(name, before)
            seen[therapy_stream(name)] = head_of(therapy, self.log.id)
            found.append(Touched(therapy, self.protocol_of(therapy)))
        return found, seen

    def cohort(self, protocol: StudyProtocol, name: str, before: int | None = None) -> tuple[Cohort, Head]:
        """A dose cohort as it stands (before a position): its patients, whether it is stopped; and the head of its stream."""
        stream = cohort_stream(protocol, name)
        found = Cohort(name)
        records, head = self.records(stream, before)
        names = dict.fromkeys(patient for record in records if (patient := therapy_of(record)) is not None)
        for record, fact in self.believed(stream, before):
            s = record.statement
            if isinstance(fact, CohortStopped):
                found = found._replace(stopped=fact.reason, stopper=s.person, stopped_by=s.account, opening=())
            elif isinstance(fact, CohortReopened):
                rules = known_cohort(self.protocol(fact.digest), name)
                found = opened_further(found, rules, fact, Opening(s.person, s.account, fact.dlts, record.link))
        members = tuple(one for who in names if (one := self._member(who, name, before)) is not None)
        return found._replace(members=members), head

    def _member(self, therapy: str, cohort: str, before: int | None) -> Member | None:
        """A patient of a cohort; None for one who put a record into its stream without being of it."""
        try:
            state = self.therapy_before(therapy, before)
            protocol = self.protocol_of(state)
        except (Corrupt, Refused) as problem:
            # It stops its own row, and shuts this gate: nobody knows how the patient is. An enrolment does not ask that.
            return Member(therapy, None, None, "", f"its record cannot be read ({problem.rule})", "", readable=False)
        return member(state, protocol) if cohort_of(state, protocol) == cohort else None

    def surroundings(
        self,
        command: AnyCommand,
        actor: Actor,
        now: datetime,
        zone: str,
        before: int | None = None,
        therapy: Therapy | None = None,
    ) -> tuple[Surroundings, dict[str, Head]]:
        """Everything that the command names, looked up, with the heads as they stood when it was.

        Args:
            zone: of the place where the actor stands.
            therapy: whom it is about, as it stands (before that position); its dose cohort is looked up too.
        """
        looking = Looking(self, Surroundings(now=now, actor=actor, zone=zone), before)
        if isinstance(command, Perform):
            looking.perform(command)
            if therapy is not None and therapy.opened is None:
                looking.owners([therapy.id])
            if therapy is not None and therapy.opened is not None:
                looking.cohort(therapy, command.step, command.choices)
        elif isinstance(command, TellHappened):
            looking.happened(command)
            if therapy is not None and therapy.opened is not None:
                looking.cohort(therapy, command.step, {})
        elif isinstance(command, TakeOver):
            looking.around.training.update(looking.trained(actor.person))
        elif isinstance(command, Witness):
            looking.owners([scan.code for scan in command.scans])
        elif isinstance(command, ClearHold):
            looking.owners([code for code in (command.wristband, command.item) if code])
        elif isinstance(command, ReportMismatch) and command.found:
            looking.owners([command.found])
            for name in dict.fromkeys(looking.around.owners.values()):
                looking.therapy(name)
        elif isinstance(command, IssueLabels):
            looking.owners(command.serials)
        elif isinstance(command, GiveFates):
            looking.owners([label.serial for label in command.labels])
        elif isinstance(command, ProposeAmendment | DecideAmendment):
            looking.around = replace(looking.around, versions=tuple(self.protocols(before)))
        elif isinstance(command, PlanAction) and command.owner:
            looking.person(command.owner)
        return looking.around, looking.seen
