"""The guide for analysts shows the queries that the tests run, and queries do what they say where no fleet shows it."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from tests.integration.pipeline.guide import DOCS, GUIDE, MAKES_FLEET, QUESTIONS, shown_fleet, shown_queries
from vaxel.commands.lake_attach import python_text, sql_text, statements

README = DOCS.parent / "README.md"


def test_each_question_is_in_the_guide_once_as_it_is_run() -> None:
    shown = list(shown_queries(GUIDE.read_text()))
    assert Counter(name for name, _ in shown) == Counter(QUESTIONS.keys())
    assert len(shown) >= 15
    assert dict(shown) == {name: file.read_text() for name, file in QUESTIONS.items()}


@pytest.mark.parametrize("page", [README, *sorted(DOCS.glob("*.md"))], ids=lambda page: page.name)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    assert lost_links(page.parent, page.read_text()) == []


def test_a_link_that_leads_nowhere_is_found() -> None:
    told = "[a](questions) [b](nowhere.md) [c](https://x.y) [d](backfill.md#rule-files) [e](#what) [f](alerts.md#no)"
    assert lost_links(DOCS, told) == ["nowhere.md", "#what", "alerts.md#no"]


def lost_links(folder: Path, text: str) -> list[str]:
    """Relative links of a page in that folder to no file, or to no heading of a page."""
    return [
        link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link and not leads(folder, text, link)
    ]


def leads(folder: Path, text: str, link: str) -> bool:
    path, _, heading = link.partition("#")
    if not (folder / path).exists():
        return False
    there = text if not path else (folder / path).read_text() if heading else ""
    names = [re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in re.findall(r"^#+ (.*)$", there, re.M)]
    return not heading or heading in names


def test_the_guide_says_which_commands_make_its_fleet() -> None:
    made = [command for command in shown_fleet(GUIDE.read_text()) if not command.startswith(("export", "vaxel up"))]
    assert made == [f"vaxel {' '.join(words)}" for words in MAKES_FLEET]


def test_the_two_lines_of_the_guide_are_what_the_command_prints() -> None:
    told = statements("host=pg.example dbname=lake_catalog user=analyst", "geheim", None, with_password=False)
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
