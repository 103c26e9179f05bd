"""The audit: every accepted record of a therapy decided again, under its pinned protocol, as things stood before it.

`evolve` never judges, so a bug fixed in a rule rewrites no history; it shows here, as a finding, and QA decides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime

from events.authority import STREAM, SYSTEM
from events.errors import Refused, UnbrokenError
from events.facts import authority, site
from events.facts.base import Fact
from events.facts.course import TherapyOpened
from events.facts.quality import IdentityMismatched, ItemPresentedElsewhere
from events.reading import Record, read_record, verified_stream
from events.verify import Finding
from protocol import administration
from protocol.commands import LetPass, Perform
from protocol.custody import gaps
from protocol.decide import decide
from protocol.decision import Decision, therapy_stream
from protocol.evolve import apply
from protocol.perform import open_therapy
from protocol.reader import Reader
from protocol.retell import command_of
from protocol.state import Therapy
from protocol.surroundings import Actor


def audit_all(reader: Reader, progress: Callable[[str], None] = lambda _name: None) -> list[Finding]:
    """Every therapy, and every record of the site itself; a therapy that cannot be read is a finding, not an end."""
    findings = audit_site(reader)
    for stream in reader.log.streams("therapy/"):
        name = stream.removeprefix("therapy/")
        progress(name)
        try:
            findings += audit(reader, name)
        except UnbrokenError as problem:
            findings.append(Finding("unreadable", problem.says, None, stream, None))
    return findings


def audit(reader: Reader, name: str) -> list[Finding]:
    """What today's rules would refuse or decide otherwise, what a suspect key signed, and breaks in custody.

    Raises:
        Corrupt: the therapy's records themselves do not stand.
    """
    stream = therapy_stream(name)
    therapy, findings = Therapy(id=name), []
    for number, record in enumerate(verified_stream(reader.log, stream), start=1):
        says = _decided_otherwise(reader, therapy, record)
        if says:
            findings.append(Finding("decision", says, record.position, stream, number))
        if suspect := _suspect(reader, record):
            findings.append(Finding("suspect", suspect, record.position, stream, number))
        therapy = apply(therapy, record)
    return findings + [Finding("custody", says, None, stream, None) for says in gaps(therapy)]


def _decided_otherwise(reader: Reader, therapy: Therapy, record: Record) -> str:
    if record.statement.subject != therapy_stream(therapy.id) or _is_stop(record):
        # A wrong item that was presented is all that may reach from one therapy into another; only its scan is known.
        return (
            _stop_otherwise(reader, record)
            if _is_stop(record)
            else (f"a record of {record.statement.subject} writes into this therapy")
        )
    try:
        decision = _decide_again(reader, therapy, record)
    except Refused as refused:
        return f"today's rules refuse it: {refused.says} [{refused.rule}]"
    except UnbrokenError as problem:
        return f"it cannot be decided again: {problem.says}"
    if decision is None:
        return f"no act of a person gives these facts: {', '.join(fact.wire for fact in record.facts)}"
    return _other_facts(decision, record) or _other_signature(therapy, decision, record)


def _is_stop(record: Record) -> bool:
    """Whether the record says that a wrong item was presented, and nothing else, in the streams of both patients."""
    match record.facts:
        case (IdentityMismatched() as here, ItemPresentedElsewhere() as there):
            pair = here.therapy, here.other, here.presented
            streams = {therapy_stream(here.therapy), therapy_stream(there.therapy)}
            subject = record.statement.subject == therapy_stream(here.therapy)
            return (
                subject
                and pair == (there.other, there.therapy, there.presented)
                and streams == set(record.statement.heads)
            )
        case _:
            return False


def _stop_otherwise(reader: Reader, record: Record) -> str:
    presented = next(fact for fact in record.facts if isinstance(fact, ItemPresentedElsewhere))
    if reader.owner(presented.presented, record.position) != presented.therapy:
        return f"{presented.presented} does not belong to {presented.therapy}, whose items it holds"
    return ""


def _other_facts(decision: Decision, record: Record) -> str:
    if decision.facts == record.facts:
        return ""
    now = {fact.wire for fact in decision.facts}
    then = {fact.wire for fact in record.facts}
    differ = ", ".join(sorted(now ^ then)) or "other values"
    return f"today's rules would record other facts: {differ}"


def _other_signature(therapy: Therapy, decision: Decision, record: Record) -> str:
    s = record.statement
    streams = {therapy_stream(therapy.id), *decision.extends}
    opened = therapy.opened or next((f for f in record.facts if isinstance(f, TherapyOpened)), None)
    if decision.meaning != s.meaning:
        return f"the signature means {s.meaning}; today's rules say {decision.meaning}"
    if decision.happened != s.happened:
        return (
            f"it is dated {s.happened:%Y-%m-%d %H:%M:%S}; today's rules say {decision.happened:%Y-%m-%d %H:%M:%S} UTC"
        )
    if streams != set(s.heads):
        return f"it does not extend the streams that today's rules name: {', '.join(sorted(streams ^ set(s.heads)))}"
    if opened is not None and s.protocol != opened.digest:
        return "it names another protocol than the therapy is pinned to"
    return ""


def _decide_again(reader: Reader, therapy: Therapy, record: Record) -> Decision | None:
    command, s = command_of(record), record.statement
    if command is None:
        return None
    actor = reader.actor(s.account, record.position)
    if isinstance(command, LetPass) and SYSTEM not in actor.roles:
        return None
    around, _ = reader.surroundings(command, actor, s.recorded, record.position)
    opened = record.facts[0]
    if isinstance(opened, TherapyOpened) and isinstance(command, Perform):
        protocol = reader.protocol(opened.digest)
        return open_therapy(therapy, protocol, command, around, site=opened.site, simulated=opened.simulated)
    return decide(therapy, reader.protocol_of(therapy), command, around)


def audit_site(reader: Reader) -> list[Finding]:
    """Records of lots, devices, training, accounts and protocols: whether their signer might record them."""
    findings = []
    for stored in reader.log.read():
        if stored.refused is not None:
            continue
        record = read_record(stored)
        subject = record.statement.subject
        if subject.startswith("therapy/") or subject == STREAM:
            continue
        if says := _site_otherwise(reader, record):
            number = record.statement.heads[subject].number + 1
            findings.append(Finding("decision", says, record.position, subject, number))
    return findings


def _site_otherwise(reader: Reader, record: Record) -> str:
    s = record.statement
    if set(s.heads) != {s.subject}:
        return "a record of the site extends its one stream, and no other"
    try:
        actor = reader.actor(s.account, record.position)
        for fact in record.facts:
            if (says := _may_record(reader, actor, fact, s.subject)) != "":
                return says
    except Refused as refused:
        return f"today's rules refuse it: {refused.says} [{refused.rule}]"
    except UnbrokenError as problem:
        return f"it cannot be decided again: {problem.says}"
    return ""


def _may_record(reader: Reader, actor: Actor, fact: Fact, subject: str) -> str:
    match fact:
        case site.LotReleased():
            administration.release_lot(actor, fact.lot, fact.item, fact.expires)
            belongs = f"lot/{fact.lot}"
        case site.LotRecalled():
            administration.recall_lot(actor, fact.lot, fact.reason)
            belongs = f"lot/{fact.lot}"
        case site.DeviceCalibrated():
            administration.calibrate(actor, fact.device, fact.item, fact.due)
            belongs = f"device/{fact.device}"
        case site.TrainingRecorded():
            administration.train(actor, fact.person, fact.topic, fact.until)
            belongs = f"training/{fact.person}"
        case site.ProtocolAdopted():
            administration.may_adopt(actor)
            if hashlib.sha256(fact.text.encode()).hexdigest() != fact.digest:
                return "the digest is not that of the protocol's text"
            belongs = f"protocol/{fact.digest}"
        case authority.SignInFailed() | authority.SignInSucceeded():
            if SYSTEM not in actor.roles:
                return f"only the system records sign-ins, not {actor.account}"
            belongs = f"account/{fact.account}"
        case authority.AccountUnlocked():
            own = reader.actor(fact.account).person
            administration.unlock(actor, fact.account, administration.MOST_FAILURES, fact.why, own)
            belongs = f"account/{fact.account}"
        case _:
            return f"{fact.wire} does not belong into {subject}"
    return "" if belongs == subject else f"{fact.wire} belongs into {belongs}, not {subject}"


def _suspect(reader: Reader, record: Record) -> str:
    key = reader.log.authority().keys.get(record.statement.key)
    since: datetime | None = key.suspect_since if key else None
    if since is None or record.statement.recorded < since:
        return ""
    return f"signed by {record.statement.account} with a key that is suspect since {since:%Y-%m-%d %H:%M} UTC"
