"""The list of metrics, what a checkpoint counts, and that counting never stops anything."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest
from aiokafka import ConsumerRecord
from prometheus_client.parser import text_string_to_metric_families

from schemas.failures import FailedEvent
from streams.batch import Outputs, Place
from streams.memory import Position
from streams.meters import Meters, Tally
from streams.metrics import METRICS, CounterName, GaugeName, HistogramName, as_markdown
from streams.product import WASHER
from streams.state import State
from streams.watch import REFUSED_EVERY_S, Refusals, Watch
from tests.unit.streams.building import a_washer_upload, taken_in

PLACE = Place(WASHER.telemetry, 0)


def some_outputs() -> tuple[int, Outputs]:
    """Three uploads, one of them twice and one under a wrong name: two accepted, one duplicate, one refused."""
    uploads = [a_washer_upload(seq=1), a_washer_upload(seq=2), a_washer_upload(seq=2)]
    (outputs,) = taken_in(WASHER, State(WASHER), uploads)
    refused = FailedEvent(
        topic=PLACE.topic, partition=0, offset=3, received_at_ms=9, device_id=None, reason="empty", detail="no bytes",
        stage="streams", original=b"",
    )  # fmt: skip
    return 4, Outputs(outputs.receipts, outputs.readings, outputs.sessions, [refused])


def records(count: int) -> list[ConsumerRecord]:
    return [ConsumerRecord(PLACE.topic, 0, n, 1_000 + n, 1, None, b"", None, 0, 0, ()) for n in range(count)]


def value_of(text: bytes, name: str, **labels: str) -> float | None:
    """A value as Prometheus' own parser reads it; None if there is none with those labels."""
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    return None


def test_the_list_names_each_metric_once_with_its_unit() -> None:
    names = [metric.name for metric in METRICS]
    assert sorted(names) == sorted([*get_args(CounterName), *get_args(HistogramName), *get_args(GaugeName)])
    for metric in METRICS:
        assert re.fullmatch(r"vaxel(_[a-z]+)+", metric.name)
        assert metric.meaning.endswith((".", "1."))
        assert (metric.kind == "counter") == metric.name.endswith("_total")
        assert (metric.kind == "histogram") == (metric.name in get_args(HistogramName))
        assert list(metric.buckets) == sorted(metric.buckets)


def test_the_page_of_metrics_is_current() -> None:
    page = Path(__file__).parents[3] / "docs" / "metrics.md"
    assert page.read_text().startswith(as_markdown()), "run: python -m vaxel.metrics_page > docs/metrics.md"


def test_what_a_checkpoint_commits_is_counted_and_adds_up() -> None:
    watch = Watch()
    count, outputs = some_outputs()
    for _ in range(2):
        watch.took_in(PLACE, records(count), outputs)
    own = {"topic": PLACE.topic}
    accepted = {**own, "partition": "0", "outcome": "accepted"}
    assert value_of(watch.meters.text([]), "vaxel_uploads_total", **accepted) is None, "nothing is committed yet"
    watch.committed(PLACE, Position("id", 8, 1), 1_234, 0.03)
    text = watch.meters.text([])
    outcomes = [
        value_of(text, "vaxel_uploads_total", **{**accepted, "outcome": outcome})
        for outcome in ("accepted", "duplicate", "failed")
    ]
    assert outcomes == [4, 2, 2]
    assert value_of(text, "vaxel_refused_total", **own, reason="empty") == 2
    assert value_of(text, "vaxel_readings_total", **own) == 8
    assert value_of(text, "vaxel_transaction_bytes_total", **own) == 1_234
    assert value_of(text, "vaxel_checkpoint_uploads_sum", **own) == 8
    assert value_of(text, "vaxel_checkpoint_seconds_count", **own) == 1
    assert watch.newest[PLACE].newest_received_at_ms == 1_003


def test_the_oldest_upload_that_is_not_committed_yet_is_known() -> None:
    watch = Watch()
    _, outputs = some_outputs()
    assert watch.oldest_uncommitted_ms(PLACE) is None
    for first in (3, 7):
        watch.took_in(PLACE, records(20)[first:], outputs)
    assert watch.oldest_uncommitted_ms(PLACE) == 1_003
    watch.committed(PLACE, Position("id", 8, 1), 1_234, 0.03)
    assert watch.oldest_uncommitted_ms(PLACE) is None


def test_each_checkpoint_is_counted_once() -> None:
    watch = Watch()
    count, outputs = some_outputs()
    watch.took_in(PLACE, records(count), outputs)
    for checkpoint in (1, 2):
        watch.committed(PLACE, Position("id", 4, checkpoint), 10, 0.01)
    text = watch.meters.text([])
    assert value_of(text, "vaxel_uploads_total", topic=PLACE.topic, partition="0", outcome="accepted") == 2
    assert value_of(text, "vaxel_transaction_bytes_total", topic=PLACE.topic) == 20


def test_gauges_are_what_they_are_at_that_moment() -> None:
    meters = Meters()
    text = meters.text([("vaxel_lag_records", ("t", "0"), 7), ("vaxel_healthy", (), 1)])
    assert value_of(text, "vaxel_lag_records", topic="t", partition="0") == 7
    assert value_of(text, "vaxel_healthy") == 1
    gone = meters.text([])
    assert value_of(gone, "vaxel_lag_records", topic="t", partition="0") is None, (
        "a partition given away leaves no trace"
    )


def test_a_fault_of_the_observer_is_counted_and_told_once_and_reaches_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watch = Watch()
    nonsense: Any = None
    for _ in range(3):
        watch.took_in(PLACE, records(1), nonsense)
    assert value_of(watch.meters.text([]), "vaxel_observation_faults_total") == 3
    assert [record.message for record in caplog.records] == ["observing the engine failed; told once"]


def test_refused_uploads_are_told_of_by_reason_at_most_every_ten_seconds() -> None:
    refusals, tally = Refusals(), Tally()
    tally.add(4, (1, 1), some_outputs()[1])
    told = []
    for second in range(25):
        refusals.add(PLACE, tally)
        told += [(second, *line) for line in refusals.due(float(second))]
    example = f"{PLACE.topic}[0]@3"
    assert REFUSED_EVERY_S == 10
    assert told == [(0, "empty", 1, example), (10, "empty", 10, example), (20, "empty", 10, example)]


def test_a_flood_that_ends_is_told_of_to_its_last_upload() -> None:
    refusals, tally = Refusals(), Tally()
    tally.add(4, (1, 1), some_outputs()[1])
    refusals.add(PLACE, tally)
    counts = [count for _, count, _ in refusals.due(0.0)]
    refusals.add(PLACE, tally)
    for second in range(1, 30):
        counts += [count for _, count, _ in refusals.due(float(second))]
    assert counts == [1, 1]
