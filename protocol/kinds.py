"""What is special to each kind of step: its own facts and the one or two rules that no other kind has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from events.facts import steps
from events.facts.base import Choice, Slot
from events.identifiers import read_code
from protocol.changeover import changeover_breaches
from protocol.clocks import moment
from protocol.code_forms import check_form
from protocol.codes import check_unused
from protocol.commands import Perform
from protocol.gate import Admitted
from protocol.infection import needs_changeover
from protocol.labelling import labelling
from protocol.model import Consequence, StudyProtocol
from protocol.readings import Breach
from protocol.refusals import refuse
from protocol.releasable import check_releasable
from protocol.release import evaluate
from protocol.state import Therapy
from protocol.surroundings import Surroundings
from protocol.wrong_item import WrongItem, no_patients

Special = Callable[[Therapy, StudyProtocol, Perform, Admitted, Surroundings], dict[str, Any]]


def special_fields(
    therapy: Therapy, protocol: StudyProtocol, command: Perform, act: Admitted, around: Surroundings
) -> tuple[type[steps.StepFact], dict[str, Any]]:
    """The fact class of the step's kind, and the fields that only this kind has.

    Raises:
        Refused: a rule of the kind says no.
        WrongItem: an identifier to be bound belongs to another patient.
    """
    fact, special = _KINDS[act.step.kind]
    return fact, special(therapy, protocol, command, act, around)


def room_breaches(
    therapy: Therapy, protocol: StudyProtocol, command: Perform, act: Admitted, around: Surroundings
) -> list[Breach]:
    """Two patients' cells open in one room at a time: it happened, so it is recorded, as a critical deviation.

    And cells opened in a room that was not changed over though it had to be: what follows is the study's to say.
    """
    name = act.step.one_patient_in
    if name is None:
        return []
    room = _room(therapy, protocol, command, act, around)
    found = [
        i
        for i in around.rooms[room].intervals
        if i.therapy != therapy.id and i.starts < act.ended and act.started < i.ends
    ]
    critical = (Consequence(what="deviation", grade="critical"), Consequence(what="quarantine"))
    changed = changeover_breaches(
        therapy.id, protocol, act.step, around.rooms[room], act.started, act.ended,
        soils=needs_changeover(therapy, protocol),
    )  # fmt: skip
    return [
        *changed,
        *(
            Breach(
                f"room.{act.step.id}",
                critical,
                "one patient at a time",
                f"{i.therapy} {i.starts:%Y-%m-%d %H:%M} to {i.ends:%H:%M} UTC",
                f"cells of {i.therapy} were open in {room} at the same time",
            )
            for i in found
        ),
    ]


def _room(therapy: Therapy, protocol: StudyProtocol, command: Perform, act: Admitted, around: Surroundings) -> str:
    if not command.room:
        raise refuse(
            "record.room",
            f"Step {act.step.id} asks for the {act.step.one_patient_in} in which it was done.",
            "Scan the room's code.",
            step=act.step.id,
        )
    code = no_patients(therapy, act.step.one_patient_in or "room", command.room, around)
    check_form("Room", code, protocol.forms.room)
    return code


def _nothing(*_: object) -> dict[str, Any]:
    return {}


def _consent(_t: Therapy, _p: StudyProtocol, command: Perform, act: Admitted, _a: Surroundings) -> dict[str, Any]:
    if unknown := sorted(set(command.permits) - set(act.step.permits)):
        raise refuse(
            "consent.known",
            f"The consent form cannot permit {', '.join(unknown)}.",
            f"It can permit: {', '.join(act.step.permits)}.",
            unknown=unknown,
        )
    if missing := sorted(set(act.step.requires) - set(command.permits)):
        raise refuse(
            "consent.requires",
            f"The study needs consent to {', '.join(missing)}.",
            "Without it the patient cannot take part.",
            missing=missing,
        )
    return {"permits": command.permits}


def _assessment(_t: Therapy, _p: StudyProtocol, command: Perform, act: Admitted, _a: Surroundings) -> dict[str, Any]:
    if command.outcome is None:
        raise refuse(
            "record.outcome",
            f"Step {act.step.id} asks for its outcome.",
            "Say eligible or not_eligible.",
            step=act.step.id,
        )
    return {"outcome": command.outcome}


def _enrolment(
    therapy: Therapy, protocol: StudyProtocol, command: Perform, act: Admitted, around: Surroundings
) -> dict[str, Any]:
    wristbands = [read_code(s.code) for s in command.scans if s.name == "wristband"]
    ids = {"subject": command.subject, "coi": command.coi, "wristband": wristbands[0] if wristbands else None}
    if missing := [name for name, code in ids.items() if not code]:
        raise refuse(
            "record.complete",
            f"Step {act.step.id} lacks {', '.join(missing)}.",
            "Give the subject number and the chain-of-identity id, and scan the new wristband.",
            missing=missing,
        )
    bound = {name: read_code(code or "") for name, code in ids.items()}
    if len(set(bound.values())) < len(bound):
        raise refuse(
            "identity.new-code",
            f"Subject, chain of identity and wristband must be three codes: {', '.join(bound.values())}.",
            "Give each its own.",
            **bound,
        )
    forms = {
        "subject": protocol.forms.subject,
        "coi": protocol.forms.chain_of_identity,
        "wristband": protocol.forms.wristband,
    }
    for name, code in bound.items():
        check_form(name, code, forms[name])
        _check_free(therapy, name, code, around)
    missing_choices = [c for c in protocol.choices if c not in command.choices]
    wrong = [f"{c} {o}" for c, o in command.choices.items() if o not in _options(protocol, c)]
    if missing_choices or wrong:
        offered = "; ".join(f"{c}: {', '.join(spec.options)}" for c, spec in protocol.choices.items())
        raise refuse(
            "record.choices",
            f"Step {act.step.id} lacks or misnames a choice: {', '.join([*missing_choices, *wrong])}.",
            f"Choose one of each: {offered}.",
            missing=missing_choices,
            wrong=wrong,
        )
    choices = [Choice(name=c, option=command.choices[c]) for c in protocol.choices]
    return {**bound, "choices": choices}


def _options(protocol: StudyProtocol, choice: str) -> Mapping[str, object]:
    return protocol.choices[choice].options if choice in protocol.choices else {}


def _check_free(therapy: Therapy, name: str, code: str, around: Surroundings) -> None:
    owner = around.owners.get(code)
    if owner is not None and owner != therapy.id:
        raise WrongItem(name, f"NEW-{name.upper()}", code, owner)
    if therapy.uses(code):
        raise refuse(
            "identity.new-code",
            f"{code} is in use for this patient already; {name} needs a new code.",
            "A code is used once.",
            code=code,
        )
    check_unused(code, name, around.known_as)


def _booking(
    therapy: Therapy, protocol: StudyProtocol, command: Perform, act: Admitted, around: Surroundings
) -> dict[str, Any]:
    given = {slot.resource for slot in command.slots}
    if missing := [r for r in act.step.resources if r not in given]:
        raise refuse(
            "record.complete",
            f"Step {act.step.id} lacks a slot for {', '.join(missing)}.",
            "Book the whole chain in one act, so that no link of it is missing.",
            missing=missing,
        )
    slots = []
    for slot in command.slots:
        check_form(f"Slot of {slot.resource}", slot.code, protocol.forms.slot)
        no_patients(therapy, slot.resource, slot.code, around, "slot")
        if slot.ends <= slot.starts:
            raise refuse(
                "time.order",
                f"Slot {slot.code} ends ({slot.ends:%Y-%m-%d %H:%M} UTC) before it starts ({slot.starts:%Y-%m-%d %H:%M} UTC).",
                "Correct the times.",
                slot=slot.code,
            )
        for other in around.booked.get(slot.code, ()):
            if other.therapy != therapy.id and other.starts < slot.ends and slot.starts < other.ends:
                raise refuse(
                    "booking.free",
                    f"{slot.code} is booked for {other.therapy} from {other.starts:%Y-%m-%d %H:%M} "
                    f"to {other.ends:%Y-%m-%d %H:%M} UTC.",
                    "Choose another time or another resource.",
                    slot=slot.code,
                    taken_by=other.therapy,
                )
        slots.append(Slot(resource=slot.resource, code=slot.code, starts=slot.starts, ends=slot.ends))
    hold = act.step.hold.after(*act.done) if act.step.hold else None
    return {"slots": slots, "hold_until": hold}


def _collection(_t: Therapy, _p: StudyProtocol, _c: Perform, act: Admitted, _a: Surroundings) -> dict[str, Any]:
    dins = [new.code for new in act.scanned.created]
    if not dins:
        raise refuse(
            "identity.din",
            f"Step {act.step.id} makes no new material.",
            "The protocol's collection step must scan a new material.",
            step=act.step.id,
        )
    return {"din": dins[0]}


def _process(
    therapy: Therapy, protocol: StudyProtocol, command: Perform, act: Admitted, around: Surroundings
) -> dict[str, Any]:
    if not act.step.one_patient_in:
        return {}
    room = _room(therapy, protocol, command, act, around)
    return {"suite": room, "changeover": needs_changeover(therapy, protocol)}


def _test(_t: Therapy, _p: StudyProtocol, _c: Perform, act: Admitted, _a: Surroundings) -> dict[str, Any]:
    codes = [code for codes in act.scanned.known.values() for code in codes]
    return {"sample": codes[0] if codes else None}


def _disposition(
    therapy: Therapy, protocol: StudyProtocol, command: Perform, act: Admitted, around: Surroundings
) -> dict[str, Any]:
    product = protocol.release.product if protocol.release else ""
    materials = [m for m in therapy.live(product) if m.status != "rejected"]
    if act.at.material:
        materials = [m for m in materials if m.code == act.at.material]
    criteria = evaluate(therapy, protocol, act.at.material)
    if command.decision is None:
        raise refuse(
            "record.decision",
            f"Step {act.step.id} asks for its decision.",
            "Say released or rejected.",
            step=act.step.id,
        )
    exception = None
    if command.decision == "released":
        exception = check_releasable(therapy, protocol, [m.code for m in materials], around.actor, act.at.material)
    return {
        "decision": command.decision,
        "materials": [m.code for m in materials],
        "criteria": criteria,
        "pending": [c.name for c in criteria if c.verdict == "pending"],
        "exception": exception.code if exception else None,
        "excepted": [c.name for c in criteria if c.verdict == "failed"] if exception else [],
    }


def _conditioning(therapy: Therapy, _p: StudyProtocol, _c: Perform, act: Admitted, _a: Surroundings) -> dict[str, Any]:
    needed = act.step.repeat.at_least if act.step.repeat else 1
    return {"last": len(therapy.of_step(act.step.id)) + 1 >= needed}


def _infusion(_t: Therapy, protocol: StudyProtocol, _c: Perform, act: Admitted, _a: Surroundings) -> dict[str, Any]:
    product = protocol.release.product if protocol.release else ""
    bags = act.scanned.known.get(product, ()) or ((act.at.material,) if act.at.material else ())
    return {"infused": bags, "consumed": tuple(dict.fromkeys([*act.consumed, *bags]))}


def _observation(
    therapy: Therapy, protocol: StudyProtocol, _c: Perform, act: Admitted, _a: Surroundings
) -> dict[str, Any]:
    visit = next((v for v in act.step.visits if v.id == act.at.occurrence), None)
    if visit is None or act.step.visits_from is None:
        return {}
    begun = moment(therapy, protocol, act.step.visits_from)
    return {"planned": visit.at.after(*begun) if begun else None}


_KINDS: dict[str, tuple[type[steps.StepFact], Special]] = {
    "consent": (steps.ConsentGiven, _consent),
    "assessment": (steps.PatientAssessed, _assessment),
    "enrolment": (steps.PatientEnrolled, _enrolment),
    "booking": (steps.SlotsBooked, _booking),
    "collection": (steps.CellsCollected, _collection),
    "labelling": (steps.LabelsReconciled, labelling),
    "hand_over": (steps.CustodyGiven, _nothing),
    "transport": (steps.TransportReported, _nothing),
    "receipt": (steps.MaterialReceived, _nothing),
    "process": (steps.ProcessPerformed, _process),
    "test": (steps.SampleTested, _test),
    "disposition": (steps.DispositionDecided, _disposition),
    "conditioning": (steps.ConditioningGiven, _conditioning),
    "identity_check": (steps.IdentityChecked, _nothing),
    "thaw": (steps.ProductThawed, _nothing),
    "infusion": (steps.ProductInfused, _infusion),
    "observation": (steps.PatientObserved, _observation),
}
