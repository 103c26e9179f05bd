"""Facts of a site: its protocol, lots, devices and training, and where the signer of a record stood."""

from typing import Annotated, ClassVar

from pydantic import AfterValidator, StringConstraints

from events.facts.authority import Zone
from events.facts.base import Code, DayOrInstant, Digest, Fact, Name, PersonId, Text
from events.zones import zone_of


def _known(name: str) -> str:
    zone_of(name)
    return name


class ZoneStated(Fact):
    """The time zone of the place where the signer stands, in which the days of this record are meant.

    It is the last fact of its record, and stands only where the zone is another than the one in which the log was opened.
    """

    wire: ClassVar[str] = "zone.stated.v1"
    zone: Annotated[Zone, AfterValidator(_known)]


class ProtocolAdopted(Fact):
    """A protocol file was adopted: its whole text and the SHA-256 of its bytes. Stream ``protocol/DIGEST``.

    Args:
        terms: the whole text of the dictionary of adverse events whose SHA-256 the file names; empty where it names none.
    """

    wire: ClassVar[str] = "protocol.adopted.v1"
    protocol: Name
    version: Name
    digest: Digest
    text: Annotated[str, StringConstraints(min_length=1, max_length=150_000)]
    terms: Annotated[str, StringConstraints(max_length=150_000)] = ""


class LotReleased(Fact):
    """A lot of reagent, kit or vector may be used until it expires: at a moment, or with the end of a day. Stream ``lot/CODE``."""

    wire: ClassVar[str] = "lot.released.v1"
    lot: Code
    item: Name
    expires: DayOrInstant


class LotRecalled(Fact):
    """A lot may not be used any more."""

    wire: ClassVar[str] = "lot.recalled.v1"
    lot: Code
    reason: Text


class LotRecallContinued(Fact):
    """The recall of a lot goes on: more patients were touched than one record holds. It stands after the recall itself."""

    wire: ClassVar[str] = "lot_recall.continued.v1"
    lot: Code
    reason: Text


class DeviceCalibrated(Fact):
    """A device is in calibration until `due`, a moment or the end of a day. Stream ``device/CODE``."""

    wire: ClassVar[str] = "device.calibrated.v1"
    device: Code
    item: Name
    due: DayOrInstant


class TrainingRecorded(Fact):
    """A person's training on a topic is current until `until`, a moment or the end of a day. Stream ``training/PERSON``."""

    wire: ClassVar[str] = "training.recorded.v1"
    person: PersonId
    topic: Name
    until: DayOrInstant
