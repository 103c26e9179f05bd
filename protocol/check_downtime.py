"""Checks of a protocol file: who enters what was done on paper, and what follows where that comes late."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from protocol.problems import Problem, Study, rough_days, unknown


def check_downtime(study: Study) -> Iterator[Problem]:
    """Roles that exist, thresholds in order, and consequences that can follow after the act."""
    downtime, roles = study.protocol.downtime, study.protocol.roles
    if downtime is None:
        return
    for field in ("transcribed_by", "verified_by"):
        for at, name in enumerate(getattr(downtime, field)):
            if name not in roles:
                yield Problem(("downtime", field, at), unknown(name, "role", roles, "roles"))
    for at, (one, later) in enumerate(pairwise(downtime.limits), 1):
        if rough_days(later.at) <= rough_days(one.at):
            reason = f"{later.at} does not come after {one.at}; write them in order"
            yield Problem(("downtime", "limits", at, "at"), reason)
    for at, limit in enumerate(downtime.limits):
        for number, consequence in enumerate(limit.then):
            place = ("downtime", "limits", at, "then", number)
            if consequence.what not in ("deviation", "alert"):
                yield Problem(place, "what was done was done; choose a deviation, or an alert")
            elif consequence.role is not None and consequence.role not in roles:
                yield Problem(place, unknown(consequence.role, "role", roles, "roles"))
