"""An amendment told to a person: what changes for the patient, one line each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from events.facts.amendments import AmendmentDecided, AmendmentProposed, Change
from events.facts.base import ActKey


def changed(changes: Iterable[Change]) -> list[str]:
    """What an amendment changes for a patient."""
    return [f"{c.where} {c.what}: {c.before or 'nothing'} -> {c.after or 'nothing'}" for c in changes]


def passed_over(passes: Iterable[ActKey]) -> list[str]:
    """What it brings too late for a patient."""
    names = (f"{key.step} {key.occurrence}" if key.occurrence != "1" else key.step for key in passes)
    return [f"not asked of this patient, it lies behind: {name}" for name in names]


def told_amendment(fact: AmendmentProposed | AmendmentDecided, when: Callable[[datetime | None], str]) -> list[str]:
    """The lines of a fact about an amendment; the first says what happened."""
    if isinstance(fact, AmendmentDecided):
        then = "the new version is in force from here on" if fact.decision == "approved" else "nothing changes"
        return [f"amendment {fact.amendment} {fact.decision}, {then}: {fact.reason}"]
    first = (
        f"amendment {fact.amendment} proposed, to {fact.protocol} {fact.version} ({fact.digest[:12]}): {fact.reason}"
    )
    lines = [*changed(fact.changes), *passed_over(fact.passes)]
    if fact.consent is not None:
        new = fact.consent
        lines.append(f"consented again {when(new.at)}, form {new.form}: {', '.join(new.permits)}")
    return [first, *(f"  {told}" for told in lines)]
