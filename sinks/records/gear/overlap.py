"""What was written while a plan was made, by another gearbox: what the plan read of it may be older or newer.

Target and ledger are two systems, so they cannot be read in one instant. By numbers of the audit, for clocks differ.
"""

from __future__ import annotations

from typing import Final

from psycopg.rows import tuple_row

from sinks.records.database import Connection
from sinks.records.gear.audit import head
from sinks.records.gear.last_write import Place

# One statement, so that a chunk which is settled meanwhile is met here or there.
_SINCE: Final = """
SELECT key, field FROM gearbox.audit WHERE event = 'written' AND target_table = %(table)s AND audit_no > %(since)s
UNION
SELECT key, field
FROM gearbox.chunk CROSS JOIN unnest(change_nos) AS sent (change_no)
JOIN gearbox.change_set USING (change_set_id) JOIN gearbox.change USING (change_set_id, change_no)
WHERE chunk.state = 'sent' AND target_table = %(table)s
"""


def mark(connection: Connection) -> int:
    """Where the audit stands: taken before the target is read."""
    return head(connection).audit_no


def written_since(connection: Connection, target_table: str, since: int) -> set[Place]:
    """Fields that were written since a mark, or are on their way: written or not, nobody knows yet."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        return set(cursor.execute(_SINCE, {"table": target_table, "since": since}).fetchall())
