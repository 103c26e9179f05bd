"""The views on a real PostgreSQL: the same bytes as on SQLite, through two at once, kills, and a server that goes away."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from events.errors import Refused, Unavailable
from projections import database, followers, views
from projections.followers import Follower, Mover, Position
from projections.views import Projector
from tests.servers.postgres import OwnPostgres
from tests.stage import ANNA, BRUNO, Stage, Staged

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
_FILL = """
import os, signal, sys
from pathlib import Path
from events.log_sqlite import SqliteLog
from projections import views
path, url, batch, deaths = sys.argv[1:]
views.BATCH = int(batch)
projector = views.Projector(SqliteLog(Path(path)), url)
print("ready", flush=True)
sys.stdin.readline()
def committed(done, of):
    print(done, flush=True)
    if deaths == str(done):
        os.kill(os.getpid(), signal.SIGKILL)
projector.catch_up(committed)
"""


@pytest.fixture
def site(stage: Stage) -> Staged:
    """Two patients, one of them treated: several batches of records."""

    def make(site: Staged) -> None:
        site.play(BRUNO, "thaw")
        site.play(ANNA, "infusion")

    return stage.of("two patients", make)


def filling(site: Staged, url: str, batch: int, dies_at: str = "") -> subprocess.Popen[str]:
    """A projector in a process of its own; it begins when it is sent a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", _FILL, str(site.path), url, str(batch), dies_at],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go(*processes: subprocess.Popen[str]) -> list[list[int]]:
    """Let them begin at once, wait for all of them; returns the positions that each of them committed."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return [[int(line) for line in process.communicate(timeout=60)[0].split()] for process in processes]


def test_the_same_bytes_in_both_databases(site: Staged, pg_url: str, tmp_path: Path) -> None:
    """A site that moves to PostgreSQL sees what it saw: the digests are equal, and so are the lists in their order."""
    local = f"sqlite:///{tmp_path}/views.db"
    assert views.catch_up(site.log, local) == views.catch_up(site.log, pg_url) == site.log.size()
    assert views.digest(local) == views.digest(pg_url)
    assert views.batches(local) == views.batches(pg_url)
    assert views.worklist(local) == views.worklist(pg_url)
    assert views.custody(local, "T-1") == views.custody(pg_url, "T-1")


def test_lists_are_in_the_order_of_bytes_whatever_the_databases_language(stage: Stage, url: str) -> None:
    """A server whose language sorts T-1 and t-1 and T-10 in its own way gives the same list as SQLite."""
    site = stage.at("eligibility")
    views.catch_up(site.log, url)
    names = ["T-10", "T-1", "t-1", "T-9", "Z", "a"]
    with database.engine(url).begin() as db:
        for name in names:
            db.execute(text("INSERT INTO custody_trail SELECT :name, 1, '','','','','','','','',''"), {"name": name})
    order = [row["therapy"] for row in views._rows(url, "custody_trail") if row["therapy"] in names]
    assert order == sorted(names)


@pytest.mark.slow
def test_two_processes_at_once_fill_each_record_once(site: Staged, pg_url: str) -> None:
    """Two projectors share the work batch by batch; no batch is filled by both, and the rows are those of one."""
    done = go(filling(site, pg_url, 7), filling(site, pg_url, 7))
    positions = sorted(done[0] + done[1])
    assert len(set(positions)) == len(positions)
    assert max(positions) == site.log.size()
    old, new = views.rebuild(site.log, pg_url)
    assert old == new


@pytest.mark.slow
def test_killed_after_its_commit_another_goes_on_from_there(site: Staged, pg_url: str) -> None:
    """kill -9 between a commit and the next look: the batch stands, the next projector begins behind it."""
    first = filling(site, pg_url, 20, "40")
    (committed,) = go(first)
    assert first.returncode == -signal.SIGKILL
    assert committed[-1] == 40 == Projector(site.log, pg_url).position()
    second = filling(site, pg_url, 20)
    (rest,) = go(second)
    assert second.returncode == 0
    assert rest[0] == 60
    old, new = views.rebuild(site.log, pg_url)
    assert old == new


def test_a_rebuild_may_follow_a_rebuild(site: Staged, url: str) -> None:
    """New tables take the old ones' names, keys and all: twice in a row, the schema is as it was at first."""
    views.catch_up(site.log, url)
    digest, before = views.digest(url), schema(url)
    for _ in range(2):
        assert views.rebuild(site.log, url) == (digest, digest)
        assert schema(url) == before


def schema(url: str) -> list[tuple[str, ...]]:
    """Tables, constraints and indexes by name."""
    with database.engine(url).connect() as db:
        if db.dialect.name == "sqlite":
            found = "SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"
        else:
            found = (
                "SELECT 'relation', relname FROM pg_class WHERE relnamespace = 'public'::regnamespace UNION ALL "
                "SELECT 'constraint', conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace"
            )
        return sorted(tuple(row) for row in db.execute(text(found)))


@pytest.mark.slow
def test_a_server_that_dies_in_mid_fill_is_unavailable_and_filling_goes_on_after(
    site: Staged, mortal_postgres: OwnPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The power fails between two batches: told in words, what was committed stands, and the same projector goes on."""
    monkeypatch.setattr(views, "BATCH", 20)
    url = mortal_postgres.make()
    projector = Projector(site.log, url)

    def dies(done: int, _of: int) -> None:
        if done == 40:
            mortal_postgres.crash()

    with pytest.raises(Unavailable, match=r"views\.database"):
        projector.catch_up(dies)
    with pytest.raises(Unavailable, match=r"views\.database"):
        projector.catch_up()
    mortal_postgres.again()
    assert projector.position() == 40
    assert projector.catch_up() == site.log.size() - 40
    old, new = views.rebuild(site.log, url)
    assert old == new


# ------------------------------------------------------------------ followers


def test_who_moved_how_far_is_told_and_survives_a_rebuild(site: Staged, url: str) -> None:
    """The row of the views moves with their rows; the driver's is its own; neither is part of any digest."""
    views.catch_up(site.log, url)
    digest = views.digest(url)
    assert followers.followers(url) == {}
    Position(url, followers.DRIVER, site.log.id, Mover("driver 7", lambda: NOON)).move(5)
    site.play(ANNA)
    views.catch_up(site.log, url, Mover("projector 8", lambda: NOON))
    told = followers.followers(url)
    assert told["driver"] == Follower("driver", site.log.id, 5, "2026-03-02T12:00:00.000Z", "driver 7")
    assert told["views"].position == site.log.size()
    assert told["views"].holder == "projector 8"
    assert views.digest(url) != digest
    views.rebuild(site.log, url)
    assert followers.followers(url) == told


# ------------------------------------------------------------------ what a URL may be


@pytest.mark.parametrize("begins", ["postgresql://", "postgres://", "postgresql+psycopg://"])
def test_every_spelling_of_postgresql_means_the_driver_that_is_installed(begins: str) -> None:
    """A hosting company's `postgres://` serves as it is."""
    assert database.url_of(f"{begins}user:secret@host/db").drivername == "postgresql+psycopg"
    assert database.is_postgresql(f"{begins}host/db")


@pytest.mark.parametrize("wrong", ["views.db", "mysql://user:secret@host/db", "postgresql+psycopg2://host/db", ""])
def test_a_url_that_names_no_database_is_refused_in_words(wrong: str) -> None:
    """What was typed may hold a password, so it is not repeated."""
    with pytest.raises(Refused, match="UNBROKEN_DATABASE") as told:
        database.engine(wrong)
    assert "secret" not in str(told.value)


def test_a_server_that_is_not_there_is_told_in_words(site: Staged) -> None:
    """Nobody listens on the port: one sentence, and the log is not touched."""
    with pytest.raises(Unavailable, match="cannot be used") as told:
        views.catch_up(site.log, "postgresql://nobody:secret@127.0.0.1:1/none")
    assert "secret" not in str(told.value)
