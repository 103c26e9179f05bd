"""Who follows a site's log: their leases, and what they tell others about themselves."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flows.lease import Lease

if TYPE_CHECKING:
    from pathlib import Path

    from console.site import Site
    from projections.followers import Mover

DRIVER, PROJECTOR = "driver", "projector"


def folder_of(site: Site, role: str) -> Path:
    """Where a role's lease lies: the driver's beside Prefect's database, as one goes with the other."""
    return site.prefect if role == DRIVER else site.folder


def lease(site: Site, role: str) -> Lease:
    """The lease of a role at this site; see `flows.standing_by.lease_of`."""
    from flows.standing_by import lease_of

    return lease_of(folder_of(site, role), role, site.views_url, site.log_id)


def holder(site: Site, role: str) -> dict[str, object] | None:
    """Who holds it now; None if nobody does.

    Raises:
        Unavailable: the database cannot be asked.
    """
    from flows.standing_by import holder as held_by

    return held_by(folder_of(site, role), role, site.views_url, site.log_id)


def mover(what: str) -> Mover:
    """Who moves a follower: ``driver, process 4711 on plant-2``. Its times are the world's, on a simulated site too."""
    from projections.followers import Mover

    return Mover(f"{what}, process {os.getpid()} on {socket.gethostname()}", lambda: datetime.now(UTC))
