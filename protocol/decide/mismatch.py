"""Decide about a mismatch: reported by anybody, in one record for both patients; decided by two people of QA, item by item."""

from __future__ import annotations

from typing import assert_never

from events.errors import Refused
from events.facts.base import TherapyFact
from events.facts.mismatch import MismatchDecided, MismatchReached, MismatchReported
from events.facts.quality import DeviationOpened, MaterialQuarantined, QuarantineDecided
from events.identifiers import Bag, read_code
from protocol.commands import DecideMismatch, MismatchCommand, ReportMismatch
from protocol.consequences import follow
from protocol.decision import Decision, therapy_stream
from protocol.mismatch import RULE, affected, open_mismatches, undecided
from protocol.model import Consequence, StudyProtocol
from protocol.readings import Breach
from protocol.refusals import refuse
from protocol.roles import check_role
from protocol.state import Mismatch, Signed, Therapy
from protocol.surroundings import Surroundings

CRITICAL = (Consequence(what="deviation", grade="critical"), Consequence(what="quarantine"))


def decide_mismatch(
    therapy: Therapy, protocol: StudyProtocol, command: MismatchCommand, around: Surroundings
) -> Decision:
    """What follows from a command about a mismatch."""
    match command:
        case ReportMismatch():
            return _report(therapy, protocol, command, around)
        case DecideMismatch():
            return _decide(therapy, protocol, command, around)
        case _:
            assert_never(command)


def _report(therapy: Therapy, protocol: StudyProtocol, command: ReportMismatch, around: Surroundings) -> Decision:
    """One record: a critical deviation and quarantine of everything, of both patients if the other is known.

    Raises:
        Refused: the item is none of this therapy's, or what was found is nobody's: such a barcode is scanned again.
    """
    material = read_code(command.material)
    if material not in therapy.materials and material not in affected(therapy):
        raise refuse(
            "identity.material",
            f"{material} is no material of {therapy.id}.",
            "Report it under the therapy whose label the item carries.",
            code=material,
        )
    found = read_code(command.found) if command.found else None
    _check_found(therapy, material, found, around)
    other = around.therapies.get(_owner(found, around)) if _owner(found, around) != therapy.id else None
    told = f"{material} {_words(command.what)}{f', {found} fits' if found else ''}: {command.says}"
    facts: list[TherapyFact] = [
        MismatchReported(
            therapy=therapy.id,
            mismatch=_next(therapy),
            what=command.what,
            material=material,
            found=found,
            other=other.id if other else "",
            materials=affected(therapy),
            says=command.says,
        ),
        *_follows(therapy, protocol, told),
    ]
    if other is None or found is None:
        return _decision(facts, around)
    facts.append(
        MismatchReached(
            therapy=other.id,
            mismatch=_next(other),
            what=command.what,
            material=material,
            found=found,
            other=therapy.id,
            materials=affected(other),
            says=command.says,
        )
    )
    return _decision([*facts, *_follows(other, protocol, told)], around, therapy_stream(other.id))


def _owner(found: str | None, around: Surroundings) -> str:
    """Whose a code is; a bag's label that nobody knows still carries the number of somebody's donation."""
    if found is None or found in around.owners:
        return around.owners.get(found or "", "")
    try:
        return around.owners.get(Bag.read(found).din.number, "")
    except Refused:
        return ""


def _check_found(therapy: Therapy, material: str, found: str | None, around: Surroundings) -> None:
    if found == material:
        raise refuse(
            "mismatch.two-codes",
            f"{material} was found where {material} is expected.",
            "Then label and content match. Name what the content speaks for, or leave it unknown.",
            code=material,
        )
    # An unreadable or foreign barcode is no mix-up of patients.
    if found is not None and not _owner(found, around) and not therapy.uses(found):
        raise refuse(
            "identity.scan-known",
            f"{found} belongs to nobody here.",
            "Scan again. If nothing tells whose the content is, report it as unknown: `--found unknown`.",
            code=found,
        )
    for standing in open_mismatches(therapy):
        if (standing.material, standing.found) == (material, found or ""):
            raise refuse(
                "order.done",
                f"{standing.code} of {therapy.id} says so already: {standing.says}.",
                "Two people of QA decide on it: `unbroken mismatch decide`.",
                mismatch=standing.code,
            )


def _words(what: str) -> str:
    return "carries a label that does not match" if what == "label" else "is where nothing explains it"


def _next(therapy: Therapy) -> str:
    return f"M-{len(therapy.mismatches) + 1}"


def _follows(therapy: Therapy, protocol: StudyProtocol, told: str) -> list[TherapyFact]:
    return follow(therapy, protocol, None, [Breach(RULE, CRITICAL, "", "", told)], affected(therapy))


def _decision(facts: list[TherapyFact], around: Surroundings, *extends: str) -> Decision:
    warnings = [f.says for f in facts if isinstance(f, DeviationOpened)]
    warnings += [
        f"quarantined: {', '.join(f.materials)} of {f.therapy}" for f in facts if isinstance(f, MaterialQuarantined)
    ]
    return Decision(tuple(facts), "performed", around.now, extends, warnings=tuple(warnings))


# ------------------------------------------------------------------ two people of QA


def _decide(therapy: Therapy, protocol: StudyProtocol, command: DecideMismatch, around: Surroundings) -> Decision:
    """The first person decides; the second agrees in a record that names the first. Another decision begins anew.

    Raises:
        Refused: not QA, one person twice, or items that do not wait for one and the same decision.
    """
    check_role(protocol.qa_roles, around.actor, "decide on a mismatch")
    mismatch = _open(therapy, command.mismatch)
    codes = tuple(dict.fromkeys(read_code(code) for code in command.materials))
    _check_items(therapy, mismatch, codes)
    first = _first(mismatch, codes, command)
    meaning = "approved" if command.decision == "lifted" else "rejected"
    decided = MismatchDecided(
        therapy=therapy.id,
        mismatch=mismatch.code,
        materials=codes,
        decision=command.decision,
        reason=command.reason,
        awaits=() if first else protocol.qa_roles,
        first=first.link if first else None,
    )
    if first is None:
        return Decision((decided,), meaning, around.now)
    if first.person == around.actor.person:
        raise refuse(
            "authority.two-people",
            f"{around.actor.account} may not decide alone: {first.person} signed first.",
            "One person is one person under any account. A second person of QA decides the same, with a reason.",
            person=around.actor.person,
        )
    return Decision((decided, *_quarantine(therapy, mismatch, codes, command)), meaning, around.now)


def _quarantine(
    therapy: Therapy, mismatch: Mismatch, codes: tuple[str, ...], command: DecideMismatch
) -> list[QuarantineDecided]:
    """What becomes of the quarantine: the mismatch's own cause is lifted and no other, or the items are rejected."""
    fact = QuarantineDecided(
        therapy=therapy.id, materials=codes, decision=command.decision, reason=command.reason
    )  # fmt: skip
    if command.decision == "rejected":
        return [fact] if codes else []
    held = {
        code: cause.code
        for code in codes
        for cause in therapy.materials[code].causes
        if (cause.rule, cause.link) == (RULE, mismatch.link)
    }
    return [
        fact.model_copy(update={"materials": tuple(code for code in held if held[code] == cause), "cause": cause})
        for cause in dict.fromkeys(held.values())
    ]


def _open(therapy: Therapy, name: str) -> Mismatch:
    mismatch = next((m for m in open_mismatches(therapy) if m.code == name.upper()), None)
    if mismatch is None:
        standing = ", ".join(m.code for m in open_mismatches(therapy)) or "none"
        raise refuse(
            "mismatch.open", f"{therapy.id} has no open mismatch {name}.", f"Open are: {standing}.", mismatch=name
        )
    return mismatch


def _check_items(therapy: Therapy, mismatch: Mismatch, codes: tuple[str, ...]) -> None:
    waiting = undecided(therapy, mismatch)
    if not codes and waiting:
        raise refuse(
            "record.complete",
            f"It is not said which items of {mismatch.code} are decided on.",
            f"Name each with --material: {', '.join(waiting)}.",
            undecided=waiting,
        )
    for code in codes:
        if code not in waiting:
            raise refuse(
                "identity.material",
                f"{code} does not wait for a decision on {mismatch.code}.",
                f"Waiting are: {', '.join(waiting) or 'none'}.",
                code=code,
            )
        if code not in therapy.materials:
            raise refuse(
                "order.pending",
                f"{code} is made by an act that nobody has signed second.",
                "Sign that act second, or decline it; then decide.",
                code=code,
            )


def _first(mismatch: Mismatch, codes: tuple[str, ...], command: DecideMismatch) -> Signed | None:
    """Whom this decision agrees with; None where it is the first, or another one than waits."""
    waiting = [mismatch.pending.get(code) for code in codes or ("",)]
    agreed = {pending[1].link: pending[1] for pending in waiting if pending and pending[0].decision == command.decision}
    if not agreed:
        return None
    if len(agreed) > 1 or None in waiting or any(p and p[0].decision != command.decision for p in waiting):
        raise refuse(
            "mismatch.one-decision",
            "These items do not wait for one and the same decision.",
            "Agree with each decision in a command of its own.",
            materials=codes,
        )
    return next(iter(agreed.values()))
