"""A failure of manufacture changes a therapy, and the way out that is taken: what was done before stays, set aside."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from events.facts import manufacture
from protocol.evolve.course import offered
from protocol.state import Failure, Offer, Signed, Therapy, instance

ManufactureFacts = (
    manufacture.ManufactureFailed
    | manufacture.ManufactureFailureDecided
    | manufacture.RemakeBegun
    | manufacture.TherapyTerminated
)
FAILED, REJECTED = "manufacture failed", "product rejected"
"""Why a therapy stopped, where the study may leave a way out."""


def evolve_manufacture(therapy: Therapy, fact: ManufactureFacts, by: Signed) -> Therapy:
    """The therapy after a fact about its manufacture."""
    match fact:
        case manufacture.ManufactureFailed():
            new = Failure(
                fact.failure, instance(fact.key), fact.says, fact.ends, fact.retains, fact.awaits, therapy.batch, by,
                "" if fact.awaits else "confirmed",
            )  # fmt: skip
            therapy = replace(therapy, failures={**therapy.failures, new.code: new})
            return therapy if fact.awaits else _failed(therapy, by)
        case manufacture.ManufactureFailureDecided():
            decided = replace(therapy.failures[fact.failure], decision=fact.decision)
            therapy = replace(therapy, failures={**therapy.failures, decided.code: decided})
            return _failed(therapy, by) if fact.decision == "confirmed" else therapy
        case manufacture.RemakeBegun():
            return _begun_again(therapy, fact, by)
        case manufacture.TherapyTerminated():
            return replace(_failed(therapy, by), terminated=fact.reason)
        case _:
            assert_never(fact)


def _failed(therapy: Therapy, by: Signed) -> Therapy:
    return replace(therapy, stopped=therapy.stopped or FAILED, stopped_at=therapy.stopped_at or by.happened)


def _begun_again(therapy: Therapy, fact: manufacture.RemakeBegun, by: Signed) -> Therapy:
    """What was done of the steps that begin anew is set aside, so that no step of the new batch can stand on it."""
    anew = set(fact.steps)
    aside = {at: act for at, act in therapy.acts.items() if at.step in anew}
    decided = (therapy.disposition,) if therapy.disposition else ()
    made = {
        code: replace(material, earlier=True) if material.made_in in aside else material
        for code, material in therapy.materials.items()
    }
    offers = {step: offers for step, offers in therapy.offers.items() if step not in anew}
    therapy = replace(
        therapy,
        batch=fact.batch,
        restarted={**therapy.restarted, **dict.fromkeys(fact.steps, fact.batch)},
        acts={at: act for at, act in therapy.acts.items() if at not in aside},
        readings={where: now for where, now in therapy.readings.items() if where[0].step not in anew},
        earlier_acts={**therapy.earlier_acts, **aside},
        earlier_readings={
            **therapy.earlier_readings,
            **{where: now for where, now in therapy.readings.items() if where[0].step in anew},
        },
        earlier_dispositions=(*therapy.earlier_dispositions, *decided),
        materials=made,
        offers=offers,
        disposition=None,
        dispositions={},
        evaluated=None,
        stopped="" if therapy.stopped in (FAILED, REJECTED) else therapy.stopped,
        stopped_at=None if therapy.stopped in (FAILED, REJECTED) else therapy.stopped_at,
    )
    for step in fact.offers:
        therapy = offered(therapy, step, Offer(fact.reason, number=by.number))
    return therapy
