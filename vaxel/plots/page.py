"""A plot as one HTML file that needs no other: the picture as SVG, its marks with tooltips, and the numbers."""

from __future__ import annotations

from datetime import date, datetime
from html import escape

from vaxel.plots.chart import Cell, Chart, Panel

_LOOKS = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2rem auto; padding: 0 1rem; color: #222; }
svg { width: 100%; height: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.15rem 0.8rem; border-bottom: 1px solid #ddd; text-align: right; }
th:first-child, td:first-child { text-align: left; }
summary { cursor: pointer; margin: 0.8rem 0; }
.asked { color: #666; }
"""


def page(chart: Chart, svg: str, asked: str) -> str:
    """The whole page.

    Args:
        svg: The picture.
        asked: The call that drew it, and of which lake when.
    """
    tables = "\n".join(_table(panel) for panel in chart.panels)
    return (
        "<!DOCTYPE html>\n"
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(chart.title)}</title>'
        f"<style>{_LOOKS}</style></head>\n<body>\n{svg}\n{tables}\n"
        f'<p class="asked">{escape(asked)}</p>\n</body></html>\n'
    )


def _table(panel: Panel) -> str:
    names, rows = panel.numbers()
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "\n".join("<tr>" + "".join(f"<td>{escape(_told(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f"<details><summary>{escape(panel.title)}: the numbers ({len(rows):,} rows)</summary>\n"
        f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></details>"
    )


def _told(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case datetime():
            return f"{cell:%Y-%m-%d %H:%M}"
        case date():
            return cell.isoformat()
        case float():
            return f"{cell:,.6g}"
        case _:
            return str(cell)
