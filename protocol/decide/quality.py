"""Decisions of quality: quarantine, holds after a wrong item, disposal.

What is open when a therapy is completed can still be decided: completion ends the study's steps, not QA's duties.
"""

from __future__ import annotations

from typing import assert_never

from events.facts.endings import DisposalSigned
from events.facts.quality import (
    IdentityHoldCleared,
    MaterialDisposed,
    QuarantineDecided,
)
from events.identifiers import read_code
from protocol.commands import (
    ClearHold,
    DecideQuarantine,
    Dispose,
    QualityCommand,
)
from protocol.decision import Decision
from protocol.endings import unsettled
from protocol.manufacture import open_failure
from protocol.mismatch import open_mismatches, stopping
from protocol.model import StudyProtocol
from protocol.refusals import refuse
from protocol.roles import check_role
from protocol.state import Material, Therapy
from protocol.surroundings import Surroundings


def decide_quality(
    therapy: Therapy, protocol: StudyProtocol, command: QualityCommand, around: Surroundings
) -> Decision:
    """What follows from a command about quality."""
    match command:
        case DecideQuarantine():
            return _decide_quarantine(therapy, protocol, command, around)
        case ClearHold():
            return _clear_hold(therapy, protocol, command, around)
        case Dispose():
            return _dispose(therapy, protocol, command, around)
        case _:
            assert_never(command)


def known_material(therapy: Therapy, code: str) -> Material:
    """A material of this therapy.

    Raises:
        Refused: the therapy has no such material.
    """
    if code not in therapy.materials:
        raise refuse(
            "identity.material",
            f"{code} is no material of {therapy.id}.",
            f"Its materials: {', '.join(therapy.materials) or 'none yet'}.",
            code=code,
        )
    return therapy.materials[code]


def _decide_quarantine(
    therapy: Therapy, protocol: StudyProtocol, command: DecideQuarantine, around: Surroundings
) -> Decision:
    """QA lifts one cause of a quarantine, or rejects the material.

    Raises:
        Refused: not QA, nothing of the kind is in quarantine, or it is not said which of several causes is lifted.
    """
    check_role(protocol.qa_roles, around.actor, "decide on a quarantine")
    codes = tuple(dict.fromkeys(read_code(code) for code in command.materials))
    for code in codes:
        material = known_material(therapy, code)
        if material.status != "quarantined":
            raise refuse(
                "material.quarantined",
                f"{code} is {material.status}, not quarantined.",
                "There is nothing to decide.",
                code=code,
                status=material.status,
            )
        _check_mismatch(therapy, code)
        if command.decision == "lifted":
            _check_failure(therapy, code)
    if command.decision == "rejected":
        fact = QuarantineDecided(therapy=therapy.id, materials=codes, decision="rejected", reason=command.reason)
        return Decision((fact,), "rejected", around.now)
    cause = _cause(therapy, codes, command.cause.strip().upper())
    lifted = QuarantineDecided(
        therapy=therapy.id, materials=codes, decision="lifted", reason=command.reason, cause=cause
    )
    left = [f"{code} stays in quarantine: {told}" for code in codes if (told := _but(therapy.materials[code], cause))]
    return Decision((lifted,), "approved", around.now, warnings=tuple(left))


def _cause(therapy: Therapy, codes: tuple[str, ...], named: str) -> str:
    """The one cause that is lifted of all of these materials: each cause was another event, and has a reason of its own."""
    held = {cause.code: cause for code in codes for cause in therapy.materials[code].causes}
    if not named and len(held) == 1:
        return next(iter(held))
    for code in codes:
        if named not in {cause.code for cause in therapy.materials[code].causes}:
            told = "; ".join(f"{cause.code} {cause.says}" for cause in held.values())
            raise refuse(
                "quarantine.cause",
                f"{code} is not held by {named}."
                if named
                else f"{', '.join(codes)}: it is not said which cause is lifted.",
                f"Name the one that was looked into, with its own reason: `--cause`. There are: {told}.",
                code=code,
                cause=named,
                causes=tuple(held),
            )
    return named


def _but(material: Material, cause: str) -> str:
    """What still holds a material beside one cause, in words."""
    return "; ".join(f"{other.code} {other.says}" for other in material.causes if other.code != cause)


def _check_failure(therapy: Therapy, code: str) -> None:
    """What a reported failure ends is not used while a second person has yet to say whether it failed."""
    failure = open_failure(therapy)
    if failure is not None and code in failure.ends:
        raise refuse(
            "manufacture.waiting",
            f"{code} is lost by {failure.code}, {failure.says}, which waits to be confirmed.",
            "If it did not fail, decline that first: `unbroken manufacture decline`; then the quarantine may be lifted.",
            code=code,
            failure=failure.code,
        )


def _check_mismatch(therapy: Therapy, code: str) -> None:
    """What a mismatch put in doubt is not one person's to decide, nor to throw away."""
    if (mismatch := stopping(therapy, code)) is not None:
        raise refuse(
            "identity.mismatch",
            f"{code} waits for two people of QA: {mismatch.code}, {mismatch.says}.",
            "Both decide, each with a reason: `unbroken mismatch decide`.",
            code=code,
            mismatch=mismatch.code,
        )


def _clear_hold(therapy: Therapy, protocol: StudyProtocol, command: ClearHold, around: Surroundings) -> Decision:
    """QA and a second person clear a hold, after the right wristband was scanned again.

    Raises:
        Refused: nothing is held, the scan is wrong, one person twice, or neither of the two is QA.
    """
    for mismatch in open_mismatches(therapy):
        raise refuse(
            "identity.mismatch",
            f"A rescan does not clear {mismatch.code} of {therapy.id}: {mismatch.says}.",
            "Nothing was merely presented: a label, or a place, is wrong. Two people of QA decide on each item, with "
            "reasons: `unbroken mismatch decide`.",
            mismatch=mismatch.code,
        )
    if not therapy.holds:
        raise refuse("identity.hold", f"Nothing of {therapy.id} is held.", "There is nothing to clear.")
    wristband, item = _rescan(therapy, command)
    hold = next(iter(therapy.holds.values()))
    qa = protocol.qa_roles
    if hold.pending is None:
        check_role(qa, around.actor, "clear a hold")
        awaits = tuple(dict.fromkeys(r for s in protocol.steps for r in s.performed_by))
        fact = IdentityHoldCleared(
            therapy=therapy.id, mismatch=hold.link, wristband=wristband, item=item, reason=command.reason, awaits=awaits
        )
        return Decision((fact,), "approved", around.now)
    if hold.pending[1].person == around.actor.person:
        raise refuse(
            "authority.two-people",
            f"{around.actor.account} may not clear the hold alone: {around.actor.person} signed first.",
            "One person is one person under any account. Fetch another.",
            person=around.actor.person,
        )
    check_role(hold.pending[0].awaits, around.actor, "clear a hold as the second person")
    second = IdentityHoldCleared(
        therapy=therapy.id, mismatch=hold.link, wristband=wristband, item=item, reason=command.reason
    )
    return Decision((second,), "witnessed", around.now)


def _rescan(therapy: Therapy, command: ClearHold) -> tuple[str | None, str | None]:
    """What was scanned again: this patient's wristband, or something else that is this patient's and nobody's else.

    Where the patient is not at hand, an item that lies in its right place is; before enrolment, the screening number.
    """
    own = {m.code for m in therapy.materials.values()} | {
        therapy.coi,
        therapy.opened.screening if therapy.opened else "",
    }
    asked = {"wristband": (command.wristband, {therapy.wristband}), "item": (command.item, own - {""})}
    scanned = {name: read_code(code) for name, (code, _) in asked.items() if code}
    if not scanned:
        raise refuse(
            "identity.scan-present", "Nothing was scanned again.", "Scan the wristband, or an item of this patient."
        )
    for name, code in scanned.items():
        if code not in asked[name][1]:
            raise refuse(
                "identity.scan-matches",
                f"Scan {name} shows {code}, expected {', '.join(sorted(asked[name][1])) or 'none'}.",
                "Scan the wristband or an item of this patient; the hold stays.",
                presented=code,
                expected=sorted(asked[name][1]),
            )
    return scanned.get("wristband"), scanned.get("item")


def check_can_end(therapy: Therapy, code: str) -> None:
    """Refuse the end of a material that waits for somebody.

    Raises:
        Refused: two people of QA have to decide on it, or an act on it waits for its second signature.
    """
    _check_mismatch(therapy, code)
    for act in therapy.pending.values():
        if code in act.touches:
            raise refuse(
                "order.pending",
                f"{code} is part of {act.at}, which {act.by.account} signed and nobody has signed second.",
                "Sign it second, decline it, or let the performer take it back; then dispose of it.",
                code=code,
                step=str(act.at),
            )


def _dispose(therapy: Therapy, protocol: StudyProtocol, command: Dispose, around: Surroundings) -> Decision:
    check_role(protocol.qa_roles, around.actor, "dispose of material")
    codes = tuple(dict.fromkeys(read_code(code) for code in command.materials))
    for code in codes:
        material = known_material(therapy, code)
        if not material.live:
            raise refuse(
                "identity.material-live",
                f"{code} was {material.ended} already.",
                "It has no holder any more.",
                code=code,
            )
        check_can_end(therapy, code)
        _check_signed_once(therapy, code)
        usable = material.status in ("available", "released") and not therapy.stopped and not material.earlier
        if usable and material not in unsettled(therapy, protocol) and not therapy.infused:
            raise refuse(
                "custody.dispose",
                f"{code} is {material.status} and its therapy goes on; it is not disposed of.",
                "Only rejected or quarantined material, or that of a therapy that stopped or was infused, is disposed of.",
                code=code,
                status=material.status,
            )
    if protocol.endings and protocol.endings.disposal_witnessed_by:
        awaits = protocol.endings.disposal_witnessed_by
        signed = DisposalSigned(therapy=therapy.id, materials=codes, reason=command.reason, awaits=awaits)
        return Decision((signed,), "performed", around.now)
    fact = MaterialDisposed(therapy=therapy.id, materials=codes, at=around.now, reason=command.reason)
    return Decision((fact,), "performed", around.now)


def _check_signed_once(therapy: Therapy, code: str) -> None:
    for fact, by in therapy.disposals.values():
        if code in fact.materials:
            raise refuse(
                "order.pending",
                f"{by.account} signed the disposal of {code} already; it waits for {' or '.join(fact.awaits)}.",
                "Sign it second: `unbroken material witness`.",
                code=code,
            )
