"""`make validation`: run every story on every log that this machine can start, and write docs/validation.md."""

from __future__ import annotations

import platform
import sqlite3
import sys
from importlib.metadata import version

import pytest

from protocol.decide import RULEBOOK
from tests.stage import study
from tests.validation.report import PAGE, STORIES, Collecting, page


def facts() -> dict[str, str]:
    """What the stories ran with."""
    protocol = study()
    return {
        "program": f"unbroken {version('unbroken')}, rulebook {RULEBOOK}",
        "study": f"{protocol.protocol.id} {protocol.protocol.version}, SHA-256 {protocol.digest}",
        "logs": f"SQLite {sqlite3.sqlite_version}; Apache Kafka where a broker can be started",
        "Python": platform.python_version(),
    }


def main() -> int:
    """Run them; 0 if all passed."""
    told = Collecting()
    code = pytest.main(["-q", str(STORIES), *sys.argv[1:]], plugins=[told])
    PAGE.write_text(page(told.found.values(), facts()), encoding="utf-8")
    print(f"written: {PAGE}")
    return int(code)


if __name__ == "__main__":
    raise SystemExit(main())
