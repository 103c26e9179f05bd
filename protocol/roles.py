"""Who may do something: somebody who holds one of the roles that it asks for (21 CFR 11.10(g))."""

from __future__ import annotations

from collections.abc import Sequence

from protocol.refusals import refuse
from protocol.surroundings import Actor


def check_role(roles: Sequence[str], actor: Actor, what: str) -> None:
    """Refuse an actor without one of the roles.

    Raises:
        Refused: naming the roles asked for and held.
    """
    asked = list(dict.fromkeys(roles))
    if not actor.roles & set(asked):
        raise refuse(
            "authority.role",
            f"{actor.account} may not {what}: it asks for "
            f"{' or '.join(asked) or 'a role that no study of this site names'}, the account "
            f"{f'held on {actor.then:%Y-%m-%d %H:%M} UTC' if actor.then else 'holds'} "
            f"{', '.join(sorted(actor.roles)) or 'no role'}.",
            "Fetch somebody who holds the role; an administrator can change roles.",
            account=actor.account,
            asks=asked,
            holds=sorted(actor.roles),
        )
