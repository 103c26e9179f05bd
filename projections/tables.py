"""The tables of the views. `stem` lets a rebuild fill new tables beside the old ones."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Column, Integer, MetaData, Table, Text

NAMES = ("batch_status", "patient_schedule", "custody_trail", "worklist", "deviations", "used")
VERSION = 12
"""Of the tables' shape; views of another version are rebuilt, never migrated."""

_BATCH_TEXT = (
    "screening subject coi choices protocol digest opened last_step last_ended state waits_for due disposition "
    "pending_tests excepted exceptions product worst_deviation dose recalled escalated happened grades "
    "adverse_events reports_due incident_limit dlt infection stored_wrongly stopped completed head finding"
).split()
_BATCH_NUMBERS = (
    "steps_done deviations_open deviations quarantined batch held incidents mismatches alerts environment labels_open "
    "entered_late records"
).split()
_LINES = {
    "patient_schedule": "step occurrence material title roles standing earliest planned latest started ended why".split(),
    "custody_trail": "material kind since until place holder given_by how link".split(),
    "deviations": "deviation grade rule says concerns opened opened_by record lacks due closed".split(),
    "used": "what name code step occurrence material started ended standing materials downstream infused account link".split(),
    "worklist": "kind step occurrence material title roles says act since opens due blocks".split(),
}
_WHOLE = {"patient_schedule": ("batch",), "used": ("batch",), "worklist": ("required", "batch")}
"""Columns of whole numbers, beside `line`."""
# No length: one name that is longer than the rest must not stop everybody's views. And the order of bytes, as SQLite has
# it, so that a list reads the same wherever it is kept.
_NAME = Text().with_variant(Text(collation="C"), "postgresql")


@dataclass(frozen=True)
class Views:
    """One set of tables: the six views, and the position up to which they were filled."""

    metadata: MetaData
    tables: dict[str, Table]
    position: Table


def views(stem: str = "") -> Views:
    """The tables under names that begin with `stem`."""
    metadata = MetaData()
    numbers = [Column(name, Integer, nullable=False, default=0) for name in _BATCH_NUMBERS]
    texts = [Column(name, Text, nullable=False, default="") for name in _BATCH_TEXT]
    batch = Table(f"{stem}batch_status", metadata, Column("therapy", _NAME, primary_key=True), *texts, *numbers)
    tables = {"batch_status": batch}
    for name, columns in _LINES.items():
        more = [Column(column, Integer, nullable=False, default=1) for column in _WHOLE.get(name, ())]
        tables[name] = Table(
            f"{stem}{name}",
            metadata,
            Column("therapy", _NAME, primary_key=True),
            Column("line", Integer, primary_key=True),
            *[Column(column, Text, nullable=False, default="") for column in columns],
            *more,
        )
    position = Table(
        f"{stem}position",
        metadata,
        Column("log", Text, primary_key=True),
        Column("version", Integer, nullable=False),
        Column("position", Integer, nullable=False),
    )
    return Views(metadata, tables, position)
