"""The shared gate: what is asked of every step, whatever its kind. Order, authority, holds, scans, time, readiness."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from events.facts.base import Used
from events.identifiers import read_code
from protocol.clocks import moment
from protocol.commands import Perform
from protocol.due import Due, applies, could_apply, of_step
from protocol.labels import check_accounted
from protocol.mismatch import check_standing_still
from protocol.model import Moment, Step, StudyProtocol
from protocol.readiness import check_readiness
from protocol.refusals import refuse
from protocol.scans import Scanned, check_scans
from protocol.state import Instance, Material, Therapy
from protocol.surroundings import Actor, Surroundings

HELD = frozenset(
    "collection labelling hand_over transport receipt process disposition identity_check thaw infusion conditioning".split()
)
"""Kinds that stand still while a wrong item that was presented has not been cleared."""
STOPPED_BY_QUARANTINE = frozenset("process hand_over identity_check thaw infusion".split())
"""Kinds that may not use a quarantined or rejected material."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """What the gate let through: the instance, its times, scans, lots and devices, and the materials it touches."""

    at: Instance
    step: Step
    started: datetime
    ended: datetime
    scanned: Scanned
    used: tuple[Used, ...]
    moves: tuple[str, ...]
    consumed: tuple[str, ...]

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
    check_running(therapy)
    step = known_step(protocol, command.step)
    check_role(step.performed_by, around.actor, f"perform {step.id}")
    due = choose(therapy, protocol, step, command)
    check_independent(therapy, protocol, step, around.actor)
    started, ended = _times(therapy, protocol, due, command, around.now)
    if step.kind in HELD:
        check_standing_still(therapy, started)
    scanned = check_scans(therapy, protocol, step, due.at.material, command.scans, around)
    moves = tuple(m.code for kind in step.moves for m in therapy.live(kind) if not due.at.material)
    moves = moves or ((due.at.material,) if step.moves and due.at.material else ())
    _check_materials(therapy, step, due.at, scanned, moves, started)
    _check_same_item(therapy, protocol, step, scanned)
    consumed = _consumed(therapy, step, due.at, scanned)
    check_accounted(therapy, protocol, step, {due.at.material, *moves, *consumed, *_known(scanned)})
    used = check_readiness(step, command.used, started, around)
    return Admitted(due.at, step, started, ended, scanned, used, moves, consumed)


def check_running(therapy: Therapy) -> None:
    """Refuse what comes after a therapy's end.

    Raises:
        Refused: the therapy does not exist, or is completed.
    """
    if therapy.opened is None:
        raise refuse(
            "order.therapy",
            f"There is no therapy {therapy.id}.",
            "Check the id; a therapy begins with `unbroken open`, which signs the consent.",
            therapy=therapy.id,
        )
    if therapy.completed:
        raise refuse(
            "order.completed",
            f"Therapy {therapy.id} is completed ({therapy.completed.replace('_', ' ')}).",
            "Nothing more is recorded in it, except corrections and what QA decides.",
            therapy=therapy.id,
        )


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


def check_role(roles: tuple[str, ...], actor: Actor, what: str) -> None:
    """Refuse an actor without one of the roles.

    Raises:
        Refused: naming the roles asked for and held.
    """
    if not actor.roles & set(roles):
        raise refuse(
            "authority.role",
            f"{actor.account} may not {what}: it asks for {' or '.join(roles)}, "
            f"the account holds {', '.join(sorted(actor.roles)) or 'no role'}.",
            "Fetch somebody who holds the role; an administrator can change roles.",
            account=actor.account,
            asks=list(roles),
            holds=sorted(actor.roles),
        )


def check_independent(therapy: Therapy, protocol: StudyProtocol, step: Step, actor: Actor) -> None:
    """Refuse a performer who performed one of the steps that `not_by` names (`all`: any step).

    Raises:
        Refused: naming the step that the person performed.
    """
    # Who made an earlier batch is not independent of the therapy; who decided on it may decide on the next.
    earlier = [act for act in therapy.earlier_acts.values() if act.at.step != step.id]
    for act in [*earlier, *therapy.acts.values(), *therapy.pending.values()]:
        if act.by.person == actor.person and ("all" in step.not_by or act.at.step in step.not_by):
            raise refuse(
                "authority.independent",
                f"{actor.account} may not perform {step.id}: {actor.person} performed {act.at} of this therapy.",
                "Somebody who performed none of those steps must do it.",
                person=actor.person,
                performed=str(act.at),
                step=step.id,
            )


def choose(therapy: Therapy, protocol: StudyProtocol, step: Step, command: Perform) -> Due:
    """The instance of a step that a command means.

    Raises:
        Refused: none is open, or several are and it is not said which.
    """
    if not applies(step, therapy):
        why = "has not been offered" if step.reserve else f"is for {_when(step)}"
        raise refuse(
            "order.applies",
            f"Step {step.id} is not on this patient's path: it {why}.",
            "Look at the worklist for what is due.",
            step=step.id,
            undecided=could_apply(step, therapy),
        )
    material = _material(therapy, step, command)
    found = list(of_step(therapy, protocol, step))
    fitting = [
        due for due in found if material in ("", due.at.material) and command.occurrence in (None, due.at.occurrence)
    ]
    # A visit that was missed may still have happened late: what happened can always be told, by name.
    tellable = ("ready", "missed") if command.occurrence and step.visits else ("ready",)
    open_now = [due for due in fitting if due.standing in tellable]
    if len(open_now) == 1 or (open_now and (step.repeat is not None or step.kind == "booking")):
        return open_now[0]
    if open_now:
        names = ", ".join(str(due.at) for due in open_now)
        raise refuse(
            "order.which",
            f"Several instances of {step.id} are open: {names}.",
            "Say which: the occurrence, or scan the material.",
            step=step.id,
            open=names,
        )
    raise _not_open(therapy, step, fitting, command)


def _when(step: Step) -> str:
    return " and ".join(f"{choice} {' or '.join(options)}" for choice, options in step.when.items())


def _material(therapy: Therapy, step: Step, command: Perform) -> str:
    if step.for_each is None:
        return ""
    if command.material:
        return read_code(command.material)
    names = [name for name, spec in step.scans.items() if spec.what == step.for_each]
    codes = {read_code(item.code) for item in command.scans if item.name in names}
    known = codes & set(therapy.materials)
    return known.pop() if len(known) == 1 else ""


def _not_open(therapy: Therapy, step: Step, fitting: list[Due], command: Perform) -> Exception:
    if not fitting:
        what = f" {command.occurrence}" if command.occurrence else ""
        what += f" of {command.material}" if command.material else ""
        return refuse(
            "order.instance",
            f"There is no {step.id}{what} to do.",
            f"It is done for each live {step.for_each}." if step.for_each else "Look at the worklist for what is due.",
            step=step.id,
            occurrence=command.occurrence,
            material=command.material,
        )
    due = fitting[-1]
    if due.standing == "waiting":
        if due.at.material in therapy.materials and therapy.disposition:
            _check_usable(step, therapy.materials[due.at.material])
        return refuse(
            "order.after",
            f"Step {due.at} comes after {', '.join(due.waits_for)}, which {'is' if len(due.waits_for) == 1 else 'are'} "
            "not done.",
            "Do that first; a step that waits for a second signature is not done.",
            step=step.id,
            waits_for=list(due.waits_for),
        )
    if due.standing == "awaiting_second":
        act = therapy.waiting(due.at)
        return refuse(
            "order.pending",
            f"Step {due.at} is signed by {act.by.account if act else '?'} and waits for "
            f"{' or '.join(act.fact.awaits) if act else 'its second signature'}.",
            "Sign second with `unbroken witness`, or let the performer withdraw it.",
            step=step.id,
        )
    words = {"done": "is done already", "missed": "was missed; its window has closed"}
    return refuse(
        "order.done",
        f"Step {due.at} {words.get(due.standing, f'is closed: {therapy.stopped or therapy.completed}')}.",
        "A recorded value is changed with `unbroken correct`; nothing is done twice.",
        step=step.id,
        standing=due.standing,
    )


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
            f"{due.at}: it ended ({ended:%Y-%m-%d %H:%M}) before it started ({started:%Y-%m-%d %H:%M}).",
            "Correct the times.",
            started=started,
            ended=ended,
        )
    for name, first in due.step.predecessors:
        edge: Moment = Moment(step=name, edge="end")
        before = moment(therapy, protocol, edge, due.at.material)
        if before is not None and started < before and not first:
            raise refuse(
                "time.sequence",
                f"{due.at} started {started:%Y-%m-%d %H:%M} UTC, before {name} ended ({before:%Y-%m-%d %H:%M} UTC).",
                "Correct the time; a step cannot begin before the one that it follows.",
                started=started,
                before=before,
                follows=name,
            )
    return started, ended


def _check_materials(
    therapy: Therapy, step: Step, at: Instance, scanned: Scanned, moves: tuple[str, ...], started: datetime
) -> None:
    codes = _known(scanned)
    for code in dict.fromkeys([*codes, *moves, *([at.material] if at.material else [])]):
        _check_usable(step, therapy.materials[code], started)
    for code in moves:
        _check_place(step, therapy.materials[code])
        if code not in codes:
            raise refuse(
                "identity.scan-present",
                f"Step {step.id} hands over every {therapy.materials[code].kind}; {code} has not been scanned.",
                "Scan it too, or let QA dispose of it first; nothing changes hands without a scan.",
                step=step.id,
                code=code,
            )


def _known(scanned: Scanned) -> list[str]:
    return [code for codes in scanned.known.values() for code in codes]


MATCHED = frozenset({"identity_check", "thaw"})
"""Kinds that a bag itself must have gone through: that some bag of this patient did is not enough."""


def _check_same_item(therapy: Therapy, protocol: StudyProtocol, step: Step, scanned: Scanned) -> None:
    """A bag that is thawed or infused is the very bag that was matched, and thawed, on the way here."""
    product = protocol.release.product if protocol.release else ""
    if step.kind not in ("identity_check", "thaw", "infusion"):
        return
    for code in scanned.known.get(product, ()):
        for name in _matching_before(protocol, step):
            if not any(code in {scan.code for scan in act.fact.scans} for act in therapy.of_step(name)):
                raise refuse(
                    "identity.same-item",
                    f"{code} has not gone through {name}; it cannot be used in {step.id}.",
                    "Stop. Scan again: this is another bag than the one that was matched or thawed.",
                    code=code,
                    step=step.id,
                    missing=name,
                )


def _matching_before(protocol: StudyProtocol, step: Step) -> list[str]:
    """The identity checks and thaws that lead to a step without any other kind in between, and scan the product."""
    product = protocol.release.product if protocol.release else ""
    found: list[str] = []
    ahead = [name for name, _ in step.predecessors]
    while ahead:
        before = protocol.by_id[ahead.pop()]
        if before.kind in MATCHED and before.id not in found:
            ahead += [name for name, _ in before.predecessors]
            if any(product in spec.kinds for spec in before.scans.values()):
                found.append(before.id)
    return found


def quarantined_meanwhile(material: Material, started: datetime) -> bool:
    """Whether a quarantine was recorded only after this had begun: then it happened, and is told, not asked for."""
    return material.status == "quarantined" and material.quarantined is not None and started < material.quarantined


def _check_usable(step: Step, material: Material, started: datetime | None = None) -> None:
    stopped = step.kind in STOPPED_BY_QUARANTINE
    told = started is not None and quarantined_meanwhile(material, started)
    if stopped and material.status in ("quarantined", "rejected") and not told:
        raise refuse(
            f"material.{material.status}",
            f"{material.code} is {material.status}{': ' + material.why if material.why else ''}.",
            "QA decides with `unbroken quarantine`; until then nothing is done with it.",
            code=material.code,
            status=material.status,
        )


def _check_place(step: Step, material: Material) -> None:
    # Custody is given from where the material is: a hand-over from another place would leave a gap.
    if step.at is not None and material.place and material.place != step.at:
        raise refuse(
            "custody.place",
            f"{material.code} is at {material.place}, held by {material.holder}; {step.id} gives it from {step.at}.",
            "Hand it over to that place first, so that custody has no gap.",
            code=material.code,
            place=material.place,
            expected=step.at,
        )


def _consumed(therapy: Therapy, step: Step, at: Instance, scanned: Scanned) -> tuple[str, ...]:
    codes: list[str] = []
    for kind in step.consumes:
        chosen = [at.material] if step.for_each == kind else list(scanned.known.get(kind, ()))
        # Where one kind was scanned instead of another, nothing of the other was used up.
        instead = any(
            other in scanned.known for spec in step.scans.values() if kind in spec.kinds for other in spec.kinds
        )
        codes += chosen or ([] if instead else [m.code for m in therapy.live(kind)])
    return tuple(dict.fromkeys(codes))
