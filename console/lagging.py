"""How far everything is: the log's size, and for each follower its position, its distance, when it last moved, and its lease."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from console import followers
from console.show import Screen, as_json, line, table
from console.where import copied
from events.errors import Unavailable
from events.instant import from_wire
from flows.lease import who

if TYPE_CHECKING:
    from console.site import Site
    from projections.followers import Follower

Found = TypeVar("Found")
_ROLES = {"views": followers.PROJECTOR, "driver": followers.DRIVER}
"""Each follower, and the role whose lease lets it move. The driver fills the views too, unless told --no-views."""


def show(site: Site, *, as_json_wanted: bool) -> int:
    """Print it; returns 0, or 7 if something could not be reached.

    Raises:
        Refused: the views are of another log or version. Corrupt: the log is damaged.
    """
    from projections import followers as positions
    from projections import notices
    from projections.views import position_in

    away: list[str] = []

    def ask(what: str, question: Callable[[], Found]) -> Found | None:
        try:
            return question()
        except Unavailable as problem:
            if not any(problem.says in said for said in away):  # one sentence for one cause
                away.append(f"{what}: {problem.says}")
            return None

    copy = copied(site.folder) if site.kafka else None  # before this command itself brings it up to the log's end
    size = ask("the log", lambda: site.log.size())
    known: dict[str, Follower] = ask("the views", lambda: positions.followers(site.views_url)) or {}
    stands = {
        # The views' own position stands beside their rows; the row in `followers` says who moved it.
        "views": ask("the views", lambda: position_in(site.views_url, site.log_id)),
        "driver": known["driver"].position if "driver" in known else None,
    }
    found = []
    for name, role in _ROLES.items():
        lease = ask(f"the lease of the {role}", partial(followers.holder, site, role))
        found.append(_one(name, stands[name], size, known.get(name), lease))
    if site.kafka:
        found.insert(0, _one("local copy", copy, size, None, None))
    told = ask("the notices", lambda: notices.notices(site.views_url, site.log_id)) or []
    untold = [notice for notice in told if not notice.told_at]
    if as_json_wanted:
        failing = [asdict(notice) for notice in untold]
        document = {"log": {"id": site.log_id, "records": size}, "followers": found, "unreachable": away}
        as_json({**document, "alerts_not_told": failing})
    else:
        _table(site, size, found, nobody="?" if away else "nobody")
        for notice in untold:
            tried = f"through {notice.channel} ({notice.attempts} attempts)"
            line(f"ALERT {notice.alert} of {notice.therapy} NOT TOLD {tried}: {notice.failure}")
        for said in away:
            line(f"Cannot be reached: {said}")
    return Unavailable.exit_code if away else 0


def _one(
    name: str, position: int | None, size: int | None, last: Follower | None, holder: dict[str, object] | None
) -> dict[str, Any]:
    behind = None if position is None or size is None else max(size - position, 0)
    return {
        "name": name,
        "position": position,
        "behind": behind,
        "moved_at": last.moved_at if last else None,
        "moved_by": last.holder if last else None,
        "lease": holder,
    }


def _table(site: Site, size: int | None, found: list[dict[str, Any]], nobody: str) -> None:
    screen = Screen(site)
    cells = [["log", _number(size), "", "", "", ""]]
    for one in found:
        moved = screen.when(from_wire(one["moved_at"])) if one["moved_at"] else ""
        lease = who(one["lease"]) if one["lease"] is not None else nobody if one["name"] in _ROLES else ""
        cells.append(
            [one["name"], _number(one["position"]), _number(one["behind"]), moved, one["moved_by"] or "", lease]
        )
    columns = ["", "records", "behind", "last moved", "by", "runs"]
    table(columns, cells, f"How far everything is at {site.name}; times in {site.zone.key}")


def _number(value: int | None) -> str:
    return "-" if value is None else str(value)
