"""What waits for safety: grades that are computed and not signed."""

from __future__ import annotations

from protocol.grading import gradings_of, proposed, unsigned
from protocol.model import StudyProtocol
from protocol.state import Instance, Therapy
from protocol.worklist.item import WorkItem


def safety(therapy: Therapy, protocol: StudyProtocol) -> list[WorkItem]:
    """One entry for each visit with grades to sign: a physician signs them together."""
    known = {grading.id: grading for grading in gradings_of(protocol)}
    visits: dict[Instance, list[str]] = {}
    for graded in unsigned(therapy):
        visits.setdefault(graded.at, []).append(graded.proposed.grading)
    items = []
    for at, names in visits.items():
        signers = [role for name in names if name in known for role in known[name].signed_by]
        told = "; ".join(f"{name} {proposed(therapy.safety.grades[name, at])}" for name in names)
        items.append(
            WorkItem(
                therapy.id, "grade", at.step, at.occurrence, at.material, f"Sign the grades of {at.occurrence}",
                tuple(dict.fromkeys(signers)), f"proposed: {told}",
                since=therapy.safety.grades[names[0], at].by.recorded, batch=at.batch,
            )
        )  # fmt: skip
    return items
