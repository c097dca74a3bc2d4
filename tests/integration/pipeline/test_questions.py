"""What the lake answers to each question of the guide is what really happened to the fleet, number by number."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import nbclient
import nbformat
import pytest

from sinks.lake.connection import catalogue_parts, open_reader
from tests.integration.pipeline import true_answers, true_arrivals
from tests.integration.pipeline.guide import GUIDE, MAKES_FLEET, NOTEBOOK, ONCE, QUESTIONS, answer_text, filled
from tests.integration.pipeline.mistakes import MISTAKES
from tests.integration.pipeline.terminal import Terminal, running_stack
from tests.integration.pipeline.true_answers import Answer
from tests.integration.pipeline.true_fleet import TrueFleet
from vaxel.settings import addresses

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

WRITE = "VAXEL_WRITE_GUIDE"
"""Set to 1, the guide is written anew instead of being compared."""

DIGITS = {
    ("completeness", "usage_missing_pct"): 2,
    ("energy_and_water", "water_m3"): 2,
    ("energy_and_water", "wh_per_cycle"): 0,
    ("failed_uploads", "share_pct"): 2,
    ("late_uploads", "overtaken_pct"): 2,
    ("wear_by_kilometre", "asymmetry_pct"): 2,
    ("wear_by_kilometre", "pace_s_per_km"): 0,
    ("advice_and_after", "wh_per_cycle_before"): 0,
    ("advice_and_after", "wh_per_cycle_after"): 0,
}
"""Decimals that a query rounds to, where not to one."""

Found = tuple[list[str], list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """Five weeks of two fleets, usual faults included, in a stack of their own: the guide shows nobody else's rows.

    Their last days come when all else is in the lake, so that there are newer versions of what was told before.
    """
    with running_stack(tmp_path_factory.mktemp("lived")) as terminal:
        for call in MAKES_FLEET:
            terminal.does(*call)
        yield terminal


@pytest.fixture(scope="module")
def truth(lived: Terminal) -> TrueFleet:
    return TrueFleet(addresses({}, lived.data_dir), lived.data_dir)


@pytest.fixture(scope="module")
def lake(lived: Terminal) -> Iterator[duckdb.DuckDBPyConnection]:
    found = addresses({}, lived.data_dir)
    with closing(open_reader(found.catalog, found.lake_files)) as lake:
        yield lake


def answered(lake: duckdb.DuckDBPyConnection, query: str) -> Found:
    """Names of the columns, and rows."""
    rows = lake.execute(query).fetchall()
    return [str(column[0]) for column in lake.description or ()], rows


def wrongs(question: str, answer: Found, truth: TrueFleet) -> list[str]:
    """What is wrong with an answer; empty when it is what really happened."""
    names, found = answer
    expected = true_answer(question, truth)
    assert expected
    if len(found) != len(expected):
        return [f"{len(found)} rows, truly {len(expected)}"]
    return [line for row, true in zip(found, expected, strict=True) for line in unlike(question, names, row, true)]


@cache
def true_answer(question: str, truth: TrueFleet) -> Answer:
    module = true_answers if hasattr(true_answers, question) else true_arrivals
    answer: Callable[[TrueFleet], Answer] = getattr(module, question)
    return answer(truth)


def unlike(question: str, names: Sequence[str], found: Sequence[Any], expected: Sequence[Any]) -> list[str]:
    """The columns in which two rows differ by more than rounding explains."""
    return [
        f"{name}: {value!r}, truly {true!r}"
        for name, value, true in zip(names, found, expected, strict=True)
        if not _is_rounded(value, true, DIGITS.get((question, name), 1))
    ]


def _is_rounded(value: Any, true: Any, digits: int) -> bool:
    if not isinstance(value, float) or not isinstance(true, int | float):
        return bool(value == true)
    # Sums of floats differ in their last digits, and each reading is kept to a microwatt-hour or a millimetre.
    return bool(abs(value - true) <= 0.501 * 10**-digits)


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_answer_is_what_really_happened(question: str, lake: duckdb.DuckDBPyConnection, truth: TrueFleet) -> None:
    assert wrongs(question, answered(lake, QUESTIONS[question].read_text()), truth) == []


def test_the_guide_shows_the_queries_and_what_the_lake_answers(lake: duckdb.DuckDBPyConnection) -> None:
    queries = {name: file.read_text() for name, file in QUESTIONS.items()}
    answers = {name: answer_text(*answered(lake, query)) for name, query in queries.items()}
    guide = GUIDE.read_text()
    wanted = filled(guide, queries, answers)
    if os.environ.get(WRITE) == "1":
        GUIDE.write_text(wanted)
    else:
        assert guide == wanted, f"write it anew: {WRITE}=1 pytest {__file__}"


@pytest.mark.parametrize(("question", "right", "wrong"), [(name, *own) for name in MISTAKES for own in MISTAKES[name]])
def test_a_mistake_in_a_query_is_found(
    question: str, right: str, wrong: str, lake: duckdb.DuckDBPyConnection, truth: TrueFleet
) -> None:
    query = QUESTIONS[question].read_text()
    assert right in query
    assert wrongs(question, answered(lake, query.replace(right, wrong)), truth) != []


@pytest.mark.parametrize("question", QUESTIONS)
def test_sessions_under_way_and_devices_that_nobody_made_move_no_answer(
    question: str, lived: Terminal, lake: duckdb.DuckDBPyConnection
) -> None:
    found = addresses({}, lived.data_dir)
    query = QUESTIONS[question].read_text()
    with closing(open_reader(found.catalog, found.lake_files)) as with_more:
        for view, more in MORE.items():
            with_more.execute(f"create temp view {view} as from lake.{view} union all {more}")
        assert answered(with_more, query) == answered(lake, query)


def test_a_question_that_names_days_reads_only_their_files(lake: duckdb.DuckDBPyConnection) -> None:
    query = QUESTIONS["load_by_hour"].read_text()
    days = "measured_at >= '2026-05-04' and measured_at < '2026-06-08'"
    assert days in query
    one_day = query.replace(days, "measured_at >= '2026-05-10' and measured_at < '2026-05-11'")
    assert 0 < files_read(lake, one_day) < files_read(lake, query) / 10
    for same in (
        "measured_at >= timestamp '2026-05-10' and measured_at < timestamp '2026-05-11'",
        "measured_at::date = '2026-05-10'",
        "date_trunc('day', measured_at) = '2026-05-10'",
    ):
        assert files_read(lake, query.replace(days, same)) == files_read(lake, one_day), same


def files_read(lake: duckdb.DuckDBPyConnection, query: str) -> int:
    """Parquet files that the answer took."""
    (plan,) = lake.execute(f"explain analyze {query}").fetchall()
    return sum(map(int, re.findall(r"Total Files Read: (\d+)", plan[1])))


MORE = {
    "wash_cycles": """select * replace (session_id || '-' as session_id, 'open' as status, 9 * energy_wh as energy_wh,
                        999.0 as label_energy_deviation_pct, started_at - interval 1 hour as started_at)
                      from lake.wash_cycles""",
    "runs": """select * replace (session_id || '-' as session_id, 'open' as status, 9 * distance_m as distance_m)
               from lake.runs""",
    "usage": """select * replace (session_id || '-' as session_id, 'unknown_device' as status,
                  'x-' || device_id as device_id, null as subject, null as country, null as time_zone,
                  null as local_day, null as contract_no, null as contract_kind,
                  ended_at + interval 30 days as ended_at)
                from lake.usage""",
    "completeness": """select * replace ('x-' || device_id as device_id, 'gap' as verdict) from lake.completeness""",
}
"""Rows of sessions that are not over, and of devices that no record system knows."""


def test_the_notebook_runs_and_shows_the_same_answers(
    lived: Terminal, lake: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, password = catalogue_parts(addresses({}, lived.data_dir).catalog)
    for name, value in {"HOME": str(tmp_path), "VAXEL_LAKE_ADDRESS": address, "PGPASSWORD": password}.items():
        monkeypatch.setenv(name, value)
    subprocess.run([sys.executable, "-I", "-c", ONCE], check=True)
    notebook = nbformat.reads(NOTEBOOK.read_text(), as_version=4)  # type: ignore[no-untyped-call]
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()
    shown = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    for question in ("completeness", "energy_and_water"):
        names, rows = answered(lake, QUESTIONS[question].read_text())
        missing = [value for row in [names, *rows] for value in row if str(value) not in shown]
        assert missing == []
    assert shown.count("█") > 5


def test_the_notebook_is_kept_without_outputs() -> None:
    cells = [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]
    assert len(cells) > 3
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)


def test_there_is_something_to_be_got_wrong(truth: TrueFleet, lake: duckdb.DuckDBPyConnection) -> None:
    """Without these cases a query that forgets them would still be right."""
    used = {use.device_id for use in truth.uses}
    kinds = {(name[:2], event["kind"]) for name, events in truth.events.items() if name in used for event in events}
    assert {
        (name, kind) for name in ("wm", "sh") for kind in ("resold", "board_swapped", "firmware_installed")
    } <= kinds
    answer = lake.sql("select (select count(*) from completeness_versions) > (select count(*) from completeness)")
    assert answer.fetchone() == (True,)
    assert {use.is_whole for use in truth.uses} == {True, False}
    assert any(not use.is_whole for use in truth.uses if use.product == "washer")
    assert any(use.local_day != true_answers.utc_day(use.started_ms) for use in truth.uses)
    runners = true_answers.active_runners(truth)
    told = [use for use in truth.uses if use.product == "shoe" and use.amount > 0]
    assert sum(row[2] for row in runners) < len(told)
