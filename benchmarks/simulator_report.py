"""What `vaxel bench simulator` measured, for a terminal and for `RESULTS.md`."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.engine.machine import machine
from benchmarks.simulator import Measured

MB = 1e6
WIDE_COLUMNS = 140


def lines(measured: Sequence[Measured]) -> list[tuple[str, ...]]:
    """A line per figure: its name, then one value per fleet."""
    found: dict[str, list[str]] = {}
    for one in measured:
        speeds, figures = one.speeds, one.summary()
        shown = {
            "devices": one.fleet.name,
            "uploads acknowledged, each run": f"{one.laps[0].acknowledged:,}",
            "uploads/s, median": "-" if one.wrong else f"{figures['uploads_per_s']:,.0f}",
            "spread": "-" if one.wrong else f"{speeds[0]:,.0f}-{speeds[-1]:,.0f}",
            "seconds, the truth on disk included": f"{figures['sent_s']:.1f}",
            "seconds before, for templates and devices": f"{figures['prepared_s']:.1f}",
            "readings per upload": f"{figures['readings_per_upload']:.1f}",
            "bytes per upload": f"{figures['bytes_per_upload']:,.0f}",
            "uploads per second of processor": f"{figures['uploads_per_cpu_s']:,.0f}",
            "cores used: load, broker, others": f"{figures['cores']:.2f}, {figures['broker_cores']:.2f}, "
            f"{figures['other_cores']:.2f}",
            "resident memory at most": "-" if figures["peak_bytes"] is None else f"{figures['peak_bytes'] / MB:.0f} MB",
            "truth": "; ".join(one.wrong) or "right",
        }
        for name, value in shown.items():
            found.setdefault(name, []).append(value)
    return [(name, *values) for name, values in found.items()]


def print_table(measured: Sequence[Measured]) -> None:
    """The lines on the terminal."""
    table = Table(show_header=False, box=None, pad_edge=False)
    for line in lines(measured):
        table.add_row(*line)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDE_COLUMNS
    console.print(table)


def markdown(measured: Sequence[Measured]) -> str:
    """The section of `RESULTS.md`."""
    head, *rest = lines(measured)
    rows = [head, ("---", *["---:"] * (len(head) - 1)), *rest]
    how = (
        "`vaxel bench simulator --write`. One process sends a load and waits for all acknowledgements (idempotent, "
        f"`acks=all`, lz4). Median of {len(measured[0].laps)} runs, by turns, each of devices of its own. The place of "
        "every record in the truth was compared with Kafka, and the content of the first thousands of each partition; "
        "a wrong one has no speed."
    )
    about = "\n".join(f"- {name}: {what}" for name, what in machine().items())
    return how + "\n\n" + about + "\n\n" + "\n".join("| " + " | ".join(row) + " |" for row in rows)
