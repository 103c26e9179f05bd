"""The channels through which an alert is told: Prefect's events, and any block of Prefect's that notifies or calls.

An event is posted and answered for, where `prefect.events.emit_event` would leave it to a thread that loses it without a word.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from flows.notices import EVENTS, in_words

if TYPE_CHECKING:
    from flows.runs import Runs

RAISED = "unbroken.alert.raised"
"""The name of the event; its resource is ``unbroken.therapy.THERAPY.alert.ALERT``."""


class NoChannel(ValueError):
    """What is named is no block that can tell anything."""


class Channels:
    """Tells an alert through a channel by its name."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs

    async def tell(self, channel: str, told: dict[str, Any]) -> None:
        """Tell it once.

        Raises:
            Exception: whatever the channel says.
        """
        if channel == EVENTS:
            await self._runs.emit(event(told))
            return
        block = await _block(channel)
        if hasattr(block, "notify"):
            await _notify(block, told)
        elif hasattr(block, "call"):
            answer = await _waited(block.call(payload=told))
            answer.raise_for_status()
        else:
            raise NoChannel(f"{channel} is a block that neither notifies nor calls")


def event(told: dict[str, Any]) -> dict[str, Any]:
    """The event of an alert, as Prefect's API takes it. The same alert has the same id, however often it is told."""
    from prefect.events.schemas.events import Event, RelatedResource, Resource

    name = f"unbroken.therapy.{told['therapy']}"
    made = Event(
        id=uuid5(NAMESPACE_URL, f"{RAISED} {told['log']} {told['record']} {told['alert']}"),
        event=RAISED,
        resource=Resource(
            {
                "prefect.resource.id": f"{name}.alert.{told['alert']}",
                "prefect.resource.name": f"{told['alert']} of {told['therapy']}",
                "unbroken.therapy": told["therapy"],
                "unbroken.alert": told["alert"],
                "unbroken.rule": told["rule"],
            }
        ),
        related=[
            RelatedResource({"prefect.resource.id": f"unbroken.role.{role}", "prefect.resource.role": "role"})
            for role in told["roles"]
        ],
        payload=told,
    )
    document: dict[str, Any] = made.model_dump(mode="json")
    return document


async def _block(name: str) -> Any:
    # Both bring the classes that a block's document is read into.
    import prefect.blocks.notifications
    import prefect.blocks.webhook  # noqa: F401
    from prefect.blocks.core import Block

    if name.count("/") != 1:
        raise NoChannel(f"{name!r} names no block; write TYPE/NAME as in slack-webhook/qa")
    return await Block.aload(name)


async def _notify(block: Any, told: dict[str, Any]) -> None:
    subject, body = in_words(told)
    tell: Callable[..., Any] = getattr(block, "anotify", block.notify)
    with block.raise_on_failure():
        await _waited(tell(body, subject))


async def _waited(answer: Awaitable[Any] | Any) -> Any:
    return await answer if inspect.isawaitable(answer) else answer
