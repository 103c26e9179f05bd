"""Decide on an amendment: a running therapy is moved to another version of its study, by two people, knowing what changes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple, assert_never

from events.facts.amendments import AmendmentDecided, AmendmentProposed, Change, ConsentedAgain
from events.facts.base import ActKey
from events.grammar import dump_json
from events.zones import day_of
from protocol.ahead import brought_too_late
from protocol.amendments import changes, under
from protocol.commands import AmendmentCommand, DecideAmendment, ProposeAmendment
from protocol.decision import Decision
from protocol.fitting import reasons
from protocol.gate import check_running
from protocol.model import StudyProtocol
from protocol.model.amendments import Amendments
from protocol.refusals import refuse
from protocol.roles import check_role
from protocol.state import Therapy
from protocol.state.amendments import Proposal
from protocol.surroundings import Surroundings

LEAST_DIGEST = 8
MOST_BYTES = 150_000
"""What the list of changes may measure, so that its record keeps within the log's 256 kB."""


class Plan(NamedTuple):
    """What a move to another version means for one patient; with reasons against it, it cannot be made."""

    to: StudyProtocol
    part: Amendments
    changes: tuple[Change, ...]
    passes: tuple[ActKey, ...]
    reasons: tuple[str, ...]


def decide_amendments(
    therapy: Therapy, protocol: StudyProtocol, command: AmendmentCommand, around: Surroundings
) -> Decision:
    """What follows from a command about an amendment."""
    check_running(therapy)
    match command:
        case ProposeAmendment():
            return _propose(therapy, protocol, command, around)
        case DecideAmendment():
            return _decide(therapy, protocol, command, around)
        case _:
            assert_never(command)


def plan(therapy: Therapy, present: StudyProtocol, to: str, versions: tuple[StudyProtocol, ...], now: datetime) -> Plan:
    """What it means to move a therapy to a version, named as the study writes it or by the beginning of its digest.

    Raises:
        Refused: it is not in the log, not a later version of this study, or no therapy is moved to it (yet).
    """
    new = _named(present, to, versions)
    part = _movable(therapy, present, new, versions, now)
    passes = brought_too_late(therapy, present, new, now)
    against = tuple(reasons(therapy, under(therapy, passes), present, new, now))
    fits = not any(name not in new.by_id for name in dict.fromkeys(a.at.step for a in therapy.every_act.values()))
    return Plan(new, part, changes(therapy, present, new, passes) if fits else (), passes, against)


def open_amendment(therapy: Therapy) -> Proposal | None:
    """The amendment that waits for its second person."""
    return next((proposal for proposal in therapy.amendments.values() if not proposal.decision), None)


# ------------------------------------------------------------------ which version


def _named(present: StudyProtocol, to: str, versions: tuple[StudyProtocol, ...]) -> StudyProtocol:
    own = [v for v in versions if v.protocol.id == present.protocol.id and v.protocol.version == to]
    digest = [v for v in versions if len(to) >= LEAST_DIGEST and v.digest.startswith(to.lower())]
    found = digest or own
    told = "; ".join(f"{v.protocol.id} {v.protocol.version} ({v.digest[:12]})" for v in versions)
    if not found:
        raise refuse(
            "amendment.version-known",
            f"The log holds no version {to} of {present.protocol.id}.",
            f"In the log are: {told}. A new one is adopted with `unbroken protocol adopt FILE`.",
            version=to,
            study=present.protocol.id,
            versions=[v.digest for v in versions],
        )
    if len(found) > 1:
        raise refuse(
            "amendment.version-known",
            f"Version {to} of {present.protocol.id} stands {len(found)} times in the log.",
            f"Name one by its digest: {', '.join(v.digest[:12] for v in found)}.",
            version=to,
            versions=[v.digest for v in found],
        )
    return found[0]


def _movable(
    therapy: Therapy, present: StudyProtocol, new: StudyProtocol, versions: tuple[StudyProtocol, ...], now: datetime
) -> Amendments:
    order = [v.digest for v in versions]
    named = f"{new.protocol.id} {new.protocol.version} ({new.digest[:12]})"
    own = f"{present.protocol.id} {present.protocol.version} ({present.digest[:12]})"
    if new.protocol.id != present.protocol.id:
        raise _no("amendment.study", f"{named} is another study; {therapy.id} belongs to {own}.", new, present)
    if new.digest == present.digest:
        raise _no("amendment.newer", f"{therapy.id} stands under {own} already.", new, present)
    if order.index(new.digest) < order.index(present.digest):
        raise _no("amendment.newer", f"{named} is older than {own}, under which {therapy.id} stands.", new, present)
    part = new.amendments
    if part is None:
        raise _no("amendment.known", f"{named} does not say who moves running therapies to it.", new, present,
                  "Its file needs a part `amendments`; until then they stay on their version.")  # fmt: skip
    if part.moves is not None and present.protocol.version not in part.moves:
        raise _no("amendment.from", f"{named} takes therapies from version {', '.join(part.moves)}, not from {own}.",
                  new, present)  # fmt: skip
    today = day_of(now, therapy.zone)  # an approval is in force there where the patient is treated
    if part.not_before is not None and today < part.not_before:
        raise _no("amendment.in-force", f"{named} takes running therapies from {part.not_before} on; today is {today}.",
                  new, present, f"Move {therapy.id} on {part.not_before} or later.")  # fmt: skip
    return part


def _no(rule: str, says: str, new: StudyProtocol, present: StudyProtocol, advice: str = "") -> Exception:
    return refuse(
        rule,
        says,
        advice
        or "A therapy is moved to a later version of its own study: `unbroken protocol list` shows those in the log.",
        version=new.protocol.version,
        digest=new.digest,
        present=present.digest,
    )


# ------------------------------------------------------------------ the two signatures


def _propose(therapy: Therapy, protocol: StudyProtocol, command: ProposeAmendment, around: Surroundings) -> Decision:
    """The first signature: it covers the list of what changes. Nothing has changed yet.

    Raises:
        Refused: not the role, no such version, the therapy cannot be moved as it stands, or the consent is missing.
    """
    planned = plan(therapy, protocol, command.to, around.versions, around.now)
    check_role(planned.part.proposed_by, around.actor, f"propose to move a therapy to version {command.to}")
    waiting = open_amendment(therapy)
    if waiting is not None:
        raise refuse(
            "amendment.waiting",
            f"{waiting.fact.amendment} of {therapy.id} (to version {waiting.fact.version}) waits for its second person.",
            f"Approve it, or decline it first: `unbroken amendment decline {therapy.id} {waiting.fact.amendment} --why TEXT`.",
            amendment=waiting.fact.amendment,
        )
    _check_fits(therapy, planned)
    fact = AmendmentProposed(
        therapy=therapy.id,
        amendment=f"V-{len(therapy.amendments) + 1}",
        leaves=protocol.digest,
        protocol=planned.to.protocol.id,
        version=planned.to.protocol.version,
        digest=planned.to.digest,
        changes=planned.changes,
        passes=planned.passes,
        consent=_consent(therapy, planned, command, around),
        reason=command.reason,
        awaits=planned.part.approved_by,
    )
    return Decision((fact,), "performed", around.now)


def _check_fits(therapy: Therapy, planned: Plan) -> None:
    if planned.reasons:
        raise refuse(
            "amendment.fits",
            f"{therapy.id} cannot be moved to version {planned.to.protocol.version} as it stands: {_told(planned.reasons)}.",
            "Finish under the present version what stands in the way, or adopt a version that allows for it.",
            reasons=list(planned.reasons),
            version=planned.to.protocol.version,
        )
    size = len(dump_json([change.model_dump(mode="json", exclude_none=True) for change in planned.changes]))
    if size > MOST_BYTES:
        raise refuse(
            "amendment.readable",
            f"{len(planned.changes)} things change for {therapy.id}, {size} bytes; one record holds {MOST_BYTES}.",
            "Move it in smaller versions, one after the other; nobody can approve what nobody can read.",
            changes=len(planned.changes),
            bytes=size,
        )


def _told(reasons_: Iterable[str]) -> str:
    return "; ".join(reasons_)


def _consent(therapy: Therapy, planned: Plan, command: ProposeAmendment, around: Surroundings) -> ConsentedAgain | None:
    asked = planned.to.first
    if command.consented is None or not command.form:
        if planned.part.consent == "again" or command.consented is not None or command.form:
            raise refuse(
                "amendment.consent",
                f"Version {planned.to.protocol.version} asks the patient to consent again, and "
                + ("no consent to it is named." if not command.form else "its form or its time is missing."),
                "When the patient has signed the new form, name it: --consent-form VERSION --consented-at TIME --permits NAMES.",
                version=planned.to.protocol.version,
            )
        return None
    check_role(asked.performed_by, around.actor, "take a patient's consent")
    opened = therapy.opened_at
    if command.consented > around.now or (opened is not None and command.consented < opened):
        raise refuse(
            "time.future" if command.consented > around.now else "time.sequence",
            f"The consent to version {planned.to.protocol.version} of {command.consented:%Y-%m-%d %H:%M} UTC lies "
            + ("in the future." if command.consented > around.now else "before the therapy was opened."),
            "Name the time at which the patient signed.",
            given=command.consented,
            now=around.now,
        )
    unknown = sorted(set(command.permits) - set(asked.permits))
    missing = sorted(set(asked.requires) - set(command.permits))
    if unknown or missing:
        raise refuse(
            "amendment.consent",
            f"The consent lacks {', '.join(missing) or 'nothing'} and permits {', '.join(unknown) or 'nothing'} that the "
            "form does not know.",
            f"It must permit {', '.join(asked.requires)}; it can permit {', '.join(asked.permits)}.",
            unknown=unknown,
            missing=missing,
        )
    return ConsentedAgain(at=command.consented, form=command.form, permits=command.permits)


def _decide(therapy: Therapy, protocol: StudyProtocol, command: DecideAmendment, around: Surroundings) -> Decision:
    """The second signature: from here on the new version is in force; or nothing changes.

    Raises:
        Refused: nothing waits, not the role, the same person again, or the patient's way has gone on since.
    """
    waiting = open_amendment(therapy)
    if waiting is None or waiting.fact.amendment != command.amendment.upper():
        raise refuse(
            "amendment.known",
            f"{therapy.id} has no amendment {command.amendment} that waits for a second signature.",
            f"Waiting is: {waiting.fact.amendment if waiting else 'none'}.",
            amendment=command.amendment,
        )
    own = waiting.by.person == around.actor.person
    if not (own and command.decision == "declined"):
        check_role(waiting.fact.awaits, around.actor, f"decide on {waiting.fact.amendment}")
    if own and command.decision == "approved":
        raise refuse(
            "authority.two-people",
            f"{around.actor.account} may not approve {waiting.fact.amendment}: {waiting.by.person} proposed it.",
            "One person is one person under any account. Fetch another.",
            person=around.actor.person,
        )
    fact = AmendmentDecided(
        therapy=therapy.id,
        amendment=waiting.fact.amendment,
        first=waiting.by.link,
        decision=command.decision,
        reason=command.reason,
    )
    if command.decision == "declined":
        return Decision((fact,), "withdrawn" if own else "declined", around.now)
    planned = plan(therapy, protocol, waiting.fact.digest, around.versions, around.now)
    _check_fits(therapy, planned)
    if (planned.changes, planned.passes) != (waiting.fact.changes, waiting.fact.passes):
        raise refuse(
            "amendment.same-changes",
            f"{therapy.id} has gone on since {waiting.fact.amendment} was proposed; other things would change for it now.",
            f"Decline it, and propose it again: what is approved is what was shown "
            f"(`unbroken amendment show {therapy.id} {waiting.fact.version}`).",
            amendment=waiting.fact.amendment,
        )
    return Decision((fact,), "approved", around.now)
