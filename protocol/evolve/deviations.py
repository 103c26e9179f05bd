"""The handling of a deviation changes a therapy; what was, stays: old grades, earlier actions, a closure that did not hold."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from events.facts import deviations, quality
from events.zones import until_when
from protocol.state import Deviation, Signed, Therapy, instance
from protocol.state.quality import Action, Checked, Investigation, Regraded

DeviationFacts = (
    quality.DeviationOpened
    | quality.DeviationAssessed
    | quality.DeviationClosed
    | deviations.DeviationRegraded
    | deviations.DeviationInvestigated
    | deviations.ActionPlanned
    | deviations.ActionDone
    | deviations.ActionChecked
    | deviations.DeviationReopened
)


def evolve_deviations(therapy: Therapy, fact: DeviationFacts, by: Signed) -> Therapy:
    """The therapy after a fact about a deviation or an action."""
    match fact:
        case quality.DeviationOpened():
            at = instance(fact.key) if fact.key else None
            new = Deviation(
                fact.deviation, fact.grade, fact.rule, fact.says, by.person, by.recorded, at,
                account=by.account, link=by.link, materials=fact.materials, zone=by.zone,
            )  # fmt: skip
            return _with(therapy, new)
        case quality.DeviationAssessed():
            known = therapy.deviations[fact.deviation]
            return _with(therapy, replace(known, impact=fact.impact, assessed=by))
        case quality.DeviationClosed():
            known = therapy.deviations[fact.deviation]
            return _with(therapy, replace(known, closed=True, conclusion=fact.conclusion, closed_by=by))
        case deviations.DeviationRegraded():
            known = therapy.deviations[fact.deviation]
            grades = (*known.grades, Regraded(fact.old, fact.new, fact.reason, by))
            return _with(therapy, replace(known, grade=fact.new, grades=grades))
        case deviations.DeviationInvestigated():
            found = Investigation(fact.cause, fact.root_cause, by)
            return _with(therapy, replace(therapy.deviations[fact.deviation], investigation=found))
        case deviations.DeviationReopened():
            known = therapy.deviations[fact.deviation]
            return _with(therapy, replace(known, closed=False, reopened=(*known.reopened, by)))
        case deviations.ActionPlanned():
            return _planned(therapy, fact, by)
        case deviations.ActionDone():
            done = replace(therapy.actions[fact.action], done=by, report=fact.says)
            return replace(therapy, actions={**therapy.actions, done.code: done})
        case deviations.ActionChecked():
            checked = replace(therapy.actions[fact.action], checked=Checked(fact.result, fact.says, by))
            return replace(therapy, actions={**therapy.actions, checked.code: checked})
        case _:
            assert_never(fact)


def _with(therapy: Therapy, deviation: Deviation) -> Therapy:
    return replace(therapy, deviations={**therapy.deviations, deviation.code: deviation})


def _planned(therapy: Therapy, fact: deviations.ActionPlanned, by: Signed) -> Therapy:
    due = until_when(fact.due, by.zone)
    new = Action(
        fact.action, fact.deviation, fact.what, fact.says, fact.role, fact.owner or "", fact.person or "", due, by
    )
    actions = {**therapy.actions, new.code: new}
    if fact.instead_of:
        actions[fact.instead_of] = replace(therapy.actions[fact.instead_of], later=new.code)
    return replace(therapy, actions=actions)
