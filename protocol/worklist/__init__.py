"""What waits for whom: steps to perform, second signatures, late values, holds, alerts, quarantines, deviations and their actions."""

from protocol.worklist.everything import worklist
from protocol.worklist.item import What, WorkItem
from protocol.worklist.resting import resting_state

__all__ = ["What", "WorkItem", "resting_state", "worklist"]
