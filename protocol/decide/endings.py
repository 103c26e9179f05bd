"""Decide how materials end, or where they stay: disposed of by two people, kept, returned, lost, found again."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from events.facts.base import TherapyFact
from events.facts.endings import (
    DisposalDropped,
    DisposalSigned,
    DisposalWitnessed,
    MaterialFound,
    MaterialKept,
    MaterialLost,
    MaterialReturned,
)
from events.facts.quality import DeviationOpened, MaterialDisposed
from events.identifiers import read_code
from protocol.commands import (
    DropDisposal,
    EndingCommand,
    FindMaterial,
    KeepMaterial,
    LoseMaterial,
    ReturnMaterial,
    WitnessDisposal,
)
from protocol.consequences import follow
from protocol.decision import Decision
from protocol.endings import may_keep, needed_kinds
from protocol.escalation import raise_each
from protocol.mismatch import stopping
from protocol.model import Consequence, StudyProtocol
from protocol.readings import Breach
from protocol.refusals import refuse
from protocol.roles import check_role
from protocol.state import Material, Signed, Therapy
from protocol.surroundings import Surroundings

LEAST_LINK = 8
MAJOR = (Consequence(what="deviation", grade="major"),)


def decide_endings(therapy: Therapy, protocol: StudyProtocol, command: EndingCommand, around: Surroundings) -> Decision:
    """What follows from a command about how materials end."""
    match command:
        case WitnessDisposal():
            return _witness(therapy, command, around)
        case DropDisposal():
            return _drop(therapy, protocol, command, around)
        case KeepMaterial():
            return _keep(therapy, protocol, command, around)
        case ReturnMaterial():
            return _give_back(therapy, protocol, command, around)
        case LoseMaterial():
            return _lose(therapy, protocol, command, around)
        case FindMaterial():
            return _find(therapy, protocol, command, around)
        case _:
            assert_never(command)


# ------------------------------------------------------------------ disposal by two people


def _waiting(therapy: Therapy, link: str) -> tuple[DisposalSigned, Signed]:
    found = (
        [waits for key, waits in therapy.disposals.items() if key.startswith(link)] if len(link) >= LEAST_LINK else []
    )
    if len(found) != 1:
        told = ", ".join(f"{key[:12]} ({', '.join(fact.materials)})" for key, (fact, _) in therapy.disposals.items())
        raise refuse(
            "signature.pending",
            f"No disposal {link} of {therapy.id} waits for a second signature.",
            f"Waiting are: {told or 'none'}.",
            act=link,
        )
    return found[0]


def _witness(therapy: Therapy, command: WitnessDisposal, around: Surroundings) -> Decision:
    """The second person saw it: now custody ends.

    Raises:
        Refused: the same person, the wrong role, or a material ended meanwhile.
    """
    signed, by = _waiting(therapy, command.act)
    if by.person == around.actor.person:
        raise refuse(
            "authority.two-people",
            f"{around.actor.account} may not sign the disposal second: {by.person} signed first.",
            "One person is one person under any account. Fetch another.",
            person=by.person,
        )
    check_role(signed.awaits, around.actor, "witness a disposal")
    for code in signed.materials:
        live_material(therapy, code)
    facts: tuple[TherapyFact, ...] = (
        DisposalWitnessed(therapy=therapy.id, act=by.link),
        MaterialDisposed(therapy=therapy.id, materials=signed.materials, at=around.now, reason=signed.reason),
    )
    return Decision(facts, "witnessed", around.now)


def _drop(therapy: Therapy, protocol: StudyProtocol, command: DropDisposal, around: Surroundings) -> Decision:
    signed, by = _waiting(therapy, command.act)
    own = by.person == around.actor.person
    if not own:
        check_role((*signed.awaits, *protocol.qa_roles), around.actor, "decline a disposal")
    fact = DisposalDropped(therapy=therapy.id, act=by.link, reason=command.reason)
    return Decision((fact,), "withdrawn" if own else "declined", around.now)


def live_material(therapy: Therapy, code: str) -> Material:
    """A material of this therapy that has not ended.

    Raises:
        Refused: there is none of this code, or it has ended.
    """
    material = therapy.materials.get(code)
    if material is None:
        raise refuse(
            "identity.material",
            f"{code} is no material of {therapy.id}.",
            f"Its materials: {', '.join(therapy.materials) or 'none yet'}.",
            code=code,
        )
    if not material.live:
        raise refuse(
            "identity.material-live",
            f"{code} was {material.ended} already.",
            "It has no holder any more.",
            code=code,
        )
    return material


# ------------------------------------------------------------------ kept, returned


def keepers(protocol: StudyProtocol) -> tuple[str, ...]:
    """The roles that keep or return material."""
    return (protocol.endings.kept_by if protocol.endings else ()) or protocol.qa_roles


def _codes(given: tuple[str, ...]) -> tuple[str, ...]:
    codes = tuple(dict.fromkeys(read_code(code) for code in given))
    if not codes:
        raise refuse("record.complete", "It is not said which material.", "Name each with --material.")
    return codes


def _keep(therapy: Therapy, protocol: StudyProtocol, command: KeepMaterial, around: Surroundings) -> Decision:
    """Kept under a named holder, at a place, on what the consent permits.

    Raises:
        Refused: the study or the consent does not let this kind be kept, the therapy needs it, or there is no such place.
    """
    check_role(keepers(protocol), around.actor, "keep material")
    _check_place(
        protocol, command.place, (protocol.endings.kept_at if protocol.endings else ()) or tuple(protocol.places)
    )
    codes = _codes(command.materials)
    permits = {code: _permit(therapy, protocol, live_material(therapy, code)) for code in codes}
    for code in codes:
        check_free(therapy, protocol, therapy.materials[code], "kept")
    if len(set(permits.values())) > 1:
        told = ", ".join(f"{code} on {permit}" for code, permit in permits.items())
        raise refuse("record.one-permit", f"These rest on different permissions: {told}.", "Keep each kind by itself.")
    fact = MaterialKept(
        therapy=therapy.id,
        materials=codes,
        place=command.place,
        permit=next(iter(permits.values())),
        reason=command.reason,
    )
    return Decision((fact,), "received", around.now)


def _permit(therapy: Therapy, protocol: StudyProtocol, material: Material) -> str:
    permit = may_keep(therapy, protocol, material)
    if permit:
        return permit
    asked = protocol.endings.keeps.get(material.kind, "") if protocol.endings else ""
    withdrew = "samples" in therapy.withdrawn
    says = (
        f"the study keeps no {material.kind}"
        if not asked
        else f"it rests on consent to {asked}, and the patient withdrew from the use of samples"
        if withdrew
        else f"it rests on consent to {asked}, which was not given"
    )
    raise refuse(
        "consent.keeps",
        f"{material.code} may not be kept: {says}.",
        "Dispose of it: `unbroken dispose`.",
        code=material.code,
        permit=asked,
    )


def check_free(therapy: Therapy, protocol: StudyProtocol, material: Material, word: str) -> None:
    """Refuse to take material out of a therapy that still needs it, or that an open question holds.

    Raises:
        Refused: the therapy goes on and needs it, an act on it waits, or two people of QA have to decide on it.
    """
    if not therapy.stopped and not therapy.infused and material.kind in needed_kinds(protocol):
        raise refuse(
            "custody.needed",
            f"{material.code} is {material.status} and its therapy goes on; it is not {word}.",
            "Only material of a therapy that stopped or was infused, and samples that no step uses up.",
            code=material.code,
            status=material.status,
        )
    for act in therapy.pending.values():
        if material.code in act.touches:
            raise refuse(
                "order.pending",
                f"{material.code} is part of {act.at}, which {act.by.account} signed and nobody has signed second.",
                "Sign it second, decline it, or let the performer take it back.",
                code=material.code,
                step=str(act.at),
            )
    mismatch = stopping(therapy, material.code)
    if mismatch is not None:
        raise refuse(
            "identity.mismatch",
            f"{material.code} waits for two people of QA: {mismatch.code}, {mismatch.says}.",
            "They decide on each item: `unbroken mismatch decide`.",
            code=material.code,
            mismatch=mismatch.code,
        )


def _check_place(protocol: StudyProtocol, place: str, allowed: tuple[str, ...]) -> None:
    if place not in allowed:
        raise refuse(
            "custody.place-known",
            f"{place} is no place where material is kept in this study.",
            f"The places are: {', '.join(allowed)}.",
            place=place,
        )


def _give_back(therapy: Therapy, protocol: StudyProtocol, command: ReturnMaterial, around: Surroundings) -> Decision:
    check_role(keepers(protocol), around.actor, "return material")
    codes = _codes(command.materials)
    for code in codes:
        check_free(therapy, protocol, live_material(therapy, code), "returned")
    fact = MaterialReturned(therapy=therapy.id, materials=codes, to=command.to, reason=command.reason)
    return Decision((fact,), "given", around.now)


# ------------------------------------------------------------------ lost, and found again


def anybody(protocol: StudyProtocol) -> tuple[str, ...]:
    """Every role that performs or signs a step: whoever has material in their hands."""
    roles = [r for s in protocol.steps for r in (*s.performed_by, *(s.second[0] if s.second else ()))]
    return tuple(dict.fromkeys([*roles, *protocol.qa_roles]))


def _lose(therapy: Therapy, protocol: StudyProtocol, command: LoseMaterial, around: Surroundings) -> Decision:
    """What was lost or broke is told by whoever saw it, whatever else is open; it opens a deviation and is heard at once.

    Raises:
        Refused: no such live material, or a time that cannot be.
    """
    check_role(anybody(protocol), around.actor, "report a loss")
    codes = _codes(command.materials)
    for code in codes:
        live_material(therapy, code)
        _check_time(therapy, code, command.at, around.now)
    fact = MaterialLost(therapy=therapy.id, materials=codes, how=command.how, at=command.at, says=command.says)
    told = f"{', '.join(codes)} {'lost' if command.how == 'lost' else 'destroyed by accident'}: {command.says}"
    follows = follow(therapy, protocol, None, [Breach("material.lost", MAJOR, "", "", told)], ())
    roles = (protocol.escalation.material_lost if protocol.escalation else ()) or protocol.qa_roles
    follows += raise_each(therapy, "material.lost", roles, told, before=follows)
    return Decision((fact, *follows), "performed", command.at, warnings=_warnings(follows))


def _warnings(facts: list[TherapyFact]) -> tuple[str, ...]:
    return tuple(fact.says for fact in facts if isinstance(fact, DeviationOpened))


def _check_time(therapy: Therapy, code: str, at: datetime, now: datetime) -> None:
    if at > now:
        raise refuse(
            "time.future",
            f"{at:%Y-%m-%d %H:%M %Z} lies in the future (now {now:%Y-%m-%d %H:%M} UTC).",
            "Record it when it has happened.",
            given=at,
            now=now,
        )
    since = max((entry.since for entry in therapy.custody if entry.material == code), default=at)
    if at < since:
        raise refuse(
            "time.sequence",
            f"{code} was in somebody's custody from {since:%Y-%m-%d %H:%M} UTC on; it cannot be gone before "
            f"({at:%Y-%m-%d %H:%M} UTC).",
            "Correct the time; if it is not known, leave it out.",
            given=at,
            since=since,
        )


def _find(therapy: Therapy, protocol: StudyProtocol, command: FindMaterial, around: Surroundings) -> Decision:
    """What had been lost is there again: in quarantine, until QA decides.

    Raises:
        Refused: it was never lost, or there is no such place.
    """
    check_role(anybody(protocol), around.actor, "report what was found")
    _check_place(protocol, command.place, tuple(protocol.places))
    codes = _codes(command.materials)
    for code in codes:
        material = therapy.materials.get(code)
        if material is None or material.ended != "lost":
            raise refuse(
                "custody.lost",
                f"{code} was not lost{f': it was {material.ended}' if material and material.ended else ''}.",
                "Only what was recorded as lost can be found again.",
                code=code,
            )
        _check_time(therapy, code, command.at, around.now)
    fact = MaterialFound(therapy=therapy.id, materials=codes, place=command.place, at=command.at, says=command.says)
    return Decision((fact,), "received", command.at)
