"""What Prefect's database holds of us: one flow run for each therapy, its task runs, and how far along the log they
are drawn.

Everything here can be asked twice and sent twice. A flow run is found by its idempotency key, a task run by an id
that is computed from the flow run and the step, the cursor lives inside the same database: delete prefect.db and all
three begin again together.

Task runs travel as events: engine -> queue in the driver -> websocket -> queue in the server -> recorder, which
writes every second. Until it has written, they die with the driver (first queue) or with the server (second). So
nothing is believed drawn before `Drawn.settle` has found it in the database, and the cursor moves only after that.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from uuid import UUID, uuid5

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.settings import get_current_settings

_CHUNK = 200  # ids in one question
_PAGE = 1000  # rows in one answer; settings.py lets the server give so many
_REMEMBERED = 2000  # runs whose drawn steps are kept in memory: about 20 MB
_PATIENCE = 60.0  # seconds; a restart of the server takes 4
_CURSOR = "unbroken_cursor"


def idempotency_key(log_id: str, therapy_id: str) -> str:
    """Same log, same therapy, same run for ever. The version is there in case a run must be abandoned: its key stays
    dead."""
    return f"therapy/{log_id}/{therapy_id}/v1"


def task_run_id(run_id: UUID, step: str) -> UUID:
    """The id of a step's task run. Drawing a step twice writes one row twice, never two rows."""
    return uuid5(run_id, step)


@dataclass(frozen=True)
class Start:
    """The state that a run is born in: paused, so that opening a therapy needs no engine."""

    name: str
    message: str


class Runs:
    """Flow runs, task runs and the cursor.

    Asked through a plain HTTP client and not through Prefect's: that one lacks the idempotency key, and it answers
    the 503 by which the server reports a SQLite lock with a sleep of 2, 4, 8 seconds (12 openings took 6 s), where 50
    ms are enough.
    """

    def __init__(self, client: PrefectClient, flow_name: str = "therapy") -> None:
        self.flow_name = flow_name
        self._flow_id: str | None = None
        self._one_flow = asyncio.Lock()
        auth = get_current_settings().api.auth_string
        self._http = httpx.AsyncClient(
            base_url=str(client.api_url),
            headers={"Authorization": f"Basic {base64.b64encode(auth.get_secret_value().encode()).decode()}"}
            if auth
            else {},
            timeout=_PATIENCE,
            trust_env=False,  # a proxy in the environment is not for loopback
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def open(
        self,
        key: str,
        name: str,
        start: Start,
        *,
        tags: Sequence[str] = (),
        parameters: Mapping[str, Any] | None = None,
    ) -> FlowRun:
        """Create the run, or get the one this key already has, whose state is then left as it is. 17 ms, or 10."""
        body = {
            "flow_id": await self._flow(),
            "name": name,
            "idempotency_key": key,
            "tags": list(tags),
            "parameters": dict(parameters or {}),
            "state": {"type": "PAUSED", "name": start.name, "message": start.message},
        }
        return FlowRun.model_validate((await self._ask("POST", "/flow_runs/", body)).json())

    async def open_all(self, wanted: Iterable[tuple[str, str, Start]], *, at_once: int = 1) -> list[FlowRun]:
        """Open many by (key, name, start): about 60 a second. SQLite has one writer, so more at once is not faster."""
        gate = asyncio.Semaphore(at_once)

        async def one(key: str, name: str, start: Start) -> FlowRun:
            async with gate:
                return await self.open(key, name, start)

        return list(await asyncio.gather(*(one(*each) for each in wanted)))

    async def find(self, name: str) -> FlowRun | None:
        """The run of a therapy by its name, without creating it."""
        found = await self._filter({"name": {"any_": [name]}}, limit=1)
        return found[0] if found else None

    async def astray(self) -> list[FlowRun]:
        """Runs that are neither at rest nor completed, and that nobody is working on when a driver begins.

        Left running by a driver that was killed, failed, or resumed or cancelled in Prefect's UI (an unsigned click;
        the log says what holds). Enter each of them once.
        """
        return await self._filter({"state": {"type": {"not_any_": ["PAUSED", "COMPLETED"]}}}, limit=_PAGE)

    async def completed_steps(self, run_id: UUID) -> set[str]:
        """The steps that a run shows as done, by key. A task run left half-way by a crash is not among them."""
        found: set[str] = set()
        offset = 0
        while True:
            body = {
                "task_runs": {"flow_run_id": {"any_": [str(run_id)]}, "state": {"type": {"any_": ["COMPLETED"]}}},
                "limit": _PAGE,
                "offset": offset,
            }
            page = (await self._ask("POST", "/task_runs/filter", body)).json()
            found |= {row["dynamic_key"] for row in page}
            offset += len(page)
            if len(page) < _PAGE:
                return found

    async def recorded(self, ids: Sequence[UUID]) -> int:
        """How many of these task runs (at most 200) stand in the database as done."""
        body = {"task_runs": {"id": {"any_": [str(i) for i in ids]}, "state": {"type": {"any_": ["COMPLETED"]}}}}
        return int((await self._ask("POST", "/task_runs/count", body)).json())

    async def cursor(self) -> dict[str, Any]:
        """How far the log is drawn, as `move_cursor` left it; empty in a new database."""
        answer = await self._ask("GET", f"/variables/name/{_CURSOR}", missing=True)
        value = answer.json()["value"] if answer.is_success else None
        return value if isinstance(value, dict) else {}

    async def move_cursor(self, value: Mapping[str, Any]) -> None:
        """Remember how far the log is drawn. At most 5,000 characters of JSON, which is Prefect's limit for a
        variable."""
        change = {"value": dict(value)}
        answer = await self._ask("PATCH", f"/variables/name/{_CURSOR}", change, missing=True)
        if not answer.is_success:
            await self._ask("POST", "/variables/", {"name": _CURSOR, **change})

    async def emit(self, event: Mapping[str, Any]) -> None:
        """Hand one event to Prefect; it is there when this returns. Whether anything takes it is for its automations."""
        await self._ask("POST", "/events", [dict(event)])

    async def _filter(self, which: dict[str, Any], limit: int) -> list[FlowRun]:
        body = {"flow_runs": which, "flows": {"name": {"any_": [self.flow_name]}}, "limit": limit}
        return [FlowRun.model_validate(row) for row in (await self._ask("POST", "/flow_runs/filter", body)).json()]

    async def _flow(self) -> str:
        async with self._one_flow:
            if self._flow_id is None:
                self._flow_id = str((await self._ask("POST", "/flows/", {"name": self.flow_name})).json()["id"])
        return self._flow_id

    async def _ask(self, method: str, path: str, body: object = None, *, missing: bool = False) -> httpx.Response:
        """One question, asked again while the server is busy (503) or away. Every route used here may be asked twice.

        Args:
            missing: a 404 is an answer.

        Raises:
            httpx.HTTPError: refused, or still away after a minute.
        """
        deadline = time.monotonic() + _PATIENCE
        pause = 0.02
        while True:
            try:
                answer = await self._http.request(method, path.removeprefix("/"), json=body)
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
            else:
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or time.monotonic() > deadline:
                    if not (missing and answer.status_code == httpx.codes.NOT_FOUND):
                        answer.raise_for_status()
                    return answer
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.5)


class Drawn:
    """Which steps each run already shows, so that none is drawn again without need.

    Asked of the database once for each run, then remembered. What was sent but not yet found there is kept apart
    until `settle` finds it. Being wrong here costs a second drawing of the same row, never a second row.
    """

    def __init__(self, runs: Runs) -> None:
        self.runs = runs
        self._steps: OrderedDict[UUID, set[str]] = OrderedDict()
        self._sent: dict[UUID, UUID] = {}  # task run -> flow run

    async def of(self, run_id: UUID) -> set[str]:
        """The keys of the steps this run shows, or will show when the recorder has caught up."""
        steps = self._steps.get(run_id)
        if steps is None:
            steps = self._steps.setdefault(run_id, await self.runs.completed_steps(run_id))
            while len(self._steps) > _REMEMBERED:
                self._steps.popitem(last=False)
        self._steps.move_to_end(run_id)
        return steps

    def add(self, run_id: UUID, step: str) -> None:
        """A step was just drawn: sent, not yet known to be written."""
        self._steps.setdefault(run_id, set()).add(step)
        self._sent[task_run_id(run_id, step)] = run_id

    @property
    def unsettled(self) -> int:
        """Task runs sent and not yet found in the database."""
        return len(self._sent)

    async def settle(self, timeout: float = 10.0) -> set[UUID]:
        """Wait until everything sent is written; then the cursor may move. Mostly under a second.

        Returns:
            The flow runs of which something is missing after `timeout` seconds without progress (lost on its way, or
            the server is slower than that). They are forgotten here: enter them again and the missing steps are drawn
            again.
        """
        deadline = time.monotonic() + timeout
        pause = 0.1
        while self._sent:
            before = len(self._sent)
            for ids in _chunks(list(self._sent), _CHUNK):
                if await self.runs.recorded(ids) == len(ids):
                    for each in ids:
                        self._sent.pop(each, None)
            if len(self._sent) < before:
                deadline = time.monotonic() + timeout
            elif time.monotonic() > deadline:
                lost = set(self._sent.values())
                self._sent = {}
                self.forget(lost)
                return lost
            if self._sent:
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, 0.5)
        return set()

    def abandon(self) -> set[UUID]:
        """The server was started again (its `generation` has grown): what was on its way is unknown, so forget all.

        Returns:
            The flow runs that had something on its way. Enter them again now, sooner than `settle` would give up.
        """
        unknown = set(self._sent.values())
        self._sent = {}
        self.forget()
        return unknown

    def forget(self, runs: Iterable[UUID] | None = None) -> None:
        """Ask the database again for these runs, or for all."""
        for run_id in list(self._steps) if runs is None else runs:
            self._steps.pop(run_id, None)


def _chunks(ids: list[UUID], size: int) -> Iterable[list[UUID]]:
    return (ids[at : at + size] for at in range(0, len(ids), size))
