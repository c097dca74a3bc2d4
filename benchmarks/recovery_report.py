"""What `vaxel bench recovery` measured, for a terminal and for `RESULTS.md`."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.engine.machine import machine
from benchmarks.recovery import Recovery

MB = 1e6
WIDE_COLUMNS = 120


def lines(measured: Sequence[Recovery]) -> list[tuple[str, ...]]:
    """A line per figure: its name, then one value per measurement."""
    found: dict[str, list[str]] = {}
    for one in measured:
        taken, summary = one.taken_over, one.summary()
        figures = {
            "devices": f"{one.devices:,}",
            "partitions": f"{one.partitions}",
            "take-over, all positions known": f"{taken.total_s:.2f} s",
            "of it fence, read, rebuild (measured apart)": f"{taken.fence_s:.2f}, {taken.read_s:.2f}, "
            f"{taken.rebuild_s:.2f} s",
            "resident memory before, after, at most": f"{taken.resident_before_bytes / MB:.0f}, "
            f"{taken.resident_after_bytes / MB:.0f}, {(taken.resident_peak_bytes or math.nan) / MB:.0f} MB",
            "resident bytes per device": f"{summary['resident_bytes_per_device']:.0f}",
            "bytes of rows per device": f"{summary['row_bytes_per_device']:.0f}",
            "bytes in Kafka per device": f"{summary['kafka_bytes_per_device']:.0f}",
            **{
                f"a checkpoint with {int(changed):,} changed devices a partition writes": f"{written / MB:.2f} MB, "
                f"{written / int(changed) / one.partitions:.0f} bytes a row"
                for changed, written in taken.saved_bytes.items()
            },
            "answer": "; ".join(one.wrong) or "right",
        }
        for name, value in figures.items():
            found.setdefault(name, []).append(value)
    return [(name, *values) for name, values in found.items()]


def print_table(measured: Sequence[Recovery]) -> None:
    """The lines on the terminal."""
    table = Table(show_header=False, box=None, pad_edge=False)
    for line in lines(measured):
        table.add_row(*line)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDE_COLUMNS
    console.print(table)


def markdown(measured: Sequence[Recovery]) -> str:
    """The section for `RESULTS.md`."""
    head, *rest = lines(measured)
    rows = [head, ("---", *["---:"] * (len(head) - 1)), *rest]
    about = "\n".join(f"- {name}: {what}" for name, what in machine().items())
    return "`vaxel bench recovery`\n\n" + about + "\n\n" + "\n".join("| " + " | ".join(row) + " |" for row in rows)
