"""Therapies that stand under an earlier version of their study than the one adopted last: said wherever somebody looks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.site import Site


def newer(site: Site, standing: Iterable[tuple[str, str]]) -> list[str]:
    """One sentence for each later version of a study under which running therapies do not stand yet.

    Args:
        standing: therapies that are not completed, each with the digest of the version in force for it.
    """
    if len(list(site.log.streams("protocol/"))) < 2:
        return []  # nothing to read, and nothing to import: most commands end here
    adopted = site.desk().adopted()
    order = [fact.digest for _, fact in adopted]
    told = []
    of = {name: order.index(digest) for name, digest in standing if digest in order}
    for place, (_, fact) in enumerate(adopted):
        own = [name for name, at in of.items() if at < place and adopted[at][1].protocol == fact.protocol]
        later = any(other.protocol == fact.protocol for _, other in adopted[place + 1 :])
        if own and not later:
            names = ", ".join(own)
            one = own[0] if len(own) == 1 else "THERAPY"
            told.append(
                f"{fact.protocol} {fact.version} was adopted after the version of {names}, which stays on its own; what it "
                f"would change: unbroken amendment show {one} {fact.version}"
            )
    return told
