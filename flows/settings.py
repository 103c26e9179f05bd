"""How Prefect is set in this house: isolated in one folder, silent on the network, and idle when nothing is signed.

Prefect reads its environment when it is first imported, so the driver applies this BEFORE `import prefect`; this file
therefore imports nothing of Prefect. The server child gets the same environment, so the two can never disagree.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_SERVICES_OFF = (
    # Each of these polls the database for something this house does not use.
    "PAUSE_EXPIRATIONS",  # every 5 s over all PAUSED runs: 66 % of a core with 10,000 waiting therapies
    "SCHEDULER",  # no deployments, so nothing to schedule
    "LATE_RUNS",  # nothing is scheduled, so nothing can be late
    "FOREMAN",  # no work pools
    "CANCELLATION_CLEANUP",  # a therapy is never cancelled in Prefect
    "REPOSSESSOR",  # no concurrency leases: slots of weeks belong in the log
    "CLEANUP_RECONCILER",  # no worker channel
)


def environment(folder: Path, port: int, *, event_feed: bool = False) -> dict[str, str]:
    """Every variable for a driver and the server that is its child.

    Args:
        folder: PREFECT_HOME; holds the database, server.json and the log. Private to one site.
        port: the loopback port that the server will answer on.
        event_feed: keep Prefect's own events too, for its UI's event page and its automations. They are lossy, cost
            about as much as the task runs themselves, and nothing here reads them, so the default is no. An automation that
            takes alerts to a channel (`flows.channels`) needs them: UNBROKEN_EVENTS=yes.
    """
    url = f"http://127.0.0.1:{port}/api"
    database = f"sqlite+aiosqlite:///{folder / 'prefect.db'}"
    return home(folder) | client(url) | server(url, database, event_feed=event_feed)


def home(folder: Path) -> dict[str, str]:
    """Where Prefect keeps what it keeps, and silence: with these no connection leaves for anybody but the server."""
    return {
        "PREFECT_HOME": str(folder),
        # a profile of the person who starts it must not leak in
        "PREFECT_PROFILES_PATH": str(folder / "profiles.toml"),
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
        "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
    }


def client(url: str, auth: str = "") -> dict[str, str]:
    """For the driver.

    Args:
        url: of the server's API.
        auth: ``user:password``, where the server asks for it.
    """
    return {
        "PREFECT_API_URL": url,
        **({"PREFECT_API_AUTH_STRING": auth} if auth else {}),
        # never a second, hidden server: without the url Prefect would start one of its own
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
        "PREFECT_LOGGING_TO_API_ENABLED": "false",  # each line would be a row in Prefect's database
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",  # else each client first asks for a token, in vain
        "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",  # driver and server are one installation
        "PREFECT_API_REQUEST_TIMEOUT": "120",  # longer than a restart of the server: requests wait for it
        "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",  # results are in the log
    }


def server(ui_url: str, database: str, *, event_feed: bool = False) -> dict[str, str]:
    """For the server.

    Args:
        ui_url: the API as a browser reaches it.
        database: ``sqlite+aiosqlite:///...`` or ``postgresql+asyncpg://...``.
        event_feed: as in `environment`.
    """
    on = "true" if event_feed else "false"
    wanted = {
        "PREFECT_API_DATABASE_CONNECTION_URL": database,
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_SERVER_UI_API_URL": ui_url,
        # block types are for storage and credentials; registering them is a quarter of a cold start
        "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",
        "PREFECT_SERVER_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
        # task runs are recorded in batches: one transaction for many instead of one for each
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "100",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
        "PREFECT_SERVER_API_DEFAULT_LIMIT": "1000",  # rows of one answer, for the questions of runs.py
        # Prefect's own events
        "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED": on,
        "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
        "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE": "100",
        "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": on,
        "PREFECT_SERVER_SERVICES_TRIGGERS_READ_BATCH_SIZE": "100",
        "PREFECT_SERVER_EVENTS_STREAM_OUT_ENABLED": on,
        "PREFECT_LOGGING_LEVEL": "WARNING",
    }
    return wanted | {f"PREFECT_SERVER_SERVICES_{service}_ENABLED": "false" for service in _SERVICES_OFF}


def results() -> Path:
    """Where the engine would keep results, inside Prefect's own folder: it makes the folder even though none is kept."""
    return Path(os.environ["PREFECT_HOME"]) / "results"


def apply(wanted: dict[str, str]) -> None:
    """Set the environment of this process.

    Raises:
        RuntimeError: Prefect is imported already and has read another environment; too late to be isolated.
    """
    if "prefect" in sys.modules and any(os.environ.get(name) != value for name, value in wanted.items()):
        raise RuntimeError(
            "prefect was imported before its settings were applied: import it after flows.settings.apply()"
        )
    for name in [n for n in os.environ if n.startswith("PREFECT_") and n not in wanted]:
        del os.environ[name]  # a stray PREFECT_API_KEY or profile of the person who starts the driver
    os.environ.update(wanted)
