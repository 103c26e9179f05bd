"""A person waits up to a minute for the truth about a record; a test has not so long, and says where it waits less."""

from __future__ import annotations

from typing import Any

from events import log_kafka
from events.kafka import client

NAMES = {"quiet": "QUIET_SECONDS", "settle": "SETTLE_SECONDS", "refusing": "REFUSING_SECONDS"}


def shorter(monkeypatch: Any, request: int | None = None, **seconds: float) -> None:
    """Shorten waits: `request` in milliseconds for one request; quiet, settle and refusing in seconds."""
    if request is not None:
        monkeypatch.setattr(client, "REQUEST_MS", request)
    for name, value in seconds.items():
        monkeypatch.setattr(where(NAMES[name]), NAMES[name], value)


def where(name: str) -> Any:
    """The module that has this constant."""
    try:
        from events.kafka import settling
    except ImportError:
        return log_kafka
    return settling if hasattr(settling, name) else log_kafka
