"""What stands in the way of publishing is one line, whatever it is and whenever it comes."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from threading import Event
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from producers.fault_rates import FaultRates
from producers.fleet import FIRST_DAY_MS, fleet
from producers.ledger import Ledger
from producers.publish import Pace, publish
from producers.simulation import deliveries
from producers.truth_folder import TruthFolder, told_so_far
from producers.uploads import Delivery, Upload
from schemas.errors import OutsideError, UnreachableError
from schemas.fields import Contract
from schemas.topics import TELEMETRY_WASHER
from schemas.truth import RECORDS_FILE, TOTALS_FILE, UPLOADS_FILE, TrueRecord, TrueUpload


class Acknowledged:
    """The message of a report."""

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return 7


class FakeProducer:
    """Reports when it is served, as librdkafka does; from the record of number `fatal_at` on it takes no more."""

    def __init__(self, fatal_at: int | None = None) -> None:
        self.handed_over = 0
        self._fatal_at = fatal_at
        self._reports: list[Callable[..., None]] = []

    def produce(self, _topic: str, _value: bytes, _key: str, *, on_delivery: Callable[..., None]) -> None:
        if self.handed_over == self._fatal_at:
            raise KafkaException(KafkaError(KafkaError._FATAL, "producer fenced"))
        self.handed_over += 1
        self._reports.append(on_delivery)

    def poll(self, timeout_s: float) -> None:
        if not self._reports:
            time.sleep(min(timeout_s, 0.01))  # as librdkafka waits for something to report
        for report in self._reports:
            report(None, Acknowledged())
        self._reports.clear()

    def flush(self, _timeout_s: float) -> None:
        self.poll(0)


@cache
def made(rates: FaultRates) -> list[Delivery]:
    return list(deliveries(fleet(3, 5, 5, FIRST_DAY_MS, 4), rates))


def published(producer: FakeProducer, folder: TruthFolder, **options: Any) -> Ledger:
    return publish(
        iter(made(options.pop("rates", FaultRates()))),
        cast(Producer, producer),
        folder,
        **{"stop": Event(), "on_progress": lambda *_: None, "pace": Pace(), **options},
    )


def test_what_is_lost_is_told_and_not_sent(tmp_path: Path) -> None:
    producer = FakeProducer()
    counts = published(producer, TruthFolder(tmp_path), rates=FaultRates(lost=0.3)).counts
    uploads, records, totals = (pq.read_table(tmp_path / name) for name in (UPLOADS_FILE, RECORDS_FILE, TOTALS_FILE))
    lost = uploads.filter(pc.field("is_lost")).num_rows
    assert counts.lost == counts.faults["lost"] == lost == pc.sum(totals["lost_count"]).as_py() > 50
    assert producer.handed_over == counts.sent == counts.acknowledged == records.num_rows
    assert uploads.num_rows == pc.sum(totals["upload_count"]).as_py() > producer.handed_over
    numbers = uploads.group_by(["device_id", "seq"]).aggregate([])
    assert numbers.num_rows == uploads.num_rows  # each told once


def test_a_producer_that_can_send_no_more_is_told_and_the_truth_kept(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match=r"Kafka stopped acknowledging: producer fenced\. 5 of 5 records"):
        published(FakeProducer(fatal_at=5), TruthFolder(tmp_path))
    assert pq.read_table(tmp_path / RECORDS_FILE).num_rows == 5


@pytest.mark.parametrize("file", ["records.arrows", "sessions.arrows", "records.parquet.part", "uploads.parquet.part"])
def test_a_full_disk_is_told_with_what_it_costs(tmp_path: Path, file: str) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    (tmp_path / file).symlink_to(full)
    with pytest.raises(OutsideError, match=r"Cannot write the truth to '.*': .*No space left on device") as caught:
        published(FakeProducer(), TruthFolder(tmp_path))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / RECORDS_FILE).exists()


def test_a_full_disk_in_the_middle_stops_the_sending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.publish._ROWS_PER_WRITE", 100)
    folder = TruthFolder(tmp_path)

    def no_space(contract: type[Contract], rows: pa.Table) -> None:
        raise OutsideError("Cannot write the truth: No space left on device")

    producer = FakeProducer()
    monkeypatch.setattr(folder, "append", lambda *row: None if producer.handed_over == 0 else no_space(*row))
    with pytest.raises(OutsideError, match="No space left on device"):
        published(producer, folder)
    assert 0 < producer.handed_over <= 100


def test_a_run_that_is_killed_has_told_what_it_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.publish._ROWS_PER_WRITE", 10)
    folder, seen = TruthFolder(tmp_path), []

    def look(_delivery: Delivery, ledger: Ledger) -> None:
        uploads, records = told_so_far(tmp_path, TrueUpload), told_so_far(tmp_path, TrueRecord)
        assert uploads.num_rows >= records.num_rows - ledger.counts.faults["duplicated"]
        seen.append(records.num_rows)

    with pytest.raises(UnreachableError):
        published(FakeProducer(fatal_at=250), folder, on_progress=look)
    assert seen == sorted(seen)
    assert seen[-1] >= 100


def delivery(due_ms: int) -> Delivery:
    return Delivery(Upload(TELEMETRY_WASHER, "wm-1-000001", 0, due_ms, 0, b"{}", None), b"{}", due_ms, None)


@pytest.mark.parametrize(
    ("pace", "expected_s"),
    [
        (Pace(), 0.0),
        (Pace(per_second=50), 2.0),
        (Pace(speed=60, first_ms=1_000_000), 10.0),
        (Pace(per_second=50, speed=60, first_ms=1_000_000), 10.0),  # the slower one
        (Pace(per_second=1, speed=60, first_ms=1_000_000), 100.0),
        (Pace(speed=60, first_ms=2_000_000), 0.0),  # a session that began the day before
    ],
)
def test_deliveries_leave_no_sooner_than_their_pace_lets_them(pace: Pace, expected_s: float) -> None:
    assert pace.leaves_after_s(delivery(1_600_000), 100) == expected_s


def test_a_run_at_a_multiple_of_real_time_takes_that_long(tmp_path: Path) -> None:
    started_s = time.monotonic()
    pace = Pace(speed=4 * 86_400 / 0.4, first_ms=FIRST_DAY_MS)
    published(FakeProducer(), TruthFolder(tmp_path), pace=pace)
    assert 0.3 < time.monotonic() - started_s < 5


def test_a_run_that_waits_stops_at_once(tmp_path: Path) -> None:
    stop = Event()
    stop.set()
    started_s = time.monotonic()
    counts = published(FakeProducer(), TruthFolder(tmp_path), pace=Pace(speed=1, first_ms=0), stop=stop).counts
    assert counts.sent == 0
    assert time.monotonic() - started_s < 5
