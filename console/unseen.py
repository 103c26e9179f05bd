"""The words of a line, before anything else looks at them: none that is no text, none with a character that nobody sees.

So no message of a parser repeats such a character raw, and no way in for a text can be forgotten.
"""

from __future__ import annotations

from events import writing
from events.errors import Refused


def refuse_hidden(argv: list[str]) -> None:
    """Look at the words of a line.

    Raises:
        Refused: `input.form`, naming the character and its place; a byte that is not UTF-8 is one too.
    """
    for number, word in enumerate(argv):
        try:
            writing.refuse_hidden(word, writing.BREAKS + writing.FROM_SCANNERS)
        except writing.Unfit as problem:
            before = argv[number - 1] if number else ""
            what = (
                f"What follows {before}"
                if before.startswith("--") and before.isascii()
                else f"Word {number + 1} of the line"
            )
            raise Refused(
                "input.form",
                f"{what} {problem}.",
                values={"word": number + 1},
                advice="Type it again by hand: what is copied may hold characters that nobody sees. Nothing was recorded.",
            ) from None
