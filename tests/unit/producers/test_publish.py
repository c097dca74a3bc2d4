"""What stands in the way of publishing is one line, whatever it is and whenever it comes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any, cast

import pyarrow.parquet as pq
import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from producers.faults import FaultRates
from producers.fleet import FIRST_DAY_MS, fleet
from producers.publish import publish
from producers.simulation import deliveries
from producers.truth_folder import TruthFolder
from schemas.errors import OutsideError, UnreachableError
from schemas.truth import RECORDS_FILE


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

    def poll(self, _timeout_s: float) -> None:
        for report in self._reports:
            report(None, Acknowledged())
        self._reports.clear()

    flush = poll


def published(producer: FakeProducer, folder: TruthFolder) -> None:
    publish(
        deliveries(fleet(3, 5, 5, FIRST_DAY_MS, 4), FaultRates()),
        cast(Producer, producer),
        folder,
        devices=[],
        stop=Event(),
        on_progress=lambda *_: None,
        per_second=None,
    )


def test_a_producer_that_can_send_no_more_is_told_and_the_truth_kept(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match=r"Kafka stopped acknowledging: producer fenced\. 5 of 5 records"):
        published(FakeProducer(fatal_at=5), TruthFolder(tmp_path))
    assert pq.read_table(tmp_path / RECORDS_FILE).num_rows == 5


@pytest.mark.parametrize("file", ["records.parquet.part", "sessions.parquet.part"])
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
    monkeypatch.setattr("producers.publish._RECORDS_PER_WRITE", 100)
    folder = TruthFolder(tmp_path)

    def no_space(*_arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder._records, "write_table", no_space)
    producer = FakeProducer()
    with pytest.raises(OutsideError, match="No space left on device"):
        published(producer, folder)
    assert producer.handed_over == 100
