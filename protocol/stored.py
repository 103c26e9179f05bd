"""The last look before a signature: that a person's words became facts of the right form, in which no character hides.

Each command looks at its own words first and says more. What no command foresaw (a value that grew too long inside a
sentence, a text that came by another way) is refused here: then nothing of it is recorded, and nothing of it is a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from pydantic import ValidationError

from events.facts.base import Fact
from events.facts.site import ProtocolAdopted
from events.writing import Unfit, refuse_hidden, texts_in
from protocol.refusals import refuse
from protocol.wording import in_words

_ADVICE = "Write it otherwise; nothing was recorded."


def written(what: str, text: str, rule: Callable[[str], str]) -> str:
    """A text that a person wrote, as a rule of `events.writing` keeps it.

    Args:
        what: what it is, for the refusal: ``The printed name``.

    Raises:
        Refused: `input.form`, saying why it is not kept.
    """
    try:
        return rule(text)
    except Unfit as problem:
        raise refuse("input.form", f"{what} {problem}.", _ADVICE, given=text[:80]) from None


@contextmanager
def formed() -> Iterator[None]:
    """Facts that are made inside have the form of their kind.

    Raises:
        Refused: `input.form`, naming the fact, the field and the reason.
    """
    try:
        yield
    except ValidationError as problem:
        path, reason = in_words(problem)[0]
        field = ".".join(str(part)[:60] for part in path)
        raise refuse("input.form", f"{field}: {reason}.", _ADVICE, fact=problem.title, field=field) from None


def check_stored(facts: Sequence[Fact]) -> None:
    """Look through every text of the facts that are about to be signed; a study's file is looked at when it is read.

    Raises:
        Refused: `input.form`, naming fact, character and place.
    """
    for text in texts_in([fact.to_wire() for fact in facts if not isinstance(fact, ProtocolAdopted)]):
        written("What would be recorded", text, _no_hidden)


def _no_hidden(text: str) -> str:
    refuse_hidden(text)
    return text
