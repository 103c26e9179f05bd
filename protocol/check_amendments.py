"""Checks of a protocol file: who moves running therapies to it."""

from __future__ import annotations

from collections.abc import Iterator

from protocol.problems import Problem, Study, twice, unknown


def check_amendments(study: Study) -> Iterator[Problem]:
    """Roles that exist, and a version that is not moved to from itself."""
    part = study.protocol.amendments
    if part is None:
        return
    roles = study.protocol.roles
    for field, names in (("proposed_by", part.proposed_by), ("approved_by", part.approved_by)):
        for at, name in enumerate(names):
            if name not in roles:
                yield Problem(("amendments", field, at), unknown(name, "role", roles, "roles"))
    for at, name in twice(part.moves or ()):
        yield Problem(("amendments", "moves", at), f"{name} stands twice")
    own = study.protocol.protocol.version
    for at, name in enumerate(part.moves or ()):
        if name == own:
            yield Problem(("amendments", "moves", at), f"{name} is this very version; name the ones before it")
