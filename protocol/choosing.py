"""Which instance of a step an act is about: the one that is open, or one that is told after the end."""

from __future__ import annotations

from datetime import datetime

from events.errors import Refused
from events.identifiers import read_code
from protocol.commands import Perform
from protocol.due import Due, applies, could_apply, of_step
from protocol.endings import as_if_running, over, untellable
from protocol.handling import check_usable
from protocol.model import Step, StudyProtocol
from protocol.refusals import refuse
from protocol.state import Instance, Therapy


def choose(therapy: Therapy, protocol: StudyProtocol, step: Step, command: Perform, now: datetime) -> Due:
    """The instance that is meant.

    Raises:
        Refused: there is none to do, several are open, or what closed it came before.
    """
    ended = command.ended or command.started or now
    return _told_after_the_end(therapy, protocol, step, command, ended) or _open(therapy, protocol, step, command)


def completed(therapy: Therapy, why: str = "") -> Refused:
    """The refusal of what comes after the end."""
    return refuse(
        "order.completed",
        f"Therapy {therapy.id} is completed ({therapy.completed.replace('_', ' ')}){f': {why}' if why else ''}.",
        "Told may still be what happened before the end, pending results, adverse events, corrections, and what QA decides.",
        therapy=therapy.id,
    )


def _told_after_the_end(
    therapy: Therapy, protocol: StudyProtocol, step: Step, command: Perform, ended: datetime
) -> Due | None:
    """What is told of a patient who withdrew or died, or whose therapy is completed; None where it is asked as ever.

    Raises:
        Refused: it came after what closed it.
    """
    before = as_if_running(therapy, protocol, step)
    if not over(therapy) or not applies(step, before):
        return None
    found = [due for due in _fitting(before, protocol, step, command) if due.standing in _tellable(step, command)]
    still = (
        {due.at for due in of_step(therapy, protocol, step) if due.standing == "ready"}
        if applies(step, therapy)
        else ()
    )
    if not found or any(due.at in still for due in found):
        return None
    if why := untellable(therapy, protocol, step, ended):
        if therapy.completed:
            raise completed(therapy, why)
        raise refuse(
            "order.done",
            f"Step {found[0].at} is closed: {why}.",
            "What happened before that can still be told, with its time; and results and adverse events whenever they come.",
            step=step.id,
            standing="closed",
        )
    return found[0] if len(found) == 1 or step.repeat is not None else None


def _fitting(therapy: Therapy, protocol: StudyProtocol, step: Step, command: Perform) -> list[Due]:
    material = _material(therapy, step, command)
    found = of_step(therapy, protocol, step)
    return [d for d in found if material in ("", d.at.material) and command.occurrence in (None, d.at.occurrence)]


def _tellable(step: Step, command: Perform) -> tuple[str, ...]:
    # A visit that was missed may still have happened late: what happened can always be told, by name.
    return ("ready", "missed") if command.occurrence and step.visits else ("ready",)


def _open(therapy: Therapy, protocol: StudyProtocol, step: Step, command: Perform) -> Due:
    if not applies(step, therapy):
        why = "has not been offered" if step.reserve else f"is for {_when(step)}"
        raise refuse(
            "order.applies",
            f"Step {step.id} is not on this patient's path: it {why}.",
            "Look at the worklist for what is due.",
            step=step.id,
            undecided=could_apply(step, therapy),
        )
    fitting = _fitting(therapy, protocol, step, command)
    open_now = [due for due in fitting if due.standing in _tellable(step, command)]
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
    raise _not_open(therapy, protocol, step, fitting, command)


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


def lacking(therapy: Therapy, protocol: StudyProtocol, due: Due) -> list[str]:
    """What an instance waits for, each by its own name: the occurrence before it, the bag that has not been thawed yet."""
    found: list[str] = []
    for name in due.waits_for:
        if name == due.step.id:
            earlier = due.at._replace(occurrence=str(int(due.at.occurrence) - 1))
            found.append(f"{earlier}{_half(therapy, earlier)}")
            continue
        before = protocol.by_id.get(name)
        open_ = [d for d in of_step(therapy, protocol, before) if _awaited(d, due)] if before else []
        if before is not None and before.kind == "disposition" and not open_:
            found.append(f"{name} (no product is released)")
        found += [f"{d.at}{_half(therapy, d.at)}" for d in open_] or (
            [] if found and found[-1].startswith(name) else [name]
        )
    return list(dict.fromkeys(found))


def _awaited(before: Due, due: Due) -> bool:
    same = before.step.for_each is not None and before.step.for_each == due.step.for_each
    own = not same or before.at.material == due.at.material
    return own and before.standing in ("ready", "waiting", "awaiting_second") and before.required


def _half(therapy: Therapy, at: Instance) -> str:
    return " (signed, and waits for its second signature)" if therapy.waiting(at) is not None else ""


def _not_open(therapy: Therapy, protocol: StudyProtocol, step: Step, fitting: list[Due], command: Perform) -> Refused:
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
    # Of several occurrences the first that is still to come is the one that was meant.
    due = next((d for d in fitting if d.standing in ("awaiting_second", "waiting")), fitting[-1])
    if therapy.completed and due.standing not in ("awaiting_second", "done"):
        return completed(therapy, "")
    if due.standing == "waiting":
        if due.at.material in therapy.materials and therapy.disposition:
            check_usable(step, therapy.materials[due.at.material])
        lacks = lacking(therapy, protocol, due)
        return refuse(
            "order.after",
            f"Step {due.at} comes after {', '.join(lacks)}, which {'is' if len(lacks) == 1 else 'are'} not done.",
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
    if due.standing == "closed" and due.at.material in therapy.materials:
        check_usable(step, therapy.materials[due.at.material])
    words = {"done": "is done already", "missed": "was missed; its window has closed"}
    return refuse(
        "order.done",
        f"Step {due.at} {words.get(due.standing, f'is closed: {therapy.stopped or therapy.completed}')}.",
        "A recorded value is changed with `unbroken correct`; nothing is done twice.",
        step=step.id,
        standing=due.standing,
    )
