"""What a therapy knows of the versions of its study: amendments that were proposed, and those under which it went on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from events.facts.amendments import AmendmentProposed

if TYPE_CHECKING:
    from protocol.state.acts import Signed


@dataclass(frozen=True, slots=True)
class Proposal:
    """An amendment that somebody proposed; `decision` is empty while nobody decided."""

    fact: AmendmentProposed
    by: Signed
    decision: str = ""
    decided: Signed | None = None


class Moved(NamedTuple):
    """The therapy went on under another version: by which amendment, from when on."""

    amendment: str
    version: str
    digest: str
    when: datetime
