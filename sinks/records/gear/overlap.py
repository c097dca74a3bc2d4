"""What was written while a plan was made, by another gearbox: what the plan read of it may be older or newer.

Target and ledger are two systems, so they cannot be read in one instant. By numbers of the audit, for clocks differ.
"""

from __future__ import annotations

from typing import Final

from sinks.records.database import Connection
from sinks.records.gear.audit import head

# One statement, so that a chunk which is settled meanwhile is met here or there.
_SINCE: Final = """
SELECT field FROM gearbox.audit WHERE event = 'written' AND target_table = %(table)s AND audit_no > %(since)s
UNION
SELECT field
FROM gearbox.chunk CROSS JOIN unnest(change_nos) AS sent (change_no)
JOIN gearbox.change_set USING (change_set_id) JOIN gearbox.change USING (change_set_id, change_no)
WHERE chunk.state = 'sent' AND target_table = %(table)s
"""


def mark(connection: Connection) -> int:
    """Where the audit stands: taken before the target is read."""
    return head(connection).audit_no


def written_since(connection: Connection, target_table: str, since: int) -> set[str]:
    """Fields of which something was written since a mark, or is on its way: written or not, nobody knows yet.

    Of whichever rows: one that was read too early may be equal to what is wanted, and not among the changes.
    """
    return {row["field"] for row in connection.execute(_SINCE, {"table": target_table, "since": since})}
