"""Each kind of record system with the same table and the same rules of its own, to hold the adapters to one contract.

The rules: spaces around a note are taken off; a quantity below 0 is refused by a constraint; the note `forbidden` by a
trigger that says why.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Protocol
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from schemas.record_receipts import receipt_ddl
from schemas.records import RecordColumn, RecordTable
from sinks.records.targets.clock import now_utc
from sinks.records.targets.http import HttpTarget
from sinks.records.targets.postgres import PostgresTarget
from sinks.records.targets.target import Batch, RowWrite, Target
from sinks.records.values import Key, Value, from_json, to_json
from tests.integration.records.targets.http_system import HttpSystem, RefusedError, Row

DAY = date(2026, 5, 1)
FIELDS = ("qty", "price", "note", "seen_at")


def article_table(system: str) -> RecordTable:
    return RecordTable(
        system,
        "article",
        ("article", "day"),
        (
            RecordColumn("article", "text", "Number"),
            RecordColumn("day", "date", "Day"),
            RecordColumn("qty", "integer", "Pieces", nullable=True),
            RecordColumn("price", "decimal", "Price", nullable=True),
            RecordColumn("note", "text", "Note", nullable=True),
            RecordColumn("seen_at", "instant", "Last seen", nullable=True),
            RecordColumn("origin", "text", "Where it is from", default="'here'"),
        ),
    )


def update(article: str, row_version: int | None = None, **fields: tuple[Value, Value]) -> RowWrite:
    """`update("a", qty=(1, 2))`: quantity from 1 to 2."""
    return changed(article, fields, row_version)


def changed(article: str, fields: Mapping[str, tuple[Value, Value]], row_version: int | None = None) -> RowWrite:
    before = {name: pair[0] for name, pair in fields.items()}
    return RowWrite("update", (article, DAY), row_version, before, {name: pair[1] for name, pair in fields.items()})


def insert(article: str, **after: Value) -> RowWrite:
    return RowWrite("insert", (article, DAY), None, {}, after)


def delete(article: str, row_version: int | None = None, **before: Value) -> RowWrite:
    return RowWrite("delete", (article, DAY), row_version, before, {})


class SystemUnderTest(Protocol):
    """A record system, with the ways of whoever else works in it."""

    table: RecordTable

    def target(self) -> Target: ...

    def put(self, article: str, **values: Value) -> None:
        """Somebody else adds or changes a row."""

    def remove(self, article: str) -> None: ...

    def rows(self) -> dict[str, dict[str, Value]]:
        """Fields by article."""

    def versions(self) -> dict[str, int]: ...

    def saved(self) -> Any: ...

    def restore(self, saved: Any) -> None: ...


def batch_for(system: SystemUnderTest, *rows: RowWrite, token: str | None = None, seconds: float = 60) -> Batch:
    return Batch(token or str(uuid4()), 1, system.table, rows, now_utc() + timedelta(seconds=seconds))


@dataclass
class PostgresSystem:
    """A schema of its own."""

    dsn: str
    table: RecordTable

    @classmethod
    def made(cls, dsn: str) -> PostgresSystem:
        system = cls(dsn, article_table(f"it_{uuid4().hex[:12]}"))
        name = system.table.system
        system.execute(
            f"CREATE SCHEMA {name}; {receipt_ddl(name)}"
            f"CREATE FUNCTION {name}.next_row_version() RETURNS trigger LANGUAGE plpgsql AS"
            "  $$ BEGIN NEW.row_version := OLD.row_version + 1; RETURN NEW; END $$;"
            f"CREATE FUNCTION {name}.tidy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            "  IF NEW.note = 'forbidden' THEN RAISE EXCEPTION E'notes may not be forbidden\\nand more'; END IF;"
            "  NEW.note := btrim(NEW.note); RETURN NEW; END $$;"
            f"{system.table.ddl()}"
            f"ALTER TABLE {name}.article ADD CONSTRAINT qty_is_not_negative CHECK (qty >= 0);"
            f"CREATE TRIGGER tidy BEFORE INSERT OR UPDATE ON {name}.article"
            f"  FOR EACH ROW EXECUTE FUNCTION {name}.tidy();"
        )
        return system

    def target(self) -> Target:
        return PostgresTarget(self.table.system, self.dsn)

    def execute(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        with psycopg.connect(self.dsn, autocommit=True, row_factory=dict_row) as connection:
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def put(self, article: str, **values: Value) -> None:
        names = ["article", "day", *values]
        query = sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT (article, day) DO UPDATE SET {}").format(
            sql.Identifier(self.table.system, "article"),
            sql.SQL(", ").join(map(sql.Identifier, names)),
            sql.SQL(", ").join(sql.Placeholder() * len(names)),
            sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in (*values, "day")),
        )
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(query, [article, DAY, *values.values()])

    def remove(self, article: str) -> None:
        self.execute(f"DELETE FROM {self.table.full_name} WHERE article = %s", article)

    def rows(self) -> dict[str, dict[str, Value]]:
        names = ", ".join((*FIELDS, "origin"))
        found = self.execute(f"SELECT article, {names} FROM {self.table.full_name} ORDER BY article")
        return {row.pop("article"): row for row in found}

    def versions(self) -> dict[str, int]:
        found = self.execute(f"SELECT article, row_version FROM {self.table.full_name}")
        return {row["article"]: row["row_version"] for row in found}

    def receipts(self) -> list[dict[str, Any]]:
        return self.execute(f"SELECT * FROM {self.table.system}.gearbox_receipt ORDER BY written_at")

    def saved(self) -> Any:
        return {
            name: self.execute(f"SELECT row_to_json(saved)::text AS row FROM {self.table.system}.{name} AS saved")
            for name in ("article", "gearbox_receipt")
        }

    def restore(self, saved: Any) -> None:
        for name, rows in saved.items():
            place = f"{self.table.system}.{name}"
            self.execute(f"TRUNCATE {place}")
            for row in rows:
                self.execute(f"INSERT INTO {place} SELECT * FROM json_populate_record(NULL::{place}, %s)", row["row"])


def rule(values: Mapping[str, Any]) -> dict[str, Any]:
    """The rules, in the HTTP system's words."""
    if (values.get("qty") or 0) < 0:
        raise RefusedError("qty_is_not_negative")
    note = values.get("note")
    if note == "forbidden":
        raise RefusedError("notes may not be forbidden\nand more")
    if note is not None and "\x00" in note:
        raise RefusedError("a text has a NUL character")
    return {**values, **({"note": note.strip(" ")} if note is not None else {})}


class RestSystem:
    """The system in memory, reached at an address."""

    def __init__(self, address: str, http: HttpSystem) -> None:
        self.address, self.http, self.table = address, http, http.table

    def target(self) -> Target:
        return HttpTarget(self.table.system, self.address)

    def put(self, article: str, **values: Value) -> None:
        told = {name: to_json(value) for name, value in values.items()}
        with self.http.lock:
            row = self.http.state.rows.get(self._key((article, DAY)))
            if row is None:
                self.http.state.rows[self._key((article, DAY))] = Row({"origin": "here", **told})
            else:
                row.values |= told
                row.row_version += 1

    def remove(self, article: str) -> None:
        with self.http.lock:
            self.http.state.rows.pop(self._key((article, DAY)))

    def rows(self) -> dict[str, dict[str, Value]]:
        with self.http.lock:
            return {
                json.loads(key)[0]: {
                    name: from_json(self.table.column(name).kind, row.values.get(name)) for name in (*FIELDS, "origin")
                }
                for key, row in sorted(self.http.state.rows.items())
            }

    def versions(self) -> dict[str, int]:
        return {json.loads(key)[0]: row.row_version for key, row in self.http.state.rows.items()}

    def saved(self) -> Any:
        return self.http.saved()

    def restore(self, saved: Any) -> None:
        self.http.restore(saved)

    @staticmethod
    def _key(key: Key) -> str:
        return json.dumps([to_json(part) for part in key], ensure_ascii=False, separators=(",", ":"))


def values_of(system: SystemUnderTest, article: str) -> Mapping[str, Value]:
    return system.rows()[article]
