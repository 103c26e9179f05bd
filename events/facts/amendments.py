"""Facts of an amendment: a running therapy is moved to another version of its study, by two people, with what changes for it."""

from typing import ClassVar, Literal

from events.facts.base import ActKey, Code, Digest, Instant, Name, Short, Text, TherapyFact, Value


class Change(Value):
    """One thing that changes for this patient: where in the study, what of it, as it was and as it will be.

    Empty `before`: the new version adds it. Empty `after`: it takes it away.
    """

    where: Short
    what: Short = ""
    before: Text | None = None
    after: Text | None = None


class ConsentedAgain(Value):
    """The patient consented again, to the new version: when, on which form, and what that permits."""

    at: Instant
    form: Short
    permits: tuple[Name, ...] = ()


class AmendmentProposed(TherapyFact):
    """Somebody asks that this therapy goes on under another version; nothing has changed yet.

    Args:
        amendment: its number in this therapy (``V-1``).
        leaves: the digest of the version under which the therapy stands.
        protocol, version, digest: the version to which it is moved.
        changes: everything that changes in what still lies before this patient, in the order of the study.
        passes: steps and visits of the new version that lie behind this patient; they are not asked.
        consent: the patient's consent to the new version, where it was given.
        awaits: the roles of which one must approve it.
    """

    wire: ClassVar[str] = "amendment.proposed.v1"
    amendment: Code
    leaves: Digest
    protocol: Name
    version: Name
    digest: Digest
    changes: tuple[Change, ...]
    passes: tuple[ActKey, ...] = ()
    consent: ConsentedAgain | None = None
    reason: Text
    awaits: tuple[Name, ...] = ()


class AmendmentDecided(TherapyFact):
    """A second person approved an amendment, and from here on the new version is in force; or declined it. `first`: its record."""

    wire: ClassVar[str] = "amendment.decided.v1"
    amendment: Code
    first: Digest
    decision: Literal["approved", "declined"]
    reason: Text
