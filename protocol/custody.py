"""The custody trail: from collection to infusion or disposal, no instant without exactly one accountable holder."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from protocol.state import FOUND_AGAIN, NOT_BROUGHT, CustodyEntry, Therapy

PLACE = "custody.place"
"""The rule that a step is done where its material is."""


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


def elsewhere(therapy: Therapy, code: str, place: str | None, when: datetime) -> str:
    """Where a material was at a moment, and has been since, if never at this place; empty where it was there.

    A hand-over brings it there when it was over, though the taker's signature comes a little later. Empty too where nothing is
    known of either place.
    """
    if not place:
        return ""
    before = ""
    since: list[str] = []
    for entry in therapy.custody:
        if entry.material != code or not entry.account:
            continue
        if _brought(therapy, entry) <= when or not before:
            before, since = entry.place, []
        else:
            since.append(entry.place)
    return before if before and place not in (before, *since) else ""


def _brought(therapy: Therapy, entry: CustodyEntry) -> datetime:
    acts = (act for act in therapy.every_act.values() if entry.material in act.fact.moves)
    signed = (act for act in acts if entry.link in (act.by.link, act.second.link if act.second else ""))
    return min([entry.since, *(act.fact.ended for act in signed)])


def gaps(therapy: Therapy) -> list[str]:
    """Breaks in custody, in sentences; none in a therapy whose records stand."""
    found = []
    for code, material in therapy.materials.items():
        lines = custody_trail(therapy, code)
        if not lines or lines[0].since > (lines[0].until or lines[0].since):
            found.append(f"{code} has no first holder")
        for before, after in pairwise(lines):
            if after.how.startswith(NOT_BROUGHT):
                found.append(f"{code} was at {before.place}: {after.how}")
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
    shown = {entry.link for entry in therapy.custody if entry.how.startswith(NOT_BROUGHT)}
    told = [o for o in therapy.occurred.values() if not o.dropped and o.by.link not in shown]
    return found + [f"{o.code}: {rule.says}" for o in told for rule in o.fact.broken if rule.rule == PLACE]
