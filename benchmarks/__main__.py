"""`make bench`: every figure beside its peer or its physical limit, in one run on this machine."""

from __future__ import annotations

import platform
import sys
import tempfile
from pathlib import Path

from benchmarks import append, kafka, replay


def main() -> None:
    """Run every benchmark, or those that are named (append, replay, kafka), and print a line for each."""
    wanted = set(sys.argv[1:]) or {"append", "replay", "kafka"}
    print(f"{platform.machine()}, Python {platform.python_version()}; every figure is a ratio measured in this run\n")
    with tempfile.TemporaryDirectory(prefix="unbroken-bench-") as folder:
        if wanted & {"append", "replay"}:
            stage = append.play(Path(folder), lambda line: print(line, file=sys.stderr))
            if "append" in wanted:
                print(append.measure(stage, Path(folder)))
            if "replay" in wanted:
                print(replay.measure(stage))
        if "kafka" in wanted:
            with kafka.broker() as bootstrap:
                for line in kafka.measure(bootstrap, Path(folder)):
                    print(line)


if __name__ == "__main__":
    main()
