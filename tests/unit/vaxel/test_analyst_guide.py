"""The guide for analysts shows the queries that the tests run, and queries do what they say where no fleet shows it."""

from __future__ import annotations

from collections import Counter

import duckdb

from tests.integration.pipeline.guide import DOCS, GUIDE, QUESTIONS, shown_queries
from vaxel.commands.lake_attach import python_text, sql_text, statements


def test_each_question_is_in_the_guide_once_as_it_is_run() -> None:
    shown = list(shown_queries(GUIDE.read_text()))
    assert Counter(name for name, _ in shown) == Counter(QUESTIONS.keys())
    assert len(shown) >= 15
    assert dict(shown) == {name: file.read_text() for name, file in QUESTIONS.items()}


def test_links_of_the_guide_lead_somewhere() -> None:
    text = GUIDE.read_text()
    for name in ("questions", "lake.ipynb"):
        assert f"]({name})" in text
        assert (DOCS / name).exists()


def test_the_two_lines_of_the_guide_are_what_the_command_prints() -> None:
    told = statements(
        "host=lake.example.com port=5432 dbname=lake_catalog user=analyst", "geheim", None, with_password=False
    )
    assert f"```sql\n{sql_text(told, {})}\n```" in GUIDE.read_text()
    assert python_text(told, []).replace("'USE lake'", '"USE lake"') in GUIDE.read_text()


def test_late_uploads_are_those_overtaken_or_a_day_behind_their_last_reading() -> None:
    # Number 2 comes after 3, and 1 two days after its reading; 4 tells of nothing; 9 of w-2 is no neighbour of theirs.
    lake = duckdb.connect()
    lake.execute("create table devices as select 'w-1' as device_id, 'washer' as product, 'WM-1' as material")
    lake.execute(
        """create table uploads as select * from (values
             ('w-1', 1, 10, 'accepted', timestamp '2026-05-03 12:00', timestamp '2026-05-01 12:00'),
             ('w-1', 3, 11, 'accepted', timestamp '2026-05-03 12:00', timestamp '2026-05-03 11:00'),
             ('w-1', 3, 12, 'duplicate', timestamp '2026-05-03 12:00', timestamp '2026-05-01 11:00'),
             ('w-2', 9, 13, 'accepted', timestamp '2026-05-03 12:00', timestamp '2026-05-01 11:00'),
             ('w-1', 2, 14, 'accepted', timestamp '2026-05-04 10:59', timestamp '2026-05-03 11:00'),
             ('w-1', 4, 15, 'accepted', timestamp '2026-05-04 12:00', null)
           ) as t (device_id, seq, "offset", outcome, received_at, last_measured_at)"""
    )
    answer = lake.execute(QUESTIONS["late_uploads"].read_text()).fetchall()
    assert answer == [("washer", "WM-1", 4, 1, 25.0, 1, 33.3)]
