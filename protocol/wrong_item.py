"""A wrong item was presented and nothing moved: the act stops, the scan is recorded, the items of both patients are held."""

from __future__ import annotations

from events.errors import Refused
from events.facts.base import TherapyFact
from events.facts.quality import IdentityMismatched, ItemPresentedElsewhere
from events.identifiers import read_code
from protocol.codes import check_kind
from protocol.decision import Decision, therapy_stream
from protocol.refusals import refuse
from protocol.state import Instance, Therapy
from protocol.surroundings import Surroundings


class WrongItem(Exception):
    """An item of another patient was presented: the act stops, and the scan is recorded for both."""

    def __init__(self, name: str, expected: str, presented: str, other: str) -> None:
        self.name, self.expected, self.presented, self.other = name, expected, presented, other
        super().__init__(presented)


def stopped(therapy: Therapy, at: Instance, wrong: WrongItem, around: Surroundings) -> Decision:
    """The one record of it, in the streams of both patients; the refusal is raised once it is recorded."""
    facts: tuple[TherapyFact, ...] = (
        IdentityMismatched(
            therapy=therapy.id,
            key=at.key(),
            scan=wrong.name,
            expected=wrong.expected,
            presented=wrong.presented,
            other=wrong.other,
        ),
        ItemPresentedElsewhere(therapy=wrong.other, presented=wrong.presented, other=therapy.id),
    )
    stop: Refused = refuse(
        "identity.wrong-item",
        f"STOP. {wrong.presented} belongs to {wrong.other}; {wrong.expected} was expected for {therapy.id}.",
        "Nothing was moved or applied. The scan is recorded, the items of both patients are held; call QA: "
        "`unbroken hold clear` after a right rescan.",
        presented=wrong.presented,
        expected=wrong.expected,
        scan=wrong.name,
        other=wrong.other,
    )
    return Decision(facts, "performed", around.now, (therapy_stream(wrong.other),), stop)


def no_patients(therapy: Therapy, name: str, presented: str, around: Surroundings, kind: str = "room") -> str:
    """The code of something that is no patient's: a room, a booked resource.

    Raises:
        Refused: unreadable, or it is this patient's, or something else of the site's.
        WrongItem: it is another patient's.
    """
    code = read_code(presented)
    owner = around.owners.get(code)
    if owner is not None and owner != therapy.id:
        raise WrongItem(name, name.upper().replace("_", "-"), code, owner)
    if owner is not None or therapy.uses(code):
        raise refuse(
            "identity.scan-matches",
            f"{code} is this patient's own; a code of the {name.replace('_', ' ')} was expected.",
            "Scan again.",
            presented=code,
        )
    check_kind(kind, code, around.known_as.get(code, {}))
    return code
