"""Whether QA may release a product now: its criteria, or an exception that stands; its deviations; its quarantine."""

from __future__ import annotations

from collections.abc import Sequence

from events.facts.steps import DispositionDecided
from protocol.blocking import release_stops
from protocol.exceptions import check_excepted
from protocol.model import StudyProtocol
from protocol.refusals import refuse
from protocol.state import Therapy
from protocol.state.quality import ReleaseException
from protocol.surroundings import Actor


def check_releasable(
    therapy: Therapy, protocol: StudyProtocol, materials: Sequence[str], actor: Actor | None, bag: str = ""
) -> ReleaseException | None:
    """The exception by which these materials may be released; None where every criterion is met.

    Args:
        bag: the one that is decided on, where that is done bag by bag.
        actor: who releases; None for the second signature of a release that was decided.

    Raises:
        Refused: naming the criteria, deviations, or materials that stand in the way.
    """
    exception = None
    stops = release_stops(therapy, protocol, materials, bag)
    if stops.criteria:
        exception = check_excepted(therapy, protocol, stops.criteria, actor)
        if exception is None:
            told = "; ".join(
                f"{c.name} {c.verdict} ({c.found or 'no result'}; passes {c.passes})" for c in stops.criteria
            )
            raise refuse(
                "release.criteria",
                f"The product cannot be released: {told}.",
                "Wait for the results that are pending; a failed product is rejected, made again, or released by "
                "exception where the protocol knows one: `unbroken exception request`.",
                criteria=[c.name for c in stops.criteria],
            )
    if stops.deviations:
        told = "; ".join(f"{d.code} {d.grade}: {d.says}" for d in stops.deviations)
        raise refuse(
            "release.deviations",
            f"The product cannot be released: {told}.",
            "A critical deviation must be closed, a major one must have its impact assessed: `unbroken deviation`.",
            deviations=[d.code for d in stops.deviations],
        )
    if stops.quarantined:
        raise refuse(
            "material.quarantined",
            f"The product cannot be released: {', '.join(stops.quarantined)} quarantined.",
            "QA decides on the quarantine first: `unbroken quarantine`.",
            materials=stops.quarantined,
        )
    return exception


def check_still_releasable(therapy: Therapy, protocol: StudyProtocol, decided: DispositionDecided) -> None:
    """Ask again what was asked when QA signed: the second signature is the one that releases.

    Raises:
        Refused: something came between the two signatures.
    """
    if decided.decision != "released":
        return
    exception = check_releasable(therapy, protocol, decided.materials, None, decided.key.material or "")
    if (exception.code if exception else None) != decided.exception:
        raise refuse(
            "release.moved",
            "The criteria do not stand as they did when QA signed the release.",
            "Decline it; QA decides anew on the results as they stand.",
            exception=decided.exception or "",
        )
