"""The shared gate: what is asked of every step, whatever its kind. Order, authority, holds, scans, time, readiness."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from events.facts.base import Used
from protocol.choosing import choose, completed
from protocol.clocks import moment
from protocol.cohorts import check_cohort
from protocol.commands import Perform
from protocol.due import Due
from protocol.duration import Begun
from protocol.handling import check_materials, check_same_item, check_used_up, consumed_by, known_codes
from protocol.happened import check_assessed
from protocol.infection import check_plan
from protocol.labels import check_accounted
from protocol.mismatch import check_standing_still
from protocol.model import Moment, Step, StudyProtocol
from protocol.readiness import check_readiness
from protocol.refusals import refuse
from protocol.release import judged_on
from protocol.roles import check_role
from protocol.scans import Scanned, check_scans
from protocol.state import Instance, Therapy
from protocol.surroundings import Actor, Surroundings

HELD = frozenset(
    "collection labelling hand_over transport receipt process disposition identity_check thaw infusion conditioning".split()
)
"""Kinds that stand still while a wrong item that was presented has not been cleared."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """What the gate let through: the instance, its times, the zone of its place, scans, lots and devices, the materials it touches."""

    at: Instance
    step: Step
    started: datetime
    ended: datetime
    zone: str
    scanned: Scanned
    used: tuple[Used, ...]
    moves: tuple[str, ...]
    consumed: tuple[str, ...]

    @property
    def began(self) -> Begun:
        """When it began, and where."""
        return Begun(self.started, self.zone)

    @property
    def done(self) -> Begun:
        """When it ended, and where."""
        return Begun(self.ended, self.zone)

    @property
    def touched(self) -> tuple[str, ...]:
        """The materials that a quarantine after this act would hold."""
        if self.at.material:
            return (self.at.material,)
        known = [code for codes in self.scanned.known.values() for code in codes]
        new = [material.code for material in self.scanned.created]
        return tuple(dict.fromkeys([*known, *self.moves, *new]))


def admit(therapy: Therapy, protocol: StudyProtocol, command: Perform, around: Surroundings) -> Admitted:
    """Ask a step everything that is asked of every step.

    Raises:
        Refused: naming the rule, the values, and what to do.
        WrongItem: an item of another patient was presented.
    """
    check_opened(therapy)
    step = known_step(protocol, command.step)
    check_role(step.performed_by, around.actor, f"perform {step.id}")
    check_plan(therapy, protocol, step)
    due = choose(therapy, protocol, step, command, around.now)
    check_independent(therapy, protocol, step, around.actor)
    started, ended = _times(therapy, protocol, due, command, around.now)
    check_cohort(therapy, protocol, step, around.cohort, started)
    if step.kind in HELD:
        check_standing_still(therapy, started)
    check_assessed(therapy, step)
    scanned = check_scans(therapy, protocol, step, due.at.material, command.scans, around)
    moves = tuple(m.code for kind in step.moves for m in therapy.live(kind) if not due.at.material)
    moves = moves or ((due.at.material,) if step.moves and due.at.material else ())
    check_materials(therapy, step, due.at, scanned, moves, started)
    check_same_item(therapy, protocol, step, scanned)
    consumed = consumed_by(therapy, step, due.at, scanned)
    check_used_up(therapy, step, due.at, consumed, started)
    check_accounted(therapy, protocol, step, {due.at.material, *moves, *consumed, *known_codes(scanned)})
    used = check_readiness(step, command.used, started, around)
    return Admitted(due.at, step, started, ended, around.zone, scanned, used, moves, consumed)


def check_opened(therapy: Therapy) -> None:
    """Refuse what is said of a therapy that nobody opened.

    Raises:
        Refused: the therapy does not exist.
    """
    if therapy.opened is None:
        raise refuse(
            "order.therapy",
            f"There is no therapy {therapy.id}.",
            "Check the id; a therapy begins with `unbroken open`, which signs the consent.",
            therapy=therapy.id,
        )


def check_running(therapy: Therapy) -> None:
    """Refuse what comes after a therapy's end.

    Raises:
        Refused: the therapy does not exist, or is completed.
    """
    check_opened(therapy)
    if therapy.completed:
        raise completed(therapy)


def known_step(protocol: StudyProtocol, name: str) -> Step:
    """The step of this name.

    Raises:
        Refused: the protocol has no such step.
    """
    if name not in protocol.by_id:
        close = [s for s in protocol.by_id if name[:4] in s]
        raise refuse(
            "order.step-known",
            f"Protocol {protocol.protocol.id} has no step {name}.",
            f"Its steps are: {', '.join(close or protocol.by_id)}.",
            step=name,
        )
    return protocol.by_id[name]


def check_independent(therapy: Therapy, protocol: StudyProtocol, step: Step, actor: Actor) -> None:
    """Refuse a performer who performed one of the steps that `not_by` names (`all`: any step), or touched what it says.

    Whoever releases touched no value either that a criterion looks at, whatever `not_by` names.

    Raises:
        Refused: naming the step, and what the person did there.
    """
    # Who made an earlier batch is not independent of the therapy; who decided on it, or on another bag, may decide again.
    acts = [*therapy.every_act.values(), *therapy.pending.values()]
    barred = set(step.not_by)
    performed = [(act.at, "performed") for act in acts if actor.person in act.performers and _of(act.at, step, barred)]
    barred |= judged_on(protocol) if step.kind == "disposition" else set()
    touched = [(h.at, h.did) for h in therapy.hands if h.person == actor.person and _of(h.at, step, barred)]
    for at, did in (*performed, *touched):
        raise refuse(
            "authority.independent",
            f"{actor.account} may not perform {step.id}: {actor.person} {did} {at} of this therapy.",
            "Somebody must do it who performed none of those steps, and neither entered, corrected nor set aside what they say.",
            person=actor.person,
            performed=str(at),
            did=did,
            step=step.id,
        )


def _of(at: Instance, step: Step, barred: set[str]) -> bool:
    return at.step != step.id and ("all" in barred or at.step in barred)


def _times(
    therapy: Therapy, protocol: StudyProtocol, due: Due, command: Perform, now: datetime
) -> tuple[datetime, datetime]:
    ended = command.ended or command.started or now
    started = command.started or ended
    for name, moment_ in (("started", started), ("ended", ended)):
        if moment_ > now:
            raise refuse(
                "time.future",
                f"{due.at}: {name} {moment_:%Y-%m-%d %H:%M:%S %Z} lies in the future (now {now:%Y-%m-%d %H:%M:%S} UTC).",
                "Sign when it has happened, and check the clock of this computer.",
                given=moment_,
                now=now,
            )
    if ended < started:
        raise refuse(
            "time.order",
            f"{due.at}: it ended ({ended:%Y-%m-%d %H:%M} UTC) before it started ({started:%Y-%m-%d %H:%M} UTC).",
            "Correct the times.",
            started=started,
            ended=ended,
        )
    check_sequence(therapy, protocol, due.step, due.at, started)
    return started, ended


def check_sequence(therapy: Therapy, protocol: StudyProtocol, step: Step, at: Instance, started: datetime) -> None:
    """Refuse a time that lies before the end of what comes before.

    Raises:
        Refused: naming both times.
    """
    for name, first in step.predecessors:
        edge: Moment = Moment(step=name, edge="end")
        before = moment(therapy, protocol, edge, at.material)
        if before is not None and started < before.at and not first:
            raise refuse(
                "time.sequence",
                f"{at} started {started:%Y-%m-%d %H:%M} UTC, before {name} ended ({before.at:%Y-%m-%d %H:%M} UTC).",
                "Correct the time; a step cannot begin before the one that it follows.",
                started=started,
                before=before.at,
                follows=name,
            )
