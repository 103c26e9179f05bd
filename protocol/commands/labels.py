"""What is said about labels: that they are to be issued, what became of one, seen by a second person, or not so."""

from events.facts.base import Digest, LabelFate, Name
from protocol.commands.base import Command, Text


class IssueLabels(Command):
    """Issue serial labels for one material, and say what was printed.

    Args:
        template: which kind of label; may be left out where the material has one.
        serials: as many as labels are printed; each a code that nobody has used.
        why: the reason, where the material had labels of this kind before.
        file: SHA-256 of the PDF. shown: digest of the content that the file was made from; refused if it is another now.
    """

    material: str
    template: Name | None = None
    serials: tuple[str, ...]
    why: Text | None = None
    file: Digest | None = None
    shown: Digest | None = None


class GiveFates(Command):
    """Say what became of serial labels, outside the step that reconciles their set; a second person signs too.

    `rescan`: the material on which an applied label was scanned again.
    """

    labels: tuple[LabelFate, ...]
    reason: Text
    rescan: str | None = None


class WitnessFates(Command):
    """Sign second: `act` is the link (or its beginning, 8 characters or more) of the record that gave the fates."""

    act: str


class DropFates(Command):
    """The fates do not stand: their signer takes them back, or a second person will not sign."""

    act: str
    reason: Text


LabelCommand = IssueLabels | GiveFates | WitnessFates | DropFates
