"""What QA decides: quarantines, deviations and their actions, a release by exception."""

from __future__ import annotations

from protocol.blocking import Shut
from protocol.deviations import handling, investigators, lacking, lacking_actions, limit_of, needs_action
from protocol.exceptions import current, roles_of, standing
from protocol.manufacture import open_failure
from protocol.mismatch import stopping
from protocol.model import StudyProtocol
from protocol.state import Deviation, Material, Therapy
from protocol.worklist.item import WorkItem


def quality(therapy: Therapy, protocol: StudyProtocol, shut: Shut) -> list[WorkItem]:
    roles = protocol.qa_roles
    failure = open_failure(therapy)
    lost = failure.ends if failure else ()
    items = [
        WorkItem(therapy.id, "quarantine", "", "", m.code, f"Decide on {m.code}", roles, _quarantined(m))
        for m in sorted(therapy.materials.values(), key=lambda m: m.code)
        if m.live and m.status == "quarantined" and stopping(therapy, m.code) is None and m.code not in lost
    ]
    for deviation in therapy.deviations.values():
        if not deviation.closed:
            items += _deviation(therapy, protocol, deviation, shut)
    return [*items, *_actions(therapy, protocol, shut), *_exception(therapy, protocol)]


def _quarantined(material: Material) -> str:
    """Why a material is in quarantine; where there is more than one cause, each with the number under which it is lifted."""
    if len(material.causes) == 1:
        return f"{material.code} quarantined: {material.why}"
    each = "; ".join(f"{cause.code} {cause.says}" for cause in material.causes)
    return f"{material.code} quarantined, {len(material.causes)} causes to decide on one by one: {each}"


def _exception(therapy: Therapy, protocol: StudyProtocol) -> list[WorkItem]:
    """The next signature of a release by exception; QA's own decision stands in the list as its step."""
    exception, roles = current(therapy), roles_of(protocol)
    if exception is None or roles is None or not standing(therapy, protocol, exception).startswith("waits"):
        return []
    what, whom = ("Accept", roles.accepted_by) if exception.evaluated else ("Evaluate the risks of", roles.evaluated_by)
    failed = ", ".join(f"{c.name} {c.found}" for c in exception.criteria)
    return [
        WorkItem(
            therapy.id, "exception", "", "", exception.code, f"{what} {exception.code}", whom,
            f"{what} {exception.code}, release by exception: {failed}; {exception.reason}",
            act=(exception.evaluated or exception.requested).link, since=exception.requested.recorded,
        )
    ]  # fmt: skip


def _deviation(therapy: Therapy, protocol: StudyProtocol, deviation: Deviation, shut: Shut) -> list[WorkItem]:
    """What a deviation waits for: each thing that its grade asks for, or that a step asks for, and in the end its closure."""
    asked, qa = handling(protocol, deviation).requires, protocol.qa_roles
    closed, assessed = shut.until_closed(deviation), shut.until_assessed(deviation)
    assess = not deviation.impact and ("impact" in asked or bool(assessed))
    told = [
        ("investigation" in asked and deviation.investigation is None, "Investigate", investigators(protocol), closed),
        (assess, "Assess the impact of", qa, (*closed, *assessed) if "impact" in asked else assessed),
        (needs_action(therapy, protocol, deviation), "Plan an action for", qa, closed),
        (not lacking(therapy, protocol, deviation), "Close", qa, closed),
    ]
    return [
        WorkItem(
            therapy.id, "deviation", "", "", deviation.code, f"{what} {deviation.code}", roles,
            f"{what} {deviation.code} {deviation.grade}: {deviation.says}", since=deviation.opened,
            due=limit_of(therapy, protocol, deviation), required=bool(blocks), blocks=tuple(dict.fromkeys(blocks)), grade=deviation.grade,
        )
        for waits, what, roles, blocks in told
        if waits
    ]  # fmt: skip


def _actions(therapy: Therapy, protocol: StudyProtocol, shut: Shut) -> list[WorkItem]:
    items = []
    for action in therapy.actions.values():
        if action.settled or action.checked is not None:
            continue
        to_do = action.done is None
        what = f"Do {action.code}" if to_do else f"Check whether {action.code} was effective"
        whom = f", by {action.owner}" if action.owner and to_do else ""
        roles = (action.role,) if to_do else protocol.qa_roles
        deviation = therapy.deviations.get(action.deviation)
        closes = deviation is not None and action in lacking_actions(therapy, protocol, deviation)
        blocks = shut.until_closed(deviation) if deviation is not None and closes else ()
        items.append(
            WorkItem(
                therapy.id, "action", "", "", action.code, what, roles,
                f"{what} ({action.what}, for {action.deviation}{whom}): {action.says}",
                since=action.done.recorded if action.done else action.planned.recorded,
                due=action.due if to_do else None, required=bool(blocks), blocks=blocks,
            )
        )  # fmt: skip
    return items
