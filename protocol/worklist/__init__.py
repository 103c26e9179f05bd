"""What waits for whom: steps to perform, second signatures, late values, holds, alerts, quarantines, deviations and their actions."""

from protocol.worklist.everything import worklist
from protocol.worklist.item import What, WorkItem
from protocol.worklist.resting import SHOWN, resting_state, waits_for

__all__ = ["SHOWN", "What", "WorkItem", "resting_state", "waits_for", "worklist"]
