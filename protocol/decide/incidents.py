"""Decide about an incident on the road: it happened, and what the protocol says follows; one of its options is chosen."""

from __future__ import annotations

from typing import assert_never

from events.facts.base import TherapyFact
from events.facts.course import SlotsFreed, StepOffered
from events.facts.incidents import IncidentOptionChosen
from events.facts.quality import DeviationOpened, MaterialQuarantined
from events.identifiers import read_code
from protocol.commands import ChooseOption, IncidentCommand, ReportIncident
from protocol.consequences import offered_to
from protocol.decision import Decision, slot_stream
from protocol.due import Due, applies, of_step
from protocol.gate import check_running
from protocol.incidents import closed, report, still_live, undecided
from protocol.model import Incident, IncidentOption, StudyProtocol
from protocol.refusals import refuse
from protocol.roles import check_role
from protocol.state import Happening, Therapy
from protocol.surroundings import Surroundings


def decide_incident(
    therapy: Therapy, protocol: StudyProtocol, command: IncidentCommand, around: Surroundings
) -> Decision:
    """What follows from a command about an incident."""
    match command:
        case ReportIncident():
            return _report(therapy, protocol, command, around)
        case ChooseOption():
            return _choose(therapy, protocol, command, around)
        case _:
            assert_never(command)


def _report(therapy: Therapy, protocol: StudyProtocol, command: ReportIncident, around: Surroundings) -> Decision:
    """A person reports what went wrong; its consequences stand in the same record.

    Raises:
        Refused: the protocol knows no such incident, none of its steps is under way, or it was reported already.
    """
    check_running(therapy)
    spec = protocol.incident_by_id.get(command.name)
    if spec is None:
        known = ", ".join(protocol.incident_by_id) or "none"
        raise refuse(
            "incident.known",
            f"Protocol {protocol.protocol.id} knows no incident {command.name}.",
            f"It knows: {known}. Whatever else went wrong is reported with `unbroken deviation open`.",
            incident=command.name,
        )
    check_role(spec.reported_by, around.actor, f"report {spec.id}")
    when = command.at or around.now
    if when > around.now:
        raise refuse(
            "time.future",
            f"{when:%Y-%m-%d %H:%M %Z} lies in the future (now {around.now:%Y-%m-%d %H:%M} UTC).",
            "Report it when it has happened.",
            given=when,
            now=around.now,
        )
    due = _under_way(therapy, protocol, spec, command)
    for happening, _ in undecided(therapy, protocol):
        if (happening.name, happening.at) == (spec.id, due.at):
            raise refuse(
                "order.done",
                f"{happening.code} says so already: {happening.says}.",
                "Choose one of its options: `unbroken incident options`.",
                incident=happening.code,
            )
    facts = report(therapy, protocol, spec, due, when, command.says)
    told = [f.says for f in facts if isinstance(f, DeviationOpened)]
    told += [f"quarantined: {', '.join(f.materials)}" for f in facts if isinstance(f, MaterialQuarantined)]
    if spec.options:
        told.append("the clocks run on; see what can be done: `unbroken incident options`")
    return Decision(tuple(facts), "performed", when, warnings=tuple(told))


def _under_way(therapy: Therapy, protocol: StudyProtocol, spec: Incident, command: ReportIncident) -> Due:
    """The instance during which it happened: one that is under way, or else the one that was done last."""
    material = read_code(command.material) if command.material else ""
    steps = [protocol.by_id[name] for name in spec.during if command.step in (None, name)]
    found = [
        due
        for step in steps
        if applies(step, therapy)
        for due in of_step(therapy, protocol, step)
        if material in ("", due.at.material)
    ]
    now = [due for due in found if due.standing in ("ready", "awaiting_second")]
    done = [due for due in found if due.standing == "done"]
    last = sorted(done, key=lambda due: therapy.acts[due.at].by.number)[-1:]
    if len(now) > 1:
        names = ", ".join(str(due.at) for due in now)
        raise refuse("order.which", f"Several are under way: {names}.", "Say which: --material, or --step.", open=names)
    if not now and not last:
        raise refuse(
            "incident.during",
            f"{spec.id} happens during {' or '.join(spec.during)}; none of it is under way{f' for {material}' if material else ''}.",
            "Report something else with `unbroken deviation open`.",
            incident=spec.id,
            step=command.step,
        )  # fmt: skip
    return (now or last)[0]


def _choose(therapy: Therapy, protocol: StudyProtocol, command: ChooseOption, around: Surroundings) -> Decision:
    """Somebody entitled chooses an option: the steps that it needs are offered, a slot that nobody uses is given back.

    Raises:
        Refused: nothing to choose, not the role, no such option, or its time is over.
    """
    check_running(therapy)
    happening, spec = _open(therapy, protocol, command.incident)
    check_role(spec.decided_by, around.actor, f"choose after {spec.id}")
    option = next((o for o in spec.options if o.id == command.option), None)
    if option is None:
        raise refuse(
            "incident.option",
            f"{spec.id} has no option {command.option}.",
            f"Its options: {', '.join(o.id for o in spec.options)}.",
            option=command.option,
        )
    if why := closed(therapy, protocol, happening, option, around.now):
        left = [o.id for o in spec.options if not closed(therapy, protocol, happening, o, around.now)]
        raise refuse(
            "incident.option-over",
            f"{option.id} ({option.title}) is no longer possible: {why}.",
            f"Still possible: {', '.join(left) or 'nothing; QA decides on the material'}.",
            option=option.id,
            possible=left,
        )
    chosen = IncidentOptionChosen(
        therapy=therapy.id, incident=happening.code, option=option.id, why=command.why
    )  # fmt: skip
    facts: list[TherapyFact] = [chosen, *_offers(therapy, protocol, happening, option)]
    freed = _freed(therapy, protocol, option, around)
    if freed:
        facts.append(SlotsFreed(therapy=therapy.id, slots=freed, reason=f"{happening.code}: {option.title}"))
    return Decision(tuple(facts), "approved", around.now, tuple(slot_stream(code) for code in freed))


def _open(therapy: Therapy, protocol: StudyProtocol, name: str) -> tuple[Happening, Incident]:
    standing = {happening.code: (happening, spec) for happening, spec in undecided(therapy, protocol)}
    if name.upper() not in standing:
        known = therapy.incidents.get(name.upper())
        said = f"{known.code} was decided: {known.chosen}" if known and known.chosen else f"{name} waits for no choice"
        raise refuse(
            "incident.open", f"{said}.", f"Open are: {', '.join(standing) or 'none'}.", incident=name
        )  # fmt: skip
    return standing[name.upper()]


def _offers(
    therapy: Therapy, protocol: StudyProtocol, happening: Happening, option: IncidentOption
) -> list[TherapyFact]:
    why = f"{happening.code}: {option.title}"
    return [
        StepOffered(
            therapy=therapy.id,
            step=name,
            why=why,
            materials=offered_to(therapy, protocol, name, still_live(therapy, happening)),
            cause=f"{happening.code} {option.id}",
        )
        for name in option.offers
    ]


def _freed(therapy: Therapy, protocol: StudyProtocol, option: IncidentOption, around: Surroundings) -> tuple[str, ...]:
    """Slots still to come of a resource that is booked anew."""
    anew = {resource for name in option.offers for resource in protocol.by_id[name].resources}
    return tuple(slot.code for slot in therapy.slots if slot.resource in anew and slot.ends > around.now)
