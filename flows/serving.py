"""What the driver asks of Prefect's server, whether it is a child of its own or somebody else's."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

_TAIL = 4000  # characters of its log that an error carries


class ServerFailed(RuntimeError):
    """The server did not come up. Nothing of the record is touched: signing goes on without it."""

    def __init__(self, why: str, log: Path | None = None, *, advice: str = "") -> None:
        self.why, self.log = why, log
        self.advice = advice or (
            "Signing goes on without it. Look at the log it names; the folder prefect/ may be deleted."
        )
        end = f" End of {log}:\n{tail(log) or '(empty)'}" if log is not None else ""
        super().__init__(f"Prefect server: {why}.{end}")


def tail(log: Path, characters: int = _TAIL) -> str:
    """The end of a log file."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - characters))
            return file.read().decode(errors="replace").strip()
    except FileNotFoundError:
        return ""


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
