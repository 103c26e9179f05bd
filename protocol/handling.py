"""The materials of an act: usable, in their place, labelled, scanned, the very item that was matched, and what is used up."""

from __future__ import annotations

from datetime import datetime

from protocol.custody import PLACE, elsewhere
from protocol.model import Step, StudyProtocol
from protocol.refusals import refuse
from protocol.scans import Scanned
from protocol.state import Instance, Material, Therapy

STOPPED_BY_QUARANTINE = frozenset("process hand_over identity_check thaw infusion".split())
"""Kinds that may not use a quarantined or rejected material."""


def check_materials(
    therapy: Therapy, step: Step, at: Instance, scanned: Scanned, moves: tuple[str, ...], started: datetime
) -> None:
    codes = known_codes(scanned)
    for code in dict.fromkeys([*codes, *moves, *([at.material] if at.material else [])]):
        check_usable(step, therapy.materials[code], started)
    for code in moves:
        _check_given_from(step, therapy.materials[code])
    for code in dict.fromkeys(codes):
        _check_there(therapy, step, at, code, started)
    for code in moves:
        if code not in codes:
            raise refuse(
                "identity.scan-present",
                f"Step {step.id} hands over every {therapy.materials[code].kind}; {code} has not been scanned.",
                "Scan it too, or let QA dispose of it first; nothing changes hands without a scan.",
                step=step.id,
                code=code,
            )


def known_codes(scanned: Scanned) -> list[str]:
    return [code for codes in scanned.known.values() for code in codes]


MATCHED = frozenset({"identity_check", "thaw"})
"""Kinds that a bag itself must have gone through: that some bag of this patient did is not enough."""


def check_same_item(therapy: Therapy, protocol: StudyProtocol, step: Step, scanned: Scanned) -> None:
    """A bag that is thawed or infused is the very bag that was matched, and thawed, on the way here."""
    product = protocol.release.product if protocol.release else ""
    if step.kind not in ("identity_check", "thaw", "infusion"):
        return
    for code in scanned.known.get(product, ()):
        for name in _matching_before(protocol, step):
            if not any(code in {scan.code for scan in act.fact.scans} for act in therapy.of_step(name)):
                raise refuse(
                    "identity.same-item",
                    f"{code} has not gone through {name}; it cannot be used in {step.id}.",
                    "Stop. Scan again: this is another bag than the one that was matched or thawed.",
                    code=code,
                    step=step.id,
                    missing=name,
                )


def _matching_before(protocol: StudyProtocol, step: Step) -> list[str]:
    """The identity checks and thaws that lead to a step without any other kind in between, and scan the product."""
    product = protocol.release.product if protocol.release else ""
    found: list[str] = []
    ahead = [name for name, _ in step.predecessors]
    while ahead:
        before = protocol.by_id[ahead.pop()]
        if before.kind in MATCHED and before.id not in found:
            ahead += [name for name, _ in before.predecessors]
            if any(product in spec.kinds for spec in before.scans.values()):
                found.append(before.id)
    return found


def quarantined_meanwhile(material: Material, started: datetime) -> bool:
    """Whether a quarantine was recorded only after this had begun: then it happened, and is told, not asked for."""
    return material.status == "quarantined" and material.quarantined is not None and started < material.quarantined


def check_usable(step: Step, material: Material, started: datetime | None = None) -> None:
    stopped = step.kind in STOPPED_BY_QUARANTINE
    told = started is not None and quarantined_meanwhile(material, started)
    if stopped and material.status in ("quarantined", "rejected") and not told:
        raise refuse(
            f"material.{material.status}",
            f"{material.code} is {material.status}{': ' + material.why if material.why else ''}.",
            "QA decides with `unbroken quarantine`; until then nothing is done with it.",
            code=material.code,
            status=material.status,
        )


def check_used_up(therapy: Therapy, step: Step, at: Instance, consumed: tuple[str, ...], started: datetime) -> None:
    """Refuse to use up what is somewhere else, scanned or not.

    Raises:
        Refused: naming both places.
    """
    for code in consumed:
        _check_there(therapy, step, at, code, started)


def _check_there(therapy: Therapy, step: Step, at: Instance, code: str, started: datetime) -> None:
    place = elsewhere(therapy, code, step.at, started)
    if place:
        holder = therapy.materials[code].holder
        raise refuse(
            PLACE,
            f"{code} is at {place}, held by {holder}; {at} is done at {step.at}.",
            f"Bring it to {step.at} first, by a step that hands it over or moves it there; then nobody has to ask where it was. "
            "What was done there all the same is told with `unbroken happened`.",
            code=code,
            place=place,
            expected=step.at,
        )


def _check_given_from(step: Step, material: Material) -> None:
    # Custody is given from where the material is: a hand-over from another place would leave a gap.
    if step.at is not None and material.place and material.place != step.at:
        raise refuse(
            PLACE,
            f"{material.code} is at {material.place}, held by {material.holder}; {step.id} gives it from {step.at}.",
            "Hand it over to that place first, so that custody has no gap.",
            code=material.code,
            place=material.place,
            expected=step.at,
        )


def consumed_by(therapy: Therapy, step: Step, at: Instance, scanned: Scanned) -> tuple[str, ...]:
    codes: list[str] = []
    for kind in step.consumes:
        chosen = [at.material] if step.for_each == kind else list(scanned.known.get(kind, ()))
        # Where one kind was scanned instead of another, nothing of the other was used up.
        instead = any(
            other in scanned.known for spec in step.scans.values() if kind in spec.kinds for other in spec.kinds
        )
        codes += chosen or ([] if instead else [m.code for m in therapy.live(kind)])
    return tuple(dict.fromkeys(codes))
