"""docs/validation.md holds every requirement and every story as the tests tell them now, and none that failed."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.validation.report import PAGE, STORIES


def collected() -> str:
    """Every story, collected in a process of its own: pytest does not nest."""
    told = subprocess.run(
        [sys.executable, "-c", _COLLECT, str(STORIES)], capture_output=True, text=True, check=False, timeout=120
    )
    assert told.returncode == 0, told.stdout[-2000:] + told.stderr[-2000:]
    return told.stdout.partition("<<<\n")[2]


_COLLECT = """
import sys, pytest
from tests.validation.report import Collecting, page
told = Collecting()
code = pytest.main(["-q", "--collect-only", sys.argv[1]], plugins=[told])
print("<<<")
print(page(told.found.values(), {}), end="")
raise SystemExit(int(code))
"""
_RESULT = re.compile(r"\| [^|]*\|$", re.MULTILINE)


def stories(text: str) -> list[str]:
    """The lines that are there whatever came of them: headings, requirements, sources, stories."""
    kept = [line for line in text.splitlines() if line.startswith(("## ", "**Required", "**Source", "| "))]
    return [_RESULT.sub("", line) for line in kept if not re.match(r"\| (program|study|logs|Python|what) ", line)]


def test_the_report_tells_every_story_as_it_is_now() -> None:
    """Run `make validation` after a story was changed."""
    assert stories(PAGE.read_text(encoding="utf-8")) == stories(collected())


def test_the_report_holds_no_failure() -> None:
    """What does not pass is not validated."""
    told = PAGE.read_text(encoding="utf-8")
    assert "| failed" not in told
    assert "| not run" not in told
    assert told.count("passed on sqlite") > 150
