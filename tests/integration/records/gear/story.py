"""A ledger with something to tell, and its owner, who may do anything to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import psycopg

from sinks.records.database import Connection, session
from sinks.records.gear import approvals, audit, chunks, freezes, restores, sets
from sinks.records.gear.audit_check import AuditReport, check_audit
from sinks.records.gear.chain import GENESIS, AuditRow, row_hash
from sinks.records.gear.checkpoints import Checkpoint, Signer, key_id_of, lines, public_key_of, signer_of
from tests.integration.records.gear.telling import FLOW, NOW, a_change, a_set, known_people

SECRET, OTHER_SECRET = bytes(range(32)), bytes(range(1, 33))
KEYS = {key_id_of(public_key_of(SECRET)): public_key_of(SECRET)}
SIGNER = signer_of(SECRET)
LATER = NOW + timedelta(hours=1)


@dataclass(frozen=True)
class Story:
    """A ledger that tells of people, freezes, approvals and written changes; its newest row is signed.

    Attributes:
        owner: Address as the owner, who may do anything.
        file: The file of checkpoints: of the rows that are there when half is told, and of all.
        rows: Audit rows.
    """

    owner: str
    file: Path
    rows: int

    def check(self) -> AuditReport:
        return check_audit(self.owner, KEYS, lines(self.file))

    def tamper(self, *statements: str) -> None:
        """As the owner does who has switched the triggers off."""
        with psycopg.connect(self.owner) as connection:
            connection.execute("SET session_replication_role = replica")
            for statement in statements:
                done = connection.execute(statement.encode())
                assert not statement.startswith(("UPDATE", "DELETE", "INSERT")) or done.rowcount > 0, statement


def tell_half(dsn: str) -> int:
    known_people(dsn)
    number = freezes.declare(dsn, "crm", NOW, NOW + timedelta(days=1), "stock taking", "Bo Ek", NOW)
    freezes.except_flow(dsn, number, FLOW, "a recall", "Bo Ek", NOW)
    freezes.lift(dsn, freezes.declare(dsn, "*", NOW, LATER, "tested", "Bo Ek", NOW), "Bo Ek", NOW)
    change_set_id = a_set(dsn, *(a_change(customer) for customer in range(1, 7)))
    approvals.approve(dsn, change_set_id, "Siri Dahl", NOW)
    return change_set_id


def tell_rest(dsn: str, change_set_id: int) -> None:
    with session(dsn) as connection:
        write(connection, change_set_id, [1, 2, 3], left_out=[2])
        write(connection, change_set_id, [4, 5, 6])
        sets.close(connection, change_set_id, "applied", None, "gearbox", LATER)
        restores.write_down(connection, "billing", "from a backup", "Bo Ek", LATER, asked=2, forgotten=1)
    approvals.reject(dsn, a_set(dsn, a_change(9)), "Siri Dahl", LATER, reason="not yet")


def write(connection: Connection, change_set_id: int, numbers: list[int], left_out: list[int] | None = None) -> None:
    """As the gearbox writes a chunk down that a record system took."""
    content = sets.load(connection, change_set_id).change_set.changes
    rows = [
        AuditRow(
            "conflict" if number in (left_out or []) else "written", "gearbox", change_set_id, number, FLOW,
            "crm.customer", content[number - 1].key, content[number - 1].field, content[number - 1].before,
            content[number - 1].after, stored='"Daily"' if number == 5 else None,
        )
        for number in numbers
    ]  # fmt: skip
    token = str(uuid4())
    chunks.send(connection, token, change_set_id, "crm", numbers, len(numbers), "gearbox", LATER)
    chunks.settle(connection, token, left_out or [], rows, LATER)


def rechain(story: Story, statement: str) -> None:
    """Changes the audit, and makes all hashes anew."""
    story.tamper(statement)
    previous = GENESIS
    with psycopg.connect(story.owner) as connection:
        connection.execute("SET session_replication_role = replica")
        names = ", ".join(audit.COLUMNS[:-1])
        for number, at, *columns in connection.execute(f"SELECT {names} FROM gearbox.audit ORDER BY 1").fetchall():
            previous = row_hash(previous, number, at, AuditRow(*columns))
            connection.execute("UPDATE gearbox.audit SET hash = %s WHERE audit_no = %s", [previous, number])


def forge(story: Story, signer: Signer) -> None:
    """Signs the checkpoints of the ledger anew."""
    with psycopg.connect(story.owner) as connection:
        connection.execute("SET session_replication_role = replica")
        rows = connection.execute(
            "SELECT audit_no, audit.hash, c.at FROM gearbox.checkpoint c JOIN gearbox.audit USING (audit_no)"
        ).fetchall()
        for number, hashed, at in rows:
            entry = Checkpoint(number, hashed, at, signer.key_id)
            connection.execute(
                "UPDATE gearbox.checkpoint SET hash = %s, key_id = %s, signature = %s WHERE audit_no = %s",
                [hashed, signer.key_id, signer.sign(entry.message()), number],
            )


@contextmanager
def database(server: str, template: str = "/template0") -> Iterator[str]:
    """A database of its own, copied from another one, dropped afterwards."""
    name = f"it-{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template.rpartition("/")[2]}"'.encode())
        try:
            yield f"{server.rpartition('/')[0]}/{name}"
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
