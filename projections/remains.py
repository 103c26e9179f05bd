"""What is left of earlier views when they are made anew: a damaged file, half of the tables, tables of another shape, a view.

Whatever it is, it stands in nobody's way: views follow from the log alone.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, Table, inspect, text

from projections.database import url_of


def set_aside_if_damaged(database_url: str) -> Path | None:
    """Rename an SQLite file that is damaged, or no database at all, to ``NAME.damaged``; returns that name, if it was."""
    url = url_of(database_url)
    if url.drivername != "sqlite" or not url.database or url.database == ":memory:":
        return None
    path = Path(url.database)
    if not path.is_file() or _is_sound(path):
        return None
    aside = path.with_name(path.name + ".damaged")
    path.replace(aside)
    for end in ("-wal", "-shm", "-journal"):  # of the file that is gone; a new one must not replay them
        path.with_name(path.name + end).unlink(missing_ok=True)
    return aside


def _is_sound(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(path, timeout=30)) as db:
            return bool(db.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except sqlite3.OperationalError:
        return True  # held by somebody, or not ours to read: that is no damage, and whoever uses it says what it is
    except sqlite3.DatabaseError:
        return False


def fits(db: Connection, table: Table) -> bool:
    """Whether a table of this name is there with exactly these columns and this key."""
    seen = inspect(db)
    if not seen.has_table(table.name) or table.name in seen.get_view_names():
        return False
    columns = {column["name"] for column in seen.get_columns(table.name)}
    key = set(seen.get_pk_constraint(table.name)["constrained_columns"])
    return columns == {column.name for column in table.columns} and key == {c.name for c in table.primary_key.columns}


def drop(db: Connection, name: str) -> None:
    """Drop what has this name, be it a table or a view."""
    kind = "VIEW" if name in inspect(db).get_view_names() else "TABLE"
    db.execute(text(f"DROP {kind} IF EXISTS {name}"))
