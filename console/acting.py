"""Sign, record, and say what was recorded: signer, time, meaning, what followed, and who must sign next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from console import remembered
from console.show import Screen, as_json, line
from console.signin import sit
from events.facts.alerts import AlertRaised
from events.facts.base import TherapyFact
from events.facts.quality import DeviationOpened

if TYPE_CHECKING:
    from console.site import Site
    from protocol.commands import AnyCommand
    from protocol.desk import Desk, Receipt, Sitting
    from protocol.state import Act, Occurred

_A_COMMAND_TAKES = timedelta(minutes=1)
_SECOND = {
    "witnessed": ("a witness", "witness"),
    "reviewed": ("review", "witness"),
    "approved": ("approval", "witness"),
    "received": ("somebody to take over", "take"),
}


def act(site: Site, therapy: str, command: AnyCommand, account: str | None, secret: Path | None, json: bool) -> None:
    """Sign in, decide, record and show one act on a therapy."""
    sitting = sit(site, account, secret)
    desk = site.desk()
    shown(site, desk, desk.act(therapy, command, sitting), sitting, therapy, json)


def tick(site: Site) -> None:
    """On a simulated site a command takes a minute of its clock, so that what follows is later."""
    if site.simulated:
        site.set_clock(site.now() + _A_COMMAND_TAKES)


def shown(site: Site, desk: Desk, receipt: Receipt, sitting: Sitting, therapy: str | None, json: bool) -> None:
    """Show what was recorded."""
    from events.reading import read_record

    stored = next(iter(site.log.read(receipt.position, receipt.position + 1)))
    statement = read_record(stored).statement
    tick(site)
    if therapy:
        remembered.go_on(site, desk, therapy)
    screen = Screen(site)
    pending = _pending(desk, therapy, receipt.link) if therapy else None
    following = second_command(pending, therapy or "") if pending else ""
    fates = desk.therapy(therapy).label_acts.get(receipt.link) if therapy else None
    awaits = pending.fact.awaits if pending else fates[0].awaits if fates else ()
    event = _event(desk, therapy, receipt.link) if therapy and not pending else None
    if event:
        awaits, following = event.fact.awaits, f"unbroken witness {therapy} {event.code} --as ACCOUNT"
    if fates:
        following = f"unbroken label witness {therapy} --as ACCOUNT"
    if json:
        as_json(
            {
                "recorded": {
                    "position": receipt.position,
                    "link": receipt.link,
                    "account": statement.account,
                    "printed_name": screen.authority.printed_name(statement.account),
                    "meaning": statement.meaning,
                    "happened": statement.happened,
                    "recorded": statement.recorded,
                    "facts": list(statement.facts),
                },
                "warnings": list(receipt.warnings),
                "waits_for": list(awaits),
                "next": following,
                "simulated": site.simulated,
            }
        )
        return
    screen.simulated()
    line(f"Recorded{f' for {therapy}' if therapy else ''}: record {receipt.position} of the log, {receipt.link[:16]}")
    from console.telling import tell

    for fact in receipt.facts:
        whose = f"{fact.therapy}: " if isinstance(fact, TherapyFact) and fact.therapy != therapy else ""
        for told in tell(fact, screen.when):
            line(f"  {whose}{told}")
    line(f"Signed: {screen.signature(statement.account, statement.recorded, statement.meaning)}")
    for fact in receipt.facts:
        if isinstance(fact, DeviationOpened):
            whose = f" of {fact.therapy}" if fact.therapy != therapy else ""
            line(f"Deviation {fact.deviation}{whose} ({fact.grade}): {fact.says}")
    for fact in receipt.facts:
        if isinstance(fact, AlertRaised):
            whose = f" of {fact.therapy}" if fact.therapy != therapy else ""
            line(f"ALERT {fact.alert}{whose} for {' or '.join(fact.roles)}: {fact.says}")
    said = {fact.says for fact in receipt.facts if isinstance(fact, DeviationOpened | AlertRaised)}
    for warning in receipt.warnings:
        if warning not in said:
            line(f"Attention: {warning}")
    if pending:
        words, _ = _SECOND[pending.fact.second_meaning]
        _say_who(screen, f"{pending.at} waits for {words}", awaits, pending.by.person, following)
    elif event:
        _say_who(screen, f"{event.code} waits for a second person who signs it", awaits, event.by.person, following)
    elif fates:
        _say_who(screen, "what became of the label waits for a witness", awaits, fates[1].person, following)


def _say_who(screen: Screen, says: str, awaits: Sequence[str], not_person: str, following: str) -> None:
    able = [
        person.account
        for person in screen.authority.people.values()
        if person.roles_at() & set(awaits) and person.person != not_person
    ]
    told = ", ".join(able[:6]) or "NOBODY at this site"
    line(f"Not done yet: {says} by {' or '.join(awaits)} ({told}).")
    line(f"Next: {following}")


def _pending(desk: Desk, therapy: str | None, link: str) -> Act | None:
    return desk.therapy(therapy).pending.get(link) if therapy else None


def _event(desk: Desk, therapy: str, link: str) -> Occurred | None:
    """What this record told of an act against the rules, if that waits for its second signature."""
    return next((o for o in desk.therapy(therapy).occurred.values() if o.by.link == link and o.waits), None)


def second_command(act: Act, therapy: str) -> str:
    """The command with which the second person signs."""
    return f"unbroken {_SECOND[act.fact.second_meaning][1]} {therapy} {act.at.step} --as ACCOUNT"


def record_site(
    site: Site,
    streams: list[str],
    decide: Any,
    account: str | None,
    secret: Path | None,
    json: bool,
    meaning: str = "performed",
) -> None:
    """Sign in, and record facts of the site."""
    sitting = sit(site, account, secret)
    desk = site.desk()
    shown(site, desk, desk.record(streams, decide, sitting, meaning), sitting, None, json)
