"""What the writers were told, held against what stands in the log: the one question at the end of every fault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from events.kafka.client import Access
from events.log_kafka import KafkaLog
from tests.chaos.history import Told, read_histories
from tests.chaos.outside import Seen, inside, outside


@dataclass
class Report:
    """What is wrong, by kind; a clean one has nothing in any of these, and figures that say how much was looked at."""

    missing: list[str] = field(default_factory=list)
    """Acknowledged, and not accepted at the position that was told."""
    present: list[str] = field(default_factory=list)
    """Refused, and accepted all the same."""
    invented: list[str] = field(default_factory=list)
    """Accepted, and signed by none of the writers."""
    twice: list[str] = field(default_factory=list)
    """Accepted at two positions."""
    differing: list[str] = field(default_factory=list)
    """Two readers of the same log say different things."""
    figures: dict[str, int] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        """Nothing is wrong."""
        return not (self.missing or self.present or self.invented or self.twice or self.differing)

    def __str__(self) -> str:
        wrong = {name: found for name, found in vars(self).items() if found and name != "figures"}
        told = ", ".join(f"{count} {name}" for name, count in self.figures.items())
        return f"{told}; {wrong or 'nothing missing, nothing that was refused, nothing invented, all readers agree'}"


def check(told: Iterable[Told], before: Iterable[str], readers: Sequence[Seen]) -> Report:
    """Hold histories against a log.

    Args:
        before: links of the records that stood before the writers began.
        readers: the first one's word is taken; all others must agree with it.
    """
    report, log = Report(), readers[0]
    where: dict[str, list[int]] = {}
    for position, link in log.accepted.items():
        where.setdefault(link, []).append(position)
    signed = set(before)
    count: Counter[str] = Counter()
    told = list(told)
    acknowledged = {one.link for one in told if one.what == "acknowledged"}
    for one in told:
        count[one.what] += 1
        signed.add(one.link)
        stands = where.get(one.link, [])
        if one.what == "acknowledged" and one.position not in stands:
            report.missing.append(f"{one.link[:12]} was told to stand at {one.position}, it stands at {stands}")
        # The same bytes given twice are one record: the first time acknowledged, the second time refused.
        if one.what == "refused" and stands and one.link not in acknowledged:
            report.present.append(f"{one.link[:12]} was refused ({one.rule}), it stands at {stands}")
    report.invented = [f"{link[:12]} at {stands}" for link, stands in where.items() if link not in signed]
    report.twice = [f"{link[:12]} at {stands}" for link, stands in where.items() if len(stands) > 1]
    report.differing = [f"{log.name}: {oddity}" for oddity in log.oddities]
    for reader in readers[1:]:
        report.differing += _differing(log, reader)
    report.figures = {**count, "in the log": log.size, "accepted": len(log.accepted), "readers": len(readers)}
    return report


def _differing(one: Seen, other: Seen) -> list[str]:
    found = list(other.oddities)
    if one.size != other.size:
        found.append(f"{one.size} records, {other.size} records")
    if odd := sorted(one.accepted.items() ^ other.accepted.items()):
        found.append(f"verdicts or links: {odd[:4]}")
    if odd_heads := sorted(one.heads.items() ^ other.heads.items()):
        found.append(f"heads: {odd_heads[:4]}")
    if one.root and other.root and one.root != other.root:
        found.append("another root")
    return [f"{one.name}, {other.name}: {what}" for what in found]


def settled(
    access: Access, topic_id: str, log_id: str, fresh: Path, histories: Iterable[Path], before: Iterable[str] = (),
    copies: Iterable[Path] = (), *, odd_names: bool = False,
) -> Report:  # fmt: skip
    """Hold histories against a topic, as it is read by another client, by a new copy of ours, and by the writers' copies.

    Args:
        fresh: where a new local copy may be made.
        copies: the writers' own copies, as they were left; each is resumed, and must then say the same.
        odd_names: as `outside` has it.
    """
    readers = [outside(access, log_id, f"kafka:{topic_id}", odd_names=odd_names)]
    for path in (fresh, *copies):
        log = KafkaLog(access, path, topic_id=topic_id, log_id=log_id)
        try:
            readers.append(inside(path.name, log))
        finally:
            log.close()
    return check(read_histories(histories), before, readers)
