"""What was typed after a command, looked at before the command begins: one rule an option, by what its metavar says it takes.

`console.unseen` has looked at the whole line by then, for characters that hide.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from typer.core import TyperCommand

from events import writing
from events.errors import Refused
from events.forms import FORM_IN_WORDS, is_therapy_id

_LARGEST = 10**9
_LONGEST_WORD = 4096
"""Characters of a path, a scanner's message, a list of codes: nothing that one word of a line holds is longer."""


def _line(text: str) -> str:
    return writing.line(text, _LONGEST_WORD)


def _plain(text: str) -> str:
    writing.refuse_long(text, _LONGEST_WORD)
    writing.refuse_foreign(text.strip())
    return text.strip()


def _scanned(text: str) -> str:
    """A code, or a name and a code: what a scanner puts into one is named where it is read (`events.scanner`)."""
    writing.refuse_long(text, _LONGEST_WORD)
    writing.refuse_hidden(text.strip(), writing.FROM_SCANNERS + writing.BREAKS)
    return text.strip()


def _therapy(text: str) -> str:
    name = _plain(text)
    if not is_therapy_id(name):
        ((kind, words),) = [form for form in FORM_IN_WORDS.values() if form[0] == "therapy's id"]
        raise writing.Unfit(f"is no {kind}: {words}")
    return name


def _as_it_is(text: str) -> str:
    return text


_FREE = ("TEXT", "WHY")
_WORDED = ("NAME=VALUE", "VALUE", "TERM", "FORM", "NAME")
"""What may be said in any letters: the rulebook looks at these once more, as what they are."""
_SCANNED = ("CODE", "NAME=CODE", "LOT", "DEVICE", "ROOM", "SERIAL", "SERIALS", "SERIAL=FATE", "RESOURCE=CODE@START/END")
_PATHS = ("FILE", "DIR")
_RULES: dict[str, Callable[[str], str]] = {
    **dict.fromkeys(_FREE, writing.free_text),
    **dict.fromkeys(_WORDED, _line),
    **dict.fromkeys(_SCANNED, _scanned),
    **dict.fromkeys(_PATHS, _as_it_is),
    "PRINTED": writing.printed_name,
    "THERAPY": _therapy,
}
"""By metavar; every other one takes a code, a number, a time or a name of the study, in plain letters."""


class Looked(TyperCommand):
    """A command whose words are looked at: as they stand on the line, and kept in their one form when it begins."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take the line apart; a number in digits that only look like 0-9 is never read as one."""
        given, _, _ = self.make_parser(ctx).parse_args(args=list(args))
        for param in self.params:
            if isinstance(text := given.get(param.name or ""), str) and _is_number(param):
                _kept(param, text)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Begin, with every text as its rule keeps it.

        Raises:
            Refused: `input.form`, naming the option and what is wrong with what it was given.
        """
        for param in self.params:
            value = ctx.params.get(param.name)
            if isinstance(value, str):
                ctx.params[param.name] = _kept(param, value)
            elif isinstance(value, (list, tuple)):
                ctx.params[param.name] = [_kept(param, one) if isinstance(one, str) else one for one in value]
        return super().invoke(ctx)


def _is_number(param: Any) -> bool:
    return bool(param.type_descriptor.annotation is int)


def _kept(param: Any, text: str) -> str:
    metavar = (param.metavar or "WORD").strip("[].")
    rule = _plain if _is_number(param) else _RULES.get(metavar, _plain)
    if metavar in _FREE and not text.strip():
        return text  # each command says which reason is empty, and what it is for
    try:
        kept = rule(text)
        if text and not kept:
            raise writing.Unfit("holds only blanks")
        if _is_number(param) and kept.lstrip("+-").isdigit() and abs(_whole(kept)) > _LARGEST:
            raise writing.Unfit(f"is beyond {_LARGEST:,}")
        return kept
    except writing.Unfit as problem:
        what = param.opts[0] if param.opts[0].startswith("-") else metavar
        shown = f" {_shown(text)!r}" if text.strip() else ""
        raise Refused(
            "input.form",
            f"{what}{shown} {problem}.",
            values={"given": _shown(text)},
            advice="Write it otherwise; nothing was recorded.",
        ) from None


def _whole(digits: str) -> int:
    return int(digits) if len(digits) < 12 else _LARGEST + 1  # Python reads no number of thousands of digits


def _shown(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
