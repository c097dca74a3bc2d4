"""`vaxel verify` finds what is wrong: each test spoils one thing of a sound pipeline's outcome, and undoes it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.truth import RECORDS_FILE, SESSIONS_FILE, TRUTH_FOLDER, UPLOADS_FILE
from sinks.lake.connection import open_writer
from tests.integration.pipeline.carrying import carry
from tests.integration.pipeline.terminal import Terminal, faults
from vaxel.opening import opener
from vaxel.sent import Sent, sent_places
from vaxel.settings import VARIABLES, Addresses, addresses
from vaxel.verification import check, load_truth

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

Wrong = dict[str, int]

ONE_UPLOAD = "(device_id, seq) = (select max((device_id, seq)) from readings_washer)"
ONE_READING = "(device_id, measured_at) = (select max((device_id, measured_at)) from readings_shoe)"
ONE_FAILED = """(topic, partition, "offset") =
  (select min((topic, partition, "offset")) from failed_events where reason = 'not_json')"""
ONE_CYCLE = "(device_id, started_at) = (select max((device_id, started_at)) from wash_cycles)"


@pytest.fixture(scope="module")
def lake(sound: Terminal) -> Iterator[duckdb.DuckDBPyConnection]:
    found = addresses({}, sound.data_dir)
    with closing(open_writer(found.catalog, found.lake_files)) as lake:
        yield lake


@pytest.fixture(scope="module")
def sent(sound: Terminal) -> Sent:
    return sent_places(addresses({}, sound.data_dir).kafka)


@pytest.fixture
def truth(sound: Terminal, tmp_path: Path) -> Path:
    """A data directory with a copy of the truth."""
    shutil.copytree(sound.data_dir / TRUTH_FOLDER, tmp_path / TRUTH_FOLDER)
    return tmp_path


@pytest.fixture
def wrong(sound: Terminal, lake: duckdb.DuckDBPyConnection, sent: Sent, truth: Path) -> Callable[..., Wrong]:
    """`wrong("delete ...")`: how many cases of each kind are found in the lake after the statement."""

    def wrong(*statements: str) -> Wrong:
        lake.begin()
        try:
            for statement in statements:
                assert lake.execute(statement).fetchall() != [(0,)], f"touched nothing: {statement}"
            load_truth(lake, truth, sent, opener({}, sound.data_dir))
            return {kind: len(cases) for kind, cases in check(lake).items() if cases}
        finally:
            lake.rollback()

    return wrong


SPOILED = {
    "nothing": ("select 1", {}),
    "no receipt": (
        f"delete from uploads where outcome = 'accepted' and {ONE_UPLOAD}",
        # No outcome: one upload, told once; readings of no upload; and a session that has them.
        {"lost": 1, "twice": 1, "sessions_wrong": 1},
    ),
    "no readings": (f"delete from readings_washer where {ONE_UPLOAD}", {"lost": 1, "sums_wrong": 1}),
    "a reading less": (f"delete from readings_shoe where {ONE_READING}", {"lost": 1, "sums_wrong": 1}),
    "no failed event": (f"delete from failed_events where {ONE_FAILED}", {"lost": 1}),
    "readings twice": (
        f"insert into readings_washer select * from readings_washer where {ONE_UPLOAD}",
        {"twice": 1, "sums_wrong": 1},
    ),
    "readings of no upload": (
        f"insert into readings_shoe select * replace (seq + 1000000 as seq) from readings_shoe where {ONE_READING}",
        {"twice": 1, "sums_wrong": 1},
    ),
    "a receipt twice": (
        f"insert into uploads select * from uploads where outcome = 'accepted' and {ONE_UPLOAD}",
        {"twice": 2},  # two outcomes, accepted twice
    ),
    "accepted and refused": (
        f"""insert into failed_events by name select topic, partition, "offset", device_id, 'late' as reason
            from uploads where outcome = 'accepted' and {ONE_UPLOAD}""",
        {"twice": 1},
    ),
    "an outcome of nothing": (
        f"""insert into failed_events by name select * replace (1000000 as "offset") from failed_events
            where {ONE_FAILED}""",
        {"misjudged": 1},
    ),
    "another energy": (
        f"update wash_cycle_versions set energy_wh = energy_wh + 0.01 where {ONE_CYCLE}",
        {"sessions_wrong": 1, "sums_wrong": 1},
    ),
    "another end": (
        f"update wash_cycle_versions set ended_at = ended_at + interval 1 second where {ONE_CYCLE}",
        {"sessions_wrong": 1},
    ),
    "no session": (f"delete from wash_cycle_versions where {ONE_CYCLE}", {"sessions_wrong": 1}),
    "a session invented": (
        f"""insert into wash_cycle_versions
            select * replace ('another' as session_id, started_at - interval 1 hour as started_at)
            from wash_cycle_versions where {ONE_CYCLE}""",
        {"sessions_wrong": 1, "sums_wrong": 1},
    ),
    "a version twice": (
        f"insert into wash_cycle_versions select * from wash_cycle_versions where {ONE_CYCLE}",
        {"twice": 1},
    ),
    "other bytes": (f"update failed_events set original = 'x'::blob where {ONE_FAILED}", {"misjudged": 1}),
    "another power": (
        f"update readings_washer set energy_wh = energy_wh + 1 where {ONE_UPLOAD}",
        {"misjudged": 1, "sums_wrong": 2},  # not what was sent; neither power times span nor its session's
    ),
}


@pytest.mark.parametrize(("statement", "expected"), SPOILED.values(), ids=SPOILED)
def test_what_is_spoiled_in_the_lake_is_found(wrong: Callable[..., Wrong], statement: str, expected: Wrong) -> None:
    assert wrong(statement) == expected


def forget(data_dir: Path, name: str, is_it: Callable[[dict[str, Any]], bool]) -> None:
    """Remove the first such row from a file of the truth."""
    (file,) = (data_dir / TRUTH_FOLDER).glob(f"*/{name}")
    table = pq.read_table(file)
    row = next(number for number, found in enumerate(table.to_pylist()) if is_it(found))
    pq.write_table(pa.concat_tables([table.slice(0, row), table.slice(row + 1)]), file)


def test_an_upload_that_the_truth_does_not_tell_is_found(wrong: Callable[..., Wrong], truth: Path) -> None:
    forget(truth, RECORDS_FILE, lambda row: row["fault"] is None)
    assert wrong() == {"misjudged": 1}


def test_an_upload_of_a_session_that_the_truth_does_not_tell_is_found(wrong: Callable[..., Wrong], truth: Path) -> None:
    forget(truth, UPLOADS_FILE, lambda row: row["reading_count"] > 0 and not row["is_lost"] and not row["ends_session"])
    assert wrong() == {"sessions_wrong": 1}


def test_a_session_that_the_truth_does_not_tell_is_found(wrong: Callable[..., Wrong], truth: Path) -> None:
    forget(truth, SESSIONS_FILE, lambda _: True)
    assert wrong() == {"sessions_wrong": 1}


@pytest.fixture
def copy(sound: Terminal, truth: Path) -> Iterator[tuple[Terminal, Addresses]]:
    """Copies of catalogue, record systems and truth; the lake's files are shared, since nothing ever changes them."""
    found = addresses({}, sound.data_dir)
    copies = {}
    with psycopg.connect(found.records.rpartition("/")[0] + "/postgres", autocommit=True) as server:
        try:
            for name in ("catalog", "records"):
                before, _, original = getattr(found, name).rpartition("/")
                copies[name] = f"{before}/it-{uuid4().hex}"
                copied = copies[name].rpartition("/")[2]
                server.execute(
                    f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{original}'".encode()
                )
                server.execute(f'create database "{copied}" template "{original}"'.encode())
            there = replace(found, **copies)
            variables = {variable: getattr(there, name) for name, variable in VARIABLES.items()}
            variables |= {"VAXEL_DATA_DIR": ".", "VAXEL_KEYS": str(sound.data_dir / "keys")}
            yield Terminal(truth, variables), there
        finally:
            for address in copies.values():
                server.execute(f'drop database if exists "{address.rpartition("/")[2]}" with (force)'.encode())


def test_verify_tells_what_is_wrong_and_ends_with_1(copy: tuple[Terminal, Addresses]) -> None:
    terminal, found = copy
    assert terminal.types("verify").code == 0
    with closing(open_writer(found.catalog, found.lake_files)) as lake:
        lake.execute(f"delete from readings_washer where {ONE_UPLOAD}")
        lake.execute("update wash_cycle_versions set energy_wh = 2 * energy_wh")
    carry(terminal)
    edited_before = terminal.verifies()["record_fields_edited"]
    with psycopg.connect(found.records) as connection:
        connection.execute(
            """update erp.monthly_sales set activated_qty = activated_qty + 1 where (material, month) =
               (select material, month from erp.monthly_sales where activated_qty > 0 order by 1, 2 limit 1)"""
        )
        connection.execute(
            """update billing.invoice_line set amount = amount + 1
               where line_no = (select min(line_no) from billing.invoice_line where component = 'usage')"""
        )
    verdict = terminal.verifies()
    wrong = faults(verdict)
    assert wrong.keys() == {"lost", "sessions_wrong", "sums_wrong", "record_rows_wrong", "usage_wrong"}
    assert wrong["lost"] == 1
    assert wrong["sessions_wrong"] > 5
    assert any("usage_per_session is " in case for case in verdict["examples"]["record_rows_wrong"])
    # What a person set is told, and is not wrong; but an invoice comes to what its use costs.
    assert verdict["record_fields_edited"] == edited_before + 2
    assert sum("is billed" in case for case in verdict["examples"]["record_rows_wrong"]) == 1
    said = terminal.types("verify")
    assert said.code == 1
    assert "readings missing: " in said.out
    assert said.out.splitlines()[-1].startswith("verdict: NOT CLEAN; ")


def test_after_a_simulation_was_killed_verify_says_what_it_cannot_compare(copy: tuple[Terminal, Addresses]) -> None:
    terminal, _ = copy
    (records,) = (terminal.folder / TRUTH_FOLDER).glob(f"*/{RECORDS_FILE}")
    records.rename(f"{records}.part")
    said = terminal.types("verify")
    assert said.code == 0, said
    assert f"they may be of a run that was killed or is under way: {records.parent.name}" in said.out
    assert "record rows were not held against the truth: no truth tells all that" in said.out
    verdict = terminal.verifies()
    assert verdict["untold"] == verdict["accepted"]
    assert verdict["killed_runs"] == [records.parent.name]
    assert verdict["record_rows_checked"] == 0
    assert verdict["records_skipped"]
