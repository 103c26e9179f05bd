"""`make bench`: every figure beside its peer or its physical limit, in one run on this machine."""

from __future__ import annotations

import platform
import sys
import tempfile
from pathlib import Path

from benchmarks import append, replay


def main() -> None:
    """Run every benchmark and print a line for each."""
    print(f"{platform.machine()}, Python {platform.python_version()}; every figure is a ratio measured in this run\n")
    with tempfile.TemporaryDirectory(prefix="unbroken-bench-") as folder:
        stage = append.play(Path(folder), lambda line: print(line, file=sys.stderr))
        print(append.measure(stage, Path(folder)))
        print(replay.measure(stage))


if __name__ == "__main__":
    main()
