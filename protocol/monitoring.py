"""A report of environmental monitoring: a fact of the room, and of every patient whose cells were open there.

Pure: who was in the room stands in the room's own stream, which each open step extends; `protocol.reader` looks there. So
whoever signs such a step while a result is being reported is either seen here, or sees the result there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from events.facts.base import Fact, Reading, TherapyFact
from events.facts.environment import EnvironmentAttached, EnvironmentReported
from events.facts.steps import StepFact
from events.statement import MOST_STREAMS
from protocol import administration
from protocol.commands.environment import ReportEnvironment
from protocol.consequences import follow
from protocol.decision import MOST_FACTS, room_stream, therapy_stream
from protocol.duration import Begun
from protocol.environment import concerned, excursions, room_of
from protocol.genealogy import touched_by
from protocol.model import Consequence, EnvironmentValue, StudyProtocol
from protocol.readings import Breach, read_value
from protocol.recall import Touched
from protocol.recheck import released
from protocol.refusals import refuse
from protocol.sensible import check_moments
from protocol.state import Act, Therapy
from protocol.surroundings import Actor, Report, Room, Surroundings

AFTER_RELEASE = "environment.after-release"
"""The rule of what follows when a result out of its limits comes after the release."""


class Reported(NamedTuple):
    """What one report says: its facts, and the streams that it extends, the room's first."""

    facts: tuple[Fact, ...]
    streams: tuple[str, ...]


def decide_report(
    actor: Actor,
    command: ReportEnvironment,
    room: Room,
    there: Sequence[Touched],
    protocols: Sequence[StudyProtocol],
    now: datetime,
) -> Reported:
    """The record of a report, with what follows for every patient whom it concerns.

    Args:
        there: every therapy that was in the room at any time, with its study.
        protocols: every adopted study, the newest last: what a value is called, its unit, what is plausible.

    Raises:
        Refused: not the role; a period that is none; a value that no study knows, is implausible, or was reported already for
            the same period and no reason is given; a correction of nothing, without a reason, or of one's own result that was
            out of its limits; or more patients than one record holds.
    """
    administration.monitor(actor)
    check_moments(command, now)
    _check_period(room.code, command.started, command.ended, now)
    old = _corrected(room, command)
    readings = _read(command, protocols, now)
    _check_new(room, command, readings)
    fact = EnvironmentReported(
        room=room.code,
        started=command.started,
        ended=command.ended,
        readings=readings,
        why=command.why,
        corrects=command.corrects,
    )
    new = Report(command.started, command.ended, readings, "")
    if old is not None:
        _check_correction(actor, there, room.code, old, new)
    facts: list[Fact] = [fact]
    streams = [room_stream(room.code)]
    for one in sorted(there, key=lambda one: one.therapy.id):
        reached = reach(one, room.code, new, command.corrects)
        if reached:
            facts += reached
            streams.append(therapy_stream(one.therapy.id))
    if len(facts) > MOST_FACTS or len(streams) > MOST_STREAMS:
        raise refuse(
            "environment.period",
            f"Between {command.started:%Y-%m-%d %H:%M} and {command.ended:%Y-%m-%d %H:%M} UTC cells of {len(streams) - 1} "
            f"patients were open in {room.code}, more than one record holds.",
            "Report it in shorter periods.",
            room=room.code,
            patients=len(streams) - 1,
        )
    return Reported(tuple(facts), tuple(streams))


def _check_period(room: str, started: datetime, ended: datetime, now: datetime) -> None:
    if ended < started:
        raise refuse(
            "time.order",
            f"Monitoring of {room} ended ({ended:%Y-%m-%d %H:%M} UTC) before it started ({started:%Y-%m-%d %H:%M} UTC).",
            "Correct the times.",
            started=started,
            ended=ended,
        )
    if ended > now:
        raise refuse(
            "time.future",
            f"Monitoring of {room}: ended {ended:%Y-%m-%d %H:%M} UTC lies in the future (now {now:%Y-%m-%d %H:%M} UTC).",
            "Report it when it is over; give the time in which the plates lay open, not when they were read.",
            given=ended,
            now=now,
        )


def _read(command: ReportEnvironment, protocols: Sequence[StudyProtocol], now: datetime) -> tuple[Reading, ...]:
    known: dict[str, EnvironmentValue] = {}
    for protocol in protocols:  # the newest study's words are the last
        known |= {value.name: value for value in protocol.environment.values} if protocol.environment else {}
    if unknown := sorted(set(command.readings) - set(known)):
        raise refuse(
            "environment.known",
            f"No study of this site monitors {', '.join(unknown)}.",
            f"Monitored are: {', '.join(known) or 'nothing; no adopted study has an `environment`'}.",
            unknown=unknown,
        )
    if not command.readings and command.corrects is None:
        raise refuse(
            "record.complete",
            f"No result of {command.room} is given.",
            f"Name at least one of: {', '.join(known)}.",
            room=command.room,
        )
    return tuple(
        read_value(value.record, command.readings[name], Begun(now, "UTC"))  # no result of a room is a day
        for name, value in known.items()
        if name in command.readings
    )


def _check_new(room: Room, command: ReportEnvironment, readings: Sequence[Reading]) -> None:
    """A value is reported once for a period; a second result stands beside the first, and says why.

    Raises:
        Refused: it was reported, and no reason is given.
    """
    for report in room.reports:
        same = (report.started, report.ended) == (command.started, command.ended)
        if not same or report.corrected or command.why is not None:
            continue
        for reading in readings:
            if old := next((r for r in report.readings if r.name == reading.name), None):
                raise refuse(
                    "environment.again",
                    f"{reading.name} in {room.code} from {report.started:%Y-%m-%d %H:%M} to {report.ended:%Y-%m-%d %H:%M} UTC "
                    f"was reported already: {old.value} {old.unit or ''}".rstrip()
                    + ".",
                    "That result stays, whatever comes after it. If there is another one, say why (--why). If it was written down "
                    "wrongly: `unbroken room correct`.",
                    room=room.code,
                    name=reading.name,
                    value=old.value,
                )


def _corrected(room: Room, command: ReportEnvironment) -> Report | None:
    """The report that is corrected; None where nothing is.

    Raises:
        Refused: there is none such, it was corrected already, or no reason is given.
    """
    if command.corrects is None:
        return None
    old = next((report for report in room.reports if report.link == command.corrects), None)
    if old is None or old.corrected:
        raise refuse(
            "environment.corrected",
            f"{command.corrects[:16]} is no report of {room.code}{' that stands: it was corrected already' if old else ''}.",
            f"`unbroken room show {room.code}` names each report; correct the one that stands.",
            room=room.code,
            report=command.corrects,
        )
    if command.why is None:
        raise refuse(
            "correction.why",
            f"The correction of what was reported of {room.code} gives no reason.",
            "Say why; a correction without a reason is refused (EU GMP Annex 11).",
            room=room.code,
        )
    return old


def _check_correction(actor: Actor, there: Sequence[Touched], room: str, old: Report, new: Report) -> None:
    """A correction changes something, and nobody corrects her own result from out of its limits to within them.

    Raises:
        Refused: naming the result.
    """
    if (old.started, old.ended, old.readings) == (new.started, new.ended, new.readings):
        raise refuse("correction.changes", f"{room} was reported so already.", "Nothing to correct.", room=room)
    if actor.person != old.person:
        return
    for one in there:
        still = {breach.rule for breach in _out(one, room, new)}
        for breach in _out(one, room, old):
            if breach.rule not in still:
                raise refuse(
                    "environment.own-correction",
                    f"{breach.says}; {actor.account}, who reported it, may not correct it into one that does.",
                    "If it was written down wrongly, another person of quality corrects it from the raw data. The result stays on "
                    "record either way.",
                    room=room,
                    found=breach.found,
                )


def _out(touched: Touched, room: str, report: Report) -> list[Breach]:
    """What a report says out of its limits of one patient's acts."""
    therapy, protocol = touched
    return [
        breach
        for act in _in_room(therapy, room)
        for mine in [concerned(protocol, act.fact, report.started, report.ended, report.readings)]
        for breach in excursions(protocol, act.fact, report.started, report.ended, mine)
    ]


def _in_room(therapy: Therapy, room: str) -> list[Act]:
    acts = [*therapy.every_act.values(), *therapy.pending.values()]
    return sorted((act for act in acts if room_of(act.fact) == room), key=lambda act: act.by.number)


def reach(touched: Touched, room: str, report: Report, corrects: str | None = None) -> list[TherapyFact]:
    """What a report says of one patient: nothing where it concerns no act of theirs, and corrects nothing that did."""
    therapy, protocol = touched
    there = _in_room(therapy, room)
    found = {act.at: concerned(protocol, act.fact, report.started, report.ended, report.readings) for act in there}
    there = [act for act in there if found[act.at]]
    instead = corrects if any(old.link == corrects for old in therapy.environment) else None
    if not there and instead is None:
        return []
    mine = {reading.name for act in there for reading in found[act.at]}
    facts: list[TherapyFact] = [
        EnvironmentAttached(
            therapy=therapy.id,
            room=room,
            started=report.started,
            ended=report.ended,
            readings=tuple(reading for reading in report.readings if reading.name in mine),
            keys=tuple(act.at.key() for act in there),
            report=report.link or None,
            corrects=instead,
        )
    ]
    for act in there:
        breaches = list(excursions(protocol, act.fact, report.started, report.ended, found[act.at]))
        held = _live(therapy, touched_by(therapy, [act]))
        facts += follow(therapy, protocol, act.at, [*breaches, *too_late(therapy, protocol, breaches)], held, facts)
    return facts


def attached(protocol: StudyProtocol, act: StepFact, around: Surroundings) -> tuple[list[TherapyFact], list[Breach]]:
    """What was reported of the room before the act is signed: the results, and those out of their limits."""
    facts: list[TherapyFact] = []
    breaches: list[Breach] = []
    for report in around.rooms[room_of(act)].reports if room_of(act) else ():
        if report.corrected:
            continue
        mine = concerned(protocol, act, report.started, report.ended, report.readings)
        if mine:
            facts.append(
                EnvironmentAttached(
                    therapy=act.therapy,
                    room=room_of(act),
                    started=report.started,
                    ended=report.ended,
                    readings=mine,
                    keys=(act.key,),
                    report=report.link,
                )
            )
            breaches += excursions(protocol, act, report.started, report.ended, mine)
    return facts, breaches


def too_late(therapy: Therapy, protocol: StudyProtocol, breaches: Sequence[Breach]) -> list[Breach]:
    """What follows beside the deviation where the product was released: it is quarantined, and the study's roles hear of it."""
    codes = [code for decided in released(therapy) for code in decided.materials]
    if not codes:
        return []
    roles = protocol.release.alerts if protocol.release else ()
    alerts = tuple(Consequence(what="alert", role=role) for role in roles)
    held = _live(therapy, codes)
    quarantine = (Consequence(what="quarantine"),) if held else ()
    told = (*quarantine, *alerts)
    return [
        breach._replace(rule=AFTER_RELEASE, consequences=told, says=f"after the release: {breach.says}", materials=held)
        for breach in breaches
        if told
    ]


def _live(therapy: Therapy, codes: Sequence[str]) -> tuple[str, ...]:
    known = (therapy.materials[code] for code in codes if code in therapy.materials)
    return tuple(sorted({m.code for m in known if m.live and m.status != "rejected"}))
