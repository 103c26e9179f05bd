"""`evolve`: a fact changes a therapy. It never judges; what a person signed happened. Total, as the type checker proves.

One file a family of facts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from typing import assert_never

from events.errors import Corrupt
from events.facts.base import Fact, TherapyFact
from events.grammar import dump_json
from events.heads import Head
from events.reading import Record
from protocol.evolve.alerts import AlertFacts, evolve_alerts
from protocol.evolve.amendments import AmendmentFacts, evolve_amendments
from protocol.evolve.course import CourseFacts, evolve_course
from protocol.evolve.deviations import DeviationFacts, evolve_deviations
from protocol.evolve.dose import DoseFacts, evolve_dose
from protocol.evolve.endings import EndingFacts, evolve_endings
from protocol.evolve.environment import EnvironmentFacts, evolve_environment
from protocol.evolve.hands import with_hands
from protocol.evolve.happened import HappenedFacts, evolve_happened
from protocol.evolve.incidents import IncidentFacts, evolve_incidents
from protocol.evolve.labels import LabelFacts, evolve_labels
from protocol.evolve.logger import LoggerFacts, evolve_logger
from protocol.evolve.manufacture import ManufactureFacts, evolve_manufacture
from protocol.evolve.mismatch import MismatchFacts, evolve_mismatch
from protocol.evolve.out_of_specification import OutOfSpecificationFacts, evolve_out_of_specification
from protocol.evolve.quality import QualityFacts, evolve_quality
from protocol.evolve.recalls import RecallFacts, evolve_recalls
from protocol.evolve.safety import SafetyFacts, evolve_safety
from protocol.evolve.steps import StepFacts, evolve_steps
from protocol.evolve.storage import StorageFacts, evolve_storage
from protocol.state import Automatic, Signed, Therapy

TherapyFacts = (
    StepFacts
    | CourseFacts
    | QualityFacts
    | MismatchFacts
    | IncidentFacts
    | AlertFacts
    | LabelFacts
    | DeviationFacts
    | LoggerFacts
    | ManufactureFacts
    | EndingFacts
    | RecallFacts
    | EnvironmentFacts
    | StorageFacts
    | OutOfSpecificationFacts
    | DoseFacts
    | SafetyFacts
    | AmendmentFacts
    | HappenedFacts
)


def fold(therapy: Therapy, records: Iterable[Record]) -> Therapy:
    """The therapy after more records of its stream.

    Raises:
        Corrupt: a record that this program cannot read, or that does not apply; this therapy's row must stop there.
    """
    for record in records:
        therapy = apply(therapy, record)
    return therapy


def apply(therapy: Therapy, record: Record) -> Therapy:
    """The therapy after one record of its stream; facts about other therapies in the same record pass by."""
    s = record.statement
    number = s.heads[f"therapy/{therapy.id}"].number + 1
    # The system stands nowhere: what it says of a patient is dated where the patient is treated.
    zone = therapy.zone if s.meaning == "recorded" else record.zone
    signed = Signed(
        record.position, number, record.link, s.person, s.account, s.meaning, s.happened, s.recorded, zone, s.protocol
    )
    for fact in record.facts:
        if isinstance(fact, TherapyFact) and fact.therapy == therapy.id:
            try:
                therapy = evolve(with_hands(therapy, fact, signed), _narrow(fact), signed)
            except (KeyError, StopIteration) as problem:
                raise _does_not_apply(therapy, fact, signed, problem) from problem
    if s.meaning == "recorded":
        therapy = replace(therapy, automatic=(*therapy.automatic, automatic(record.facts)))
    return replace(therapy, number=number, link=record.link)


def automatic(facts: Iterable[Fact]) -> Automatic:
    """How a record of the system's own is named and told, from its facts alone."""
    told: dict[str, int] = {}
    for fact in facts:
        words = fact.wire.rpartition(".v")[0].replace(".", " ").replace("_", " ")
        told[words] = told.get(words, 0) + 1
    key = hashlib.sha256(dump_json([fact.to_wire() for fact in facts])).hexdigest()[:16]
    return Automatic(key, ", ".join(words if n == 1 else f"{n} x {words}" for words, n in told.items()))


def head_of(therapy: Therapy, log: str) -> Head:
    """The head of the therapy's stream as folded."""
    return Head(therapy.number, therapy.link or log)


def _narrow(fact: TherapyFact) -> TherapyFacts:
    return fact  # type: ignore[return-value]  # the catalogue's therapy facts are exactly this union; a test holds it


def evolve(therapy: Therapy, fact: TherapyFacts, by: Signed) -> Therapy:
    """The therapy after one fact."""
    if isinstance(fact, StepFacts):
        return evolve_steps(therapy, fact, by)
    if isinstance(fact, CourseFacts):
        return evolve_course(therapy, fact, by)
    if isinstance(fact, QualityFacts):
        return evolve_quality(therapy, fact, by)
    if isinstance(fact, MismatchFacts):
        return evolve_mismatch(therapy, fact, by)
    if isinstance(fact, AlertFacts):
        return evolve_alerts(therapy, fact, by)
    if isinstance(fact, IncidentFacts):
        return evolve_incidents(therapy, fact, by)
    if isinstance(fact, LabelFacts):
        return evolve_labels(therapy, fact, by)
    if isinstance(fact, DeviationFacts):
        return evolve_deviations(therapy, fact, by)
    if isinstance(fact, LoggerFacts):
        return evolve_logger(therapy, fact, by)
    if isinstance(fact, ManufactureFacts):
        return evolve_manufacture(therapy, fact, by)
    if isinstance(fact, EndingFacts):
        return evolve_endings(therapy, fact, by)
    if isinstance(fact, RecallFacts):
        return evolve_recalls(therapy, fact, by)
    if isinstance(fact, StorageFacts):
        return evolve_storage(therapy, fact, by)
    if isinstance(fact, EnvironmentFacts):
        return evolve_environment(therapy, fact, by)
    if isinstance(fact, OutOfSpecificationFacts):
        return evolve_out_of_specification(therapy, fact, by)
    if isinstance(fact, DoseFacts):
        return evolve_dose(therapy, fact, by)
    if isinstance(fact, SafetyFacts):
        return evolve_safety(therapy, fact, by)
    if isinstance(fact, AmendmentFacts):
        return evolve_amendments(therapy, fact, by)
    if isinstance(fact, HappenedFacts):
        return evolve_happened(therapy, fact, by)
    assert_never(fact)


def _does_not_apply(therapy: Therapy, fact: Fact, by: Signed, problem: Exception) -> Corrupt:
    return Corrupt(
        "record.applies",
        f"Record {by.number} of therapy {therapy.id} ({fact.wire}) does not apply: {problem!s} is not there.",
        values={"therapy": therapy.id, "number": by.number, "position": by.position},
        advice="This therapy's view stops here; run `unbroken verify`, and call QA.",
    )


__all__ = ["TherapyFacts", "apply", "automatic", "evolve", "fold", "head_of"]
