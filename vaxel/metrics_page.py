"""The page `docs/metrics.md`, of the lists that the commands have: `python -m vaxel.metrics_page > docs/metrics.md`."""

from __future__ import annotations

from streams import metrics
from vaxel import gearbox_metrics, sink_metrics


def page() -> str:
    """All sections."""
    return metrics.as_markdown() + sink_metrics.section() + gearbox_metrics.section()


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201
