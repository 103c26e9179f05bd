"""A therapy as folded from its stream, and what it is made of: one file for each kind of thing that can stand in it."""

from protocol.state.acts import Act, Automatic, Current, Hand, Instance, ReadOut, Signed, instance
from protocol.state.bad_day import Alert, Deviation, Elsewhere, Failure, Happening, Hold, Mismatch, Monitored, Occurred
from protocol.state.materials import FOUND_AGAIN, NOT_BROUGHT, Cause, CustodyEntry, Label, Material
from protocol.state.offers import Offer, counted
from protocol.state.therapy import Therapy

__all__ = [
    "FOUND_AGAIN",
    "NOT_BROUGHT",
    "Act",
    "Alert",
    "Automatic",
    "Cause",
    "Current",
    "CustodyEntry",
    "Deviation",
    "Elsewhere",
    "Failure",
    "Hand",
    "Happening",
    "Hold",
    "Instance",
    "Label",
    "Material",
    "Mismatch",
    "Monitored",
    "Occurred",
    "Offer",
    "ReadOut",
    "Signed",
    "Therapy",
    "counted",
    "instance",
]
