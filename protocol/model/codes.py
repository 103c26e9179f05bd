"""The forms that codes take, as a study declares them; what it leaves open takes any code."""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from protocol.model.base import Part, listed

_SIGNS = {"#": "0123456789", "@": "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
_SIGNS["?"] = _SIGNS["#"] + _SIGNS["@"]
_FORM = re.compile(r"[A-Z0-9#@?][A-Z0-9.\-#@?]{0,39}", re.ASCII)
SIGNS = "# is a digit, @ a letter, ? either of them; anything else stands for itself"


def _form(value: str) -> str:
    if not _FORM.fullmatch(value):
        raise ValueError(f"{value!r} is no form of a code: 1 to 40 of A-Z, 0-9, dot, hyphen and #, @, ? ({SIGNS})")
    return value


Forms = Annotated[tuple[Annotated[str, AfterValidator(_form)], ...], BeforeValidator(listed)]
"""Forms of which a code has one, for example ``WB-#####``; none: any code will do."""


class Codes(Part):
    """Forms of the codes that are bound to a patient, of rooms and of booked slots; those of materials stand with their kind."""

    screening: Forms = ()
    subject: Forms = ()
    chain_of_identity: Forms = ()
    wristband: Forms = ()
    room: Forms = ()
    slot: Forms = ()


def fits(form: str, code: str) -> bool:
    """Whether a code has a form, character by character."""
    return len(form) == len(code) and all(char in _SIGNS.get(sign, sign) for sign, char in zip(form, code, strict=True))
