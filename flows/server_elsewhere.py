"""Prefect's server where somebody else runs it: a container, another machine. It is used and watched, never started."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from events.errors import Refused
from flows.serving import ServerFailed
from flows.settings import client, home

_EVERY = 0.5  # seconds between two looks whether it answers
_PATIENCE = 5.0  # seconds for one answer


class ServerElsewhere:
    """A server at a URL; `flows.serving.PrefectServer`.

    Args:
        folder: Prefect's own folder on this machine; nothing of weight lies there.
        url: of its API, ``http://prefect:4200/api``.
        auth: ``user:password``, where the server asks for it.

    Raises:
        Refused: that is no such URL.
    """

    def __init__(self, folder: Path, url: str, auth: str = "") -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise Refused(
                "driver.prefect-url",
                "UNBROKEN_PREFECT_API names no server.",
                values={"url": url.rpartition("@")[2]},
                advice="Set it to the server's API, such as http://prefect:4200/api; unset it for a server of its own.",
            )
        self.url = url.rstrip("/")
        self.generation = 1
        self.environment = home(folder.absolute()) | client(self.url, auth)
        user, _, password = auth.partition(":")
        self._http = httpx.Client(
            base_url=f"{self.url}/",
            timeout=_PATIENCE,
            auth=(user, password) if auth else None,
            trust_env=False,  # as the driver's own questions: they go to this server and to nobody in between
        )

    @property
    def told(self) -> str:
        """A line about what `launch` does."""
        return f"using Prefect's server at {self.url.removesuffix('/api')}"

    def launch(self) -> None:
        """Nothing: it runs, or somebody is starting it."""

    def wait(self, timeout: float = 90.0) -> None:
        """Wait until it answers.

        Raises:
            ServerFailed: not within `timeout` seconds, or it does not know us.
        """
        began = time.monotonic()
        while not self.healthy():
            if time.monotonic() - began > timeout:
                raise ServerFailed(
                    f"no answer from {self.url} within {timeout:g} s",
                    advice="Signing goes on without it. See that it runs, and that UNBROKEN_PREFECT_API names its API.",
                )
            time.sleep(_EVERY)
        if self._asked("admin/version") in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            raise ServerFailed(
                f"{self.url} does not accept us",
                advice="Set UNBROKEN_PREFECT_AUTH to the user:password that the server was started with.",
            )

    def healthy(self) -> bool:
        """Does it answer now?"""
        return self._asked("health") == httpx.codes.OK

    def _asked(self, path: str) -> int:
        try:
            return self._http.get(path).status_code
        except httpx.HTTPError:
            return 0

    async def keep(self) -> None:
        """Watch it until cancelled: `generation` grows when it comes back. However long it is away, it is waited for."""
        before = True
        while True:
            now = await asyncio.to_thread(self.healthy)
            if now and not before:
                self.generation += 1
            before = now
            await asyncio.sleep(_EVERY)

    def stop(self) -> None:
        """Nothing: it is not ours to end."""

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
