"""Environmental monitoring that has not come: the release waits for it."""

from __future__ import annotations

from itertools import groupby

from protocol.administration import QA
from protocol.blocking import Shut
from protocol.environment import Missing, missing
from protocol.model import StudyProtocol
from protocol.state import Instance, Therapy
from protocol.worklist.item import WorkItem


def environment(therapy: Therapy, protocol: StudyProtocol, shut: Shut) -> list[WorkItem]:
    """For each open step whose results are not complete, one line that names every value and the time it lacks."""
    found = groupby(missing(therapy, protocol), key=lambda gap: gap.at)
    return [_item(therapy, at, list(gaps), shut.by_environment()) for at, gaps in found]


def _item(therapy: Therapy, at: Instance, gaps: list[Missing], blocks: tuple[str, ...]) -> WorkItem:
    room, since = gaps[0].room, min(gap.since for gap in gaps)
    told = "; ".join(f"{gap.value.name} {gap.span}" for gap in gaps)
    return WorkItem(
        therapy.id, "environment", at.step, at.occurrence, at.material, f"Environmental monitoring of {room}", (QA,),
        f"{room}, {at}: missing {told} UTC", since=since, required=bool(blocks), batch=at.batch,
        blocks=blocks,
    )  # fmt: skip
