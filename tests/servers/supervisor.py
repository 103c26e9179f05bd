"""Holds one process for its parent and never outlives either. Run by child.py, never by hand: `python supervisor.py
CONTROL REPORT PARENT GRACE REMOVE -- COMMAND ...`.

CONTROL is a pipe whose other end only the parent holds: the kernel closes it when the parent ends, by kill -9 too, and
then the process is ended (SIGKILL also ends what SIGSTOP froze). Each byte that arrives is a signal for the process, so
the parent never signals by a process id that may have been given to somebody else by then. REPORT is a pipe on which
this says "started PID", "stopped" and "continued". PDEATHSIG in the parent's place would do less: it fires when the
THREAD that forked ends. Here it is safe, for this program has only one thread; it covers a kill -9 of this program.

Imports nothing of the project: it must start in a few milliseconds and run with `python -I -S`.
"""

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import time

_LOOK = 0.5  # seconds between looks at who the parent is: a child it forked may hold CONTROL open after its death
_SET_PDEATHSIG, _SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class _Held:
    def __init__(self, command: list[str], report: int) -> None:
        self._report = report
        self.code: int | None = None
        try:
            self._process = subprocess.Popen(command, preexec_fn=_die_with_supervisor)  # kept: its __del__ would reap
        except OSError as error:
            print(f"{command[0]}: {error.strerror}", file=sys.stderr)
            self.code = 127
        else:
            self._pid = self._process.pid
            self._say(f"started {self._pid}")

    def _say(self, word: str) -> None:
        with contextlib.suppress(OSError):  # nobody listens any more
            os.write(self._report, f"{word}\n".encode())

    def look(self) -> None:
        """Reap whatever ended, and tell how the process fares."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid != self._pid:
                continue
            if os.WIFSTOPPED(status):
                self._say("stopped")
            elif os.WIFCONTINUED(status):
                self._say("continued")
            else:
                code = os.waitstatus_to_exitcode(status)
                self.code = code if code >= 0 else 128 - code

    def signal(self, number: int) -> None:
        if self.code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, number)

    def end(self, grace: float) -> None:
        """End it: asked first where there is a grace, hard after."""
        if grace:
            self.signal(signal.SIGTERM)
            self.signal(signal.SIGCONT)
            limit = time.monotonic() + grace
            while self.code is None and time.monotonic() < limit:
                time.sleep(0.02)
                self.look()
        self.signal(signal.SIGKILL)
        while self.code is None:
            time.sleep(0.005)
            self.look()


def _die_with_supervisor() -> None:
    if _LIBC is not None:
        _LIBC.prctl(_SET_PDEATHSIG, signal.SIGKILL)


def _end_orphans() -> None:
    """End what the process left running. On Linux it was handed to this program, the nearest subreaper; elsewhere not."""
    limit = time.monotonic() + 5
    while time.monotonic() < limit:
        try:
            with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as stream:
                orphans = [int(pid) for pid in stream.read().split()]
        except OSError:
            return
        if not orphans:
            return
        for pid in orphans:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.005)


def main() -> int:
    control, report, parent, grace, remove = sys.argv[1:6]
    if _LIBC is not None:
        _LIBC.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    # The whole terminal group gets Ctrl-C: the parent decides what follows. A handler, not SIG_IGN, which is inherited.
    for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda _number, _frame: None)
    held = _Held(sys.argv[7:], int(report))
    orphaned = False
    while held.code is None and not orphaned:
        ready, _, _ = select.select([int(control), woken], [], [], _LOOK)
        if woken in ready:
            os.read(woken, 1024)
        held.look()
        if int(control) in ready:
            numbers = os.read(int(control), 64)
            orphaned = not numbers
            for byte in numbers:
                held.signal(byte)
        orphaned = orphaned or os.getppid() != int(parent)
    if orphaned:
        held.end(float(grace))
    _end_orphans()
    if orphaned and remove:
        shutil.rmtree(remove, ignore_errors=True)
    return held.code or 0


if __name__ == "__main__":
    sys.exit(main())
