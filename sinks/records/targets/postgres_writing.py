"""A batch in one transaction of a record system's PostgreSQL: all that holds is written, or nothing."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from schemas.errors import OutcomeUnknownError, UnreachableError
from schemas.record_receipts import RECEIPT_TABLE
from sinks.records.crash import crash_point
from sinks.records.targets.comparing import left_out_of_delete, left_out_of_update
from sinks.records.targets.outcome import from_outcome, to_outcome
from sinks.records.targets.postgres_errors import as_ours
from sinks.records.targets.postgres_session import Connection
from sinks.records.targets.postgres_staging import Met, Staging
from sinks.records.targets.target import Batch, LeftOut, Written
from sinks.records.values import Value

LOCK_WAIT_S: Final = 5
MARGIN_S: Final = 0.5
"""The transaction ends so long before its deadline: as long as its begin may take to arrive."""


def write_batch(connection: Connection, batch: Batch, now: datetime) -> Written:
    """What became of a batch; the caller gives up the connection after an error.

    1. begin: with the time that is left; the receipt, which a second writer of the token waits for
    2. stage: the rows, in a temporary table
    3. lock: the target's rows, in key order
    4. check: each field, whether it holds what was planned upon
    5. write: what holds; then the rows are looked at again, for what the system's own rules made of them
    6. receipt: the outcome
    7. commit

    Raises:
        UnreachableError, RecordRefusedError: Nothing was written.
        OutcomeUnknownError: The connection went away during 7.
    """
    known = _begin(connection, batch, (batch.deadline_at - now).total_seconds())  # 1
    if known is not None:
        return known
    crash_point("target.begun")
    staging = Staging(connection, batch)
    staging.copy_in()  # 2
    crash_point("target.staged")
    is_as_planned = staging.lock()  # 3
    others = [] if is_as_planned else staging.not_as_planned()  # 4
    left_out = [item for met in others for item in _left_out(batch, met)]
    crash_point("target.checked")
    written = _write(staging, left_out)  # 5
    connection.execute(  # 6
        _receipt("UPDATE {receipt} SET outcome = %s WHERE token = %s", batch.table.system),
        [Jsonb(to_outcome(written)), batch.token],
    )
    crash_point("target.written")
    _commit(connection, batch.table.system)  # 7
    crash_point("target.committed")
    return written


def cancel_batch(connection: Connection, system: str, token: str, wait_s: float) -> Written | None:
    """The outcome of a batch, or None: then its receipt says that it never will be written."""
    connection.execute(f"BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '{wait_s}s'".encode())
    # Waits for whoever is about to write it.
    connection.execute(
        _receipt("INSERT INTO {receipt} (token, is_cancelled) VALUES (%s, true) ON CONFLICT DO NOTHING", system),
        [token],
    )
    outcome = _outcome(connection, system, token)
    connection.execute("COMMIT")
    return outcome


def unknown_tokens(connection: Connection, system: str, tokens: list[str]) -> set[str]:
    """Those without a receipt of having been written."""
    query = "SELECT token FROM {receipt} WHERE token = ANY (%s::uuid[]) AND NOT is_cancelled"
    known = {str(token) for (token,) in connection.execute(_receipt(query, system), [tokens])}
    return {token for token in tokens if token.lower() not in known}


def _begin(connection: Connection, batch: Batch, left_s: float) -> Written | None:
    """The outcome of a token that was known already; else the transaction stands and holds the receipt."""
    system, most_s = batch.table.system, left_s - MARGIN_S
    if most_s <= 0:
        raise UnreachableError(f"The deadline of a batch for {system!r} has passed. Nothing was written.")
    asked_s = time.monotonic()
    connection.execute(
        "BEGIN ISOLATION LEVEL READ COMMITTED; "
        f"SET LOCAL transaction_timeout = {max(1, int(most_s * 1000))}; "
        f"SET LOCAL lock_timeout = {LOCK_WAIT_S * 1000}; "
        # Staged rows are few beside the target: each is looked up by its key, whatever statistics say.
        "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL jit = off; "
        "SELECT set_config('synchronous_commit', 'on', true) "
        "WHERE current_setting('synchronous_commit') = 'off'".encode()
    )
    if time.monotonic() - asked_s > MARGIN_S:
        raise UnreachableError(f"Record system {system!r} answers too slowly for a deadline. Nothing was written.")
    insert = "INSERT INTO {receipt} (token, change_set_id, is_cancelled) VALUES (%s, %s, false) ON CONFLICT DO NOTHING"
    if connection.execute(_receipt(insert, system), [batch.token, batch.change_set_id]).rowcount == 1:
        return None
    known = _outcome(connection, system, batch.token)
    connection.execute("ROLLBACK")
    if known is None:
        raise UnreachableError(f"Batch {batch.token} for {system!r} was cancelled. Nothing was written.")
    return known


def _outcome(connection: Connection, system: str, token: str) -> Written | None:
    row: tuple[bool, dict[str, Any]] | None = connection.execute(
        _receipt("SELECT is_cancelled, outcome FROM {receipt} WHERE token = %s", system), [token]
    ).fetchone()
    assert row is not None, "the receipt was inserted, or was there"
    return None if row[0] else from_outcome(row[1])


def _left_out(batch: Batch, met: Met) -> list[LeftOut]:
    row = batch.rows[met.row]
    if met.row_version is None:
        return [LeftOut(met.row, None, "the row is gone")]
    compare = left_out_of_delete if row.op == "delete" else left_out_of_update
    return compare(met.row, row, met.row_version, met.differing)


def _write(staging: Staging, left_out: list[LeftOut]) -> Written:
    """What is left out, rows to add that were there already with it, and what is stored otherwise than it was sent."""
    rows = staging.batch.rows
    has = {row.op for row in rows}
    if "delete" in has:
        staging.delete()
    if "update" in has:
        staging.update()
    added = staging.insert() if "insert" in has else set()
    staging.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what a rule does at the end, it does by now
    untouched = {(item.row, item.field) for item in left_out}
    found_there = {number for number, row in enumerate(rows) if row.op == "insert" and row.key not in added}
    stored: dict[tuple[int, str], Value] = {}
    for met in staging.not_as_sent():
        if (met.row, None) in untouched:
            continue
        if met.row_version is None:
            found_there.discard(met.row)
            left_out.append(LeftOut(met.row, None, "a rule of the record system's own let the row fall"))
        elif rows[met.row].op == "delete":
            left_out.append(LeftOut(met.row, None, "a rule of the record system's own keeps the row"))
        elif met.row not in found_there:
            stored |= {
                (met.row, name): value for name, value in met.differing.items() if (met.row, name) not in untouched
            }
    left_out += [LeftOut(number, None, "the row is there already") for number in sorted(found_there)]
    return Written(tuple(left_out), stored)


def _commit(connection: Connection, system: str) -> None:
    try:
        connection.execute("COMMIT")
    except psycopg.Error as error:
        # An error that leaves the connection as it is was told by a server that has rolled back.
        if error.sqlstate is not None and error.diag.severity_nonlocalized == "ERROR":
            raise as_ours(system, error) from error
        raise OutcomeUnknownError(
            f"Record system {system!r} went away while a batch was committed: written or not, it has to be asked."
        ) from error


def _receipt(statement: str, system: str) -> sql.Composed:
    return sql.SQL(statement).format(receipt=sql.Identifier(system, RECEIPT_TABLE))
