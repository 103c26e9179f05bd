"""What every part of a study file is made of."""

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from events.identifiers import Name

Kind = Literal[
    "consent",
    "assessment",
    "enrolment",
    "booking",
    "collection",
    "labelling",
    "hand_over",
    "transport",
    "receipt",
    "process",
    "test",
    "disposition",
    "conditioning",
    "identity_check",
    "thaw",
    "infusion",
    "observation",
]


KINDS: tuple[str, ...] = get_args(Kind)


Title = Annotated[str, Field(min_length=1, max_length=300)]


def listed(value: object) -> object:
    return value if isinstance(value, (list, tuple)) else [value]


Names = Annotated[tuple[Name, ...], BeforeValidator(listed)]
"""One name, or a list of them."""
Signatures = Annotated[
    tuple[Annotated[Names, Field(min_length=1)], ...], BeforeValidator(listed), Field(min_length=1, max_length=5)
]
"""Signatures in their order: of each the role, or the roles of which one signs. Every one is another person's."""


class Part(BaseModel):
    """A part of the file: frozen, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True, hide_input_in_errors=True)


class Consequence(Part):
    """What follows when a limit is not kept.

    Written ``deviation GRADE``, ``quarantine``, ``alert ROLE``, ``refuse``, ``offer STEP`` or ``not eligible``.
    """

    what: Literal["deviation", "quarantine", "alert", "refuse", "offer", "not_eligible"]
    grade: Literal["minor", "major", "critical"] | None = None
    step: Name | None = None
    role: Name | None = None


def consequence(value: object) -> object:
    """A consequence from its words."""
    if not isinstance(value, str):
        return value
    words = value.split()
    match words:
        case ["deviation", grade]:
            return {"what": "deviation", "grade": grade}
        case ["quarantine"] | ["refuse"]:
            return {"what": words[0]}
        case ["not", "eligible"]:
            return {"what": "not_eligible"}
        case ["alert", role]:
            return {"what": "alert", "role": role}
        case ["offer", step]:
            return {"what": "offer", "step": step}
        case _:
            pass
    raise ValueError(
        f"{value!r} is no consequence; write deviation minor, deviation major, deviation critical, quarantine, "
        "alert ROLE, refuse, offer STEP, or not eligible"
    )


Consequences = Annotated[
    tuple[Annotated[Consequence, BeforeValidator(consequence)], ...], BeforeValidator(listed), Field(min_length=1)
]
