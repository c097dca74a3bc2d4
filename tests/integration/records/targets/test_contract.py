"""What every adapter does with batches, tokens and declared tables, against each kind of record system."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import replace
from typing import get_args
from uuid import uuid4

import pytest

from schemas.errors import RecordRefusedError, UnreachableError
from schemas.records import RecordColumn
from sinks.records import targets
from sinks.records.gear.systems import System
from sinks.records.targets.opening import open_target
from sinks.records.targets.target import Target, Written
from sinks.records.values import Value
from tests.integration.records.targets.conftest import KINDS
from tests.integration.records.targets.systems_under_test import (
    FIELDS,
    SystemUnderTest,
    batch_for,
    changed,
    insert,
    update,
    values_of,
)

pytestmark = pytest.mark.postgres


def a_system(kind: str) -> System:
    return System.model_validate(
        {"name": "erp", "kind": kind, "time_zone": "UTC", "rows_per_s": 1, "chunk_rows": 1}
        | {"nightly": "01:00-02:00", "change_window": "Sun 01:00-02:00"}
    )


def test_the_suite_holds_every_kind_of_system_and_every_adapter() -> None:
    declared = get_args(System.model_fields["kind"].annotation)
    assert sorted(KINDS) == sorted(declared)
    modules = [
        importlib.import_module(f"{targets.__name__}.{found.name}") for found in pkgutil.iter_modules(targets.__path__)
    ]
    written = {
        thing
        for module in modules
        for thing in vars(module).values()
        if isinstance(thing, type) and thing is not Target and {"write", "cancel", "unknown"} <= set(dir(thing))
    }
    addresses = {"postgres": "postgresql://localhost/none", "http": "http://localhost/none"}
    opened = [open_target(a_system(kind), addresses[kind]) for kind in KINDS]
    assert {type(target) for target in opened} == written
    for target in opened:
        target.close()


def test_a_batch_without_rows_is_known_afterwards(system: SystemUnderTest, target: Target) -> None:
    batch = batch_for(system)
    assert target.write(batch) == Written()
    assert target.unknown([batch.token]) == set()


def test_a_token_that_is_known_writes_nothing_and_gives_its_outcome(system: SystemUnderTest, target: Target) -> None:
    system.put("a", qty=1, note="x")
    batch = batch_for(system, update("a", qty=(1, 2), note=("else", "y")), insert("b", note=" z "))
    first = target.write(batch)
    system.put("a", qty=1)
    before = system.rows()
    again = system.target()
    assert first.left_out
    assert again.write(batch) == first == target.cancel(batch.token)
    assert system.rows() == before
    again.close()


def test_a_batch_is_written_after_a_cancel_of_another_and_never_after_its_own(
    system: SystemUnderTest, target: Target
) -> None:
    system.put("a", qty=1)
    batch = batch_for(system, update("a", qty=(1, 2)))
    assert target.cancel(batch.token) is None
    assert target.cancel(batch.token) is None
    with pytest.raises(UnreachableError, match="was cancelled"):
        target.write(batch)
    assert values_of(system, "a")["qty"] == 1
    assert target.write(replace(batch, token=str(uuid4()))) == Written()


def test_after_its_deadline_nothing_is_written_and_nothing_is_known(system: SystemUnderTest, target: Target) -> None:
    system.put("a", qty=1)
    batch = batch_for(system, update("a", qty=(1, 2)), seconds=-1)
    with pytest.raises(UnreachableError, match="deadline"):
        target.write(batch)
    assert values_of(system, "a")["qty"] == 1
    assert target.cancel(batch.token) is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"qty": (1, -1)}, "qty_is_not_negative"),
        ({"note": ("x", "forbidden")}, "notes may not be forbidden"),
        ({"note": ("x", "a\x00b")}, "NUL"),
        ({"note": ("x", "a\ud800b")}, "surrogate"),
    ],
)
def test_what_a_rule_refuses_is_told_in_one_line_without_values_and_nothing_is_written(
    system: SystemUnderTest, target: Target, change: dict[str, tuple[Value, Value]], told: str
) -> None:
    system.put("a", qty=1, note="x")
    batch = batch_for(system, changed("a", change))
    with pytest.raises(RecordRefusedError, match=told) as refused:
        target.write(batch)
    assert "\n" not in str(refused.value)
    assert "and more" not in str(refused.value)
    assert (values_of(system, "a")["qty"], values_of(system, "a")["note"]) == (1, "x")
    assert target.cancel(batch.token) is None
    assert target.write(batch_for(system, update("a", qty=(1, 2)))) == Written()


def test_tokens_that_the_system_forgot_are_told(system: SystemUnderTest, target: Target) -> None:
    system.put("a", qty=1)
    first, second, cancelled = (
        batch_for(system, update("a", qty=(1, 2))),
        batch_for(system, update("a", qty=(2, 3))),
        str(uuid4()),
    )
    target.write(first)
    saved = system.saved()
    target.write(second)
    target.cancel(cancelled)
    tokens = [first.token, second.token]
    assert target.unknown([]) == target.unknown(tokens) == set()
    assert target.unknown([*tokens, cancelled]) == {cancelled}
    system.restore(saved)
    assert target.unknown(tokens) == {second.token}
    assert values_of(system, "a")["qty"] == 2


def test_a_table_as_declared_has_no_faults(system: SystemUnderTest, target: Target) -> None:
    assert target.check(system.table, FIELDS) == []


def test_each_thing_that_is_not_as_declared_is_a_sentence(system: SystemUnderTest, target: Target) -> None:
    columns = [replace(column, kind="text") if column.name == "qty" else column for column in system.table.columns]
    other = replace(system.table, columns=(*columns, RecordColumn("colour", "text", "Colour")))
    place = other.full_name
    types = {"text", "integer", "bigint"}
    missing, wrong = sorted(target.check(other, ("qty", "colour")), key=len)
    assert missing == f"{place} has no column colour."
    assert wrong.startswith(f"{place}.qty is ")
    assert types.issuperset({wrong.split()[2].rstrip(","), wrong.split()[3]})
    assert target.check(replace(other, name="nothing"), ("qty",)) == [f"There is no table {other.system}.nothing."]


def test_closing_again_is_nothing(target: Target) -> None:
    target.close()
    target.close()
