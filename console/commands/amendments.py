"""Amendments: a running therapy goes on under another version of its study, by two people who saw what changes for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console import here
from console.acting import act
from console.acts import command
from console.amended import passed_over
from console.one_look import opened
from console.options import As, Json, Secret, TherapyArg, Why
from console.show import Screen, as_json, line, table
from console.signin import named
from console.times import read_time
from events.errors import Refused
from events.facts.amendments import AmendmentProposed
from protocol.commands import DecideAmendment, ProposeAmendment
from protocol.decide.amendments import open_amendment, plan

if TYPE_CHECKING:
    from console.site import Site
    from events.facts.amendments import Change
    from events.facts.base import ActKey
    from protocol.decide.amendments import Plan

VersionArg = Annotated[
    str, typer.Argument(metavar="VERSION", help="The version as the study writes it, or the beginning of its digest.")
]
AmendmentArg = Annotated[str, typer.Argument(metavar="AMENDMENT", help="Its number in this therapy, for example V-1.")]


def show(therapy: TherapyArg, version: VersionArg, json: Json = False) -> None:
    """What a later version of the study would change for this patient, in what still lies ahead. Records nothing.

    Example: unbroken amendment show T-7K2QXM 2
    """
    site = here.site()
    found = _plan(site, therapy, version)
    if json:
        as_json(_document(therapy, found))
        return
    Screen(site).simulated()
    _print(therapy, found.to.protocol.version, found.changes, found.passes)
    for why in found.reasons:
        line(f"In the way: {why}")
    part = found.part
    line(f"Proposed by {' or '.join(part.proposed_by)}, approved by {' or '.join(part.approved_by)}, another person.")
    if part.consent == "again":
        line("The patient consents again before that; name the form: --consent-form, --consented-at, --permits.")
    if not found.reasons:
        line(f"Next: unbroken amendment move {therapy} {version} --why TEXT --as ACCOUNT")


def move(
    therapy: TherapyArg,
    version: VersionArg,
    why: Why,
    consent_form: Annotated[
        str | None,
        typer.Option("--consent-form", metavar="FORM", help="The consent form that the patient signed again."),
    ] = None,
    consented_at: Annotated[
        str | None, typer.Option("--consented-at", metavar="TIME", help="When the patient signed it.")
    ] = None,
    permits: Annotated[
        str | None, typer.Option("--permits", metavar="NAMES", help="What it permits: material,data,follow_up.")
    ] = None,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Propose to move a running therapy to a later version. What changes for the patient is shown first, and signed with it.

    Until a second person approves it, the therapy stays on its version.

    Example: unbroken amendment move T-7K2QXM 2 --why "amendment 2 approved by the ethics committee" --as investigator.1
    """
    site = here.site()
    document: dict[str, Any] = {"to": version, "reason": why, "form": consent_form}
    if consented_at:
        document["consented"] = read_time(consented_at, site.zone)
    if permits:
        document["permits"] = [word.strip() for word in permits.split(",") if word.strip()]
    said = command(ProposeAmendment, document)
    # Asked first, without a signature: what is refused is refused at once, and what is signed was shown.
    (fact,) = site.desk().may(therapy, said, named(account)).facts
    assert isinstance(fact, AmendmentProposed)  # that is what the command gives
    if not json:
        _print(therapy, fact.version, fact.changes, fact.passes)
    act(site, therapy, said, account, secret, json)
    if not json:
        who = " or ".join(fact.awaits)
        line(f"Next: unbroken amendment approve {therapy} {fact.amendment} --why TEXT --as ACCOUNT ({who})")


def approve(
    therapy: TherapyArg,
    amendment: AmendmentArg,
    why: Why,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Approve an amendment as the second person: from here on the new version is in force for this therapy.

    Example: unbroken amendment approve T-7K2QXM V-1 --why "changes reviewed" --as qa.releaser.1
    """
    site = here.site()
    said = command(DecideAmendment, {"amendment": amendment, "decision": "approved", "reason": why})
    desk = site.desk()
    desk.may(therapy, said, named(account))
    waiting = open_amendment(desk.therapy(therapy))
    if waiting and not json:
        _print(therapy, waiting.fact.version, waiting.fact.changes, waiting.fact.passes)
    act(site, therapy, said, account, secret, json)


def decline(
    therapy: TherapyArg,
    amendment: AmendmentArg,
    why: Why,
    account: As = None,
    secret: Secret = None,
    json: Json = False,
) -> None:
    """Decline an amendment, or take back one's own: the therapy stays on its version.

    Example: unbroken amendment decline T-7K2QXM V-1 --why "after the infusion" --as qa.releaser.1
    """
    document = {"amendment": amendment, "decision": "declined", "reason": why}
    act(here.site(), therapy, command(DecideAmendment, document), account, secret, json)


def _plan(site: Site, therapy: str, version: str) -> Plan:
    desk = site.desk()
    state = opened(desk, therapy)
    if state.completed:
        raise Refused(
            "order.done",
            f"{therapy} is completed; nothing of it lies ahead that a version could change.",
            values={"therapy": therapy},
            advice="It stays on record under the version in force for each of its records.",
        )
    return plan(state, desk.protocol_of(state), version, tuple(desk.protocols()), site.now())


def _print(therapy: str, version: str, changes: Iterable[Change], passes: Iterable[ActKey]) -> None:
    rows = [[change.where, change.what, change.before or "-", change.after or "-"] for change in changes]
    table(["where", "what", "now", f"version {version}"], rows, f"What changes for {therapy}", "Nothing changes.")
    for told in passed_over(passes):
        line(told)


def _document(therapy: str, found: Plan) -> dict[str, Any]:
    return {
        "therapy": therapy,
        "version": found.to.protocol.version,
        "digest": found.to.digest,
        "changes": [change.model_dump(mode="json") for change in found.changes],
        "passes": [key.model_dump(mode="json", exclude_defaults=True) for key in found.passes],
        "in_the_way": list(found.reasons),
        "proposed_by": list(found.part.proposed_by),
        "approved_by": list(found.part.approved_by),
        "consent": found.part.consent,
    }
