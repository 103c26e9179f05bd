"""One look around for one command: everything that it names, as the reader has it, and the head of each stream that was read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from events.errors import Refused
from events.facts import site as site_facts
from events.facts.base import Fact, TherapyFact
from events.facts.course import SlotsFreed
from events.facts.steps import SlotsBooked
from events.heads import Head
from events.identifiers import read_code
from events.reading import Record
from protocol.codes import used_as
from protocol.cohorts import asks, cohort_of, cohort_rules, cohort_stream
from protocol.commands import Perform, TellHappened
from protocol.decision import code_stream, lot_stream, room_stream, slot_stream, therapy_stream
from protocol.evolve import head_of
from protocol.state import Therapy
from protocol.surroundings import Actor, Interval, Surroundings, Validity

if TYPE_CHECKING:
    from protocol.reader import Reader


class Looking:
    """One look around for one command; remembers the head of each stream that it read."""

    def __init__(self, reader: Reader, around: Surroundings, before: int | None) -> None:
        self.reader, self.around, self.before = reader, around, before
        self.seen: dict[str, Head] = {}

    def perform(self, command: Perform) -> None:
        """What a step names."""
        around = self.around
        codes = [scan.code for scan in command.scans]
        codes += [code for code in (command.subject, command.coi, command.screening) if code]
        codes += [*command.issued, *(label.serial for label in command.labels)]
        codes += [*([command.room] if command.room else []), *(slot.code for slot in command.slots)]
        self.owners(codes)
        for code in command.used.values():
            self.lot_or_device(code)
        around.training.update(self.trained(around.actor.person))
        if command.taken_over is not None:
            self.person(command.taken_over.account)
        if command.paper is not None and (when := command.started or command.ended) is not None:
            self.as_of(when, [command.paper.performed_by, command.paper.second_by or ""], command.ended)
        if command.room:
            self.room(command.room)
        for slot in command.slots:
            around.booked[slot.code] = tuple(self.booked(slot.code))

    def happened(self, command: TellHappened) -> None:
        """What an act names that is told afterwards: its items and whose they are, and who did it, as they stood then."""
        self.owners([*(scan.code for scan in command.scans), *([command.room] if command.room else [])])
        for code in command.used.values():
            self.lot_or_device(code)
        if command.room:
            self.room(command.room)
        self.as_of(command.started, command.performed_by, command.ended)
        for name in dict.fromkeys(self.around.owners.values()):
            self.around.protocols[name] = self.reader.protocol_of(self.therapy(name))

    def room(self, given: str) -> None:
        """Who was in a room, and what was reported of it."""
        code = read_code(given)
        self.around.rooms[code], self.seen[room_stream(code)] = self.reader.room(code, self.before)

    def as_of(self, when: datetime, accounts: Iterable[str], ended: datetime | None = None) -> None:
        """The people behind accounts with the roles of that time, held until it ended; and the training of the first, as recorded
        by then."""
        known, before = self.reader.log.authority(), self.reader.authority_at(when, self.before)
        then = self.reader.authority_at(ended, self.before) if ended else before
        for number, account in enumerate(accounts):
            person = known.people.get(account)
            if person is None:
                continue
            self.around.people[account] = Actor(
                account, person.person, person.roles_at(before) & person.roles_at(then), when
            )
            if number == 0:
                self.around.trained_then.update(self.trained(person.person, ended or when))

    def trained(self, person: str, when: datetime | None = None) -> dict[str, tuple[Validity, ...]]:
        """What somebody is trained in, and when; as it was recorded by `when`, if that is given."""
        found: dict[str, tuple[Validity, ...]] = {}
        for record, fact in self.reader.believed(f"training/{person}", self.before):
            recorded = record.statement.recorded
            if isinstance(fact, site_facts.TrainingRecorded) and (when is None or recorded <= when):
                found[fact.topic] = (*found.get(fact.topic, ()), Validity(recorded, fact.until))
        return found

    def cohort(self, therapy: Therapy, named: str, choices: Mapping[str, str]) -> None:
        """The patient's dose cohort, where the step looks at it."""
        protocol = self.reader.protocol_of(therapy)
        step, name = protocol.by_id.get(named), cohort_of(therapy, protocol, choices)
        if step is None or name is None or not asks(therapy, protocol, step):
            return
        rules = cohort_rules(protocol)
        if rules is None or name not in protocol.choices[rules.of].options:
            return  # the kind's own rules refuse the choice
        found, head = self.reader.cohort(protocol, name, self.before)
        self.around = replace(self.around, cohort=found)
        self.seen[cohort_stream(protocol, name)] = head

    def records(self, stream: str) -> list[Record]:
        """A stream's records, and its head remembered."""
        records, self.seen[stream] = self.reader.records(stream, self.before)
        return records

    def owners(self, codes: Iterable[str]) -> None:
        """To whom codes are bound."""
        for raw in codes:
            try:
                code = read_code(raw)
            except Refused:
                continue  # the gate refuses it again, at its own place in the order of questions
            # A bag's label carries the donation's number too: whose that is, is asked as well.
            for known in dict.fromkeys((code, code.partition(".")[0])):
                records = [record for record in self.records(code_stream(known)) if not used_as(record, known)]
                owners = [name for record in records if (name := therapy_of(record))]
                if owners:
                    self.around.owners[known] = owners[0]
            if code not in self.around.owners and (others := self.reader.known_as(code, self.before)):
                self.around.known_as[code] = others

    def therapy(self, name: str) -> Therapy:
        """Another therapy that the record will reach, and its head remembered: its facts follow from how it stands."""
        state = self.reader.therapy_before(name, self.before)
        self.around.therapies[name] = state
        self.seen[therapy_stream(name)] = head_of(state, self.reader.log.id)
        return state

    def person(self, account: str) -> None:
        """Who is behind an account that the command names."""
        if account in self.reader.log.authority().people:
            self.around.people[account] = self.reader.actor(account, self.before)

    def lot_or_device(self, code: str) -> None:
        """What is known of a lot or a device."""
        around = self.around
        try:
            code = read_code(code)
        except Refused:
            return
        known = self.reader.equipment.known(code, self.before)
        self.seen[lot_stream(code)] = self.reader.equipment.head(lot_stream(code))
        if known.lot:
            around.lots[code] = known.lot
        if known.device:
            around.devices[code] = known.device

    def of_therapies(self, stream: str) -> Iterable[Fact]:
        """The facts in a shared stream that stand with the therapy they are about."""
        for record in self.records(stream):
            name = therapy_of(record)
            if name is not None:
                yield from (fact for fact in record.facts if isinstance(fact, TherapyFact) and fact.therapy == name)

    def booked(self, code: str) -> list[Interval]:
        """For whom a resource is booked, and when."""
        booked: list[Interval] = []
        for fact in self.of_therapies(slot_stream(code)):
            if isinstance(fact, SlotsBooked):
                booked += [Interval(fact.therapy, s.starts, s.ends) for s in fact.slots if s.code == code]
            elif isinstance(fact, SlotsFreed) and code in fact.slots:
                booked = [interval for interval in booked if interval.therapy != fact.therapy]
        return booked


def therapy_of(record: Record) -> str | None:
    """The therapy whose record this is; None where another kind of record stands in a stream that therapies share."""
    subject = record.statement.subject
    return subject.removeprefix("therapy/") if subject.startswith("therapy/") else None
