"""The custody trail: from collection to infusion or disposal, no instant without exactly one accountable holder."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from protocol.state import FOUND_AGAIN, Therapy


class CustodyLine(NamedTuple):
    """One stretch of custody. `until` is None while it lasts; the last line of a material that ended has no holder."""

    material: str
    kind: str
    since: datetime
    until: datetime | None
    place: str
    holder: str
    given_by: str
    how: str
    link: str


def custody_trail(therapy: Therapy, material: str | None = None) -> list[CustodyLine]:
    """The trail of one material, or of all of a therapy's, each in the order in which it was signed."""
    lines = []
    for code, known in therapy.materials.items():
        if material not in (None, code):
            continue
        entries = [entry for entry in therapy.custody if entry.material == code]
        for number, entry in enumerate(entries):
            following = entries[number + 1].since if number + 1 < len(entries) else None
            ended = entry.account == ""
            lines.append(
                CustodyLine(
                    code,
                    known.kind,
                    entry.since,
                    entry.since if ended else following,
                    entry.place,
                    entry.account,
                    entry.given_by,
                    entry.how,
                    entry.link,
                )
            )
    return lines


def gaps(therapy: Therapy) -> list[str]:
    """Breaks in custody, in sentences; none in a therapy whose records stand."""
    found = []
    for code, material in therapy.materials.items():
        lines = custody_trail(therapy, code)
        if not lines or lines[0].since > (lines[0].until or lines[0].since):
            found.append(f"{code} has no first holder")
        for before, after in pairwise(lines):
            if after.how == FOUND_AGAIN and not before.holder and before.since <= after.since:
                continue  # what was lost was in nobody's custody; the trail says so
            if before.until != after.since:
                found.append(f"{code}: {before.until} is not {after.since}")
            if not before.holder:
                found.append(f"{code} goes on after it ended")
            if after.since < before.since:
                found.append(f"{code}: custody runs backwards at {after.since}")
        if material.live == (bool(lines) and not lines[-1].holder):
            found.append(f"{code} is {'live' if material.live else 'ended'}, its trail says otherwise")
    return found
