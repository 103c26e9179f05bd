"""What happened against the rules changes a therapy: told, signed second or not standing; and what became of an item elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from events.facts import happened
from protocol.evolve.materials import end
from protocol.state import Elsewhere, Occurred, Signed, Therapy, instance

HappenedFacts = (
    happened.ActHappened
    | happened.HappenedConfirmed
    | happened.HappenedDropped
    | happened.ItemTakenElsewhere
    | happened.ItemElsewhereSettled
)


def evolve_happened(therapy: Therapy, fact: HappenedFacts, by: Signed) -> Therapy:
    """The therapy after a fact about what happened against the rules."""
    match fact:
        case happened.ActHappened():
            new = Occurred(fact.event, instance(fact.key), fact, by)
            return replace(therapy, occurred={**therapy.occurred, new.code: new})
        case happened.HappenedConfirmed():
            return confirmed(therapy, fact.act, by)
        case happened.HappenedDropped():
            return dropped(therapy, fact.act, fact.reason)
        case happened.ItemTakenElsewhere():
            taken = Elsewhere(fact.event, fact.other, fact.materials, fact.effect, fact.at, by)
            return replace(therapy, elsewhere={**therapy.elsewhere, (fact.other, fact.event): taken})
        case happened.ItemElsewhereSettled():
            return _settled(therapy, fact, by)
        case _:
            assert_never(fact)


def confirmed(therapy: Therapy, act: str, by: Signed) -> Therapy:
    """What was told in this record has its second signature; nothing changes where nothing was told."""
    found = {code: replace(o, second=by) for code, o in therapy.occurred.items() if o.by.link == act}
    return replace(therapy, occurred={**therapy.occurred, **found}) if found else therapy


def dropped(therapy: Therapy, act: str, reason: str) -> Therapy:
    """What was told in this record does not stand."""
    found = {code: replace(o, dropped=reason) for code, o in therapy.occurred.items() if o.by.link == act}
    return replace(therapy, occurred={**therapy.occurred, **found}) if found else therapy


def _settled(therapy: Therapy, fact: happened.ItemElsewhereSettled, by: Signed) -> Therapy:
    """Confirmed, the items end where they were used; what had been told to be lost is known now, and ended before."""
    taken = replace(therapy.elsewhere[fact.other, fact.event], decision=fact.decision)
    therapy = replace(therapy, elsewhere={**therapy.elsewhere, (taken.other, taken.event): taken})
    if not taken.gone:
        return therapy
    how = f"infused into the patient of {taken.other}" if taken.effect == "infused" else f"used up for {taken.other}"
    there = [code for code in taken.materials if code in therapy.materials]
    live = tuple(code for code in there if therapy.materials[code].live)
    therapy = end(therapy, live, how, by, at=taken.at, told=f" ({taken.event} there)")
    known = {
        code: replace(therapy.materials[code], ended=how)
        for code in there
        if therapy.materials[code].ended in ("lost", "destroyed by accident")
    }
    return replace(therapy, materials={**therapy.materials, **known})
