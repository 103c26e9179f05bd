"""In which state a therapy rests, and what it waits for, the worst first."""

from __future__ import annotations

from datetime import UTC, datetime

from protocol.model import StudyProtocol
from protocol.state import Therapy
from protocol.worklist.everything import worklist
from protocol.worklist.item import WorkItem

SHOWN = 3
"""How many of the things that wait are shown where there is room for a line; whoever asks for data gets all."""
_STANDS_STILL = frozenset({"hold", "mismatch", "failure", "way_out"})
"""Nothing of this patient goes on before these are decided."""
_GRADES = {"critical": 1, "major": 3, "minor": 5}
_NEVER = datetime.max.replace(tzinfo=UTC)


def resting_state(therapy: Therapy, protocol: StudyProtocol) -> tuple[str, str]:
    """In which state a therapy rests, as a name and a sentence: which step waits for which role."""
    if therapy.completed:
        return "Completed", therapy.completed.replace("_", " ")
    items = [i for i in worklist(therapy, protocol) if i.required]
    if not items:
        return "AwaitingTime", "nothing waits for anybody"
    return _name(items[0]), shown(waits_for(therapy, items))


def waits_for(therapy: Therapy, items: list[WorkItem]) -> list[str]:
    """Everything required that waits, one clause each, the worst first.

    By severity (what stops everything, then what is critical, and so on), then what has missed a limit, then by the next
    limit, then by age.
    """
    missed = {(at.step, at.occurrence) for _, at in therapy.missed}

    def order(item: WorkItem) -> tuple[int, bool, datetime, datetime]:
        late = (item.kind, item.material) in missed or (item.step, item.occurrence) in missed
        return _severity(item), not late, item.due or _NEVER, item.since or _NEVER

    asked = sorted((i for i in items if i.required), key=order)
    return [f"{i.step or i.title}{_more(i)}: waiting for {' or '.join(i.roles)}" for i in asked]


def shown(told: list[str]) -> str:
    """The first of what waits in a line, and how many more there are."""
    more = f" (and {len(told) - SHOWN} more)" if len(told) > SHOWN else ""
    return "; ".join(told[:SHOWN]) + more


def _severity(item: WorkItem) -> int:
    if item.kind in _STANDS_STILL:
        return 0
    if item.grade:
        return _GRADES.get(item.grade, 4)
    return {"alert": 2, "incident": 2, "report": 2, "quarantine": 2}.get(item.kind, 4)


def _name(first: WorkItem) -> str:
    return {
        "perform": "AwaitingStep",
        "second_signature": "AwaitingSignature",
        "hold": "Held",
        "mismatch": "Held",
        "alert": "Alerted",
        "incident": "Incident",
        "failure": "AwaitingSignature",
        "way_out": "AwaitingDecision",
        "quarantine": "Quarantined",
        "deviation": "AwaitingDecision",
        "exception": "AwaitingDecision",
        "grade": "AwaitingSignature",
        "report": "AwaitingReport",
        "dlt": "AwaitingDecision",
    }.get(first.kind, "AwaitingStep")


def _more(item: WorkItem) -> str:
    words = f" {item.occurrence}" if item.occurrence not in ("", "1") else ""
    words += f" of {item.material}" if item.material and item.step else ""
    words += f" (batch {item.batch})" if item.batch > 1 and item.step else ""
    return f"{words} ({item.grade})" if item.grade and not item.step else words
