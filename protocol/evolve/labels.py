"""Labels as facts change them: issued, and each given its one fate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import assert_never

from events.facts import labels
from events.facts.base import LabelFate
from protocol.state import Label, Signed, Therapy

LabelFacts = labels.LabelsIssued | labels.LabelFatesGiven | labels.LabelFatesWitnessed | labels.LabelFatesDropped


def evolve_labels(therapy: Therapy, fact: LabelFacts, by: Signed) -> Therapy:
    """The therapy after a fact about labels."""
    match fact:
        case labels.LabelsIssued():
            replaced = {serial: replace(therapy.labels[serial], replaced=True) for serial in fact.replaces}
            new = {serial: Label(serial, fact, by) for serial in fact.serials}
            return replace(therapy, labels={**therapy.labels, **replaced, **new})
        case labels.LabelFatesGiven():
            return replace(therapy, label_acts={**therapy.label_acts, by.link: (fact, by)})
        case labels.LabelFatesWitnessed():
            given, _ = therapy.label_acts[fact.act]
            return give_fates(_without(therapy, fact.act), given.labels)
        case labels.LabelFatesDropped():
            return _without(therapy, fact.act)
        case _:
            assert_never(fact)


def give_fates(therapy: Therapy, fates: Iterable[LabelFate]) -> Therapy:
    """Each label that was issued here gets its fate; a site that prints elsewhere has issued none."""
    known = {f.serial: replace(therapy.labels[f.serial], fate=f.fate) for f in fates if f.serial in therapy.labels}
    return replace(therapy, labels={**therapy.labels, **known})


def _without(therapy: Therapy, link: str) -> Therapy:
    return replace(therapy, label_acts={k: v for k, v in therapy.label_acts.items() if k != link})
