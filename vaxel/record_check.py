"""Holds the record systems against the truth, field by field, and against what the gearbox wrote last."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa

from schemas.errors import UsageError
from sinks.records.database import session
from sinks.records.gear.flow import Flow, load, names
from sinks.records.gear.last_write import Place
from sinks.records.gear.model import run
from sinks.records.gear.places import Places
from sinks.records.gear.plan import plan
from sinks.records.gear.planning import records_of, shaped
from sinks.records.gear.situation import last_writes
from sinks.records.targets.opening import open_target
from sinks.records.values import json_text, key_text
from vaxel.invoice_check import Edit, check_invoices, is_billed
from vaxel.record_truth import ALL_ROWS, AS_OF, EXPECTED, TABLES

COARSE = 0.001
"""Relative, where an upload came back from a foreign unit: it has lost digits there (`session_check.COARSE`)."""
ROUNDING = 0.011
"""Two decimals are kept, and the truth's sums are floats: the last digit may differ by one."""

NULL = "null"
"""What a row that is gone counts as."""

_WRITTEN = """
SELECT DISTINCT ON (key, field) key, field, after, stored FROM gearbox.audit
WHERE event = 'written' AND target_table = %(table)s AND field = ANY (%(fields)s)
  AND at > coalesce((SELECT max(declared_at) FROM gearbox.restore WHERE system = %(system)s), '-infinity')
ORDER BY key, field, audit_no DESC
"""
_UNSETTLED = """
SELECT key, field FROM gearbox.chunk JOIN gearbox.change USING (change_set_id)
WHERE chunk.state = 'sent' AND chunk.system = %(system)s AND change_no = ANY (change_nos)
"""


@dataclass(frozen=True)
class RecordCheck:
    """What was found.

    Attributes:
        checked: Rows held against the truth; of billing, months of use under a contract.
        wrong: Rows with a field that differs from it, and how; and flows that cannot be planned.
        waiting: Fields that the gearbox would change: not applied yet, or held back (no consent, no approval, a
            window). They are not held against the truth.
        edited: Fields that somebody else set since the gearbox wrote them, or whose row is gone; neither are they,
            but for the amounts of invoice lines.
        skipped: Why no row was held against the truth; None if they were.
    """

    checked: int
    wrong: list[str]
    waiting: int
    edited: int
    skipped: str | None = None


@dataclass(frozen=True)
class _Standing:
    """How a flow's target stands.

    Attributes:
        rows: What it holds, by key.
        records: Tables that the flow's shape needs beside them.
        waiting: Fields that the gearbox would change, and nobody else set.
        edited: Fields that somebody else set.
    """

    rows: dict[str, dict[str, Any]]
    records: Mapping[str, pa.Table]
    waiting: set[Place]
    edited: Mapping[Place, Edit]


def check_records(lake: duckdb.DuckDBPyConnection, places: Places) -> RecordCheck:
    """Hold the record systems against the truth and against the audit. Needs `load_truth` first.

    None is held against the truth where it does not tell all that registered units sent.
    """
    if not _is_seeded(places.records):
        return RecordCheck(0, [], 0, 0)
    _load(lake, places.records)
    skipped = why_skipped(lake)
    checked, waiting, edited = 0, 0, 0
    wrong: list[str] = []
    for name in names():
        flow = load(name)
        try:
            standing = _standing(flow, places)
            more, differences = (0, []) if skipped is not None else _held_against_truth(lake, flow, standing)
        except UsageError as error:  # a month without a price, or a lake put back to an older state
            wrong.append(f"{name}: {error}")
            continue
        waiting += len(standing.waiting)
        edited += len(standing.edited)
        checked += more
        wrong += differences
    return RecordCheck(checked, wrong, waiting, edited, skipped)


def _held_against_truth(lake: duckdb.DuckDBPyConnection, flow: Flow, standing: _Standing) -> tuple[int, list[str]]:
    """How much of a target was held against the truth, and what of it is wrong."""
    if flow.shape == "billing" and is_billed(standing.records):
        found = check_invoices(lake, standing.records, standing.waiting, standing.edited)
        return found.months, [f"{flow.name}: {difference}" for difference in found.differences]
    if flow.name not in EXPECTED:
        return 0, []
    expected = _by_key(flow, lake.sql(EXPECTED[flow.name]).to_arrow_table())
    coarse = COARSE if lake.sql("from expected_sessions where is_coarse").fetchone() else 0.0
    return len(expected.keys() & standing.rows.keys()), _differences(flow, expected, standing, coarse)


def why_skipped(lake: duckdb.DuckDBPyConnection) -> str | None:
    """Why the truth cannot say what the record systems must hold: their figures speak of all registered units."""
    row = lake.execute(
        "select count(*), min(device_id) from devices_in_doubt join serial_number on serial = device_id"
    ).fetchone()
    assert row is not None, "an aggregate has a row"
    return f"no truth tells all that {row[0]:,} registered units sent, {row[1]} is one" if row[0] else None


def _standing(flow: Flow, places: Places) -> _Standing:
    target = open_target(places.systems[flow.system], places.addresses[flow.system])
    with closing(target), session(places.ledger) as connection:
        held = target.read(flow.table, tuple(flow.fields))
        about = {"table": flow.target, "fields": list(flow.fields), "system": flow.system}
        waiting = {(row["key"], row["field"]) for row in connection.execute(_UNSETTLED, about)}
        written = connection.execute(_WRITTEN, about).fetchall()
        records = records_of(flow, target)
        if flow.shape == "rows" or is_billed(records):
            produced, snapshot = run(flow, places.catalog, places.records)
            wanted, compared = shaped(flow, produced, held, records)
            planned = plan(flow, wanted, compared, snapshot, lambda pairs: last_writes(connection, flow, pairs))
            waiting |= {(change.key, change.field) for change in planned.changes}
    rows = _by_key(flow, held)
    edited = {
        (row["key"], row["field"]): Edit(row["after"], held)
        for row in written
        if ((held := _held(row, rows)) or NULL) not in (row["after"], row["stored"])
    }
    return _Standing(rows, records, waiting - edited.keys(), edited)


def _held(written: dict[str, Any], rows: Mapping[str, dict[str, Any]]) -> str | None:
    """What a written field holds; None: its row is gone."""
    row = rows.get(written["key"])
    return None if row is None else json_text(row[written["field"]])


def _by_key(flow: Flow, table: pa.Table) -> dict[str, dict[str, Any]]:
    return {key_text(flow.key, tuple(row[name] for name in flow.key)): row for row in table.to_pylist()}


def _differences(flow: Flow, expected: dict[str, dict[str, Any]], standing: _Standing, coarse: float) -> list[str]:
    wrong = []
    if flow.name in ALL_ROWS:
        wrong += [f"{flow.name} {key}: no such row expected" for key in standing.rows.keys() - expected.keys()]
    left_aside = standing.waiting | standing.edited.keys()
    for key, row in expected.items():
        held = standing.rows.get(key)
        for name in (name for name in flow.fields if name in row and (key, name) not in left_aside):
            if held is None:
                wrong.append(f"{flow.name} {key}: there is no such row")
                break
            if not _same(row[name], held[name], coarse):
                wrong.append(f"{flow.name} {key}: {name} is {held[name]}, {row[name]} expected")
                break
    return wrong


def _same(expected: object, found: object, coarse: float) -> bool:
    if isinstance(expected, datetime):  # the truth's have no zone, and are UTC
        return expected.replace(tzinfo=UTC) == found
    if isinstance(expected, float) and isinstance(found, int | Decimal):
        return abs(expected - float(found)) <= ROUNDING + coarse * abs(expected)
    return expected == found


def _load(lake: duckdb.DuckDBPyConnection, dsn: str) -> None:
    with session(dsn) as connection:
        for table in TABLES:
            rows = connection.execute(f"select * from {table.full_name}".encode()).fetchall()
            lake.register("rows", pa.Table.from_pylist(rows, schema=table.arrow_schema(table.column_names)))
            lake.execute(f"create or replace temp table {table.name} as select * from rows")
    lake.execute(AS_OF)


def _is_seeded(dsn: str) -> bool:
    with session(dsn) as connection:
        row = connection.execute("select to_regclass('erp.monthly_sales') is not null as is_seeded").fetchone()
    return row is not None and bool(row["is_seeded"])
