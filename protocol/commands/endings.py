"""What is said about how a material ends, beside its disposal: kept, returned, lost, found, disposed of by a second person too."""

from typing import Literal

from events.facts.base import Name
from protocol.commands.base import Command, Moment, Text


class WitnessDisposal(Command):
    """Sign second: `act` is the link (or its beginning, 8 characters or more) of the record of the disposal."""

    act: str


class DropDisposal(Command):
    """The disposal does not stand: its signer takes it back, or a second person will not sign."""

    act: str
    reason: Text


class KeepMaterial(Command):
    """Keep materials at a place, as the consent permits. Whoever signs holds them from now on."""

    materials: tuple[str, ...]
    place: Name
    reason: Text


class ReturnMaterial(Command):
    """Materials were returned to somebody outside."""

    materials: tuple[str, ...]
    to: Text
    reason: Text


class LoseMaterial(Command):
    """Materials were lost, or destroyed by accident."""

    materials: tuple[str, ...]
    how: Literal["lost", "destroyed"] = "lost"
    at: Moment
    says: Text


class FindMaterial(Command):
    """Materials that had been lost were found."""

    materials: tuple[str, ...]
    place: Name
    at: Moment
    says: Text


EndingCommand = WitnessDisposal | DropDisposal | KeepMaterial | ReturnMaterial | LoseMaterial | FindMaterial
