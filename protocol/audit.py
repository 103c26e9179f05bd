"""The audit: every accepted record of a therapy decided again, under its pinned protocol, as things stood before it.

`evolve` never judges, so a bug fixed in a rule rewrites no history; it shows here, as a finding, and QA decides.
"""

from __future__ import annotations

from datetime import datetime

from events.errors import Refused, UnbrokenError
from events.facts.course import TherapyOpened
from events.facts.quality import IdentityMismatched, ItemPresentedElsewhere
from events.reading import Record, verified_stream
from events.verify import Finding
from protocol.commands import Perform
from protocol.custody import gaps
from protocol.decide import decide
from protocol.decision import Decision, therapy_stream
from protocol.evolve import apply
from protocol.perform import open_therapy
from protocol.reader import Reader
from protocol.retell import command_of
from protocol.state import Therapy


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
        return "" if _is_stop(record) else f"a record of {record.statement.subject} writes into this therapy"
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
    around, _ = reader.surroundings(command, actor, s.recorded, record.position)
    opened = record.facts[0]
    if isinstance(opened, TherapyOpened) and isinstance(command, Perform):
        protocol = reader.protocol(opened.digest)
        return open_therapy(therapy, protocol, command, around, site=opened.site, simulated=opened.simulated)
    return decide(therapy, reader.protocol_of(therapy), command, around)


def _suspect(reader: Reader, record: Record) -> str:
    key = reader.log.authority().keys.get(record.statement.key)
    since: datetime | None = key.suspect_since if key else None
    if since is None or record.statement.recorded < since:
        return ""
    return f"signed by {record.statement.account} with a key that is suspect since {since:%Y-%m-%d %H:%M} UTC"
