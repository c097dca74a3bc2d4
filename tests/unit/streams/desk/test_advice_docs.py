"""docs/insights.md says what the rules do: its examples and figures are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from streams.desk import advice, advice_body, advice_history, advice_plan, advice_runner, advice_washer
from streams.desk.advice_finding import COOLDOWN_DAYS, PRIORITY, Finding
from streams.desk.advice_texts import Reader, title_and_text
from tests.unit.streams.desk.advice_cases import findings

PAGE = (Path(__file__).parents[4] / "docs" / "insights.md").read_text()
READERS = (
    Reader("en", "GB", "Europe/London"),
    Reader("de", "DE", "Europe/Berlin"),
    Reader("sv", "SE", "Europe/Stockholm"),
    Reader("en", "US", "America/New_York"),
)
AMERICAN = ("pace_advice", "load_too_small")
"""Where the units of the United States can be seen."""


def example(message: str, finding: Finding) -> str:
    """An example as the page shows it."""
    lines = [f"### {message}", f"Why: {finding.reason}", ""]
    for reader in READERS:
        if reader.country == "US" and message not in AMERICAN:
            continue
        title, text = (re.sub(r"\s", " ", part) for part in title_and_text(finding, reader))
        lines.append(f"- {reader.language}-{reader.country}: **{title}.** {text}")
    return "\n".join(lines)


@pytest.mark.parametrize("message", findings())
def test_the_examples_are_what_people_read(message: str) -> None:
    assert example(message, findings()[message]) in PAGE


@pytest.mark.parametrize("kind", PRIORITY)
def test_each_rule_is_there_with_its_rank_and_its_cool_down(kind: str) -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| {PRIORITY.index(kind) + 1} | `{kind}` |"))
    assert row.endswith(f"| {COOLDOWN_DAYS[kind]} |")  # type: ignore[index]


@pytest.mark.parametrize(
    "module",
    [advice, advice_body, advice_history, advice_plan, advice_runner, advice_washer],
    ids=lambda own: own.__name__,
)
def test_the_thresholds_are_those_of_the_code(module: object) -> None:
    names = set(re.findall(r"`(\w+) = ([\d.]+)`", PAGE))
    for name, value in names:
        if hasattr(module, name):
            assert float(value) == float(getattr(module, name)), name


def test_every_threshold_of_the_page_is_somewhere_in_the_code() -> None:
    modules = (advice, advice_body, advice_history, advice_plan, advice_runner, advice_washer)
    for name, _ in re.findall(r"`([A-Z]\w+) = ([\d.]+)`", PAGE):
        assert any(hasattr(module, name) for module in modules), name
