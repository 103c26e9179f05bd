"""A demo site made once a session without Prefect, copied for each test, and the command line as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def unbroken(site: Path, *words: str, passphrase: str = "", stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run one command as a process of its own, as a person or a script would."""
    environment = {**os.environ, "UNBROKEN_SITE": str(site), "UNBROKEN_PASSPHRASE": passphrase, "COLUMNS": "160"}
    return subprocess.run(
        [sys.executable, "-m", "console", *words],
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
        input=stdin,
        check=False,
    )
