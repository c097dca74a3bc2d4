"""Makes the record systems' schemas, tables, rules and rights, the gearbox's ledger and the outbox.

In:            a database, as its owner.
Out:           schemas of `schemas.records`, `schemas.gearbox_ledger`, `schemas.outbox`; roles of `roles`.
Guarantee:     only adds what is not there; a ledger of an older form is put aside, not thrown away.
On failure:    roles may have been made; nothing else is half-made: it is one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from schemas import gearbox_ledger
from schemas.outbox import DDL as OUTBOX_DDL
from schemas.record_receipts import receipt_ddl
from schemas.records import SYSTEMS, system_ddl
from sinks.records.database import Connection, session
from sinks.records.roles import make_roles, rights_ddl

_SETUP_LOCK: Final = 7_305_823
"""Number of the advisory lock that lets one run at a time: IF NOT EXISTS alone is no protection."""

PUT_ASIDE: Final = "gearbox_before"
"""Schema to which a ledger of the form before approvals is renamed: its audit stays to be read."""

Tell = Callable[[str], None]


def ignore(notice: str) -> None:
    """Tells nobody."""


def set_up(dsn: str, tell: Tell = ignore, environ: Mapping[str, str] = MappingProxyType({})) -> None:
    """Makes the roles, schemas and tables that are not there yet.

    Args:
        tell: Gets a line for whatever the operator should know.
        environ: Where variables may say how systems are reached; roles of these keep their passwords.
    Raises:
        UsageError: The owner may not make the roles.
    """
    make_roles(dsn, environ)
    with session(dsn) as connection, connection.transaction():
        make_tables(connection, tell)


def make_tables(connection: Connection, tell: Tell = ignore) -> None:
    """Makes what is not there, within the caller's transaction, the roles being there. One run at a time."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [_SETUP_LOCK])
    # IF NOT EXISTS says so each time something does: not news here.
    connection.execute("SET LOCAL client_min_messages = warning")
    if _has_older_ledger(connection):
        connection.execute(f"ALTER SCHEMA gearbox RENAME TO {PUT_ASIDE}".encode())
        tell(
            f"The gearbox's ledger had the form before approvals: it is schema {PUT_ASIDE} from now on, and a new one "
            f"begins empty. Once nobody needs its audit: DROP SCHEMA {PUT_ASIDE} CASCADE."
        )
    receipts = (receipt_ddl(system) for system in SYSTEMS)
    for statements in (*map(system_ddl, SYSTEMS), *receipts, gearbox_ledger.ddl(), OUTBOX_DDL, rights_ddl()):
        connection.execute(statements.encode())


def _has_older_ledger(connection: Connection) -> bool:
    """Whether a change has a status there, which a ledger whose changes are never edited has not."""
    found = connection.execute(
        "SELECT FROM pg_attribute WHERE attrelid = to_regclass('gearbox.change') "
        "AND attname = 'status' AND NOT attisdropped"
    )
    return found.fetchone() is not None
