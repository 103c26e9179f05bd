"""Prefect's own API server, embedded: a child process of the driver, on a free loopback port, with SQLite in one
folder.

The driver keeps the LISTENING SOCKET and lends it to each server it starts. That settles three things at once: the
port is chosen without a race; a server that died comes back on the same port; and while it is away the kernel queues
connections, so a re-entry in flight waits for the new server instead of failing.

`server.json` in the folder holds url and pid and is LOCKED by the living server: it inherits the locked descriptor,
so the lock ends with the process whatever ends it. A stale file is one that is not locked; a stale server is one that
holds the lock when a new driver comes.
"""

from __future__ import annotations

import asyncio
import http.client
import importlib.metadata
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from flows.lease import lock, read_json, write_json
from flows.serving import ServerFailed
from flows.settings import environment

_CHILD = Path(__file__).with_name("server_child.py")


class Server:
    """An embedded Prefect server. Use as a context manager, or `start` and `stop`.

    Not thread-safe: one caller at a time (once started, only the task that runs `keep`).

    Attributes:
        generation: how many servers this object has started. When it grows, the last events of the one before may be
            lost: then call `runs.Drawn.abandon`.
    """

    def __init__(self, folder: Path, *, port: int = 0, event_feed: bool = False, templates: Path | None = None) -> None:
        """Bind a loopback port; start nothing.

        Args:
            folder: PREFECT_HOME. The database inside is disposable: deleted, it is refilled from the log.
            port: 0 takes the port of the last time if it is free, so that bookmarks of the UI survive, else any free
                one.
            event_feed: see `settings.environment`.
            templates: a folder for an empty, migrated database, made once for each version of Prefect and copied from
                then on. It turns a cold start (8.5 s, of which 5 are migrations) into a warm one (3.5 s): for tests
                and demonstrations.
        """
        self.folder = folder.absolute()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = self.folder / "server.log"
        self.generation = 0
        self._template = templates and templates / f"prefect-{importlib.metadata.version('prefect')}.db"
        self._process: subprocess.Popen[bytes] | None = None
        self._listening = _listen(port or _last_port(self.folder))
        self.port: int = self._listening.getsockname()[1]
        self.environment = environment(self.folder, self.port, event_feed=event_feed)

    @property
    def url(self) -> str:
        """Of the API; the UI is at the same address without `/api`."""
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def told(self) -> str:
        """A line about what `launch` does."""
        return f"starting Prefect's server at {self.url.removesuffix('/api')}"

    @property
    def pid(self) -> int | None:
        """Of the server, while one runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self, timeout: float = 90.0) -> Self:
        """Start the server and wait until it answers. A server left over from an earlier driver is ended first.

        Raises:
            ServerFailed: it ended, or did not answer within `timeout` seconds; carries the end of its log.
        """
        self.launch()
        return self.wait(timeout)

    def launch(self) -> Self:
        """Start the server and return at once, so that the driver can import Prefect and read its log meanwhile.
        `wait` follows."""
        if self.pid is not None:
            return self
        facts = os.open(self.folder / "server.json", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _end_stale(facts)
            database = self.folder / "prefect.db"
            if self._template is not None and self._template.exists() and not database.exists():
                _copy(self._template, database)
                self._template = None
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", str(_CHILD), str(self._listening.fileno())],
                    stdin=subprocess.PIPE,  # its end of file is how the child learns that this process is gone
                    stdout=log,
                    stderr=log,
                    env={**_without_prefect(), **self.environment},
                    pass_fds=(self._listening.fileno(), facts),  # the lock on server.json now hangs on the child
                )
            write_json(facts, {"url": self.url, "pid": self._process.pid, "driver": os.getpid()})
        finally:
            os.close(facts)
        self.generation += 1
        return self

    def wait(self, timeout: float = 90.0) -> Self:
        """Wait until the server that was launched answers.

        Raises:
            ServerFailed: as `start`.
        """
        began = time.monotonic()
        while not self.healthy():
            if self._process is None or (code := self._process.poll()) is not None:
                raise ServerFailed(
                    f"ended with status {code} while starting" if self._process else "was not started", self.log
                )
            if time.monotonic() - began > timeout:
                self.stop(grace=0)
                raise ServerFailed(f"no answer on {self.url} within {timeout:g} s", self.log)
            time.sleep(0.05)
        if self._template is not None and not self._template.exists() and self.generation == 1:
            self._template.parent.mkdir(parents=True, exist_ok=True)
            _copy(self.folder / "prefect.db", self._template)
        return self

    def healthy(self, timeout: float = 2.0) -> bool:
        """Does it answer now? False while it is starting: the queued connection gets no answer in time."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", "/api/health")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def ensure(self, timeout: float = 90.0) -> bool:
        """Start it again if it has died. Cheap while it lives (one waitpid), so the driver calls it every half second.

        Returns:
            True if it was started again; `generation` has grown.
        """
        if self.pid is not None:
            return False
        self.start(timeout)
        return True

    async def keep(self, every: float = 0.3) -> None:
        """Start the server again whenever it has died, until cancelled. Run it as a task BESIDE the work, not between
        two pieces of it:

        while the server is away the driver's requests wait in the socket's queue, so the work cannot come to its end
        to look.

        Raises:
            ServerFailed: it does not come up again. Let it end the driver; the log is untouched.
        """
        while True:
            await asyncio.to_thread(self.ensure)
            await asyncio.sleep(every)

    def stop(self, grace: float = 8.0) -> None:
        """End the server: asked first, so that it writes the task runs it still holds; killed after `grace` seconds."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(timeout=grace)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def close(self) -> None:
        """Stop the server and give the port back."""
        self.stop()
        self._listening.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def running(folder: Path) -> dict[str, object] | None:
    """The server of a folder as others see it (a CLI's `status`): its url and pid, or None if none lives."""
    try:
        facts = os.open(folder / "server.json", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return None if lock(facts) else read_json(facts)
    finally:
        os.close(facts)


def _end_stale(facts: int, patience: float = 9.0) -> None:
    """Lock server.json; if an older server holds it, wait while it writes its last (its driver is gone), then kill it.

    The pid is sure to be the holder's: the lock says that the process which this pid was written for still lives.
    """
    began = time.monotonic()
    killed = False
    while not lock(facts):
        pid = read_json(facts).get("pid")
        if time.monotonic() - began > patience and isinstance(pid, int) and not killed:
            os.kill(pid, signal.SIGKILL)
            killed = True
        if time.monotonic() - began > 2 * patience:
            raise TimeoutError(f"a server of another driver (pid {pid}) does not end")
        time.sleep(0.05)


def _copy(source: Path, target: Path) -> None:
    """Copy a SQLite database that may be in use (with its write-ahead log), so that `target` appears whole or not at
    all."""
    draft = target.with_suffix(f".{os.getpid()}")
    reader, writer = sqlite3.connect(source), sqlite3.connect(draft)
    try:
        reader.backup(writer)
    finally:
        reader.close()
        writer.close()
    draft.replace(target)


def _listen(port: int) -> socket.socket:
    """A listening socket on loopback: on `port` if it is free, else on any."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
    except OSError:
        listening.bind(("127.0.0.1", 0))
    listening.listen(1024)
    return listening


def _last_port(folder: Path) -> int:
    try:
        facts = os.open(folder / "server.json", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    url = str(read_json(facts).get("url", ""))
    os.close(facts)
    port = url.removesuffix("/api").rpartition(":")[2]
    return int(port) if port.isdigit() else 0


def _without_prefect() -> dict[str, str]:
    """This process's environment without its Prefect settings, so that a stray one can't reach the server."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
