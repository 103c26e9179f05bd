"""Changeover of a room: after an open step of a patient whose markers ask for it, and before another patient's cells are opened there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from events.facts.environment import RoomChangedOver, RoomCleared
from protocol.commands.environment import ChangeOver
from protocol.model import Changeover, Consequence, Consequences, Step, StudyProtocol
from protocol.readings import Breach
from protocol.refusals import refuse
from protocol.roles import check_role
from protocol.sensible import check_moments
from protocol.surroundings import Actor, ChangedOver, Interval, Room

RULE = "room.changeover"
_CRITICAL: Consequences = (Consequence(what="deviation", grade="critical"), Consequence(what="quarantine"))
"""What follows where the study of the next patient says nothing of it: as for two patients' cells open in one room."""


def rules(protocols: Sequence[StudyProtocol]) -> list[Changeover]:
    """What the studies of a site say of changeovers."""
    return [p.infection.changeover for p in protocols if p.infection and p.infection.changeover]


def may_change_over(actor: Actor, protocols: Sequence[StudyProtocol]) -> None:
    """Whether somebody may sign that a room was changed over.

    Raises:
        Refused: in no role that a study of this site names.
    """
    check_role([role for rule in rules(protocols) for role in rule.performed_by], actor, "change a room over")


def may_clear(actor: Actor, protocols: Sequence[StudyProtocol]) -> None:
    """Whether somebody may clear a room that was changed over.

    Raises:
        Refused: in no role that a study of this site names.
    """
    check_role([role for rule in rules(protocols) for role in rule.cleared_by], actor, "clear a room")


def change_over(
    actor: Actor, protocols: Sequence[StudyProtocol], room: Room, command: ChangeOver, now: datetime
) -> RoomChangedOver:
    """The record that a room was changed over.

    Raises:
        Refused: not the role, or it lies in the future.
    """
    may_change_over(actor, protocols)
    check_moments(command, now)
    if command.at > now:
        raise refuse(
            "time.future",
            f"The changeover of {room.code}, {command.at:%Y-%m-%d %H:%M} UTC, lies in the future (now {now:%Y-%m-%d %H:%M} UTC).",
            "Sign when it has been done.",
            given=command.at,
            now=now,
        )
    return RoomChangedOver(room=room.code, at=command.at, says=command.says)


def clear(actor: Actor, protocols: Sequence[StudyProtocol], room: Room) -> RoomCleared:
    """The second signature on the last changeover of a room.

    Raises:
        Refused: not the role, there is none to clear, or the same person did it.
    """
    may_clear(actor, protocols)
    waiting = [one for one in room.changeovers if not one.cleared]
    if not waiting:
        raise refuse(
            "room.waits",
            f"No changeover of {room.code} waits to be cleared.",
            "Whoever did it signs first: `unbroken room changeover`.",
            room=room.code,
        )
    last = waiting[-1]
    if last.person == actor.person:
        raise refuse(
            "authority.two-people",
            f"{actor.account} may not clear {room.code}: {actor.person} changed it over.",
            "One person is one person under any account. Fetch another.",
            person=actor.person,
            room=room.code,
        )
    return RoomCleared(room=room.code, changeover=last.link)


def changeover_breaches(
    therapy: str, protocol: StudyProtocol, step: Step, room: Room, started: datetime, ended: datetime, *, soils: bool
) -> list[Breach]:
    """Cells opened in a room that was not changed over since it had to be; and the other way round, what was told late.

    Args:
        soils: whether this patient's own markers ask for a changeover afterwards.
    """
    rule = protocol.infection.changeover if protocol.infection else None
    follows = rule.otherwise if rule else _CRITICAL
    others = [i for i in room.intervals if i.therapy != therapy]
    before = [i for i in others if i.soiled and i.starts < started and not done_between(room, i.ends, started)]
    found = []
    if before:
        last = max(before, key=lambda i: i.ends)
        says = (
            f"{room.code} was not changed over after {_told(last)}, before {step.id} began {started:%Y-%m-%d %H:%M} UTC"
        )
        if waits := _waiting(room, last, started):
            says += f"; the changeover of {waits.at:%Y-%m-%d %H:%M} UTC was not cleared by a second person"
        found.append(Breach(f"{RULE}.{step.id}", follows, "changed over and cleared", _told(last), says))
    after = [i for i in others if soils and i.starts >= ended and not done_between(room, ended, i.starts)]
    if after:
        first = min(after, key=lambda i: i.starts)
        # It has happened: nothing can be refused any more.
        told = tuple(c for c in follows if c.what in ("deviation", "alert")) or _CRITICAL[:1]
        says = f"{room.code} was not changed over after this step, told late, and before {_told(first)}"
        found.append(Breach(f"{RULE}.{step.id}", told, "changed over and cleared", _told(first), says))
    return found


def done_between(room: Room, since: datetime, until: datetime) -> bool:
    """Whether the room was changed over, and cleared, after one patient and before the next."""
    return any(one.cleared and since <= one.at <= until for one in room.changeovers)


def waits_for_changeover(room: Room) -> Interval | None:
    """The last open step after which the room still has to be changed over; None if it is clear."""
    soiled = [i for i in room.intervals if i.soiled]
    last = max(soiled, key=lambda i: i.ends, default=None)
    if last is None or any(one.cleared and one.at >= last.ends for one in room.changeovers):
        return None
    return last


def _waiting(room: Room, after: Interval, until: datetime) -> ChangedOver | None:
    return next((one for one in room.changeovers if not one.cleared and after.ends <= one.at <= until), None)


def _told(interval: Interval) -> str:
    return f"{interval.therapy}, {interval.starts:%Y-%m-%d %H:%M} to {interval.ends:%Y-%m-%d %H:%M} UTC"
