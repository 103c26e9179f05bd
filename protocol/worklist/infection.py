"""What the infection markers ask for: a step that is done on demand is shown while it is wanted, with the reason."""

from __future__ import annotations

from protocol.administration import QA
from protocol.infection import again_wanted, look, plan_needed, wrongly_stored
from protocol.model import Step, StudyProtocol
from protocol.state import Therapy
from protocol.worklist.item import WorkItem


def wanted(therapy: Therapy, protocol: StudyProtocol, step: Step) -> str:
    """Why a step that is done on demand is wanted now, in words; nothing where it is only possible."""
    infection = protocol.infection
    if infection is None:
        return ""
    if infection.plan is not None and step.id == infection.plan.step:
        return ", ".join(plan_needed(therapy, protocol))
    return again_wanted(therapy, protocol) if step.id in infection.recorded_in else ""


def storage(therapy: Therapy, protocol: StudyProtocol) -> list[WorkItem]:
    """Material that lies among the others although its patient's markers ask for a place apart."""
    infection = protocol.infection
    markers = look(therapy, infection) if infection else None
    if infection is None or markers is None or infection.segregated is None:
        return []
    begins = " or ".join(infection.segregated.positions)
    roles = tuple(dict.fromkeys([*protocol.qa_roles, QA]))
    return [
        WorkItem(
            therapy.id, "storage", "", "", code, f"Store {code} apart", roles,
            f"{lies}, which is not segregated ({begins}); infection markers {markers.told()}", required=False,
        )
        for code, lies in wrongly_stored(therapy, protocol, markers).items()
    ]  # fmt: skip
