"""What a therapy's flow run shows, from the log alone: the signed steps, what is due by itself, and where it rests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from events.errors import Unavailable, UnbrokenError
from flows.therapy_flow import Act, Finished, Outlook, Resting, Step
from protocol import state
from protocol.desk import Desk, Sitting
from protocol.evolve import automatic
from protocol.state import Therapy
from protocol.worklist import resting_state


def outlook(desk: Desk, system: Sitting, name: str) -> Outlook:
    """Fold the log anew and say what the run of this therapy must show.

    Raises:
        UnbrokenError: the therapy cannot be folded; its run fails and shows why, the others go on.
    """
    therapy = desk.therapy(name)
    protocol = desk.protocol_of(therapy)
    decision = desk.due_by_itself(name)
    due: list[Act] = []
    if decision.facts:
        turn = automatic(decision.facts)
        due.append(Act(f"system/{turn.key}", f"system: {turn.says}", _turn(desk, system, name)))
    rest_name, says = resting_state(therapy, protocol)
    rest = Finished(says) if therapy.completed else Resting(rest_name, says)
    return Outlook(steps(desk, therapy), rest, due)


def _turn(desk: Desk, system: Sitting, name: str) -> Callable[[], Awaitable[None]]:
    async def do() -> None:
        desk.let_pass(name, system)

    return do


def resting(desk: Desk, name: str) -> tuple[str, str]:
    """Where a therapy rests: a name and a sentence; one that cannot be read says so.

    Raises:
        Unavailable: the log is away.
    """
    try:
        therapy = desk.therapy(name)
        return resting_state(therapy, desk.protocol_of(therapy))
    except Unavailable:
        raise  # the log is away: that says nothing about this therapy
    except UnbrokenError as problem:
        return "Stopped", problem.says


def steps(desk: Desk, therapy: Therapy) -> list[Step]:
    """Every step that stands and every record of the system's own, as the run shows them."""
    authority = desk.log.authority()
    shown = []
    for act in sorted(therapy.every_act.values(), key=lambda act: (act.second or act.by).number):
        names = [authority.printed_name(act.by.account)]
        if act.second is not None:
            names.append(authority.printed_name(act.second.account))
        late = f", {act.late}, done by {authority.printed_name(act.performer)}" if act.late else ""
        shown.append(Step(step_key(act), f"{act.at}: signed by {' and '.join(names)}{late}"))
    return shown + [Step(f"system/{turn.key}", f"system: {turn.says}") for turn in therapy.automatic]


def step_key(act: state.Act) -> str:
    """The key of a step's task run: the instance and the record that performed it."""
    return f"{act.at.step}/{act.at.occurrence}/{act.at.material}:{act.by.link[:16]}"
