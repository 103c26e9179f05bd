"""From a limit that was not kept to the facts that follow. What happened is recorded; nothing is hidden or refused here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from events.facts.base import TherapyFact
from events.facts.course import StepOffered
from events.facts.quality import DeviationOpened, MaterialQuarantined
from protocol.alerts import raise_alert
from protocol.model import StudyProtocol
from protocol.readings import Breach
from protocol.refusals import refuse
from protocol.state import Instance, Therapy


def follow(
    therapy: Therapy,
    protocol: StudyProtocol,
    at: Instance | None,
    breaches: Iterable[Breach],
    materials: tuple[str, ...],
    before: Sequence[TherapyFact] = (),
) -> list[TherapyFact]:
    """Deviations, quarantine, alerts and offers that follow.

    Args:
        materials: what a quarantine would hold: the material of the act, or all live ones it touched.
        before: the facts of the same record before these, so that the numbers of deviations and alerts stay unique.

    Raises:
        Refused: a limit whose consequence is to refuse.
    """
    facts: list[TherapyFact] = []
    count = len(therapy.deviations) + opened_in(before, therapy.id)
    key = at.key() if at else None
    own = (at.material,) if at and at.material else ()
    for breach in breaches:
        for consequence in breach.consequences:
            match consequence.what:
                case "refuse" | "not_eligible":
                    raise refuse(
                        breach.rule,
                        f"{breach.says[:1].upper()}{breach.says[1:]}.",
                        "The protocol does not let this step go on with this value.",
                        limit=breach.limit,
                        found=breach.found,
                    )
                case "deviation":
                    count += 1
                    facts.append(
                        DeviationOpened(
                            therapy=therapy.id,
                            deviation=f"D-{count}",
                            grade=consequence.grade or "major",
                            rule=breach.rule,
                            key=key,
                            limit=breach.limit,
                            found=breach.found,
                            says=breach.says,
                        )
                    )
                case "quarantine" if breach.materials or materials:
                    facts.append(
                        MaterialQuarantined(
                            therapy=therapy.id,
                            materials=breach.materials or materials,
                            rule=breach.rule,
                            reason=breach.says,
                        )
                    )
                case "alert" if consequence.role:
                    roles = (consequence.role,)
                    facts.append(raise_alert(therapy, breach.rule, roles, breach.says, at=at, before=(*before, *facts)))
                case "offer" if consequence.step:
                    cause = breach.cause or (str(at) if at else None)
                    offered = offered_to(therapy, protocol, consequence.step, breach.materials or materials or own)
                    why, step = breach.says, consequence.step
                    facts.append(StepOffered(therapy=therapy.id, step=step, why=why, materials=offered, cause=cause))
                case _:
                    pass
    return facts


def offered_to(therapy: Therapy, protocol: StudyProtocol, name: str, materials: Iterable[str]) -> tuple[str, ...]:
    """For which of these materials a reserve step is offered, where it is done for each; none named means for all."""
    kind = protocol.by_id[name].for_each
    known = [therapy.materials[code] for code in materials if code in therapy.materials]
    return tuple(m.code for m in known if kind is not None and m.kind == kind)


def opened_in(facts: Iterable[TherapyFact], therapy: str) -> int:
    """How many deviations of a therapy these facts open."""
    return sum(1 for fact in facts if isinstance(fact, DeviationOpened) and fact.therapy == therapy)
