"""Whether a code has the form that the study declares for it: asked when it is bound, before it is ever matched."""

from __future__ import annotations

from protocol.model.codes import SIGNS, fits
from protocol.refusals import refuse


def check_form(what: str, code: str, forms: tuple[str, ...]) -> None:
    """Refuse a code that has none of the declared forms.

    Args:
        what: what the code is for, as people call it. code: in canonical spelling. forms: none, where any code will do.

    Raises:
        Refused: naming the code and the forms.
    """
    if forms and not any(fits(form, code) for form in forms):
        raise refuse(
            "identifier.form",
            f"{what} {code} does not have the form {' or '.join(forms)} that the study declares.",
            f"Scan it again, or look at what was typed: {SIGNS}.",
            code=code,
            forms=forms,
        )
