"""The status of one batch in one look: where the patient and the product are, and what stands in the way."""

from __future__ import annotations

from typing import Any

from events.facts.steps import DispositionDecided
from events.instant import to_wire
from protocol.adverse_events import events_told
from protocol.alerts import open_alerts
from protocol.dlt import told as dlt_told
from protocol.dose import dose_given
from protocol.environment import missing
from protocol.exceptions import standing
from protocol.grading import grades_told
from protocol.happened import told_of
from protocol.incidents import bounds, undecided
from protocol.infection import look, wrongly_stored
from protocol.labels import unaccounted
from protocol.mismatch import open_mismatches
from protocol.model import StudyProtocol
from protocol.safety_reports import told as reports_due
from protocol.state import Therapy
from protocol.stranded import says as says_stranded
from protocol.stranded import stranded
from protocol.worklist import resting_state, waits_for, worklist


def batch_status(therapy: Therapy, protocol: StudyProtocol) -> dict[str, Any]:
    """The row of a batch; every value is a string, a number or None, so that two ways of making it can be compared."""
    acts = sorted(therapy.every_act.values(), key=lambda act: (act.second or act.by).number)
    last = acts[-1] if acts else None
    state, says = resting_state(therapy, protocol)
    product = protocol.release.product if protocol.release else ""
    bags = [m for m in sorted(therapy.materials.values(), key=lambda m: m.code) if m.kind == product]
    items = worklist(therapy, protocol)
    return {
        "therapy": therapy.id,
        "screening": therapy.opened.screening if therapy.opened else "",
        "subject": therapy.subject,
        "coi": therapy.coi,
        "choices": ", ".join(f"{c.name} {c.option}" for c in therapy.choices),
        "protocol": f"{protocol.protocol.id} {protocol.protocol.version}",
        "digest": protocol.digest,
        "opened": to_wire(therapy.opened_at) if therapy.opened_at else "",
        "last_step": str(last.at) if last else "",
        "last_ended": to_wire(last.fact.ended) if last else "",
        "steps_done": len(acts),
        "state": state,
        "waits_for": "; ".join(waits_for(therapy, items)) if items and not therapy.completed else says,
        "due": min((to_wire(i.due) for i in items if i.due and i.required), default=""),
        "disposition": _disposition(therapy),
        "pending_tests": ", ".join(dict.fromkeys(name for d in _decided(therapy) for name in d.pending)),
        "batch": therapy.batch,
        "dose": dose.told if (dose := dose_given(therapy, protocol)) else "",
        "recalled": ", ".join(therapy.recalls),
        "excepted": ", ".join(dict.fromkeys(name for d in _decided(therapy) for name in d.excepted)),
        "exceptions": "; ".join(f"{e.code} {standing(therapy, protocol, e)}" for e in therapy.exceptions.values()),
        "product": ", ".join(f"{m.code} {m.ended or m.status}" for m in bags),
        "deviations_open": sum(1 for d in therapy.deviations.values() if not d.closed),
        "deviations": len(therapy.deviations),
        "worst_deviation": _worst(therapy),
        "quarantined": sum(1 for m in therapy.materials.values() if m.live and m.status == "quarantined"),
        "held": len(therapy.holds),
        "incidents": len(undecided(therapy, protocol)),
        "incident_limit": _limit(therapy, protocol),
        "mismatches": len(open_mismatches(therapy)),
        "alerts": len(open_alerts(therapy)),
        "environment": len(missing(therapy, protocol)),
        "infection": look(therapy, protocol.infection).told() if protocol.infection else "",
        "stored_wrongly": ", ".join(stored(therapy, protocol)),
        "labels_open": len(unaccounted(therapy)),
        "escalated": says_stranded(therapy, protocol, left) if (left := stranded(therapy, protocol)) else "",
        "grades": grades_told(therapy, protocol),
        "adverse_events": events_told(therapy),
        "happened": told_of(therapy),
        "entered_late": sum(1 for act in (*acts, *therapy.pending.values()) if act.late),
        "reports_due": reports_due(therapy, protocol),
        "dlt": dlt_told(therapy, protocol),
        "stopped": therapy.stopped,
        "completed": therapy.completed,
        "records": therapy.number,
        "head": therapy.link,
    }


def _limit(therapy: Therapy, protocol: StudyProtocol) -> str:
    """The limit that is in force while an incident waits for a choice, the tightest of all; nothing where none runs."""
    waiting = [(h.code, bounds(therapy, protocol, h, spec)) for h, spec in undecided(therapy, protocol)]
    first = min((limits[0] for _, limits in waiting if limits), default=None)
    return str(first) if first else ""


def stored(therapy: Therapy, protocol: StudyProtocol) -> list[str]:
    """Material that does not lie where its patient's infection markers ask for, in words."""
    markers = look(therapy, protocol.infection) if protocol.infection else None
    return list(wrongly_stored(therapy, protocol, markers).values()) if markers else []


def _decided(therapy: Therapy) -> list[DispositionDecided]:
    """The dispositions that stand, the latest last; of one whose bags are all gone only the latest."""
    found = [*therapy.dispositions.values(), *([therapy.disposition] if therapy.disposition else [])]
    return [decided for number, decided in enumerate(found) if decided not in found[number + 1 :]]


def _disposition(therapy: Therapy) -> str:
    """What QA decided; where bags differ, each by its code."""
    if len({decided.decision for decided in _decided(therapy)}) < 2:
        return therapy.disposition.decision if therapy.disposition else ""
    return ", ".join(f"{code} {decided.decision}" for code, decided in sorted(therapy.dispositions.items()))


def _worst(therapy: Therapy) -> str:
    grades = [d.grade for d in therapy.deviations.values() if not d.closed]
    return next((grade for grade in ("critical", "major", "minor") if grade in grades), "")
