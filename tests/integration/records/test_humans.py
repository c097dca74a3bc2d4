"""Made-up people edit record systems: what they say they did is what was done, and the same each time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from producers.fleet import FIRST_DAY_MS, fleet
from schemas.errors import UsageError
from schemas.records import BY_NAME, SYSTEMS, TABLES
from sinks.records import humans, seeding
from sinks.records.human_hands import OWN_FIELDS
from sinks.records.values import json_text, key_text
from tests.integration.records.relaying import query

pytestmark = pytest.mark.postgres

FED = {
    "erp.monthly_sales": ("activated_qty", "label_deviation_pct"),
    "erp.spare_parts_demand": ("forecast_qty",),
    "crm.customer": ("engagement", "last_used_at"),
    "service.case": ("title", "opened_at"),
}


@pytest.fixture
def seeded(fresh_database: Callable[[], str]) -> Callable[[], str]:
    living = fleet(11, 30, 30, FIRST_DAY_MS, 14)

    def make() -> str:
        dsn = fresh_database()
        seeding.seed(dsn, living.devices, living.events)
        return dsn

    return make


def made(dsn: str, count: int, seed: int, systems: tuple[str, ...] = SYSTEMS) -> list[humans.Edit]:
    return list(humans.edits(dsn, humans.editable(systems, FED), count, seed))


def held(dsn: str) -> dict[tuple[str, str, str], str]:
    """Every value of every record system, by table, key and field."""
    values: dict[tuple[str, str, str], str] = {}
    for table in TABLES:
        for row in query(dsn, f"SELECT * FROM {table.full_name}"):
            key = key_text(table.key, tuple(row[name] for name in table.key))
            values |= {(table.full_name, key, name): json_text(row[name]) for name in table.column_names}
    return values


def test_each_edit_told_is_stored_and_nothing_else_is_changed(seeded: Callable[[], str]) -> None:
    dsn = seeded()
    values = held(dsn)
    told = made(dsn, 200, 3)
    for edit in told:
        place = (edit.table, edit.key, edit.field)
        assert values[place] == edit.before != edit.after
        values[place] = edit.after
    after = held(dsn)
    for place in after:
        if place[0] == "crm.customer" and place[2] == "changed_at":
            values[place] = after[place]
    assert after == values


def test_people_edit_fed_fields_and_their_own_in_all_systems_named(seeded: Callable[[], str]) -> None:
    told = made(seeded(), 300, 4)
    fields = {(edit.table, edit.field) for edit in told}
    assert {(table, name) for own in (FED, OWN_FIELDS) for table, names in own.items() for name in names} == fields
    assert not any(edit.is_refused for edit in told)


def test_the_same_seed_makes_the_same_edits_and_another_seed_others(seeded: Callable[[], str]) -> None:
    one, other, third = seeded(), seeded(), seeded()
    assert made(one, 60, 5) == made(other, 60, 5) != made(third, 60, 6)


def test_only_the_systems_named_are_edited(seeded: Callable[[], str]) -> None:
    dsn = seeded()
    assert {edit.table.partition(".")[0] for edit in made(dsn, 30, 7, ("service",))} == {"service"}


def test_a_forecast_that_erp_rounds_is_told_as_it_is_stored(seeded: Callable[[], str]) -> None:
    dsn = seeded()
    fields = [
        field
        for field in humans.editable(("erp",), FED)
        if (field.table.full_name, field.column.name) == ("erp.spare_parts_demand", "forecast_qty")
    ]
    told = list(humans.edits(dsn, fields, 80, 8))
    pack = {row["part"]: row["pack_qty"] for row in query(dsn, "SELECT part, pack_qty FROM erp.spare_part")}
    assert all(
        json.loads(edit.after) is None or json.loads(edit.after) % pack[json.loads(edit.key)["part"]] == 0
        for edit in told
    )


def test_what_a_rule_refuses_is_told_as_refused_and_not_stored(seeded: Callable[[], str]) -> None:
    dsn = seeded()
    with psycopg.connect(dsn) as connection:
        connection.execute("ALTER TABLE service.part ADD CHECK (stock_qty < 0) NOT VALID")
    fields = [field for field in humans.editable(("service",), {}) if field.table.full_name == "service.part"]
    before = held(dsn)
    told = list(humans.edits(dsn, fields, 2, 9))
    assert [edit.is_refused for edit in told] == [True, True]
    assert held(dsn) == before


def test_empty_record_systems_are_told_of(fresh_database: Callable[[], str]) -> None:
    dsn = fresh_database()
    seeding.set_up(dsn)
    with pytest.raises(UsageError, match="vaxel seed"):
        made(dsn, 1, 1)


@contextmanager
def reached(dsn: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for variable in ("VAXEL_KAFKA", "VAXEL_LAKE_CATALOG", "VAXEL_LAKE_FILES"):
        monkeypatch.setenv(variable, "nowhere")
    monkeypatch.setenv("VAXEL_RECORDS", dsn)
    yield


def command(*words: str) -> int:
    from vaxel.__main__ import run

    return run(["humans", *words])


def test_the_command_tells_each_edit_and_keeps_it_in_a_file(
    seeded: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    log = tmp_path / "edits.jsonl"
    with reached(seeded(), monkeypatch):
        assert command("--edits", "5", "--system", "crm", "--log", str(log), "--json") == 0
        assert command("--edits", "3", "--system", "crm", "--log", str(log), "--seed", "2") == 0
    printed = capsys.readouterr().out.splitlines()
    kept: list[dict[str, Any]] = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    assert [json.loads(line) for line in printed[:5]] == kept[:5]
    assert len(printed) == len(kept) == 8
    assert all(kept[5 + number]["field"] in line for number, line in enumerate(printed[5:]))
    assert set(kept[0]) == {"table", "key", "field", "before", "after", "is_refused"}
    assert all(edit["table"].startswith("crm.") and edit["table"] in BY_NAME for edit in kept)


def test_the_command_knows_only_record_systems(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with reached("postgresql://nobody@127.0.0.1:1/none", monkeypatch):
        assert command("--system", "hr") == 2
    assert capsys.readouterr().err.startswith("vaxel: There is no record system hr; systems are erp, crm, service")
