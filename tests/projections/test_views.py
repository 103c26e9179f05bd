"""The views: filled as the log grows or from scratch they are the same; rows and position move together or not at all."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from console.rehearsal import Patient
from events.errors import Refused
from events.facts.quality import DeviationClosed
from projections import database, followers, views
from projections.tables import NAMES
from projections.views import Projector
from protocol import administration
from protocol.commands import OpenDeviation
from protocol.custody import custody_trail
from protocol.reader import Reader
from protocol.status import batch_status
from protocol.worklist import worklist
from tests.stage import ANNA, BRUNO, Stage, Staged

CLARA = Patient(3, "T-3", bags=2)


class Killed(Exception):
    """The program ended here."""


@pytest.fixture
def site(stage: Stage) -> Staged:
    """Anna at the bedside, Bruno's bags ready to be thawed, and a wrong bag that holds them both."""

    def make(site: Staged) -> None:
        site.play(BRUNO, "thaw")
        site.play(ANNA, "bedside_check")
        with pytest.raises(Refused):
            site.perform("bedside_check", scan={"bag": site.therapy(BRUNO).wristband})

    return stage.of("views", make)


def rows(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Everything in the database's four views and its position."""
    engine = database.engine(url)
    with engine.connect() as db:
        found = {
            name: [tuple(row) for row in db.execute(text(f"SELECT * FROM {name}"))] for name in (*NAMES, "position")
        }
    engine.dispose()
    return {name: sorted(lines, key=str) for name, lines in found.items()}


# ------------------------------------------------------------------ live and again


def test_filled_after_every_act_or_at_once_the_rows_are_the_same(stage: Stage, url: str, tmp_path: Path) -> None:
    """Live is replay: a projector that looks after each act and one that comes at the end hold the same rows."""
    site = stage.at("apheresis", other=True)
    projector = Projector(site.log, url)
    counted = projector.catch_up()
    before = site.log.size()
    site.play(ANNA, "wash_collection", each=lambda _: counted_up(projector))
    projector.catch_up()
    assert counted == before
    assert projector.position() == site.log.size()
    later = f"sqlite:///{tmp_path}/later.db"
    views.catch_up(site.log, later)
    assert views.digest(url) == views.digest(later)
    assert rows(url) == rows(later)


def counted_up(projector: Projector) -> None:
    """Filled to the end, however little there was."""
    projector.catch_up()
    assert projector.position() == projector.log.size()


def test_filling_again_changes_nothing(site: Staged, url: str) -> None:
    """A second look at the same log finds nothing new and writes nothing."""
    assert views.catch_up(site.log, url) == site.log.size()
    before = rows(url)
    assert views.catch_up(site.log, url) == 0
    assert rows(url) == before


def test_every_view_shows_what_the_fold_says(site: Staged, url: str) -> None:
    """batch_status, worklist and custody_trail hold exactly what the rulebook says of each therapy."""
    site.play(CLARA, "harvest")
    views.catch_up(site.log, url)
    batches = {row["therapy"]: row for row in views.batches(url)}
    assert set(batches) == {"T-1", "T-2", "T-3"}
    reader = Reader(site.log)
    for name, row in batches.items():
        therapy = reader.therapy(name)
        protocol = reader.protocol_of(therapy)
        assert row == {**batch_status(therapy, protocol), "finding": ""}
        waiting = [line["says"] for line in views.worklist(url) if line["therapy"] == name]
        assert waiting == [item.says for item in worklist(therapy, protocol)]
        trail = [(line["material"], line["holder"], line["link"]) for line in views.custody(url, name)]
        assert trail == [(line.material, line.holder, line.link) for line in custody_trail(therapy)]
        assert views.patient_schedule(url, name)


@pytest.mark.parametrize(
    "step", ["eligibility", "slot_confirmation", "hand_over", "disposition", "infusion", "follow_up", "the end"]
)
def test_the_status_of_one_batch_is_its_row(stage: Stage, url: str, step: str) -> None:
    """`status` folds one stream and needs no database; the list is a view; the two say the same at every stage."""
    site = stage.at(step)
    views.catch_up(site.log, url)
    (row,) = views.batches(url)
    assert row == {**batch_status(site.now, site.protocol), "finding": ""}


def test_the_worklist_of_a_role_shows_what_waits_for_it(site: Staged, url: str) -> None:
    """The list of QA shows the two holds; of a courier nothing is asked but the files of the loggers that went along."""
    views.catch_up(site.log, url)
    assert {row["kind"] for row in views.worklist(url, "qa_releaser")} >= {"hold"}
    assert {row["kind"] for row in views.worklist(url, "courier")} == {"log"}


# ------------------------------------------------------------------ killed in between


def killing(engine: Any, statement: str) -> Iterator[None]:
    """Kill the program just before it says this to the database."""

    def before(_c: Any, _cursor: Any, said: str, *_: Any) -> None:
        if said.startswith(statement):
            raise Killed

    event.listen(engine, "before_cursor_execute", before)
    yield
    event.remove(engine, "before_cursor_execute", before)


@pytest.mark.parametrize("at", ["INSERT INTO worklist", "UPDATE position SET position=", "commit"])
def test_rows_and_position_move_together_or_not_at_all(site: Staged, url: str, at: str) -> None:
    """A kill between the rows and the position, or before the commit, leaves both as they were; then it goes on."""
    views.catch_up(site.log, url)
    before = rows(url)
    site.play(CLARA, "slot_chain")
    projector = Projector(site.log, url)
    armed = [True]

    def on_commit(_connection: Any) -> None:
        if armed:
            raise Killed

    positions = []

    def on_execute(_c: Any, _cursor: Any, said: str, parameters: Any, *_: Any) -> None:
        if said.startswith("UPDATE position"):
            positions.append(parameters)
        # The first update of the position only takes the lock; the second one moves it.
        if armed and said.startswith(at) and (not at.startswith("UPDATE") or len(positions) == 2):
            raise Killed

    event.listen(projector.engine, "before_cursor_execute", on_execute)
    if at == "commit":
        event.listen(projector.engine, "commit", on_commit)
    with pytest.raises(Killed):
        projector.catch_up()
    assert rows(url) == before
    armed.clear()
    assert projector.catch_up() > 0
    assert rows(url) != before
    old, new = views.rebuild(site.log, url)
    assert old == new


def test_a_rebuild_that_is_killed_leaves_the_old_views_as_they_were(
    site: Staged, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New tables are filled beside the old ones; until the swap everybody reads the old ones."""
    views.catch_up(site.log, url)
    before = rows(url)
    site.play(CLARA, "slot_chain")

    def killed(*_: Any) -> str:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(views, "_digest", killed)
        with pytest.raises(Killed):
            views.rebuild(site.log, url)
    assert rows(url) == before
    # What the killed one left behind is no obstacle: the next rebuild swaps.
    views.rebuild(site.log, url)
    assert {row["therapy"] for row in views.batches(url)} == {"T-1", "T-2", "T-3"}


# ------------------------------------------------------------------ rebuild


def test_rebuild_compares_and_swaps(site: Staged, url: str) -> None:
    """One verb: new tables, replay, compare, swap; the digests before and after are equal."""
    views.catch_up(site.log, url)
    digest = views.digest(url)
    assert views.rebuild(site.log, url) == (digest, digest)
    assert views.digest(url) == digest
    assert views.catch_up(site.log, url) == 0


def test_rebuild_finds_a_row_that_somebody_edited(site: Staged, url: str) -> None:
    """Views prove nothing: an edited row is seen by comparing, and gone after the swap."""
    views.catch_up(site.log, url)
    honest = views.digest(url)
    engine = database.engine(url)
    with engine.begin() as db:
        db.execute(text("UPDATE batch_status SET disposition = 'rejected'"))
    engine.dispose()
    before, after = views.rebuild(site.log, url)
    assert before != after == honest
    assert views.digest(url) == honest


def test_rebuild_fills_a_database_that_was_lost(site: Staged, url: str) -> None:
    """Views are disposable: without any database a rebuild makes them."""
    before, after = views.rebuild(site.log, url)
    assert before != after
    assert views.digest(url) == after


def test_views_of_another_log_or_version_are_not_filled_but_rebuilt(
    stage: Stage, site: Staged, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database of another log, or of an older shape, is refused with the way out; the rebuild is the way out."""
    other = stage.at("eligibility", BRUNO)
    views.catch_up(other.log, url)
    monkeypatch.setattr(views, "VERSION", 99)
    with pytest.raises(Refused, match=r"views\.version"):
        views.catch_up(other.log, url)
    views.rebuild(other.log, url)
    assert views.catch_up(other.log, url) == 0


# ------------------------------------------------------------------ two at once


def test_two_projectors_at_once_fill_each_record_once(stage: Stage, site: Staged, url: str) -> None:
    """Two programs fill the same database at the same time: they take turns, and the rows are as if one had."""
    counts: list[int] = []
    failures: list[BaseException] = []
    barrier = threading.Barrier(2)

    def fill() -> None:
        try:
            log = stage.again(site).log
            barrier.wait()
            counts.append(views.catch_up(log, url))
            log.close()
        except BaseException as problem:  # a thread's failure is the test's
            failures.append(problem)

    threads = [threading.Thread(target=fill) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert max(counts) == site.log.size()
    old, new = views.rebuild(site.log, url)
    assert old == new


# ------------------------------------------------------------------ what the audit finds


def test_a_forged_record_marks_its_therapy_in_the_list_and_at_the_head_of_the_work(stage: Stage, url: str) -> None:
    """Somebody closes a critical deviation with a lawful key, past the desk: everybody who looks is warned."""
    site = stage.at("disposition", other=True)
    site.act(OpenDeviation(grade="critical", says="wrong filter"), "operator.1")
    site.forge([DeviationClosed(therapy="T-1", deviation="D-1", conclusion="fine")], "operator.1", meaning="approved")
    views.catch_up(site.log, url)
    batches = {row["therapy"]: row for row in views.batches(url)}
    assert batches["T-1"]["finding"].startswith("decision: ")
    assert batches["T-2"]["finding"] == ""
    first = next(row for row in views.worklist(url) if row["therapy"] == "T-1")
    assert first["kind"] == "finding"
    assert first["says"] == batches["T-1"]["finding"]


def test_a_key_that_becomes_suspect_marks_what_it_signed_in_therapies_that_nobody_touched(
    stage: Stage, url: str
) -> None:
    """A card is reported as lost since noon: what it signed is marked at once, without anything happening there."""
    site = stage.at("apheresis")
    noon = site.clock()
    site.pass_(minutes=1)
    site.do("apheresis", by="apheresis.nurse.1")
    views.catch_up(site.log, url)
    (row,) = views.batches(url)
    assert row["finding"] == ""
    site.desk.authorise(
        lambda a, au: administration.revoke_keys(a, au, "apheresis.nurse.1", "card lost", noon), site.sits("admin")
    )
    views.catch_up(site.log, url)
    (row,) = views.batches(url)
    assert row["finding"].startswith("suspect: ")
    old, new = views.rebuild(site.log, url)
    assert old == new


# ------------------------------------------------------------------ what cannot be read


def test_a_therapy_with_an_unreadable_fact_stops_only_its_own_row(site: Staged, url: str) -> None:
    """A record of a newer program stops that therapy, which says so; the others go on, and nobody acts on the stopped one."""
    views.catch_up(site.log, url)
    site.forge([{"fact": "cells.teleported.v7", "therapy": "T-1"}], "ward.nurse.1")
    site.play(CLARA, "slot_chain")
    views.catch_up(site.log, url)
    batches = {row["therapy"]: row for row in views.batches(url)}
    assert batches["T-1"]["state"] == "Stopped"
    assert "cells.teleported.v7" in batches["T-1"]["finding"]
    assert batches["T-2"]["finding"] == batches["T-3"]["finding"] == ""
    assert batches["T-3"]["steps_done"] == 3
    for name in ("patient_schedule", "custody_trail"):
        assert "T-1" not in {row[0] for row in rows(url)[name]}
    (told,) = (row for row in views.worklist(url) if row["therapy"] == "T-1")
    assert (told["kind"], told["required"]) == ("finding", 1), "everybody is told, and nobody finds the patient gone"
    old, new = views.rebuild(site.log, url)
    assert old == new


@pytest.mark.parametrize("fact", ["unknown", "wrong shape", "does not apply"])
def test_every_kind_of_unreadable_record_is_told_in_its_row(stage: Stage, url: str, fact: str) -> None:
    """A name that nobody knows, a shape that is not its name's, a fact about an act that does not exist."""
    site = stage.at("hand_over")
    records: dict[str, dict[str, Any]] = {
        "unknown": {"fact": "something.else.v1", "therapy": "T-1"},
        "wrong shape": {"fact": "patient.died.v1", "therapy": "T-1", "at": "yesterday"},
        "does not apply": {"fact": "act.witnessed.v1", "therapy": "T-1", "act": "0" * 64, "key": {"step": "hand_over"}},
    }
    site.forge([records[fact]], "courier.1")
    views.catch_up(site.log, url)
    (row,) = views.batches(url)
    assert row["state"] == "Stopped"
    assert row["finding"]


# ------------------------------------------------------------------ whatever is left of earlier views


def _run(url: str, *statements: str) -> None:
    engine = database.engine(url)
    with engine.begin() as db:
        for statement in statements:
            db.execute(text(statement))
    engine.dispose()


LEFT: dict[str, tuple[str, ...]] = {
    "no views at all": tuple(f"DROP TABLE {name}" for name in (*NAMES, "position", "followers")),
    "tables that were dropped one by one": ("DROP TABLE worklist", "DROP TABLE position"),
    "a position and no tables": tuple(f"DROP TABLE {name}" for name in NAMES),
    "tables of an older shape": (
        "ALTER TABLE batch_status DROP COLUMN coi",
        "ALTER TABLE position DROP COLUMN version",
    ),
    "a table of a newer shape": ("ALTER TABLE worklist ADD COLUMN tomorrow TEXT",),
    "half of another rebuild": ("CREATE TABLE new_batch_status (therapy TEXT)", "CREATE TABLE new_position (log TEXT)"),
    "a view under a table's name": ("DROP TABLE used", "CREATE VIEW used AS SELECT 1 AS therapy"),
    "followers of another shape": ("DROP TABLE followers", "CREATE TABLE followers (name TEXT)"),
    "notices of another shape": ("CREATE TABLE notices (log TEXT)",),
    "a position far ahead, as a log from a backup finds it": ("UPDATE position SET position = 9000",),
    "a position of another log": ("UPDATE position SET log = 'x', position = 9000",),
}


@pytest.mark.parametrize("left", LEFT)
def test_whatever_is_left_of_earlier_views_a_rebuild_makes_them_anew(site: Staged, url: str, left: str) -> None:
    """The documented way back, from every state in which somebody may type it, as the command calls it."""
    mover = followers.Mover("unbroken rebuild", lambda: site.clock.now)
    views.catch_up(site.log, url, mover)
    honest = views.digest(url)
    _run(url, *LEFT[left])
    assert views.rebuild(site.log, url, mover=mover)[1] == honest
    assert views.digest(url) == honest
    assert views.catch_up(site.log, url) == 0
    assert followers.followers(url)["views"].position == site.log.size()
    assert views.rebuild(site.log, url, mover=mover) == (honest, honest)


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + b"\xff" * 8000, None])
def test_a_damaged_file_of_views_is_set_aside(site: Staged, tmp_path: Path, content: bytes | None) -> None:
    """The views' file is no record: damaged, it is put beside, and new views are made."""
    path = tmp_path / "views.db"
    url = f"sqlite:///{path}"
    mover = followers.Mover("unbroken rebuild", lambda: site.clock.now)
    views.catch_up(site.log, url)
    honest = views.digest(url)
    whole = path.read_bytes()
    damaged = content if content is not None else whole[: len(whole) // 2]
    path.with_name("views.db-wal").unlink(missing_ok=True)
    path.write_bytes(damaged)
    assert views.rebuild(site.log, url, mover=mover) == ("", honest)
    assert views.digest(url) == honest
    assert not damaged or path.with_name("views.db.damaged").read_bytes() == damaged
