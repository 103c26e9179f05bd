"""A real Kafka broker on this machine, for as long as it is wanted: `python -m tests.servers kafka [-- COMMAND ...]`.

With a COMMAND it is there for that command, which finds its address in UNBROKEN_KAFKA; the exit code is the command's.
Without, until Ctrl-C. Nothing stays behind, however this program ends: every process it starts has a supervisor.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from tests.servers.addresses import GIVEN
from tests.servers.child import Child
from tests.servers.errors import FolderRefused, NotStarted, PartMissing

if TYPE_CHECKING:
    from tests.servers.kafka import Cluster

UNAVAILABLE = 7  # exit code: there is no broker, and the line before says why
_NOT_FOUND = 127
_GRACE = 10.0  # seconds a command is given to finish once this program was told to end


class Ended(BaseException):
    """A signal told this program to end. No Exception: nothing on the way may take it for an error of its own."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
        self.code = 128 + number


def main(arguments: Sequence[str]) -> int:
    ours, command = _split(arguments)
    options = _parser().parse_args(ours)
    if command and shutil.which(command[0]) is None:
        _say(f"{command[0]}: there is no such command")
        return _NOT_FOUND
    _hear_signals()
    try:
        return _with_broker(options, command)
    except Ended as ended:
        return ended.code
    except (PartMissing, FolderRefused, NotStarted) as refused:
        _say(f"kafka: {refused}")
    except ImportError as error:
        _say(f"kafka: the package {error.name} is not installed (`make servers`)")
    except OSError as error:
        _say(f"kafka: {error}")
    return UNAVAILABLE


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    words = list(arguments)
    if "--" not in words:
        return words, []
    at = words.index("--")
    return words[:at], words[at + 1 :]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.servers", usage="%(prog)s kafka [--data DIR] [--fresh] [--nodes N] [-- COMMAND ...]"
    )
    parser.add_argument("server", choices=["kafka"])
    parser.add_argument("--data", type=Path, metavar="DIR", help="keep its data there; a temporary folder otherwise")
    parser.add_argument("--fresh", action="store_true", help="forget what an earlier broker left in DIR")
    parser.add_argument("--nodes", type=int, default=1, choices=[1, 3], help="a cluster of three instead of one")
    return parser


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _hear_signals() -> None:
    def hear(number: int, _frame: object) -> NoReturn:
        raise Ended(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # under nohup it stays ignored
            signal.signal(number, hear)


def _with_broker(options: argparse.Namespace, command: list[str]) -> int:
    from tests.servers.jars import kafka_jars
    from tests.servers.kafka import Cluster

    try:
        kafka_jars(_say)
    except Ended as ended:
        os._exit(ended.code)  # an orderly exit would wait for the downloads that are under way
    cluster = Cluster(options.nodes, data=options.data, fresh=options.fresh, say=_say)
    try:
        cluster.start()
        print(f"{GIVEN}={cluster.bootstrap}", flush=True)
        if command:
            return _run(command, cluster)
        if options.data:
            _say(f"kafka: its data are kept in {options.data}")
        _say("kafka: Ctrl-C ends it")
        return _watch(cluster)
    finally:
        try:
            cluster.close()
        except Ended:  # told twice: no more order
            cluster.kill()


def _run(command: list[str], cluster: "Cluster") -> int:
    """Run it on this terminal, with the broker's address in its environment."""
    child = Child(command, env={**os.environ, GIVEN: cluster.bootstrap}, grace=_GRACE, apart=False)
    try:
        return child.wait()
    except Ended as ended:
        # Python and many others drop everything on SIGTERM; who got Ctrl-C is given the time to finish in its own way.
        if ended.number == signal.SIGINT:
            if not _terminal_told_everybody():
                child.send(signal.SIGINT)
            try:
                child.wait(_GRACE)
            except (subprocess.TimeoutExpired, Ended):
                _say(f"kafka: {command[0]} is still running; it is ended")
        raise
    finally:
        child.end(_GRACE)


def _terminal_told_everybody() -> bool:
    """Whether Ctrl-C on the terminal reaches the command without us, for it is in the same foreground group."""
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


def _watch(cluster: "Cluster") -> int:
    while True:
        time.sleep(0.5)
        for number, node in cluster.nodes.items():
            if not node.running:
                _say(f"kafka: node {number} ended by itself. The end of what it wrote:\n{node.tail()}")
                return UNAVAILABLE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
