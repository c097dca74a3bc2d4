"""Puts queries and their answers into the guide for analysts: one source each, and a test holds the guide against it.

A question's place is between `<!-- question: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sinks.lake.answers import table_lines

DOCS = Path(__file__).parents[3] / "docs"
GUIDE = DOCS / "analyst.md"
QUESTIONS = {file.stem: file for file in sorted((DOCS / "questions").glob("*.sql"))}
NOTEBOOK = DOCS / "lake.ipynb"
SHOWN_ROWS = 12

_FLEET = ("--seed", "277", "--washers", "24", "--shoes", "24")
_FALLEN_SILENT = ("--seed", "278", "--washers", "4", "--shoes", "4", "--days", "20")
MAKES_FLEET: tuple[tuple[str, ...], ...] = (
    ("seed", *_FLEET, "--days", "35"),
    ("seed", *_FALLEN_SILENT),
    ("relay", "--until-idle"),
    ("simulate", *_FLEET, "--days", "20"),
    ("simulate", *_FALLEN_SILENT),
    ("run", "--until-idle"),
    ("simulate", *_FLEET, "--start", "2026-05-24", "--days", "15"),
    ("run", "--until-idle"),
)
"""Calls of `vaxel` after which a fresh stack has the fleet of the guide."""

ONCE = "import duckdb" + GUIDE.read_text().split("  import duckdb")[1].split("```")[0].replace("\n  ", "\n")
"""What the guide asks for once, where there is no internet."""

_PLACE = re.compile(r"<!-- question: (\w+) -->\n(.*?)<!-- end -->", re.DOTALL)
_SQL = re.compile(r"```sql\n(.*?)```", re.DOTALL)


def shown_queries(guide: str) -> Iterator[tuple[str, str]]:
    """Each question in the guide, in its order, and the SQL that is shown for it."""
    for place in _PLACE.finditer(guide):
        for shown in _SQL.findall(place[2]):
            yield place[1], shown


def shown_fleet(guide: str) -> list[str]:
    """The commands that the guide says make its fleet."""
    block = re.search(r"<!-- fleet:.*?-->\n```console\n(.*?)```", guide, re.DOTALL)
    assert block is not None, "the guide says how its fleet is made"
    return [line.removeprefix("$ ") for line in block[1].splitlines()]


def answer_text(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """An answer as the guide shows it."""
    return "".join(f"{line.rstrip()}\n" for line in table_lines(names, rows, SHOWN_ROWS))


def filled(guide: str, queries: Mapping[str, str], answers: Mapping[str, str]) -> str:
    """The guide with these queries and answers at their places."""
    return _PLACE.sub(
        lambda place: (
            f"<!-- question: {place[1]} -->\n```sql\n{queries[place[1]]}```\n```\n{answers[place[1]]}```\n<!-- end -->"
        ),
        guide,
    )
