"""How far the handling of a deviation has come: what its grade still asks for, and until when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from events.instant import to_wire
from protocol.alerts import open_alerts
from protocol.deadline import Deadline
from protocol.model import StudyProtocol
from protocol.model.quality import Handling, Quality
from protocol.refusals import refuse
from protocol.state import Alert, Deviation, Instance, Therapy
from protocol.state.quality import Action

DEVIATION, ACTION, ALERT = "deviation", "action", "alert"
"""How deadlines call what they are of, where a step's deadline names the step."""

UNHEARD = "deadline.alert"
"""The rule of what follows when nobody acknowledges an alert in time."""


def quality_of(protocol: StudyProtocol) -> Quality:
    """The study's own part on quality; where it has none, every grade asks for its impact and nothing runs."""
    return protocol.quality or Quality()


def handling(protocol: StudyProtocol, deviation: Deviation) -> Handling:
    """What the deviation's grade asks for."""
    return quality_of(protocol).of(deviation.grade)


def investigators(protocol: StudyProtocol) -> tuple[str, ...]:
    """The roles that investigate deviations: those that the study names, else QA."""
    return quality_of(protocol).investigated_by or protocol.qa_roles


def actions_of(therapy: Therapy, deviation: Deviation) -> list[Action]:
    """The actions planned for a deviation, in their order."""
    return [action for action in therapy.actions.values() if action.deviation == deviation.code]


def lacking(therapy: Therapy, protocol: StudyProtocol, deviation: Deviation) -> list[str]:
    """What must come before this deviation may be closed, in words; nothing if it may."""
    asked = handling(protocol, deviation).requires
    found = []
    if "investigation" in asked and deviation.investigation is None:
        found.append("its investigation")
    if "impact" in asked and not deviation.impact:
        found.append("the assessment of its impact")
    if "capa" in asked and not actions_of(therapy, deviation):
        found.append("a corrective or preventive action")
    for action in lacking_actions(therapy, protocol, deviation):
        if action.checked is not None:
            found.append(f"a further action instead of {action.code}, which was not effective")
        else:
            found.append(f"{action.code} {'to be found effective' if action.done else 'to be done'}")
    return found


def lacking_actions(therapy: Therapy, protocol: StudyProtocol, deviation: Deviation) -> list[Action]:
    """The actions without which a deviation is not closed: each where its grade asks for them, else those that failed."""
    asked = "capa" in handling(protocol, deviation).requires
    open_ = [action for action in actions_of(therapy, deviation) if not action.settled]
    return [action for action in open_ if asked or action.checked is not None]


def needs_action(therapy: Therapy, protocol: StudyProtocol, deviation: Deviation) -> bool:
    """Whether an action is to be planned: none is yet and one is asked for, or one was not effective."""
    actions = actions_of(therapy, deviation)
    failed = any(a.checked is not None and not a.settled for a in actions)
    return failed or ("capa" in handling(protocol, deviation).requires and not actions)


def known_deviation(therapy: Therapy, name: str) -> Deviation:
    """A deviation, open or closed.

    Raises:
        Refused: there is none of this number.
    """
    deviation = therapy.deviations.get(name.upper())
    if deviation is None:
        raise refuse(
            "deviation.known",
            f"{therapy.id} has no deviation {name}.",
            f"Its deviations: {', '.join(therapy.deviations) or 'none'}.",
            deviation=name,
        )
    return deviation


def limit_of(therapy: Therapy, protocol: StudyProtocol, deviation: Deviation) -> datetime | None:
    """When something next becomes due for a deviation: its closure, or one of its actions."""
    own = {Instance(DEVIATION, deviation.code)} | {Instance(ACTION, a.code) for a in actions_of(therapy, deviation)}
    return _next(therapy, protocol, own)


def heard_by(therapy: Therapy, protocol: StudyProtocol, alert: Alert) -> datetime | None:
    """Until when an alert is to be acknowledged; None where nothing more follows."""
    return _next(therapy, protocol, {Instance(ALERT, alert.code)})


def _next(therapy: Therapy, protocol: StudyProtocol, own: set[Instance]) -> datetime | None:
    return min((d.strikes for d in quality_deadlines(therapy, protocol) if d.at in own), default=None)


def deviation_row(therapy: Therapy, protocol: StudyProtocol, deviation: Deviation) -> dict[str, str]:
    """A deviation as one line of a list; times are spelled as on the wire."""
    due = limit_of(therapy, protocol, deviation)
    concerns = [str(deviation.at)] if deviation.at else []
    concerns += [code for code in deviation.materials if deviation.at is None or code != deviation.at.material]
    return {
        "deviation": deviation.code,
        "grade": deviation.grade,
        "rule": deviation.rule,
        "says": deviation.says,
        "concerns": ", ".join(concerns),
        "opened": to_wire(deviation.opened),
        "opened_by": deviation.account,
        "record": deviation.link,
        "lacks": "" if deviation.closed else ", ".join(lacking(therapy, protocol, deviation)),
        "due": to_wire(due) if due else "",
        "closed": to_wire(deviation.closed_by.recorded) if deviation.closed and deviation.closed_by else "",
    }


def quality_deadlines(therapy: Therapy, protocol: StudyProtocol) -> Iterator[Deadline]:
    """Every deadline of quality that runs now and has not been recorded as missed; they run on when a therapy is over."""
    found = [*_of_deviations(therapy, protocol), *_of_actions(therapy), *_of_alerts(therapy, protocol)]
    yield from (deadline for deadline in found if (deadline.name, deadline.at) not in therapy.missed)


def _of_deviations(therapy: Therapy, protocol: StudyProtocol) -> Iterator[Deadline]:
    for deviation in therapy.deviations.values():
        # One that opened because an alert went unheard raises no further alert: it would never end.
        if deviation.closed or deviation.rule == UNHEARD:
            continue
        again = f"-again-{len(deviation.reopened)}" if deviation.reopened else ""
        for limit in handling(protocol, deviation).limits:
            name = f"close-{limit.at}{again}".replace(" ", "")
            says = f"{deviation.code}, {deviation.grade}, must be closed within {limit.at}"
            at = Instance(DEVIATION, deviation.code)
            yield Deadline(
                name, at, limit.at.after(*deviation.since), says, limit.then, "deadline.deviation", announced=False
            )


def _of_actions(therapy: Therapy) -> Iterator[Deadline]:
    for action in therapy.actions.values():
        if action.done is None and not action.later:
            says = f"{action.code} of {action.deviation} must be done by {action.owner or action.role}"
            yield Deadline(
                "due", Instance(ACTION, action.code), action.due, says, (), "deadline.action", announced=False
            )


def _of_alerts(therapy: Therapy, protocol: StudyProtocol) -> Iterator[Deadline]:
    for alert in open_alerts(therapy):
        for limit in quality_of(protocol).unacknowledged:
            name = f"acknowledge-{limit.at}".replace(" ", "")
            says = f"{alert.code} must be acknowledged by {' or '.join(alert.roles)} within {limit.at}"
            at = Instance(ALERT, alert.code)
            yield Deadline(
                name, at, limit.at.after(alert.raised, alert.zone), says, limit.then, UNHEARD, announced=False
            )
