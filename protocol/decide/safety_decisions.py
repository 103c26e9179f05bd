"""Decide about safety reports and dose-limiting toxicity: what was sent and when, and what two people decided."""

from __future__ import annotations

from datetime import UTC

from events.facts.safety import DltAnswered, DltDecided, SafetyReportSent
from protocol.adverse_events import known_event, rules_of
from protocol.cohorts import stream_of
from protocol.commands import AnswerDlt, DecideDlt, SendReport
from protocol.consequences import follow
from protocol.decision import Decision
from protocol.dlt import begun, dlt_rules, flagged, standing, window_end
from protocol.model import DltRules, SafetyReport, StudyProtocol
from protocol.readings import Breach
from protocol.refusals import refuse
from protocol.roles import check_role
from protocol.running import length
from protocol.safety_reports import ReportClock, clock, reports_of, rule, says
from protocol.state import Therapy
from protocol.state.safety import Event
from protocol.surroundings import Surroundings


def send_report(therapy: Therapy, protocol: StudyProtocol, command: SendReport, around: Surroundings) -> Decision:
    """A report reached whom it was for: its clock stops, and one that is late opens what the study says.

    Raises:
        Refused: no such event or report, it is not due, it was sent before, or its time cannot be.
    """
    event = known_event(therapy, command.event)
    report = next((r for r in reports_of(protocol) if r.id == command.report), None)
    if report is None:
        known = ", ".join(r.id for r in reports_of(protocol)) or "none"
        raise refuse(
            "report.known",
            f"This study knows no report {command.report}.",
            f"It knows: {known}.",
            report=command.report,
        )
    check_role(report.sent_by, around.actor, f"send {report.id}")
    at = command.at or around.now
    running = _running(protocol, event, report)
    if at > around.now:
        raise refuse(
            "time.future",
            f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC lies in the future (now {around.now:%Y-%m-%d %H:%M} UTC).",
            "Record it when it has arrived.",
            given=at,
            now=around.now,
        )
    if at < event.reported.aware:
        raise refuse(
            "time.order",
            f"It was sent {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC, before anybody was aware of {event.code} "
            f"({event.reported.aware:%Y-%m-%d %H:%M} UTC).",
            "Correct the time.",
            given=at,
            aware=event.reported.aware,
        )
    fact = SafetyReportSent(
        therapy=therapy.id, event=event.code, report=report.id, at=at, due=running.due, reference=command.reference
    )
    late = at > running.due and (running.name, running.at) not in therapy.missed
    found = f"{length(at - running.due)} late"
    breaches = [Breach(rule(running), report.then, says(running), found, f"{says(running)}; it was {found}")]
    follows = follow(therapy, protocol, running.at, breaches if late else [], ())
    return Decision((fact, *follows), "performed", at)


def _running(protocol: StudyProtocol, event: Event, report: SafetyReport) -> ReportClock:
    before = event.sent.get(report.id)
    if before is not None:
        raise refuse(
            "order.done",
            f"{report.id} of {event.code} was sent on {before.fact.at:%Y-%m-%d %H:%M} UTC.",
            "A report is sent once; what becomes known later is followed, and may ask for another report.",
            event=event.code,
            report=report.id,
        )
    running = clock(event, report, rules_of(protocol))
    if running is None:
        needs = [what.replace("_", " ") for what in report.when]
        needs += [f"received {report.start}"] if report.start not in ("aware", *event.sent) else []
        raise refuse(
            "report.due",
            f"{report.id} of {event.code} ({event.reported.term}) is not due; it asks for an event that is "
            f"{', '.join(needs)}.",
            "Say first what became known: `unbroken adverse follow`; or send the report that it counts from.",
            event=event.code,
            report=report.id,
        )
    return running


# ------------------------------------------------------------------ dose-limiting toxicity


def decide_dlt(therapy: Therapy, protocol: StudyProtocol, command: DecideDlt, around: Surroundings) -> Decision:
    """The first of two signatures on whether the patient had a dose-limiting toxicity.

    Raises:
        Refused: the study asks for none, the window is open, or the events do not fit what is decided.
    """
    rules = _rules(protocol)
    check_role(rules.decided_by, around.actor, "decide on dose-limiting toxicity")
    if begun(therapy) is None:
        raise refuse(
            "dlt.begun",
            f"Conditioning of {therapy.id} has not begun; there is nothing to decide.",
            "The decision comes after the infusion.",
        )
    codes = tuple(dict.fromkeys(known_event(therapy, name).code for name in command.events))
    possible = tuple(event.code for event in flagged(therapy))
    _check_stands(therapy)
    _check_window(therapy, protocol, rules, command, around)
    wrong = [code for code in codes if code not in possible]
    if wrong or (command.decision == "dlt") != bool(codes):
        told = f"names {', '.join(codes) or 'no event'}; flagged as possible are {', '.join(possible) or 'none'}"
        raise refuse(
            "dlt.events",
            f"The decision is {command.decision.replace('_', ' ')} and {told}.",
            "A dose-limiting toxicity names the events that were, each flagged before; any other decision names none.",
            events=list(codes),
            flagged=list(possible),
        )
    fact = DltDecided(
        therapy=therapy.id, decision=command.decision, events=codes, flagged=possible, reason=command.why,
        awaits=rules.agreed_by,
    )  # fmt: skip
    return Decision((fact,), "approved", around.now, stream_of(therapy, protocol))


def answer_dlt(therapy: Therapy, protocol: StudyProtocol, command: AnswerDlt, around: Surroundings) -> Decision:
    """Another person agrees, and the decision stands; or does not, and somebody decides again.

    Raises:
        Refused: nothing waits, the same person, not the role, or a no without a reason.
    """
    _rules(protocol)
    waiting = therapy.safety.proposed_dlt
    if waiting is None:
        raise refuse(
            "dlt.pending",
            f"No decision on dose-limiting toxicity of {therapy.id} waits for a second person.",
            "The first signs with `unbroken dlt decide`.",
        )
    if around.actor.person == waiting.by.person:
        raise refuse(
            "authority.two-people",
            f"{around.actor.account} may not agree alone: {around.actor.person} decided it.",
            "One person is one person under any account. Fetch another.",
            person=around.actor.person,
        )
    check_role(waiting.fact.awaits, around.actor, "agree with a decision on dose-limiting toxicity")
    if command.answer == "not_agreed" and not command.why:
        raise refuse("dlt.reason", "It is not said why the decision is not agreed with.", "Say why: --why TEXT.")
    fact = DltAnswered(
        therapy=therapy.id, first=waiting.by.link, answer=command.answer, decision=waiting.fact.decision,
        reason=command.why,
    )  # fmt: skip
    meaning = "approved" if command.answer == "agreed" else "declined"
    return Decision((fact,), meaning, around.now, stream_of(therapy, protocol))


def _rules(protocol: StudyProtocol) -> DltRules:
    rules = dlt_rules(protocol)
    if rules is None:
        head = protocol.protocol
        raise refuse(
            "dlt.study",
            f"Protocol {head.id} {head.version} asks for no decision on dose-limiting toxicity.",
            "A study asks for it under `safety.dlt`.",
        )
    return rules


def _check_stands(therapy: Therapy) -> None:
    waiting = therapy.safety.proposed_dlt
    if waiting is not None:
        raise refuse(
            "order.pending",
            f"{waiting.by.account} decided {waiting.fact.decision.replace('_', ' ')}; it waits for "
            f"{' or '.join(waiting.fact.awaits)}.",
            "Another person answers: `unbroken dlt agree`, or `unbroken dlt refuse`.",
        )
    decided = standing(therapy)
    if decided is not None:
        raise refuse(
            "order.done",
            f"It is decided: {decided.fact.decision.replace('_', ' ')}, signed by two.",
            "It is decided again only when a further event is flagged as possibly dose-limiting.",
        )


def _check_window(
    therapy: Therapy, protocol: StudyProtocol, rules: DltRules, command: DecideDlt, around: Surroundings
) -> None:
    """A toxicity may be decided on at once; that there was none, only after the window. Who left it early is not evaluable."""
    end = window_end(therapy, protocol)
    left = bool(therapy.stopped)
    if command.decision == "dlt" or (command.decision == "not_evaluable" and left):
        return
    if end is None or around.now < end:
        until = f"ends {end:%Y-%m-%d %H:%M} UTC" if end else f"has not begun ({rules.start})"
        raise refuse(
            "dlt.window",
            f"The window of {rules.window} from {rules.start} {until}; {command.decision.replace('_', ' ')} cannot be "
            f"decided yet.",
            "Wait for its end. A dose-limiting toxicity can be decided on at once; whoever left the study before is not evaluable.",
            ends=end,
            now=around.now,
        )
