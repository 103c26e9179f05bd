"""What is wrong with a topic, in words: each of these stops the reader."""

from __future__ import annotations

from events.errors import Corrupt, UnbrokenError
from events.kafka.client import Access


def shrunk(access: Access, size: int, end: int | None) -> Corrupt:
    """The log ends earlier than it did."""
    return Corrupt(
        "log.shrunk",
        f"The topic {access} has fewer records than it had: {size} were read here"
        + (f", it ends before {end + 1} now." if end is not None else ", and it ends earlier now."),
        values={"read": size},
        advice="Stop and call QA: records were lost by Kafka. The local copy and the last checkpoint show which; "
        "docs/operations.md says how a lost suffix is recovered.",
    )


def hole(access: Access, expected: int, found: int | None) -> Corrupt:
    """No record stands where one should."""
    there = "the mark of a transaction" if found is None else f"record {found}"
    return Corrupt(
        "log.hole",
        f"Kafka gives {there} where record {expected} of the topic {access} should stand.",
        values={"expected": expected, "found": there},
        advice="Stop and call QA: no record of a log is ever missing, and nobody writes transactions to it. "
        "The local copy is kept as it is.",
    )


def damaged(access: Access, size: int, problem: BaseException) -> Corrupt:
    """What the broker gives is not what a producer wrote."""
    return Corrupt(
        "log.damaged",
        f"The topic {access} is damaged at or after record {size}: {problem}.",
        values={"position": size},
        advice="Stop and call QA and whoever runs Kafka: a replica that is sound, or a copy, must take its place.",
    )


def died(problem: BaseException) -> UnbrokenError:
    """The follower has a fault of its own."""
    return Corrupt(
        "log.follower",
        f"What reads the log has ended by a fault ({type(problem).__name__}: {problem}).",
        advice="Nothing more is recorded by this process. Look at the history before you repeat an act.",
    )
