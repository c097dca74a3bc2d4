"""What the questions to the lake took, for a terminal, for `RESULTS.md`, and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.lake_asking import CONTENDERS, LAKE_ALL, LAKE_PART, PLAIN_ALL, POSTGRES, Asked

PAIRS = ((LAKE_ALL, PLAIN_ALL), (LAKE_PART, POSTGRES))
"""Who answers the same questions over the same rows."""
RATIO = "times as long"
HEADINGS = ("question", LAKE_ALL, PLAIN_ALL, RATIO, LAKE_PART, POSTGRES, RATIO)
OURS, THEIRS = "#1b7f5c", "#d1672b"


def table(asked: Asked) -> list[tuple[str, ...]]:
    """A line per question, in the order of `HEADINGS`: median seconds, and theirs by ours."""
    medians = _medians(asked)
    lines = []
    for name in asked.asks:
        line = [name]
        for ours, theirs in PAIRS:
            own, other = medians[ours][name], medians[theirs][name]
            ratio = "-" if own is None or other is None else f"{other / own:.2f}"
            line += [_shown(own), _shown(other), ratio]
        lines.append(tuple(line))
    return lines


def remarks(asked: Asked) -> list[str]:
    """How much there was, how long it took to get it there, and what is wrong; a sentence each."""
    per_s = asked.readings / asked.fill_s
    told = [
        f"all rows: {asked.readings:,} readings of {asked.devices:,} machines in {asked.days} days, "
        f"{asked.lake_bytes / 1e6:,.0f} MB in {asked.files} files ({asked.lake_bytes / asked.readings:.1f} bytes a "
        f"reading); made and written in {asked.fill_s:.0f} s ({per_s:,.0f} readings/s)",
        f"first days: the {asked.part_readings:,} readings of {asked.part_days} days, "
        f"{asked.postgres_bytes / 1e6:,.0f} MB in PostgreSQL with indexes by device and time and by time "
        f"({asked.postgres_bytes / asked.part_readings:.0f} bytes a reading); copied, indexed and analysed in "
        f"{asked.copy_s:.0f} s",
    ]
    return told + [
        f"{answer.query}, {answer.contender}: WRONG: {answer.wrong}" for answer in asked.answers if answer.wrong
    ]


def markdown(asked: Asked, runs: int, machine: dict[str, str]) -> str:
    """The section of `RESULTS.md`."""
    told = [
        "`vaxel bench lake --write`. Twelve questions after TSBS. Median seconds of "
        f"{runs} runs after one that warms up, contenders by turns, from the question to all rows of the answer in "
        "Python. Växel asks through DuckLake, as `vaxel sql` does; DuckDB reads the same Parquet files without a "
        "catalogue. Each answer was compared with the lake's own on the same rows; a wrong one has no speed. "
        f"`{RATIO}`: how many times as long as Växel the other one took.",
        "",
        *(f"- {name}: {value}" for name, value in machine.items()),
        *(f"- {remark}" for remark in remarks(asked)),
        "",
        "![seconds by question](lake.png)",
        "",
        _markdown_line(HEADINGS),
        _markdown_line(("---", *["---:"] * (len(HEADINGS) - 1))),
        *(_markdown_line(line) for line in table(asked)),
        "",
        *(f"- {name}: {asks}" for name, asks in asked.asks.items()),
    ]
    return "\n".join(told)


def draw(asked: Asked, path: Path) -> None:
    """Seconds of each question, a panel per pair of contenders, on a scale on which each step is tenfold."""
    import matplotlib as mpl  # noqa: PLC0415  (half a second that a table does not pay)

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    medians = _medians(asked)
    names = list(asked.asks)[::-1]
    figure, panels = plt.subplots(1, len(PAIRS), figsize=(12, 5.4), sharex=True, sharey=True, layout="constrained")
    counts = (asked.readings, asked.part_readings)
    for panel, (ours, theirs), count in zip(panels, PAIRS, counts, strict=True):
        # Points, not bars: a scale without a zero gives a length no meaning.
        for place, name in enumerate(names):
            both = [value for value in (medians[ours][name], medians[theirs][name]) if value is not None]
            panel.plot([min(both, default=1), max(both, default=1)], [place, place], color="#dddddd", zorder=1)
            for value in both:
                side = "left" if value == max(both) else "right"
                panel.annotate(
                    f"  {_shown(value)}  ", (value, place), va="center", ha=side, fontsize=7.5, color="#555555"
                )
        for contender, colour in ((ours, OURS), (theirs, THEIRS)):
            right = [(place, medians[contender][name]) for place, name in enumerate(names)]
            places = [place for place, seconds in right if seconds is not None]
            panel.scatter(
                [seconds for _, seconds in right if seconds is not None],
                places,
                color=colour,
                label=contender,
                zorder=2,
            )
        panel.set_xscale("log")
        panel.xaxis.set_major_formatter(lambda value, _place: f"{value:g}")
        panel.set_xlabel("seconds, each step tenfold; median, warm")
        panel.set_title(f"{count:,} readings", loc="left", pad=24)
        panel.margins(x=0.12)
        panel.grid(axis="x", alpha=0.25)
        panel.set_axisbelow(True)
        panel.spines[["top", "right"]].set_visible(False)
        panel.legend(frameon=False, fontsize=8.5, loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=2)
    panels[0].set_yticks(range(len(names)), names)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _medians(asked: Asked) -> dict[str, dict[str, float | None]]:
    found: dict[str, dict[str, float | None]] = {contender: {} for contender in CONTENDERS}
    for answer in asked.answers:
        found[answer.contender][answer.query] = answer.median_s
    return found


def _shown(seconds: float | None) -> str:
    return "WRONG" if seconds is None else f"{seconds:.3f}" if seconds < 1 else f"{seconds:.2f}"


def _markdown_line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
