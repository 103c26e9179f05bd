"""What Prefect's database holds of us: one flow run for each therapy, its task runs, and how far along the log they are drawn.

Everything here can be asked twice and sent twice. A flow run is found by its idempotency key, a task run by an id that is computed
from the flow run and the step, the cursor lives inside the same database: delete prefect.db and all three begin again together.

Task runs travel as events: engine -> queue in the driver -> websocket -> queue in the server -> recorder, which writes every
second. Until it has written, they die with the driver (queue) or with the server (its queue). So nothing is believed
drawn before `Drawn.settle` has found it in the database, and the cursor moves only after that.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun

_CHUNK = 200  # ids in one question; SQLite and the request body would take more
_PAGE = 1000  # rows in one answer; settings.py lets the server give so many
_REMEMBERED = 2000  # runs whose drawn steps are kept in memory: about 20 MB


def idempotency_key(log_id: str, therapy_id: str) -> str:
    """Same log, same therapy, same run for ever. The version is for a run that was cancelled: its key stays dead."""
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
    """Flow runs, task runs and the cursor, over one Prefect client."""

    def __init__(self, client: PrefectClient, flow_name: str = "therapy") -> None:
        self.client = client
        self.flow_name = flow_name
        self._flow_id: str | None = None

    async def open(
        self,
        key: str,
        name: str,
        start: Start,
        *,
        tags: Sequence[str] = (),
        parameters: Mapping[str, Any] | None = None,
    ) -> FlowRun:
        """Create the run, or get the one this key already has (whose state is then left as it is).

        The client's own method lacks the idempotency key. Cost: see the report; many may be opened at once with `open_all`.
        """
        body = {
            "flow_id": await self._flow(),
            "name": name,
            "idempotency_key": key,
            "tags": list(tags),
            "parameters": dict(parameters or {}),
            "state": {"type": "PAUSED", "name": start.name, "message": start.message},
        }
        return FlowRun.model_validate((await self.client.request("POST", "/flow_runs/", json=body)).json())

    async def open_all(self, wanted: Iterable[tuple[str, str, Start]], *, at_once: int = 2) -> list[FlowRun]:
        """Open many by (key, name, start). SQLite has one writer: with 8 at once they wait for each other three times as long."""
        await self._flow()
        gate = asyncio.Semaphore(at_once)

        async def one(key: str, name: str, start: Start) -> FlowRun:
            async with gate:
                return await self.open(key, name, start)

        return list(await asyncio.gather(*(one(*each) for each in wanted)))

    async def find(self, name: str) -> FlowRun | None:
        """The run of a therapy by its name, without creating it."""
        body = {"flow_runs": {"name": {"any_": [name]}}, "flows": {"name": {"any_": [self.flow_name]}}, "limit": 1}
        found = (await self.client.request("POST", "/flow_runs/filter", json=body)).json()
        return FlowRun.model_validate(found[0]) if found else None

    async def completed_steps(self, run_id: UUID) -> set[str]:
        """The steps that a run shows as done, by their keys. A task run left half-way by a crash is not among them."""
        found: set[str] = set()
        while True:
            body = {
                "task_runs": {"flow_run_id": {"any_": [str(run_id)]}, "state": {"type": {"any_": ["COMPLETED"]}}},
                "sort": "ID_DESC",
                "limit": _PAGE,
                "offset": len(found),
            }
            page = (await self.client.request("POST", "/task_runs/filter", json=body)).json()
            found |= {row["dynamic_key"] for row in page}
            if len(page) < _PAGE:
                return found

    async def recorded(self, ids: Sequence[UUID]) -> int:
        """How many of these task runs (at most 200) stand in the database as done."""
        body = {"task_runs": {"id": {"any_": [str(i) for i in ids]}, "state": {"type": {"any_": ["COMPLETED"]}}}}
        return int((await self.client.request("POST", "/task_runs/count", json=body)).json())

    async def cursor(self) -> dict[str, Any]:
        """How far the log is drawn, as `move_cursor` left it; empty in a new database."""
        from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

        try:
            answer = await self.client.request("GET", "/variables/name/{name}", path_params={"name": _CURSOR})
        except (ObjectNotFound, PrefectHTTPStatusError) as error:
            if isinstance(error, PrefectHTTPStatusError) and error.response.status_code != 404:
                raise
            return {}
        value = answer.json()["value"]
        return value if isinstance(value, dict) else {}

    async def move_cursor(self, value: Mapping[str, Any]) -> None:
        """Remember how far the log is drawn. At most 5,000 characters of JSON (Prefect's limit for a variable)."""
        from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

        try:
            await self.client.request(
                "PATCH", "/variables/name/{name}", path_params={"name": _CURSOR}, json={"value": dict(value)}
            )
        except (ObjectNotFound, PrefectHTTPStatusError) as error:
            if isinstance(error, PrefectHTTPStatusError) and error.response.status_code != 404:
                raise
            await self.client.request("POST", "/variables/", json={"name": _CURSOR, "value": dict(value)})

    async def _flow(self) -> str:
        if self._flow_id is None:
            answer = await self.client.request("POST", "/flows/", json={"name": self.flow_name})
            self._flow_id = str(answer.json()["id"])
        return self._flow_id


_CURSOR = "unbroken_cursor"


class Drawn:
    """Which steps each run already shows, so that none is drawn again without need.

    Asked of the database once for each run, then remembered. What was sent but not yet found there is kept apart until `settle`
    finds it. Being wrong here costs a second drawing of the same row, never a second row.
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

    def born(self, run_id: UUID) -> None:
        """A run that was just created shows nothing; saves the question."""
        self._steps.setdefault(run_id, set())

    @property
    def unsettled(self) -> int:
        """Task runs sent and not yet found in the database."""
        return len(self._sent)

    async def settle(self, timeout: float = 10.0) -> set[UUID]:
        """Wait until everything sent is written; then the cursor may move.

        Returns:
            The flow runs of which something is missing after `timeout` seconds without progress (lost on its way, or the server is
            slower than that). They are forgotten here: re-enter them, and the missing steps are drawn again.
        """
        deadline = time.monotonic() + timeout
        pause = 0.1
        while self._sent:
            progress = False
            for ids in _chunks(list(self._sent), _CHUNK):
                if await self.runs.recorded(ids) == len(ids):
                    for each in ids:
                        self._sent.pop(each, None)
                    progress = True
            if progress:
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

    def forget(self, runs: Iterable[UUID] | None = None) -> None:
        """Ask the database again for these runs, or for all: after the server was started again, what was on its way is unknown."""
        for run_id in list(self._steps) if runs is None else runs:
            self._steps.pop(run_id, None)


def _chunks(ids: list[UUID], size: int) -> Iterable[list[UUID]]:
    return (ids[at : at + size] for at in range(0, len(ids), size))
