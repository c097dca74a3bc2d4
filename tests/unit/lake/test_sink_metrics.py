"""What the sink tells of itself."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from sinks.lake.shares import share_of
from sinks.lake.storing import Stored
from vaxel.metrics_page import page
from vaxel.sink_metrics import IDLE_S, METRICS, SinkMeters


def values(meters: SinkMeters) -> dict[tuple[str, ...], float]:
    """By name and values of the labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(meters.text().decode())
        for sample in family.samples
    }


def test_the_page_of_metrics_has_the_sinks_too() -> None:
    written = Path(__file__).parents[3] / "docs" / "metrics.md"
    assert written.read_text() == page(), "run: python -m vaxel.metrics_page > docs/metrics.md"


def test_the_list_names_each_metric_once() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    for metric in METRICS:
        assert re.fullmatch(r"vaxel_lake_sink(_[a-z]+)+", metric.name)
        assert metric.meaning.endswith(".")
        assert (metric.kind == "counter") == metric.name.endswith("_total")
        assert (metric.kind == "histogram") == bool(metric.buckets)
        assert list(metric.buckets) == sorted(metric.buckets)


def test_transactions_are_counted_and_every_metric_of_the_list_is_told() -> None:
    meters = SinkMeters(share_of("2/3"), "1.2.3", clock=lambda: 100.0, wall_clock=lambda: 1_767_225_600.0)
    assert ("vaxel_lake_sink_stored_timestamp_seconds",) not in values(meters)
    meters.stored(Stored({"uploads": 5, "readings_washer": 100}, 0.3, caught_up=False, conflicts=2))
    meters.stored(Stored({"uploads": 1}, 40.0, caught_up=True))
    meters.interrupted()
    watch = meters.watch
    watch.held_rows, watch.held_bytes, watch.lag, watch.caught_up = 7, 700, {"readings.washer.v1": 3}, True
    told = values(meters)
    assert told["vaxel_lake_sink_rows_total", "uploads"] == 6
    assert told["vaxel_lake_sink_rows_total", "readings_washer"] == 100
    assert told["vaxel_lake_sink_transaction_seconds_count",] == 2
    assert told["vaxel_lake_sink_transaction_seconds_bucket", "0.5"] == 1
    assert told["vaxel_lake_sink_conflicts_total",] == 2
    assert told["vaxel_lake_sink_interruptions_total",] == 1
    assert told["vaxel_lake_sink_lag_records", "readings.washer.v1"] == 3
    assert told["vaxel_lake_sink_stored_timestamp_seconds",] == 1_767_225_600.0
    assert told["vaxel_lake_sink_info", "2/3", "1.2.3"] == 1
    names = {name for name, *_ in told}
    for metric in METRICS:
        assert {metric.name, f"{metric.name}_bucket"} & names, metric.name


def test_a_sink_is_red_once_nothing_could_be_stored_for_long_and_green_again_when_it_could() -> None:
    now_s = 100.0
    meters = SinkMeters(share_of("1/1"), "1.2.3", max_age_s=5.0, clock=lambda: now_s)
    now_s += IDLE_S + 5
    assert meters.health().problems == ()
    now_s += 1
    (problem,) = meters.health().problems
    assert "for 66 s, 65 s at most" in problem
    assert values(meters)["vaxel_lake_sink_healthy",] == 0
    meters.watch.worked_s = now_s
    assert meters.health().problems == ()
    assert values(meters)["vaxel_lake_sink_healthy",] == 1


def test_no_lag_no_partitions_and_not_yet_known_are_told_apart() -> None:
    meters = SinkMeters(share_of("1/2"), "1.2.3")

    def told() -> tuple[object, object]:
        more = meters.health().more
        return more["partitions"], more["lag_records"]

    assert told() == (None, None)
    meters.watch.partitions = 0
    assert told() == (0, {})
    meters.watch.partitions, meters.watch.lag = 3, {"uploads.v1": 0, "readings.washer.v1": 7}
    assert told() == (3, {"readings.washer.v1": 7, "uploads.v1": 0})
