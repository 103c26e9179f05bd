"""An amendment that waits for its second person."""

from __future__ import annotations

from protocol.decide.amendments import open_amendment
from protocol.state import Therapy
from protocol.worklist.item import WorkItem


def amendments(therapy: Therapy) -> list[WorkItem]:
    waiting = open_amendment(therapy)
    if waiting is None:
        return []
    fact = waiting.fact
    says = f"to version {fact.version}, {len(fact.changes)} changes: proposed by {waiting.by.account} ({fact.reason})"
    return [
        WorkItem(
            therapy.id, "amendment", "", "", fact.amendment, f"Decide on {fact.amendment}", fact.awaits, says,
            act=waiting.by.link, since=waiting.by.recorded, required=False,
        )
    ]  # fmt: skip
