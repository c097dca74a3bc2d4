"""A PostgreSQL with rules of its own and few rights: what they refuse or change is told, without the value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from uuid import uuid4

import pytest
from psycopg import conninfo

from schemas.errors import OutsideError, RecordRefusedError
from schemas.gearbox_ledger import Op
from sinks.records.targets.target import Written
from tests.integration.records.targets.systems_under_test import PostgresSystem, batch_for, delete, insert, update
from tests.integration.records.targets.working import opened

pytestmark = pytest.mark.postgres
DELETE_ONLY: Sequence[Op] = ("delete",)
UPDATE_ONLY: Sequence[Op] = ("update",)


def test_rows_that_a_rule_lets_fall_or_keeps_are_left_out(postgres_system: PostgresSystem) -> None:
    system = postgres_system
    name = system.table.system
    system.put("kept", qty=1)
    system.execute(
        f"CREATE FUNCTION {name}.nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;"
        f"CREATE TRIGGER nothing BEFORE INSERT OR DELETE ON {name}.article"
        f" FOR EACH ROW EXECUTE FUNCTION {name}.nothing()"
    )
    with opened(system) as target:
        written = target.write(batch_for(system, insert("fallen", qty=1), delete("kept", qty=1)))
    assert sorted(item.reason for item in written.left_out) == [
        "a rule of the record system's own keeps the row",
        "a rule of the record system's own let the row fall",
    ]
    assert list(system.rows()) == ["kept"]


def test_what_a_rule_does_after_the_statement_or_at_the_commit_is_told(postgres_system: PostgresSystem) -> None:
    system = postgres_system
    name = system.table.system
    system.put("a", qty=1)
    system.execute(
        f"CREATE FUNCTION {name}.later() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF NEW.qty < 100 THEN UPDATE {name}.article SET qty = 100 WHERE article = NEW.article; END IF;"
        " RETURN NULL; END $$;"
        f"CREATE CONSTRAINT TRIGGER later AFTER UPDATE ON {name}.article DEFERRABLE INITIALLY DEFERRED"
        f" FOR EACH ROW EXECUTE FUNCTION {name}.later()"
    )
    with opened(system) as target:
        assert target.write(batch_for(system, update("a", qty=(1, 2)))) == Written((), {(0, "qty"): 100})


def test_a_value_that_the_column_rounds_is_told_as_stored(postgres_system: PostgresSystem) -> None:
    postgres_system.put("a", qty=1)
    with opened(postgres_system) as target:
        written = target.write(batch_for(postgres_system, update("a", price=(None, Decimal("1.005")))))
    assert written == Written((), {(0, "price"): Decimal("1.01")})


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("ALTER TABLE {0}.article ALTER note SET NOT NULL", "NotNullViolation of note"),
        ("CREATE UNIQUE INDEX one_qty ON {0}.article (qty)", "UniqueViolation of one_qty"),
        ("ALTER TABLE {0}.article ALTER note TYPE varchar(3)", "StringDataRightTruncation"),
    ],
)
def test_what_the_database_refuses_is_told_by_its_name_without_the_value(
    postgres_system: PostgresSystem, rule: str, told: str
) -> None:
    system = postgres_system
    system.put("a", qty=1, note="x")
    system.put("b", qty=2, note="x")
    system.execute(rule.format(system.table.system))
    bad = update("a", qty=(1, 2), price=(None, None), note=("x", None if "NULL" in rule else "secret"))
    with opened(system) as target:
        with pytest.raises(RecordRefusedError, match=told) as refused:
            target.write(batch_for(system, bad))
        assert "secret" not in str(refused.value)
    assert system.versions() == {"a": 1, "b": 1}


def test_a_column_that_is_gone_is_no_row_s_fault_and_nothing_is_written(postgres_system: PostgresSystem) -> None:
    system = postgres_system
    system.put("a", qty=1, note="x")
    system.execute(f"ALTER TABLE {system.table.system}.article DROP COLUMN price")
    sound, lacking = insert("b", qty=1), update("a", qty=(1, 2), price=(None, Decimal("3.50")), note=("x", "secret"))
    with opened(system) as target:
        with pytest.raises(OutsideError, match=r"price does not exist \(SQLSTATE 42703\)") as told:
            target.write(batch_for(system, sound, lacking))
        assert not isinstance(told.value, RecordRefusedError)
        assert [value for value in ("secret", "3.50") if value in str(told.value)] == []
    kept = system.execute(f"SELECT qty, note, row_version FROM {system.table.full_name}")
    assert kept == [{"qty": 1, "note": "x", "row_version": 1}]


@pytest.fixture
def poor_role(postgres_system: PostgresSystem) -> Iterator[str]:
    """Address of a role that may look at the schema, and nothing else."""
    name = f"it_{uuid4().hex[:12]}"
    postgres_system.execute(
        f"CREATE ROLE {name} LOGIN PASSWORD 'x'; GRANT USAGE ON SCHEMA {postgres_system.table.system} TO {name}"
    )
    yield conninfo.make_conninfo(postgres_system.dsn, user=name, password="x")
    postgres_system.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_each_missing_right_is_a_sentence_and_rights_on_fields_are_enough(
    postgres_system: PostgresSystem, poor_role: str
) -> None:
    system = postgres_system
    table, role = system.table, conninfo.conninfo_to_dict(poor_role)["user"]
    place, receipts = table.full_name, f"{table.system}.gearbox_receipt"
    with opened(system, poor_role) as target:
        found = target.check(table, ("qty",), UPDATE_ONLY)
        assert found == [
            f"There is no right to SELECT {place}.article.",
            f"There is no right to SELECT {place}.day.",
            f"There is no right to SELECT {place}.qty.",
            f"There is no right to UPDATE {place}.qty.",
            f"There is no right to SELECT {place}.row_version.",
            f"There is no right to SELECT {receipts}.",
            f"There is no right to INSERT {receipts}.",
            f"There is no right to UPDATE {receipts}.",
        ]
        with pytest.raises(OutsideError, match="permission denied"):
            target.read(table, ("qty",))
        with pytest.raises(OutsideError, match="permission denied"):
            target.write(batch_for(system, update("a", qty=(1, 2))))
        system.execute(
            f"GRANT SELECT, UPDATE (qty) ON {place} TO {role};"
            f"GRANT SELECT, INSERT, UPDATE (outcome) ON {receipts} TO {role}"
        )
        system.put("a", qty=1)
        assert target.check(table, ("qty",), UPDATE_ONLY) == []
        assert target.write(batch_for(system, update("a", qty=(1, 2)))) == Written()
        assert f"There is no right to INSERT {place}.qty." in target.check(table, ("qty",))
        assert target.check(table, ("qty",), DELETE_ONLY) == [f"There is no right to DELETE of {place}."]
    system.execute(f"REVOKE USAGE ON SCHEMA {table.system} FROM {role}")
    with opened(system, poor_role) as target:
        assert f"There is no right to use schema {table.system}." in target.check(table, ("qty",))


def test_a_missing_key_and_missing_receipts_are_sentences(postgres_system: PostgresSystem) -> None:
    system = postgres_system
    place = system.table.full_name
    system.execute(
        f"ALTER TABLE {place} DROP CONSTRAINT article_pkey; DROP TABLE {system.table.system}.gearbox_receipt"
    )
    with opened(system) as target:
        assert target.check(system.table, ("qty",)) == [
            f"The primary key of {place} is not article, day.",
            f"There is no table {system.table.system}.gearbox_receipt.",
        ]
