"""The audit: every accepted record of a therapy decided again, under its pinned protocol, as things stood before it.

`evolve` never judges, so a bug fixed in a rule rewrites no history; it shows here, as a finding, and QA decides.
"""

from __future__ import annotations

from datetime import datetime

from events.errors import Refused, UnbrokenError
from events.facts.course import TherapyOpened
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
    if record.statement.subject != therapy_stream(therapy.id):
        return ""  # another therapy's act that touched this one; it is audited there
    try:
        decision = _decide_again(reader, therapy, record)
    except Refused as refused:
        return f"today's rules refuse it: {refused.says} [{refused.rule}]"
    except UnbrokenError as problem:
        return f"it cannot be decided again: {problem.says}"
    if decision is None or decision.facts == record.facts:
        return ""
    now = {fact.wire for fact in decision.facts}
    then = {fact.wire for fact in record.facts}
    differ = ", ".join(sorted(now ^ then)) or "other values"
    return f"today's rules would record other facts: {differ}"


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
