"""The checker itself: a history with a fault planted in it is found, each kind as what it is; a sound one is clean."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest

from events.envelope import open_envelope
from events.errors import Corrupt, Moved, Refused, Unavailable
from events.log_sqlite import SqliteLog
from tests.chaos.checker import Report, check
from tests.chaos.history import History, Told, nothing_recorded, read_histories
from tests.chaos.outside import Seen, inside
from tests.ground import deviation, small_log

A, B, C, D, LOST = ("a" * 64, "b" * 64, "c" * 64, "d" * 64, "e" * 64)
TOLD = [
    *(Told("signed", link) for link in (A, B, C, LOST)),
    Told("acknowledged", A, 1),
    Told("refused", B, None, "log.head"),
    Told("unknown", C, None, "log.unknown"),
    Told("unknown", LOST, None, "log.unknown"),
]
LOG = Seen("outside", 4, {0: D, 1: A, 3: C}, {"suite/S": (2, C)}, "r")


def judged(change: Callable[[list[Told], Seen, Seen], object] = lambda *_: None) -> Report:
    told, log, copy = list(TOLD), deepcopy(LOG), deepcopy(LOG)
    change(told, log, copy)
    return check(told, [D], [log, copy])


def test_a_sound_history_is_clean() -> None:
    report = judged()
    assert report.clean, report
    assert report.figures["acknowledged"] == 1
    assert "nothing missing" in str(report)


def both(log: Seen, copy: Seen, position: int, link: str | None) -> None:
    for seen in (log, copy):
        if link is None:
            del seen.accepted[position]
        else:
            seen.accepted[position] = link


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("missing", lambda told, log, copy: both(log, copy, 1, None)),
        ("missing", lambda told, log, copy: told.append(Told("acknowledged", C, 2))),
        ("present", lambda told, log, copy: both(log, copy, 2, B)),
        ("invented", lambda told, log, copy: both(log, copy, 2, "f" * 64)),
        ("twice", lambda told, log, copy: both(log, copy, 2, A)),
        ("differing", lambda told, log, copy: copy.heads.update({"suite/S": (2, A)})),
        ("differing", lambda told, log, copy: copy.heads.update({"suite/OTHER": (1, A)})),
        ("differing", lambda told, log, copy: copy.accepted.update({1: B})),
        ("differing", lambda told, log, copy: copy.accepted.pop(3)),
        ("differing", lambda told, log, copy: setattr(copy, "size", 3)),
        ("differing", lambda told, log, copy: setattr(copy, "root", "s")),
        ("differing", lambda told, log, copy: log.oddities.append("offset 5 stands where 4 should")),
    ],
)
def test_each_planted_fault_is_found(kind: str, change: Callable[[list[Told], Seen, Seen], object]) -> None:
    report = judged(change)
    found = {name for name in ("missing", "present", "invented", "twice", "differing") if getattr(report, name)}
    assert found == {kind}, report
    assert not report.clean
    assert kind in str(report)


def test_what_was_never_told_may_stand_or_not() -> None:
    assert judged(lambda told, log, copy: both(log, copy, 2, LOST)).clean


def test_a_root_that_a_reader_cannot_know_is_not_compared() -> None:
    assert judged(lambda told, log, copy: setattr(log, "root", "")).clean


def test_a_history_is_what_its_writer_was_told_up_to_the_kill(tmp_path: Path) -> None:
    small = small_log()
    log = SqliteLog.create(tmp_path / "log.db", small.values[0])
    for value in small.values[1:]:
        log.append(value)
    history = History(tmp_path / "history")
    value = small.record("nurse", ["suite/S9"], deviation())
    history.append(log, value)
    history.append(log, value)
    with (tmp_path / "history").open("a") as torn:
        torn.write("acknowledged abc")
    told = read_histories([tmp_path / "history"])
    assert [one.what for one in told] == ["signed", "acknowledged", "signed", "refused"]
    assert (told[1].position, told[3].rule) == (len(small.values), "log.head")
    assert check(told, [open_envelope(value).link for value in small.values], [inside("file", log)]).clean
    log.close()


def test_which_errors_promise_that_nothing_was_recorded() -> None:
    assert nothing_recorded(Moved("r", "s", advice="a"))
    assert nothing_recorded(Refused("r", "s", advice="a"))
    assert nothing_recorded(Unavailable("r", "It is away; nothing was recorded.", advice="a"))
    assert not nothing_recorded(Unavailable("r", "it is UNKNOWN whether this was recorded.", advice="a"))
    assert not nothing_recorded(Corrupt("r", "s", advice="a"))
