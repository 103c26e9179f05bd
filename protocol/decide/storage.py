"""Decide about where material lies: apart, where its patient's infection markers ask for it, and else with the others."""

from __future__ import annotations

from events.facts.storage import MaterialStored
from events.identifiers import one_line, read_code
from protocol.commands.storage import StorageCommand
from protocol.decision import Decision
from protocol.gate import check_opened
from protocol.infection import check_position, look
from protocol.model import StudyProtocol
from protocol.refusals import refuse
from protocol.roles import check_role
from protocol.state import Therapy
from protocol.surroundings import Surroundings


def decide_storage(
    therapy: Therapy, protocol: StudyProtocol, command: StorageCommand, around: Surroundings
) -> Decision:
    """What follows when material is put into another position.

    Raises:
        Refused: the study keeps no positions, not the role, material that is not there, or a position where it may not lie.
    """
    check_opened(therapy)
    infection = protocol.infection
    apart = infection.segregated if infection else None
    if infection is None or apart is None:
        raise refuse(
            "storage.known",
            f"Protocol {protocol.protocol.id} says of no position whether it is segregated.",
            "Correct the position in the step that recorded it; or add `infection.segregated` to the study.",
        )
    steps = [protocol.by_id[source.partition(".")[0]] for source in apart.records]
    roles = [role for step in steps for role in (*step.performed_by, *(step.second[0] if step.second else ()))]
    check_role(tuple(dict.fromkeys([*roles, *protocol.qa_roles])), around.actor, "store material")
    codes = tuple(dict.fromkeys(read_code(code) for code in command.materials))
    gone = [code for code in codes if code not in therapy.materials or not therapy.materials[code].live]
    if gone or not codes:
        there = ", ".join(sorted(m.code for m in therapy.materials.values() if m.live)) or "nothing"
        raise refuse(
            "identity.material-live",
            f"{', '.join(gone) or 'No material'} is not there to be stored.",
            f"Live material of {therapy.id}: {there}.",
            materials=gone,
        )
    position = one_line(command.position)
    if not position:
        raise refuse("record.complete", "The position is not named.", "Scan or type where it lies now.")
    check_position(look(therapy, infection), position, ", ".join(codes))
    fact = MaterialStored(therapy=therapy.id, materials=codes, position=position, reason=command.reason)
    return Decision((fact,), "performed", around.now)
