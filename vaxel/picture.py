"""The demo's picture: usage per model and day."""

from __future__ import annotations

from pathlib import Path

import duckdb

QUERIES = {
    "Wash cycles per day": "select material, started_at::date as day, count(*) as amount from wash_cycles group by all",
    "Kilometres run per day": """
        select material, started_at::date as day, sum(distance_m) / 1000 as amount from runs group by all""",
}


def draw_usage(lake: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Draw one panel per product, one line per model, as PNG."""
    import matplotlib as mpl  # noqa: PLC0415  (slow to import)

    mpl.use("Agg")
    from matplotlib import dates, pyplot  # noqa: PLC0415

    figure, panels = pyplot.subplots(1, len(QUERIES), figsize=(12, 4.2), layout="constrained")
    for panel, (title, query) in zip(panels, QUERIES.items(), strict=True):
        rows = lake.sql(f"select material, day, amount from ({query}) order by material, day").fetchall()
        for material in sorted({row[0] for row in rows}):
            days = [row[1] for row in rows if row[0] == material]
            amounts = [row[2] for row in rows if row[0] == material]
            panel.plot(days, amounts, marker=".", linewidth=1.6, label=material)
        panel.set_title(title, loc="left", fontsize=11)
        panel.set_ylim(bottom=0)
        panel.grid(alpha=0.25)
        panel.spines[["top", "right"]].set_visible(False)
        panel.xaxis.set_major_formatter(dates.DateFormatter("%d %b"))  # type: ignore[no-untyped-call]
        if rows:
            panel.legend(frameon=False, fontsize=8, ncols=2)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
