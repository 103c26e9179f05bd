"""One thing that waits for somebody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

What = Literal[
    "perform",
    "second_signature",
    "late_value",
    "environment",
    "log",
    "hold",
    "mismatch",
    "incident",
    "alert",
    "material",
    "storage",
    "label",
    "failure",
    "way_out",
    "quarantine",
    "deviation",
    "action",
    "exception",
    "grade",
    "amendment",
    "report",
    "dlt",
]


@dataclass(frozen=True, slots=True)
class WorkItem:
    """Something that waits for somebody in one of `roles`; `due` is when a clock of it strikes next.

    `required`: the therapy, or a step, waits for it. `blocks`: the steps that stay shut until it is done.
    `grade`: of the deviation that it is about, where it is about one.
    """

    therapy: str
    kind: What
    step: str
    occurrence: str
    material: str
    title: str
    roles: tuple[str, ...]
    says: str
    act: str | None = None
    since: datetime | None = None
    opens: datetime | None = None
    due: datetime | None = None
    required: bool = True
    batch: int = 1
    blocks: tuple[str, ...] = ()
    grade: str = ""
