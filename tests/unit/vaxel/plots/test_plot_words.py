"""The list of plots, what each takes, and the page of numbers."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import pytest

from schemas.errors import UsageError
from tests.unit.vaxel.plots.known_lake import KnownLake
from vaxel.__main__ import run
from vaxel.plots import PLOTS
from vaxel.plots.chart import Bars, Chart
from vaxel.plots.page import page
from vaxel.plots.plot import FILTERS


def test_every_plot_has_a_name_of_its_own_and_takes_known_filters() -> None:
    assert len({plot.name for plot in PLOTS}) == len(PLOTS) >= 12
    for plot in PLOTS:
        assert set(plot.filters) <= set(FILTERS)
        assert all(f"${name}" in (plot.chosen or plot.query) for name in plot.filters), plot.name


def test_a_filter_that_a_plot_does_not_know_is_refused_with_those_it_knows() -> None:
    late = next(plot for plot in PLOTS if plot.name == "late")
    with pytest.raises(UsageError, match=r"'late' does not take --country; it takes --material, --since, --until"):
        late.parameters({"country": "DE"})
    assert late.parameters({"country": None}) == {"material": None, "since": None, "until": None}


@pytest.mark.parametrize("name", ["late", "session", "usage"])
def test_instants_are_compared_as_what_they_are_so_that_files_of_other_days_are_not_read(
    lake: KnownLake, name: str
) -> None:
    """A column that is cast to another type is compared row by row: DuckLake then reads every file of the table."""
    plot = next(plot for plot in PLOTS if plot.name == name)
    first, second, third = (datetime(2026, 5, 4 + day, 9) for day in range(3))  # noqa: DTZ001
    for instant in (first, third):
        lake.wash("w-1", instant)
        lake.add("uploads", device_id="w-1", seq=1, outcome="accepted", last_measured_at=instant)
        lake.add("readings_washer", device_id="w-1", seq=1, measured_at=instant, span_ms=1, power_w=1.0, energy_wh=1.0)
    instants = {"since": first, "until": second, "started_at": first, "ended_at": second, "device_id": "w-1"}
    parameters = {word: instants.get(word) for word in re.findall(r"\$(\w+)", plot.query)}
    explained = lake.connection.execute(f"EXPLAIN {plot.query}", parameters).fetchall()[0][1]
    told = "".join(re.findall(r"\w+|[()<>=]", explained.replace("─", "")))
    assert re.search(r"(measured_at|started_at)[<>]=?", told), "the filter is where the table is read"


def test_a_drawn_plot_is_told_in_sentences_that_end_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    charts = {"usage": Chart("Used", "told", []), "completeness": Chart("Arrived?", "told", [])}
    monkeypatch.setattr("vaxel.commands.plot._ask", lambda chosen, *_: charts[chosen.name])
    monkeypatch.setattr("vaxel.commands.plot._write", lambda *_: None)
    monkeypatch.chdir(tmp_path)
    for name in charts:
        assert run(["plot", name]) == 0
    assert capsys.readouterr().out == "usage.png: Used. told\ncompleteness.png: Arrived? told\n"


def test_the_list_names_every_plot(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plot"]) == 0
    told = capsys.readouterr().out
    assert [line.split()[0] for line in told.splitlines()] == [plot.name for plot in PLOTS]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["plot", "nothing"], "there is no plot 'nothing'; there are usage, "),
        (["plot", "usage", "--out", "usage.pdf"], "its name has to end in .png or .html"),
        (["plot", "usage", "--device", "w-1"], "'usage' does not take --device"),
    ],
)
def test_a_wrong_call_gets_one_line(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    assert says in capsys.readouterr().err


def test_a_page_needs_no_other_file_and_quotes_what_it_is_told() -> None:
    told = page(Chart("A <b>", "told", [Bars("T", "% of x", ["<DE>"], [("eco", [50.0])])]), "<svg></svg>", "vaxel plot")
    assert "<td>&lt;DE&gt;</td><td>50</td>" in told
    assert "<DE>" not in told
    assert "http" not in told
    assert "src=" not in told
