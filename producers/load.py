"""A load to Kafka as fast as it goes: uploads of templates, and the truth of what was acknowledged.

In:            devices that play templates (`producers.load_uploads`); a producer.
Out:           records on telemetry.*, keyed by device; a truth folder.
Guarantee:     idempotent producer: each upload is in Kafka once, in order of its device. The truth holds exactly the
               acknowledged ones, also after `stop` is set. Memory does not grow with the number of uploads.
On failure:    a broker that stays away: `UnreachableError`, after the truth is written. A truth that cannot be
               written: `OutsideError`, and no more records.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from threading import Event
from typing import Any

import numpy as np
import pyarrow as pa
from confluent_kafka import KafkaException, Producer

from producers.load_acknowledged import Acknowledged
from producers.load_digits import Integers, listed, partitions_of
from producers.load_truth import fleet_rows, session_rows, total_rows, upload_rows
from producers.load_uploads import Devices, Volley, volleys
from producers.publish import ANSWER_WITHIN_S
from producers.truth_folder import TruthFolder
from schemas.errors import UnreachableError
from schemas.fields import Contract
from schemas.fleet import FleetDevice, Product
from schemas.topics import GIVE_UP_AFTER_MS, TELEMETRY_SHOE, TELEMETRY_WASHER
from schemas.truth import TrueRecord, TrueSession, TrueTotal, TrueUpload

TOPICS: Mapping[Product, str] = {"washer": TELEMETRY_WASHER, "shoe": TELEMETRY_SHOE}

AT_ONCE = 8_192
"""Uploads that are made and handed over together: a few megabytes, which stay in the processor's cache."""

_VOLLEYS_PER_S = 10
_MOST_WAITING_BYTES = 96 * 1024 * 1024
"""Of uploads that the producer holds: well below its own limit, which is never met, so that none is turned away."""
_RECORDS_PER_WRITE = 50_000

Progress = Callable[[int], None]
"""Takes the number of uploads handed over."""


class Load:
    """One load: `send` once, then read the counts."""

    def __init__(self, groups: list[Devices], producer: Producer, folder: TruthFolder) -> None:
        self.sent = 0
        self.session_count = 0
        self.acknowledged = Acknowledged()
        self._groups = groups
        self._producer = producer
        self.folder = folder
        self._meant = self._written = 0
        self._waiting_limit = _MOST_WAITING_BYTES // max(group.templates.rows.shape[1] for group in groups)
        held = producer.list_topics(timeout=ANSWER_WITHIN_S).topics
        topics = [TOPICS[group.templates.product] for group in groups]
        self._reports = {
            topic: [self.acknowledged.report(topic, number) for number in range(len(held[topic].partitions))]
            for topic in topics
        }

    def send(self, upload_count: int, *, stop: Event, on_progress: Progress, per_second: float | None) -> None:
        """Send so many uploads, or as many as there were before `stop`.

        Durable effects, in this order: 1 the fleet, 2 uploads that are meant to be sent, and sessions that they begin,
        3 records to Kafka, 4 acknowledged records, 5 totals, 6 the files of the truth.

        Args:
            per_second: Highest rate; None: as fast as Kafka takes them.
        Raises:
            UnreachableError: A record was not acknowledged in time, and may or may not be in Kafka; or the producer
                may not send any more.
            OutsideError: The truth cannot be written.
        """
        self._append(FleetDevice, (table for group in self._groups for table in fleet_rows(group)))  # 1
        at_once = AT_ONCE if per_second is None else max(1, min(AT_ONCE, int(per_second / _VOLLEYS_PER_S)))
        started_s = time.monotonic()
        try:
            for volley in volleys(self._groups, upload_count, at_once):
                if stop.is_set() or self.acknowledged.errors:
                    break
                for part in volley:
                    self._send(part)
                    self._meant += part.seq.size
                on_progress(self.sent)
                self._wait(started_s, per_second, stop)
        finally:
            self._producer.flush(GIVE_UP_AFTER_MS / 1000 + 5)
            self._append(TrueRecord, self.acknowledged.rows())  # 4
            self._append(TrueRecord, self.acknowledged.settled_rows())
            self._append(TrueTotal, self._totals())  # 5
            self.folder.finish()  # 6
        if self.acknowledged.errors:
            raise UnreachableError(
                f"Kafka stopped acknowledging: {self.acknowledged.errors[0]}. {self.acknowledged.count} of "
                f"{self.sent} records were acknowledged; the others may or may not have arrived"
            )

    def _send(self, volley: Volley) -> None:
        topic = TOPICS[volley.devices.templates.product]
        partitions = partitions_of(volley.names, len(self._reports[topic]))
        volley = volley.chosen(np.argsort(partitions, kind="stable"))
        sessions = session_rows(volley)
        self._append(TrueUpload, [upload_rows(volley)])  # 2
        self._append(TrueSession, [sessions])
        self.session_count += sessions.num_rows
        values, keys = listed(volley.values()), listed(volley.names)
        end = 0
        for number, count in enumerate(np.bincount(partitions).tolist()):
            start, end = end, end + count
            if count:
                messages = [
                    {"value": value, "key": key} for value, key in zip(values[start:end], keys[start:end], strict=True)
                ]
                self._hand_over(topic, number, volley.chosen(np.arange(start, end)), messages)  # 3

    def _hand_over(self, topic: str, number: int, volley: Volley, messages: list[dict[str, Any]]) -> None:
        report = self._reports[topic][number]
        try:
            taken = self._producer.produce_batch(topic, messages, partition=number, on_delivery=report)
        except KafkaException as error:
            self.acknowledged.errors.append(error.args[0].str())
            return
        if taken < len(messages):  # for good: idempotence is lost, or another took this producer's place
            refused = [message.get("_error") for message in messages]
            self.acknowledged.errors += [error.str() for error in refused if error is not None][:1]
            volley = volley.chosen(np.flatnonzero([error is None for error in refused]))
        self.sent += taken
        self.acknowledged.hand_over(topic, number, volley)

    def _wait(self, started_s: float, per_second: float | None, stop: Event) -> None:
        """Serve reports, write what they acknowledge, and wait while the producer or the rate asks for it."""
        self._producer.poll(0)
        if self.acknowledged.count - self._written >= _RECORDS_PER_WRITE:
            self._append(TrueRecord, self.acknowledged.rows())  # 4
            self._written = self.acknowledged.count
        until_s = 0.0 if per_second is None else started_s + self.sent / per_second
        while not stop.is_set() and not self.acknowledged.errors:
            left_s = until_s - time.monotonic()
            if left_s <= 0.001 and len(self._producer) < self._waiting_limit:
                return
            self._producer.poll(min(max(left_s, 0.02), 0.2))

    def _append(self, contract: type[Contract], tables: Iterable[pa.Table]) -> None:
        rows = list(tables)
        if rows:
            self.folder.append(contract, pa.concat_tables(rows))

    def _totals(self) -> Iterator[pa.Table]:
        device_count, before = sum(len(group) for group in self._groups), 0
        for group in self._groups:
            numbers: Integers = np.arange(before, before + len(group))
            yield from total_rows(group, np.maximum(0, (self._meant - 1 - numbers) // device_count + 1))
            before += len(group)
