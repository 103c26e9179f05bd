"""A process that ends when this one does, however this one ends; see supervisor.py for how."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

SUPERVISOR = Path(__file__).with_name("supervisor.py")


class Child:
    """One running process.

    Args:
        command: the program and its arguments.
        output: takes what it writes; None leaves it on this process's own output.
        grace: seconds it is given to finish when this process is gone; 0 ends it at once.
        remove: a folder that is removed if this process ends without having ended the child.
        hold: descriptors that stay open as long as the process lives, such as that of a lock.
        apart: in a session of its own, so that a terminal's Ctrl-C does not reach it, and without standard input.
    """

    def __init__(
        self,
        command: Sequence[str | os.PathLike[str]],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        output: IO[bytes] | None = None,
        grace: float = 0.0,
        remove: Path | None = None,
        hold: Sequence[int] = (),
        apart: bool = True,
    ) -> None:
        their_control, self._control = os.pipe()
        report, their_report = os.pipe()
        self._report = os.fdopen(report, "r", encoding="ascii")
        arguments = [str(their_control), str(their_report), str(os.getpid()), str(grace), str(remove or "")]
        try:
            self._supervisor = subprocess.Popen(
                [sys.executable, "-I", "-S", str(SUPERVISOR), *arguments, "--", *map(str, command)],
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL if apart else None,
                stdout=output,
                stderr=output,
                pass_fds=(their_control, their_report, *hold),
                start_new_session=apart,
            )
        except BaseException:
            os.close(self._control)
            self._report.close()
            raise
        finally:
            os.close(their_control)
            os.close(their_report)
        self.frozen = False
        word = self._report.readline().split()
        self.pid: int | None = int(word[1]) if word else None  # None: the program could not be started

    @property
    def code(self) -> int | None:
        """Its exit code (128 + N if signal N ended it); None while it runs."""
        return self._supervisor.poll()

    @property
    def running(self) -> bool:
        return self.code is None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it ended.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        return self._supervisor.wait(timeout)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; nothing happens when it has ended."""
        with contextlib.suppress(BrokenPipeError, ValueError):
            os.write(self._control, bytes([number]))

    def freeze(self) -> None:
        """SIGSTOP; returns when the process has stopped."""
        if not self.frozen:
            self.send(signal.SIGSTOP)
            self._await("stopped")
            self.frozen = True

    def thaw(self) -> None:
        """SIGCONT; returns when the process goes on."""
        if self.frozen:
            self.send(signal.SIGCONT)
            self._await("continued")
            self.frozen = False

    def _await(self, word: str) -> None:
        while line := self._report.readline():
            if line.strip() == word:
                return

    def end(self, grace: float = 0.0) -> int:
        """End it and wait until it is gone: asked first (SIGTERM) where there is a grace, killed after. Its exit code."""
        if self.running and grace:
            self.send(signal.SIGTERM)
            self.send(signal.SIGCONT)  # what is frozen can't hear
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._supervisor.wait(grace)
        if self.running:
            self.send(signal.SIGKILL)
        code = self._supervisor.wait()
        self.close()
        return code

    def close(self) -> None:
        """Let go of the pipes: if it still runs, it is ended by its supervisor."""
        if not self._report.closed:
            self._report.close()
            os.close(self._control)
