"""How a logger's file is refused: the rule, the line, the reason, what to do."""

from __future__ import annotations

from events.errors import Refused


def refuse_line(rule: str, line: int | None, reason: str, advice: str, **values: object) -> Refused:
    """A refusal of a file; `line` counts from 1 as an editor shows it, None where it is about the whole file."""
    says = f"The temperature log, line {line}: {reason}." if line else f"The temperature log {reason}."
    return Refused(rule, says, advice=advice, values={**({"line": line} if line else {}), **values})


def shown(text: str, most: int = 60) -> str:
    """A piece of a file as it is shown in a sentence."""
    flat = " ".join(text.split())
    return repr(flat if len(flat) <= most else flat[: most - 3] + "...")
