"""`make bench`: every figure beside its peer or its physical limit, in one run on this machine."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from pathlib import Path

from benchmarks import append, kafka, million, replay


def main() -> None:
    """Run every benchmark, or those that are named, and print a line for each.

    Named append, replay, kafka; and million, which is run only where it is named: it writes and judges a million records first,
    which takes 10 minutes or more and 4 GB of disk.
    """
    wanted = set(sys.argv[1:]) or {"append", "replay", "kafka"}
    print(f"{platform.machine()}, Python {platform.python_version()}; every figure is a ratio measured in this run")
    print(f"{os.cpu_count()} processors; load average of the last minute at the beginning: {os.getloadavg()[0]:.1f}\n")
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
        if "million" in wanted:
            with kafka.broker() as bootstrap:
                for line in million.measure(bootstrap, Path(folder)):
                    print(line, flush=True)


if __name__ == "__main__":
    main()
