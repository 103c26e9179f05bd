"""Facts of labels: issued with what they say, and a fate given to a serial outside the step that reconciles its set."""

from typing import ClassVar

from events.facts.base import Code, Digest, LabelFate, LabelLine, LabelStatement, Name, Short, Text, TherapyFact


class LabelsIssued(TherapyFact):
    """Serial labels for one material were issued and printed.

    Args:
        serials: each names one printed label, once in the whole log.
        material, template: what the label is for, and the kind of label.
        symbol: what the two-dimensional code of every label of the set holds.
        title, size, lines, statements: what every label of the set says, and how large it is.
        replaces: destroyed labels in whose place these were printed; why: the reason of a reprint.
        file: SHA-256 of the printed PDF.
    """

    wire: ClassVar[str] = "labels.issued.v1"
    serials: tuple[Code, ...]
    material: Code
    template: Name
    symbol: Short
    title: Short
    size: Short
    lines: tuple[LabelLine, ...] = ()
    statements: tuple[LabelStatement, ...] = ()
    replaces: tuple[Code, ...] = ()
    why: Text | None = None
    file: Digest | None = None


class LabelFatesGiven(TherapyFact):
    """Serial labels got their fate outside a reconciliation. It stands when the second person has signed.

    `rescan` is the material on which an applied label was scanned again.
    """

    wire: ClassVar[str] = "label_fates.given.v1"
    labels: tuple[LabelFate, ...]
    reason: Text
    rescan: Code | None = None
    awaits: tuple[Name, ...]


class LabelFatesWitnessed(TherapyFact):
    """The second person saw it: the fates of record `act` stand."""

    wire: ClassVar[str] = "label_fates.witnessed.v1"
    act: Digest


class LabelFatesDropped(TherapyFact):
    """The fates of record `act` do not stand: its signer took them back, or the second person would not sign."""

    wire: ClassVar[str] = "label_fates.dropped.v1"
    act: Digest
    reason: Text
