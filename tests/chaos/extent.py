"""How much of the faults runs: a part every day, all of it with CI=true, and for hours with UNBROKEN_CHAOS=long.

UNBROKEN_CHAOS=ci runs on any machine what CI does; UNBROKEN_CHAOS_SEED repeats a random run.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable
from typing import Any

import pytest

CHOSEN = os.environ.get("UNBROKEN_CHAOS", "").lower()
LONG = CHOSEN == "long"
WHOLE = LONG or CHOSEN == "ci" or os.environ.get("CI", "").lower() in {"true", "1"}

whole_only = pytest.mark.skipif(
    not WHOLE, reason="takes too long for every day: runs with CI=true or UNBROKEN_CHAOS=ci"
)

long_only = pytest.mark.skipif(not LONG, reason="runs with UNBROKEN_CHAOS=long")


def sized(everyday: int, whole: int, long: int) -> int:
    """How often, or how many."""
    return long if LONG else whole if WHOLE else everyday


def first(cases: Iterable[Any], everyday: int = 1) -> list[Any]:
    """All cases of a test, of which so many run every day."""
    return [case if n < everyday else pytest.param(case, marks=whole_only) for n, case in enumerate(cases)]


def seed() -> int:
    """The seed of a random run, printed so that the run can be repeated."""
    chosen = int(os.environ.get("UNBROKEN_CHAOS_SEED") or random.SystemRandom().randrange(2**32))
    print(f"UNBROKEN_CHAOS_SEED={chosen}")
    return chosen
