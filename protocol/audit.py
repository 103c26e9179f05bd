"""The audit: every accepted record of a therapy decided again, under its pinned protocol, as things stood before it.

`evolve` never judges, so a bug fixed in a rule rewrites no history; it shows here, as a finding, and QA decides.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from events.authority import STREAM, SYSTEM
from events.errors import Corrupt, Refused, UnbrokenError
from events.facts.base import TherapyFact
from events.facts.cohorts import CohortReopened, CohortStopped
from events.facts.course import TherapyOpened
from events.facts.environment import EnvironmentReported, RoomCleared
from events.facts.quality import IdentityMismatched, ItemPresentedElsewhere
from events.facts.site import LotRecallContinued, LotRecalled
from events.reading import Record, read_record, verified_stream
from events.verify import Finding
from protocol.changeover import clear
from protocol.codes import own_code, site_code
from protocol.cohorts import reopen_cohort, stop_cohort
from protocol.commands import Entered, LetPass, Perform
from protocol.commands.environment import ReportEnvironment
from protocol.custody import gaps
from protocol.decide import RULEBOOK, decide
from protocol.decision import Decision, therapy_stream
from protocol.entitled import not_entitled
from protocol.evolve import apply
from protocol.monitoring import Reported, decide_report
from protocol.perform import open_therapy
from protocol.reaching import may_not_reach
from protocol.reader import Reader
from protocol.recall import Recall, decide_recall
from protocol.retell import command_of
from protocol.state import Therapy

CLOCKS_APART = timedelta(minutes=5)
"""How far the clocks of a site's computers may disagree before a date is a finding."""


def audit_all(
    reader: Reader, now: datetime | None = None, progress: Callable[[str], None] = lambda _name: None
) -> list[Finding]:
    """Every record of the site itself, every date, every suspect key, and every decision of every therapy.

    Args:
        now: records dated later than this are findings; None where the reader has no clock to trust.
    """
    findings = _audit_log(reader, now)
    for stream in reader.log.streams("therapy/"):
        name = stream.removeprefix("therapy/")
        progress(name)
        findings += [finding for finding in audit(reader, name) if finding.kind != "suspect"]
    return findings


def audit(reader: Reader, name: str, after: int = 0) -> list[Finding]:
    """What today's rules would refuse or decide otherwise in one therapy, what a suspect key signed, breaks in custody.

    A record that cannot be read is a finding too, and the last one of that therapy: nothing after it can be decided again.

    Args:
        after: records up to this number of the stream were audited before; they are only folded.

    Raises:
        Corrupt: a signature or link of the therapy's stream does not stand.
    """
    stream = therapy_stream(name)
    therapy = Therapy(id=name)
    findings: list[Finding] = []
    for number, record in enumerate(verified_stream(reader.log, stream), start=1):
        try:
            says = _decided_otherwise(reader, therapy, record) if number > after else ""
            therapy = apply(therapy, record)
        except Corrupt as problem:
            return [*findings, Finding("unreadable", problem.says, record.position, stream, number)]
        if says:
            findings.append(Finding("decision", says + _of_its_day(record), record.position, stream, number))
        if number > after and (suspect := _suspect(reader, record, record.statement.recorded)):
            findings.append(Finding("suspect", suspect, record.position, stream, number))
    return findings + [Finding("custody", says, None, stream, None) for says in gaps(therapy)]


def _decided_otherwise(reader: Reader, therapy: Therapy, record: Record) -> str:
    if record.statement.subject != therapy_stream(therapy.id):
        return may_not_reach(record)  # whether it is right is decided again where it was signed
    if _is_stop(record):
        return _stop_otherwise(reader, therapy, record)  # of a wrong item that was presented only its scan is known
    if isinstance(record.facts[0], IdentityMismatched):
        return "a wrong item that was presented comes with other facts than the holds of both therapies"
    try:
        decision = _decide_again(reader, therapy, record)
    except Refused as refused:
        return f"today's rules refuse it: {refused.says} [{refused.rule}]"
    except UnbrokenError as problem:
        return f"it cannot be decided again: {problem.says}"
    if decision is None:
        return f"no command of a person gives these facts: {', '.join(fact.wire for fact in record.facts)}"
    return _other_facts(decision, record) or _other_signature(therapy, decision, record)


def _of_its_day(record: Record) -> str:
    """Beside a finding: that the record was decided under other rules than these, where it was."""
    then = record.statement.rulebook
    return f" (it was decided under rulebook {then}; this is {RULEBOOK})" if then != RULEBOOK else ""


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


def _stop_otherwise(reader: Reader, therapy: Therapy, record: Record) -> str:
    """A stop is audited where it was signed: whoever presented the item had to be able to, and it is the other patient's."""
    fact, s = record.facts[0], record.statement
    assert isinstance(fact, IdentityMismatched)  # _is_stop
    if reader.owner(fact.presented, record.position) != fact.other:
        return f"{fact.presented} does not belong to {fact.other}, whose items it holds"
    if therapy.opened is None or s.meaning != "performed" or s.happened != s.recorded:
        return "no rule records a wrong item like this"
    step = reader.protocol_of(therapy).by_id.get(fact.key.step)
    roles = reader.actor(s.account, record.position).roles
    able = {*step.performed_by, *(step.second[0] if step.second else ())} if step else set()
    if not roles & able:
        return f"{s.account} neither performs nor signs {fact.key.step} second"
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
        return f"it was signed as {s.meaning}; today's rules say {decision.meaning}"
    if decision.happened != s.happened:
        return (
            f"it is dated {s.happened:%Y-%m-%d %H:%M:%S}; today's rules say {decision.happened:%Y-%m-%d %H:%M:%S} UTC"
        )
    if streams != set(s.heads):
        return f"it extends other streams than today's rules name: {', '.join(sorted(streams ^ set(s.heads)))}"
    in_force = therapy.versions[-1] if therapy.versions else opened.digest if opened else None
    if in_force is not None and s.protocol != in_force:
        return "it names another version of the study than the one in force for the therapy when it was signed"
    return ""


def _decide_again(reader: Reader, therapy: Therapy, record: Record) -> Decision | None:
    command, s = command_of(record), record.statement
    if command is None:
        return None
    actor = reader.actor(s.account, record.position)
    if isinstance(command, LetPass) and SYSTEM not in actor.roles:
        return None
    around, _ = reader.surroundings(command, actor, s.recorded, record.zone, record.position, therapy)
    opened = record.facts[0]
    if isinstance(opened, TherapyOpened) and isinstance(command, Perform):
        protocol = reader.current_protocol(record.position)
        return open_therapy(therapy, protocol, command, around, site=opened.site, simulated=opened.simulated)
    return decide(therapy, reader.protocol_of(therapy), command, around)


def _audit_log(reader: Reader, now: datetime | None) -> list[Finding]:
    """One pass over every record: the site's own facts, dates that run backwards or ahead, keys that are suspect."""
    findings: list[Finding] = []
    latest = datetime.min.replace(tzinfo=UTC)
    for stored in reader.log.read():
        if stored.refused is not None:
            continue
        try:
            record = read_record(stored)
            says = _site_otherwise(reader, record)
        except Corrupt as problem:
            subject = read_record(stored).statement.subject
            if not subject.startswith("therapy/"):  # a therapy's own audit names it with its number
                findings.append(Finding("unreadable", problem.says, stored.position, subject, None))
            continue
        s = record.statement
        number = s.heads[s.subject].number + 1
        if says:
            findings.append(Finding("decision", says, record.position, s.subject, number))
        if dated := _dated(s.recorded, latest, now):
            findings.append(Finding("time", dated, record.position, s.subject, number))
        latest = max(latest, s.recorded)
        # By the latest date so far, not by the record's own: a thief may write any date.
        if suspect := _suspect(reader, record, latest):
            findings.append(Finding("suspect", suspect, record.position, s.subject, number))
    return findings


def _dated(recorded: datetime, latest: datetime, now: datetime | None) -> str:
    if recorded + CLOCKS_APART < latest:
        return f"dated {recorded:%Y-%m-%d %H:%M:%S}, but a record before it is dated {latest:%Y-%m-%d %H:%M:%S} UTC"
    if now is not None and recorded > now + CLOCKS_APART:
        return f"dated {recorded:%Y-%m-%d %H:%M:%S}, which lies in the future (now {now:%Y-%m-%d %H:%M:%S} UTC)"
    return ""


def _site_otherwise(reader: Reader, record: Record) -> str:
    subject = record.statement.subject
    if subject.startswith("therapy/"):
        return ""  # decided again with its therapy
    if subject == STREAM:
        return _people_otherwise(reader, record)  # the rest was judged
    reaches = set(record.statement.heads) - {own_code(record)} != {subject}
    if reaches and (says := may_not_reach(record)):
        return f"a record of the site extends its one stream, and no other: {says}"
    own = (fact for fact in record.facts if not (reaches and isinstance(fact, TherapyFact)))
    reasons = (not_entitled(reader, record, fact) for fact in own)
    return (
        next((says for says in reasons if says), "")
        or _code_otherwise(reader, record)
        or _recall_otherwise(reader, record)
        or _report_otherwise(reader, record)
        or _clearing_otherwise(reader, record)
        or _cohort_otherwise(reader, record)
    )


def _code_otherwise(reader: Reader, record: Record) -> str:
    """What a lot, a device or a room is called was nothing else when it was."""
    kind, code = site_code(record.statement.subject)
    try:
        if kind:
            reader.check_code(kind, code, record.position)
    except Refused as refused:
        return f"today's rules refuse it: {refused.says} [{refused.rule}]"
    return ""


def _people_otherwise(reader: Reader, record: Record) -> str:
    """The number and the account of a person who was enrolled were nobody's code."""
    try:
        reader.check_people(record.facts, record.position)
    except Refused as refused:
        return f"today's rules refuse it: {refused.says} [{refused.rule}]"
    return ""


def _recall_otherwise(reader: Reader, record: Record) -> str:
    """A recall is decided again where it was signed: whom it touched, as things stood before it."""
    fact, s = record.facts[0], record.statement
    if not isinstance(fact, LotRecalled | LotRecallContinued):
        return ""
    touched, recalled, _ = reader.touched_by_lot(fact.lot, record.position)
    try:
        recall = decide_recall(reader.actor(s.account, record.position), fact.lot, fact.reason, touched, recalled)
    except Refused as refused:
        return f"today's rules refuse it: {refused.says} [{refused.rule}]"
    return _reaches_otherwise(recall, record)


def _report_otherwise(reader: Reader, record: Record) -> str:
    """A report of environmental monitoring is decided again where it was signed: whom it concerns, as things stood before it."""
    fact, s = record.facts[0], record.statement
    if not isinstance(fact, EnvironmentReported):
        return ""
    values = {r.name: Entered(value=r.value, unit=r.unit) for r in fact.readings}
    command = ReportEnvironment(
        room=fact.room, started=fact.started, ended=fact.ended, readings=values, why=fact.why, corrects=fact.corrects
    )
    room, _ = reader.room(fact.room, record.position)
    there, _ = reader.touched_in_room(room, record.position)
    protocols = reader.protocols(record.position)
    try:
        report = decide_report(reader.actor(s.account, record.position), command, room, there, protocols, s.recorded)
    except Refused as refused:
        return f"today's rules refuse it: {refused.says} [{refused.rule}]"
    return _reaches_otherwise(report, record)


def _reaches_otherwise(decided: Recall | Reported, record: Record) -> str:
    """Whether a record of the site that reaches into therapies reaches, and says of them, what it would today."""
    if decided.facts == record.facts and set(decided.streams) == set(record.statement.heads) - {own_code(record)}:
        return ""
    names = ", ".join(one.removeprefix("therapy/") for one in decided.streams[1:]) or "nobody"
    return f"today's rules would reach others, or say otherwise of them: {names}"


def _clearing_otherwise(reader: Reader, record: Record) -> str:
    """A room is cleared by another person than the one who changed it over, and only after that."""
    fact, s = record.facts[0], record.statement
    if not isinstance(fact, RoomCleared):
        return ""
    room, _ = reader.room(fact.room, record.position)
    try:
        cleared = clear(reader.actor(s.account, record.position), reader.protocols(record.position), room)
    except Refused as refused:
        return f"today's rules refuse it: {refused.says} [{refused.rule}]"
    return "" if cleared == fact else f"today's rules would clear {room.code} after another changeover"


def _cohort_otherwise(reader: Reader, record: Record) -> str:
    """A cohort that was stopped or opened again is decided again, as its patients stood before it."""
    fact, s = record.facts[0], record.statement
    if not isinstance(fact, CohortStopped | CohortReopened):
        return ""
    try:
        protocol, actor = reader.protocol(fact.digest), reader.actor(s.account, record.position)
        cohort, _ = reader.cohort(protocol, fact.cohort, record.position)
        decide_again = stop_cohort if isinstance(fact, CohortStopped) else reopen_cohort
        again = decide_again(actor, protocol, cohort, fact.reason)
    except Refused as refused:
        return f"today's rules refuse it: {refused.says} [{refused.rule}]"
    return "" if (again,) == record.facts else "today's rules would record other facts of the cohort"


def _suspect(reader: Reader, record: Record, at: datetime) -> str:
    key = reader.log.authority().keys.get(record.statement.key)
    since: datetime | None = key.suspect_since if key else None
    if since is None or at < since:
        return ""
    return f"signed by {record.statement.account} with a key that is suspect since {since:%Y-%m-%d %H:%M} UTC"
