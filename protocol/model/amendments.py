"""Who moves a running therapy to this version of the study, from when on, and whether the patient consents again."""

from datetime import date
from typing import Annotated, Literal

from pydantic import BeforeValidator

from protocol.model.base import Names, Part, Title


def _day(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{value!r} is no day; write YYYY-MM-DD") from None


class Amendments(Part):
    """How running therapies come to this version. Without this part none of them does.

    `moves`: versions from which a therapy may be moved; every earlier one if left out. `not_before`: the first day (UTC) on
    which one is moved. `consent`: whether the patient consents ``again`` before that, or the ``same`` consent holds.
    """

    proposed_by: Names
    approved_by: Names
    moves: Names | None = None
    not_before: Annotated[date | None, BeforeValidator(_day)] = None
    consent: Literal["again", "same"]
    source: Title | None = None
