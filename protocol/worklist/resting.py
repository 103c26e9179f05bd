"""In which state a therapy rests: the name that its flow run shows, and a sentence."""

from __future__ import annotations

from protocol.model import StudyProtocol
from protocol.state import Therapy
from protocol.worklist.everything import worklist
from protocol.worklist.item import WorkItem


def resting_state(therapy: Therapy, protocol: StudyProtocol) -> tuple[str, str]:
    """In which state a therapy rests, as a name and a sentence: which step waits for which role."""
    if therapy.completed:
        return "Completed", therapy.completed.replace("_", " ")
    items = [i for i in worklist(therapy, protocol) if i.required]
    if not items:
        return "AwaitingTime", "nothing waits for anybody"
    first = items[0]
    name = {
        "perform": "AwaitingStep",
        "second_signature": "AwaitingSignature",
        "hold": "Held",
        "mismatch": "Held",
        "alert": "Alerted",
        "incident": "Incident",
        "failure": "AwaitingSignature",
        "way_out": "AwaitingDecision",
        "quarantine": "Quarantined",
        "grade": "AwaitingSignature",
        "report": "AwaitingReport",
        "dlt": "AwaitingDecision",
    }.get(first.kind, "AwaitingStep")
    told = [f"{i.step or i.title}{_occurrence(i)}: waiting for {' or '.join(i.roles)}" for i in items[:3]]
    more = f" (and {len(items) - 3} more)" if len(items) > 3 else ""
    return name, "; ".join(told) + more


def _occurrence(item: WorkItem) -> str:
    words = f" {item.occurrence}" if item.occurrence not in ("", "1") else ""
    words += f" of {item.material}" if item.material and item.step else ""
    return f"{words} (batch {item.batch})" if item.batch > 1 and item.step else words
