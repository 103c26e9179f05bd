"""Decide about a temperature log that comes after its step, is read again, or is lost."""

from __future__ import annotations

from protocol.commands import ReadLogger
from protocol.consequences import follow
from protocol.decision import Decision
from protocol.logger.deciding import entered_by_people, read_out, still_there
from protocol.model import Step, StudyProtocol
from protocol.refusals import refuse
from protocol.roles import check_role
from protocol.state import Act, Therapy
from protocol.surroundings import Surroundings


def read_logger(
    therapy: Therapy, protocol: StudyProtocol, command: ReadLogger, act: Act, step: Step, around: Surroundings
) -> Decision:
    """What follows from the temperature log of a step that was performed.

    Raises:
        Refused: nothing is said, another log was read and no reason is given, or the figures do not fit the step.
    """
    check_role(
        (*step.performed_by, *(step.second[0] if step.second else ())), around.actor, f"read the log of {step.id}"
    )
    if command.logger is None and command.logger_lost is None:
        raise refuse(
            "record.complete", f"No temperature log of {act.at} is given.", "Give its file, or say that it is lost."
        )
    before = therapy.loggers.get(act.at)
    if before is not None and command.why is None:
        said = f"{before.log.file.sha256[:16]} was read" if before.log else f"it was lost: {before.lost}"
        raise refuse(
            "record.once",
            f"The temperature log of {act.at} is recorded already: {said}.",
            "To count another one instead, say why; both stay on record.",
            step=str(act.at),
        )
    if before is None and command.why is not None:
        raise refuse(
            "correction.recorded",
            f"No temperature log of {act.at} has been recorded.",
            "Only a log that stands is read again; leave the reason out.",
            step=str(act.at),
        )
    written = {reading.name: reading for reading in act.fact.readings}
    typed = entered_by_people(therapy, act.at)
    found = read_out(
        therapy,
        protocol,
        step,
        act.at,
        act.fact.ended,
        command.logger,
        command.logger_lost,
        {**written, **typed},
        command.why,
    )
    follows = follow(therapy, protocol, act.at, found.breaches, still_there(therapy, _touched(act)))
    meaning = "performed" if before is None else "corrected"
    return Decision((*found.facts, *follows), meaning, around.now)


def _touched(act: Act) -> tuple[str, ...]:
    """The materials that the step was done on: moved, made, scanned, ended."""
    scanned = [scan.code for scan in act.fact.scans]
    made = [new.code for new in act.fact.created]
    own = [act.at.material] if act.at.material else []
    return tuple(dict.fromkeys([*own, *act.fact.moves, *scanned, *made, *act.fact.consumed]))
