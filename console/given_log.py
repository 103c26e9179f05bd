"""What was given of a temperature log, before its file is touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from events.errors import Refused

FIELDS = ("file", "format", "zone", "clock", "interval", "lost")


@dataclass
class GivenLog:
    """What was given of a temperature log: the file, its format by name or path, and what this one read-out says otherwise."""

    file: str = ""
    format: str = ""
    zone: str = ""
    clock: str = ""
    interval: str = ""
    lost: str = ""
    why: str = ""

    def __post_init__(self) -> None:
        for name in ("lost", "why"):
            text = getattr(self, name)
            if text and not text.strip():
                raise Refused(
                    "input.form",
                    "The reason is empty.",
                    values={"field": name},
                    advice="Say why; nothing was recorded.",
                )

    def take(self, document: Mapping[str, object]) -> None:
        """Take what an act file says under `logger`.

        Raises:
            Refused: a field that is none.
        """
        if unknown := sorted(set(document) - set(FIELDS)):
            raise Refused(
                "input.form",
                f"logger: unknown field {', '.join(unknown)}.",
                values={"unknown": unknown},
                advice=f"It knows: {', '.join(FIELDS)}.",
            )
        for name, value in document.items():
            if value not in (None, ""):
                setattr(self, name, str(value))
        self.__post_init__()

    @property
    def said(self) -> bool:
        """Whether anything was given at all."""
        return bool(self.file or self.lost)
