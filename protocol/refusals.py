"""How the rulebook says no: one constructor, so that every refusal names rule, values and advice."""

from __future__ import annotations

from events.errors import Refused


def refuse(rule: str, says: str, advice: str, **values: object) -> Refused:
    """A refusal ready to raise."""
    return Refused(rule, says, advice=advice, values=values)
