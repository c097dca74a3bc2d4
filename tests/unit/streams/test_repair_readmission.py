"""What goes back to Kafka, what is written down of it, and what stays open when something stops."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from schemas.errors import UnreachableError
from schemas.failures import REPAIRED_HEADER
from schemas.topics import TELEMETRY_PRODUCER, TELEMETRY_WASHER
from schemas.uploads import MAX_UPLOAD_BYTES
from streams import readmission
from streams.readmission import WRITTEN_DOWN_AT_ONCE, readmit
from streams.repair import Fit
from streams.repair_folder import RepairFolder, folder_as_is
from tests.unit.streams.test_repair_folder import a_fit, a_folder

PLACE = "telemetry.washer.v1[1]@"


class Broker:
    """Takes records, and acknowledges them when it is asked: the first so many, the others never."""

    def __init__(self, acknowledges: int = 10**9, queue: int = 10**9, dies_at: int = 10**9) -> None:
        self.taken: list[tuple[str, bytes, str, list[tuple[str, bytes]]]] = []
        self._left, self._queue, self._dies_at = acknowledges, queue, dies_at
        self._open: list[Callable[[Any, Any], None]] = []

    def produce(self, topic: str, value: bytes, key: str, headers: Any, on_delivery: Any) -> None:
        if len(self.taken) == self._dies_at:
            raise KafkaException(KafkaError(KafkaError._FATAL))
        if len(self._open) >= self._queue:
            raise BufferError
        self.taken.append((topic, value, key, headers))
        self._open.append(on_delivery)

    def poll(self, timeout_s: float) -> None:
        if not self._open:
            time.sleep(min(timeout_s, 0.01))  # as librdkafka waits for something to report
        for report in self._open:
            self._left -= 1
            report(None if self._left >= 0 else KafkaError(KafkaError._MSG_TIMED_OUT), None)
        self._open.clear()

    def flush(self, _timeout_s: float) -> None:
        self.poll(0)


@pytest.fixture
def folder(tmp_path: Path) -> RepairFolder:
    return a_folder(tmp_path)


def sent(broker: Broker, folder: RepairFolder, count: int, stop: Event | None = None) -> tuple[int, int]:
    counts = readmit(
        (a_fit(offset) for offset in range(count)),
        broker,  # type: ignore[arg-type]
        folder,
        stop=Event() if stop is None else stop,
        on_progress=lambda _counts: None,
    )
    return counts.sent, counts.acknowledged


def test_an_upload_goes_to_its_topic_under_its_device_and_says_which_repair(folder: RepairFolder) -> None:
    broker = Broker()
    assert sent(broker, folder, 1) == (1, 1)
    assert broker.taken == [("telemetry.washer.v1", b'{"seq": 0}', "w-1", [(REPAIRED_HEADER, b"a-rule-0123456789ab")])]


def test_what_comes_back_as_it_is_keeps_the_name_of_the_repair_that_rewrote_it(tmp_path: Path) -> None:
    """Else a rule would take it for an upload that nobody has converted yet."""
    broker, fits = Broker(), [replace(a_fit(0), held=replace(a_fit(0).held, repair=name)) for name in (None, "x-1")]
    for folder in (folder_as_is(tmp_path), a_folder(tmp_path)):
        readmit(fits, broker, folder, stop=Event(), on_progress=lambda _: None)  # type: ignore[arg-type]
    names = [headers[0][1].decode() for _, _, _, headers in broker.taken]
    assert names == ["as-is", "x-1", "a-rule-0123456789ab", "a-rule-0123456789ab"]


def test_what_is_acknowledged_is_on_disk_soon_however_slow_it_goes(
    folder: RepairFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 40 a second a thousand take 25 s: a kill after five would send them all once more."""
    monkeypatch.setattr(readmission, "WRITTEN_DOWN_AFTER_S", 0.0)  # what is due is written, whatever the clock does
    written = []

    def fits() -> Iterator[Fit]:
        for offset in range(10):
            written.append(len(folder.acknowledged()))
            yield a_fit(offset)

    readmit(fits(), Broker(), folder, stop=Event(), on_progress=lambda _: None, per_second=20)  # type: ignore[arg-type]
    assert written == list(range(10))


def test_what_is_acknowledged_is_on_disk_soon_however_slowly_it_is_read(
    folder: RepairFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readmission, "WRITTEN_DOWN_AFTER_S", 0.02)
    written = []

    def fits() -> Iterator[Fit]:
        for offset in range(10):
            time.sleep(0.03)
            written.append(len(folder.acknowledged()))
            yield a_fit(offset)

    readmit(fits(), Broker(), folder, stop=Event(), on_progress=lambda _: None)  # type: ignore[arg-type]
    assert written[-1] >= 7


def test_all_that_is_acknowledged_is_written_down(folder: RepairFolder) -> None:
    many = 2 * WRITTEN_DOWN_AT_ONCE + 50
    assert sent(Broker(queue=70), folder, many) == (many, many)
    assert folder.acknowledged() == {f"{PLACE}{offset}" for offset in range(many)}


def test_what_is_not_acknowledged_stays_open_and_is_told(folder: RepairFolder) -> None:
    with pytest.raises(UnreachableError, match="150 of 200 uploads were acknowledged"):
        sent(Broker(acknowledges=150), folder, 10_000)
    assert folder.acknowledged() == {f"{PLACE}{offset}" for offset in range(150)}


def test_a_producer_that_is_broken_for_good_ends_it(folder: RepairFolder) -> None:
    with pytest.raises(UnreachableError, match="120 of 120 uploads were acknowledged"):
        sent(Broker(dies_at=120), folder, 10_000)
    assert len(folder.acknowledged()) == 120


def test_stopped_it_waits_for_what_is_under_way(folder: RepairFolder) -> None:
    stop = Event()

    class Interrupted(Broker):
        def produce(self, *arguments: Any, **more: Any) -> None:
            super().produce(*arguments, **more)
            if len(self.taken) == 30:
                stop.set()

    assert sent(Interrupted(), folder, 10_000, stop) == (30, 30)
    assert len(folder.acknowledged()) == 30


def test_when_reading_fails_what_was_sent_before_is_written_down(folder: RepairFolder) -> None:
    def fits() -> Any:
        yield a_fit(0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        readmit(fits(), Broker(), folder, stop=Event(), on_progress=lambda _: None)  # type: ignore[arg-type]
    assert folder.acknowledged() == {f"{PLACE}0"}


def test_the_largest_upload_that_was_refused_may_come_back() -> None:
    as_librdkafka_would = {name: value for name, value in TELEMETRY_PRODUCER.items() if name != "message.max.bytes"}
    with pytest.raises(KafkaException, match="MSG_SIZE_TOO_LARGE"):
        _hand_over_the_largest(as_librdkafka_would)
    _hand_over_the_largest(TELEMETRY_PRODUCER)


def _hand_over_the_largest(settings: Mapping[str, Any]) -> None:
    producer = Producer({**settings, "bootstrap.servers": "127.0.0.1:1", "log_level": 0})
    try:
        producer.produce(TELEMETRY_WASHER, b" " * MAX_UPLOAD_BYTES, b"w-1", headers=[(REPAIRED_HEADER, b"r" * 200)])
    finally:
        producer.purge()
