"""The one flow of the house: a therapy, re-entered whenever its stream in the log has changed, paused in between.

The flow holds no truth and waits for nobody. Each entry asks a plan (plain Python over the log) what has been signed,
shows what is new as task runs, does what is due by itself, and returns: paused until somebody signs, or completed.
Between entries there is no process, no poll and no timer for this therapy, only a row.

It may be killed anywhere. Entered again, it finds the same log, draws only what is missing (the same ids,
`runs.task_run_id`), and repeats an automatic act whose record is not in the log: so an act appends conditionally and
may run twice.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, cast

import httpx
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State, StateType, TaskRun
from prefect.context import AsyncClientContext, SyncClientContext
from prefect.exceptions import Abort, ObjectNotFound, Pause, PrefectHTTPStatusError
from prefect.flow_engine import run_flow
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.states import Cancelled, Completed, Pending
from prefect.task_engine import run_task_async

from flows.runs import Drawn, task_run_id
from flows.settings import results

_ROUNDS = 50  # acts that keep making new acts due would otherwise loop for ever


@dataclass(frozen=True)
class Step:
    """A signed step to show. `key` is stable and unique within the therapy ("apheresis/1:9f2c..."); `label` is what
    people read."""

    key: str
    label: str


@dataclass(frozen=True)
class Act:
    """Something due by itself. It appears as a task run named `label`, whatever becomes of it.

    `do` may run twice (see above), and raises if it could not be done; the therapy's run then fails until it is
    entered again. `key` must be the key of the `Step` that the log shows once it is done, so that act and record are
    one task run; it must be known before the act.
    """

    key: str
    label: str
    do: Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Resting:
    """Where the run comes to rest until the log changes: paused, e.g. ("AwaitingSignature", "release: waiting for
    qa_releaser")."""

    name: str
    message: str


@dataclass(frozen=True)
class Finished:
    """The therapy's run is over."""

    message: str = ""


@dataclass(frozen=True)
class Outlook:
    """What the log says of one therapy now. `steps` are ALL steps to be seen, not only the new ones: the drawing
    finds what is missing."""

    steps: Sequence[Step]
    rest: Resting | Finished
    due: Sequence[Act] = ()


Plan = Callable[[], Outlook]
"""Folds the log anew on each call. Pure over the log; fast (it runs on the event loop)."""


@dataclass
class _Entry:
    """One entry into the flow: what the body needs, which Prefect must neither store nor look into."""

    run: FlowRun
    plan: Plan
    drawn: Drawn
    resting: bool = False
    tasks: int = 0
    error: Exception | None = None


_ENTRY: ContextVar[_Entry] = ContextVar("therapy_entry")


class Gone(RuntimeError):
    """The run is not in Prefect's database any more (deleted in its UI, or the database is another). Open it again by
    its key, then enter."""


@dataclass(frozen=True)
class Entered:
    """What came of an entry.

    Attributes:
        state: the run's state now.
        tasks: task runs drawn by this entry.
        error: what a plan or an act raised; the run then shows as Failed and can be entered again like any other.
    """

    state: State[Any]
    tasks: int
    error: Exception | None = field(default=None, compare=False)


@task(name="step", persist_result=False, cache_policy=NO_CACHE, retries=0)
async def _step(do: Callable[[], Awaitable[None]] | None = None) -> None:
    if do is not None:
        await do()


# Nothing is ever stored there. Without a path of our own the engine asks the server on each entry, blocking.
@flow(name="therapy", persist_result=False, result_storage=results(), validate_parameters=False, retries=0)
async def therapy() -> State[Any]:
    """Show what is signed, do what is due, come to rest. Called by `enter` alone."""
    entry = _ENTRY.get()
    try:
        return _state(entry, await _show(entry))
    except Exception as error:  # noqa: BLE001 - whatever it is, it concerns this therapy alone
        # Returned, not raised: the engine would log it three times and pickle it to disk.
        entry.error = error
        return State(type=StateType.FAILED, name="Failed", message=f"{type(error).__name__}: {error}")


async def _show(entry: _Entry) -> Resting | Finished:
    done: set[str] = set()
    for _ in range(_ROUNDS):
        outlook = entry.plan()
        shown = await entry.drawn.of(entry.run.id)
        for step in outlook.steps:
            if step.key not in shown:
                await _draw(entry, step.key, step.label)
        if not outlook.due:
            return outlook.rest
        for act in outlook.due:
            # The log decides what is due, not what is shown: an act that was drawn but never recorded is done again.
            if act.key in done:
                raise RuntimeError(f"{act.key}: was done and is still due")
            done.add(act.key)
            await _draw(entry, act.key, act.label, act.do)
    raise RuntimeError(f"{entry.run.name}: still something due after {_ROUNDS} rounds")


async def _draw(entry: _Entry, key: str, label: str, do: Callable[[], Awaitable[None]] | None = None) -> None:
    """One task run. Given a ready TaskRun with an id of our own, the engine neither asks the API nor announces
    `Pending`."""
    entry.tasks += 1
    state: State[Any] = Pending()
    run = TaskRun(
        id=task_run_id(entry.run.id, key),
        name=label,
        flow_run_id=entry.run.id,
        task_key=_step.task_key,
        dynamic_key=key,
        state=state,
        state_id=state.id,
        state_type=state.type,
        state_name=state.name,
        expected_start_time=cast(Any, state.timestamp),  # the UI sorts by it
    )
    await run_task_async(_step, task_run=run, parameters={"do": do})
    entry.drawn.add(entry.run.id, key)


def _state(entry: _Entry, rest: Resting | Finished) -> State[Any]:
    match rest:
        case Resting(name, message):
            entry.resting = True
            return State(type=StateType.PAUSED, name=name, message=message)
        case Finished(message):
            return Completed(message=message or None)


async def enter(run: FlowRun, plan: Plan, drawn: Drawn) -> Entered:
    """Enter a therapy's run once, from whatever state it is in (paused, failed, running when a driver was killed,
    completed).

    Call it inside `session`. Entries of different therapies may run side by side; two of one therapy must not.
    `run.state` is brought up to date. Nothing is sent if nothing would change: such an entry costs one fold of the
    log.

    Raises:
        Gone: open the run again.
        httpx.HTTPError: the server is away for longer than the client's retries, or refuses. Enter again later.
    """
    entry = _Entry(run, plan, drawn)
    mark = _ENTRY.set(entry)
    try:
        if run.state is not None and await _stands(entry, run.state):
            return Entered(run.state, 0)
        state = await _run(run)
        if state.is_cancelling():
            # Somebody clicked Cancel in Prefect's UI. That is no signature; from Cancelled a run may begin again.
            await get_client().set_flow_run_state(run.id, Cancelled(), force=True)
            state = await _run(run)
    except Pause as repeated:
        # The server wrote the pause, died before it answered, and refuses the client's second attempt: it stands.
        state = cast(State[Any], repeated.state)
    except ObjectNotFound as missing:
        raise Gone(run.name) from missing
    except PrefectHTTPStatusError as refused:
        if refused.response.status_code == httpx.codes.NOT_FOUND:
            raise Gone(run.name) from refused
        raise
    except Abort as aborted:
        # A BaseException in Prefect; here it concerns one therapy and must not end the driver.
        entry.error = RuntimeError(f"Prefect refused the entry: {aborted}")
        state = run.state or Pending()
    finally:
        _ENTRY.reset(mark)
    run.state = state
    return Entered(state, entry.tasks, entry.error)


async def _run(run: FlowRun) -> State[Any]:
    """The engine gets a copy: it writes into it, and the policy it sends back must not grow with each pause."""
    return cast(State[Any], await cast(Any, run_flow)(therapy, flow_run=run.model_copy(), return_type="state"))


async def _stands(entry: _Entry, state: State[Any]) -> bool:
    """Does the run already show all that the log says?"""
    try:
        outlook = entry.plan()
    except Exception:  # noqa: BLE001
        return False  # it will raise again inside the flow, where it can be seen
    match outlook.rest:
        case Resting(name, message) if state.is_paused() and (state.name, state.message) == (name, message):
            pass
        case Finished(message) if state.is_completed() and (state.message or "") == message:
            pass
        case _:
            return False
    shown = await entry.drawn.of(entry.run.id)
    return not outlook.due and all(step.key in shown for step in outlook.steps)


@asynccontextmanager
async def session() -> AsyncGenerator[PrefectClient, None]:
    """What all entries share: its API clients, and no heartbeat.

    The engine makes an asynchronous and a blocking client for each entry unless it finds them here; loading the
    machine's certificates for them was half of an entry's cost in the driver (20 ms), for a server that speaks plain
    HTTP.

    The heartbeat can't be turned off by environment in 3.8 (None is refused as text); each entry would start a thread
    that sleeps a second and send an event.
    """
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}), SyncClientContext.get_or_create():
        async with AsyncClientContext.get_or_create() as context:
            quiet()
            yield context.client


def quiet() -> None:
    """A run that comes to rest is no error: drop the engine's ERROR line for a paused finish, and only that one."""
    logger = logging.getLogger("prefect.flow_runs")
    if _drop_paused_finish not in logger.filters:
        logger.addFilter(_drop_paused_finish)


def _drop_paused_finish(record: logging.LogRecord) -> bool:
    entry = _ENTRY.get(None)
    return not (entry is not None and entry.resting and str(record.msg).startswith("Finished in state"))


__all__ = [
    "Act",
    "Entered",
    "Finished",
    "Gone",
    "Outlook",
    "Plan",
    "Resting",
    "Step",
    "enter",
    "quiet",
    "session",
    "therapy",
]
