"""Prefect's API server by itself, as a container runs it: ``python -m flows.serve --host 0.0.0.0 --port 4200``.

Isolated, silent and idle as the driver's own (`flows.settings`), but on a PostgreSQL that is named:

- UNBROKEN_PREFECT_DATABASE (or Prefect's own PREFECT_API_DATABASE_CONNECTION_URL): ``postgresql+asyncpg://user@host/db``;
  ``postgresql://`` serves too. The database needs the extension pg_trgm, or the right to create it; the tables are made
  and brought up to date at the start. Disposable: emptied, the driver fills it from the log.
- UNBROKEN_PREFECT_AUTH: ``user:password``, asked of everybody who calls; the driver has the same variable.
- UNBROKEN_EVENTS: ``yes`` keeps Prefect's events and runs its automations, which may take alerts to any channel.
- PREFECT_HOME: a folder it may write to. Any other PREFECT_ variable that the house does not set is left as it is.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from flows import settings

DATABASE, AUTH, EVENT_FEED = "UNBROKEN_PREFECT_DATABASE", "UNBROKEN_PREFECT_AUTH", "UNBROKEN_EVENTS"
_OWN_DATABASE, _OWN_AUTH = "PREFECT_API_DATABASE_CONNECTION_URL", "PREFECT_SERVER_API_AUTH_STRING"
_NOT_FOR_A_SERVER = {"PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING", "PREFECT_PROFILE"}
_PATIENCE = 60.0  # seconds for the database to come up
USAGE, UNAVAILABLE = 2, 7


class NoDatabase(ValueError):
    """No database is named, or none that two processes could share."""


def environment(given: Mapping[str, str], port: int) -> dict[str, str]:
    """Every Prefect variable of the server, from the process's environment.

    Raises:
        NoDatabase: a sentence that says what to set.
    """
    database = given.get(DATABASE) or given.get(_OWN_DATABASE) or ""
    for short in ("postgresql://", "postgres://"):
        if database.startswith(short):
            database = f"postgresql+asyncpg://{database.removeprefix(short)}"
    if not database.startswith("postgresql+asyncpg://"):
        # The text itself is not repeated: it may hold a password.
        named = "names no PostgreSQL" if database else "is not set"
        raise NoDatabase(f"{DATABASE} {named}. Set it to postgresql+asyncpg://user:password@host/database.")
    left = {name: value for name, value in given.items() if name.startswith("PREFECT_")}
    home = Path(given.get("PREFECT_HOME") or Path.home() / ".prefect")
    ui = given.get("PREFECT_SERVER_UI_API_URL") or f"http://127.0.0.1:{port}/api"
    wanted = left | settings.home(home) | settings.server(ui, database, event_feed=given.get(EVENT_FEED) == "yes")
    auth = given.get(AUTH) or given.get(_OWN_AUTH)
    if auth:
        wanted[_OWN_AUTH] = auth
    return {name: value for name, value in wanted.items() if name not in _NOT_FOR_A_SERVER}


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop; returns 0, 2 where something is not set, 7 where the database can't be used."""
    parser = argparse.ArgumentParser(prog="python -m flows.serve", description="Prefect's API server on PostgreSQL.")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=4200, help="the port (4200)")
    asked = parser.parse_args(arguments)
    try:
        wanted = environment(os.environ, asked.port)
    except NoDatabase as problem:
        return _ended(str(problem), USAGE)
    # Told to stop it ends in order, with 0; uvicorn, once it has shut down, raises the signal once more.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: sys.exit(0))
    settings.apply(wanted)
    Path(wanted["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)
    why = asyncio.run(_reached(wanted[_OWN_DATABASE]))
    if why:
        return _ended(f"Prefect's database cannot be used: {why}.", UNAVAILABLE)
    return _serve(asked.host, asked.port)


async def _reached(database: str) -> str:
    """Wait for the database; returns what stands against it, nothing once it answers."""
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.ext.asyncio import create_async_engine

    end, told = time.monotonic() + _PATIENCE, False
    try:
        engine = create_async_engine(database)
    except SQLAlchemyError:
        return f"{DATABASE} is no URL"
    while True:
        try:
            async with engine.connect() as db:
                await db.execute(text("SELECT 1"))
            await engine.dispose()
            return ""
        except (SQLAlchemyError, OSError) as problem:
            why = str(problem).splitlines()[0]
        if time.monotonic() > end:
            return why
        if not told:
            print(f"waiting for Prefect's database: {why}", file=sys.stderr, flush=True)  # noqa: T201
            told = True
        await asyncio.sleep(1)


def _serve(host: str, port: int) -> int:
    import uvicorn
    from prefect.server.api.server import create_app

    server = uvicorn.Server(
        uvicorn.Config(
            create_app(final=True),
            host=host,
            port=port,
            lifespan="on",
            log_level="warning",
            access_log=False,
            # longer than a client's pool keeps a connection (httpx: 5 s), or a request meets one that is just closing
            timeout_keep_alive=60,
            timeout_graceful_shutdown=5,
        )
    )
    server.run()
    return 0 if server.started else _ended("Prefect's server did not come up; what it said stands above.", UNAVAILABLE)


def _ended(says: str, code: int) -> int:
    print(says, file=sys.stderr)  # noqa: T201  # a container's log; there is no console here
    return code


if __name__ == "__main__":
    sys.exit(main())
