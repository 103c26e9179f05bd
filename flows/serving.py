"""What the driver asks of Prefect's server, whether it is a child of its own or somebody else's."""

from __future__ import annotations

from typing import Any, Protocol


class PrefectServer(Protocol):
    """A server of Prefect's API. Not thread-safe.

    Attributes:
        environment: every variable that this process must have before it imports Prefect.
        generation: how many times the server has come up. When it grows, the last events of the one before may be lost:
            then `runs.Drawn.abandon`.
    """

    environment: dict[str, str]
    generation: int

    @property
    def url(self) -> str:
        """Of the API."""

    @property
    def told(self) -> str:
        """A line about what `launch` does."""

    def launch(self) -> Any:
        """Begin to bring it up, and return at once."""

    def wait(self, timeout: float = 90.0) -> Any:
        """Wait until it answers.

        Raises:
            ServerFailed: not within `timeout` seconds.
        """

    async def keep(self) -> None:
        """Watch it beside the work until cancelled; see that `generation` grows when it comes back.

        Raises:
            ServerFailed: it does not come up again.
        """

    def stop(self) -> None:
        """Let it go for now; `launch` brings it back."""

    def close(self) -> None:
        """Let it go for good."""
