"""What was measured, for a terminal, for programs, for `RESULTS.md`, and as a picture."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.engine.measure import VAXEL, Measured, Plan, Row
from benchmarks.engine.shares import lines

STREAMS_WORD = "Kafka Streams"
FAUST_WORD = "stock Faust"
QUIET_CORES = 0.3
"""The watch itself, and what a machine always does."""


def as_json(measured: Measured, plan: Plan, machine: dict[str, str]) -> dict[str, Any]:
    """Everything, laps included."""
    rows = [
        asdict(row) | {"uploads_per_s": row.median, "readings_per_s": row.readings_per_s, "is_right": not row.wrong}
        for row in measured.rows
    ]
    return {
        "machine": machine,
        "plan": asdict(plan),
        "rows": rows,
        "ratios": ratios(measured),
        "shares": [asdict(share) for share in measured.shares],
        "latency": [asdict(latency) for latency in measured.latencies],
        "is_right": measured.is_right,
    }


def ratios(measured: Measured) -> dict[str, dict[str, float]]:
    """By load: how many times as fast as others one stream worker is, and several workers are."""
    found: dict[str, dict[str, float]] = {}
    for load in dict.fromkeys(row.load for row in measured.rows):
        speeds = {row.contender: row.median for row in measured.rows if row.load == load and row.median is not None}
        one = speeds.get(VAXEL)
        if one is None:
            continue
        own = found.setdefault(load, {})
        streams = [speed for name, speed in speeds.items() if name.startswith(STREAMS_WORD)]
        if streams:
            own[f"{VAXEL} / {STREAMS_WORD} (the better)"] = one / max(streams)
        if FAUST_WORD in speeds:
            own[f"{VAXEL} / {FAUST_WORD}"] = one / speeds[FAUST_WORD]
        own |= {f"{name} / {VAXEL}": speed / one for name, speed in speeds.items() if name.startswith(f"{VAXEL},")}
    return found


HEADINGS = (
    "load", "contender", "uploads/s", "spread", "readings/s", "cores used", "per core", "broker's cores",
    "others' cores", "guarantee", "answer",
)  # fmt: skip


def table(measured: Measured) -> list[tuple[str, ...]]:
    """A line per contender and load, in the order of `HEADINGS`."""
    lines: list[tuple[str, ...]] = []
    for row in measured.rows:
        speeds = row.speeds
        lines.append(
            (
                row.load,
                row.contender,
                _shown(row.median, 0),
                f"{speeds[0]:,.0f}-{speeds[-1]:,.0f}" if speeds else "-",
                _shown(row.readings_per_s, 0),
                _shown(row.cores, 2),
                _shown(row.uploads_per_core, 0),
                _shown(row.broker_cores, 2),
                _shown(row.other_cores, 2),
                row.guarantee,
                "WRONG" if row.wrong else "right",
            )
        )
    return lines


SHARE_HEADINGS = ("load", "of", "part", "µs an upload", "share")


def remarks(measured: Measured) -> list[str]:
    """Ratios, latencies, and what is wrong, a sentence each."""
    lines = [f"{load}: {what} = {ratio:.2f}" for load, own in ratios(measured).items() for what, ratio in own.items()]
    for latency in measured.latencies:
        held = f"{latency.load}: at {latency.held_per_s:,.0f} uploads/s ({latency.wanted_per_s:,.0f} wanted)"
        waits = f"p50 {_shown(latency.p50_ms, 0)} ms, p99 {_shown(latency.p99_ms, 0)} ms, at most "
        waits += f"{_shown(latency.highest_ms, 0)} ms over {latency.cycles:,} wash cycles"
        lines.append(f"{held}, from an upload to the committed wash cycle that it ends: {waits}")
        lines += [f"{latency.load}, latency: WRONG: {sentence}" for sentence in latency.wrong]
    disturbed = [row.other_cores for row in measured.rows if row.other_cores is not None]
    if disturbed and max(disturbed) > QUIET_CORES:
        lines.append(
            f"NOT A QUIET MACHINE: other programs used up to {max(disturbed):.1f} cores while a contender ran. "
            "Speeds and latencies are too low, and ratios may be wrong"
        )
    for row in measured.rows:
        lines += [f"{row.load}, {row.contender}: WRONG: {sentence}" for sentence in row.wrong]
    return lines


def markdown(measured: Measured, plan: Plan, machine: dict[str, str]) -> str:
    """The section of `RESULTS.md`."""
    told = [
        "`vaxel bench engine --write`. Uploads lie in Kafka before anything is timed; a run goes from the first to the "
        "last committed position of the contender's consumer group, looked at every 50 ms. Everybody commits every "
        f"half second. Median of {plan.runs} runs, contenders by turns; {plan.devices:,} devices, {plan.partitions} "
        "partitions. Every answer was compared with the truth of the load; a wrong one has no speed.",
        "",
        *(f"- {name}: {value}" for name, value in machine.items()),
        "",
        "![uploads per second](engine.png)",
        "",
        _markdown_line(HEADINGS),
        _markdown_line(("---",) * len(HEADINGS)),
        *(_markdown_line(line) for line in table(measured)),
        "",
        "Where the time goes, the logic alone in one process (the desk takes in what the worker writes):",
        "",
        _markdown_line(SHARE_HEADINGS),
        _markdown_line(("---",) * len(SHARE_HEADINGS)),
        *(_markdown_line(line) for line in lines(measured.shares)),
        "",
        "Loads:",
        "",
        *(_load(row, plan) for row in measured.rows if row.contender == VAXEL),
        "",
        "What each does:",
        "",
        *dict.fromkeys(f"- {row.contender}: {row.work}" for row in measured.rows),
        "",
        "Cores used are seconds of processor per second of the run, in the mean; per core are uploads per second of "
        "processor, the broker's not counted; others' are "
        "those of all other programs on the machine, the watch included.",
        "",
        *(f"- {remark}" for remark in remarks(measured)),
    ]
    return "\n".join(told)


def draw(measured: Measured, path: Path) -> None:
    """Uploads per second as bars with their spread, a panel per load."""
    import matplotlib as mpl  # noqa: PLC0415  (half a second that a table does not pay)

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    loads = list(dict.fromkeys(row.load for row in measured.rows))
    figure, panels = plt.subplots(1, len(loads), figsize=(6 * len(loads), 3.6), squeeze=False, layout="constrained")
    for panel, load in zip(panels[0], loads, strict=True):
        rows = [row for row in measured.rows if row.load == load and row.median is not None][::-1]
        medians = [row.median or 0.0 for row in rows]
        low = [median - row.speeds[0] for row, median in zip(rows, medians, strict=True)]
        high = [row.speeds[-1] - median for row, median in zip(rows, medians, strict=True)]
        colours = ["#1b7f5c" if row.contender.startswith(VAXEL) else "#9aa5a1" for row in rows]
        panel.barh([row.contender for row in rows], medians, xerr=[low, high], color=colours, capsize=3)
        for place, median in enumerate(medians):
            panel.annotate(f" {median:,.0f}", (median, place), va="bottom", fontsize=8)
        readings = rows[0].readings_per_upload if rows else 0
        panel.set_title(f"{load}: uploads/s, {readings} reading{'s' if readings != 1 else ''} each")
        panel.xaxis.set_major_formatter(lambda value, _place: f"{value:,.0f}")
        panel.tick_params(axis="x", labelsize=8)
        panel.margins(x=0.15)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _load(row: Row, plan: Plan) -> str:
    readings = "1 reading" if row.readings_per_upload == 1 else f"{row.readings_per_upload} readings"
    uploads = plan.uploads[row.load]
    return (
        f"- {row.load}: {uploads:,} uploads of {row.upload_bytes:,.0f} bytes, {readings} on 4 channels each; "
        f"{FAUST_WORD} gets the first {min(uploads, plan.faust_uploads):,}"
    )


def _shown(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def _markdown_line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
