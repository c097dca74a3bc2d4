"""Uploads without end: several devices to a partition, in disorder, with repeats, late ones and ones to be refused."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from confluent_kafka import KafkaError, Message, Producer

from tests.integration.streams.conftest import PlacePair, Stream
from tests.unit.streams.arrivals import arriving, some_uploads
from tests.unit.streams.model import TOLD_APART

DEVICES = 5
SESSIONS = 60
"""Of a device: some 200 uploads, so that most devices live through several faults."""
REACH = 5 * DEVICES
"""How many places an upload may come from where it belongs, so that none is late by that alone."""
LATE_SHARE = 0.01
REFUSED_SHARE = 0.03
POISON = (b"", b"\xff\xfe", b"no upload", b'{"device_id": "w-1"', b'{"seq": 1}', b"[" * 2_000)
FLUSHED_WITHIN_S = 60.0


@dataclass(frozen=True)
class Record:
    """What is sent; `is_intact` if the stream has to let it in: it obeys the contract and is under its own name."""

    value: bytes
    key: bytes
    is_intact: bool


def generation(rng: Random, name: str) -> list[Record]:
    """All that a few new devices ever send; the last session of each is over in the end."""
    uploads = [
        dict(upload) | {"device_id": f"{upload['device_id']}-{name}"}
        for upload in some_uploads(rng, "cycle", DEVICES, SESSIONS)
    ]
    uploads.sort(key=lambda upload: int(upload["start_ms"]))  # all devices at the same time
    sent = arriving(rng, uploads, REACH, echoes=0.1)
    held_back = sorted(rng.sample(range(len(sent) // 3), int(LATE_SHARE * len(sent))), reverse=True)
    for place in held_back:
        sent.insert(place + 2 * TOLD_APART * DEVICES, sent.pop(place))
    records = [Record(json.dumps(upload).encode(), str(upload["device_id"]).encode(), True) for upload in sent]
    for _ in range(int(REFUSED_SHARE * len(sent))):
        place = rng.randrange(len(records))
        poison = Record(rng.choice(POISON), records[place].key, False)
        stranger = Record(records[place].value, b"somebody-else", False)
        records.insert(place, rng.choice([poison, poison, stranger]))
    return records


class Devices:
    """What one partition gets: generation after generation of devices."""

    def __init__(self, seed: int, partition: int) -> None:
        self._rng = Random(f"{seed}/{partition}")
        self._names = (f"{partition}-{number}" for number in itertools.count())
        self._left: list[Record] = []

    def next(self) -> Record:
        if not self._left:
            self._left = generation(self._rng, next(self._names))[::-1]
        return self._left.pop()

    def rest(self) -> Iterator[Record]:
        """What the devices that have begun still have to send."""
        while self._left:
            yield self._left.pop()


class Load:
    """Sends at a steady rate, round the partitions, and remembers the place of what Kafka took.

    Attributes:
        refused: Places of records that the stream has to refuse whatever it remembers.
    """

    def __init__(self, stream: Stream, seed: int, uploads_per_s: float) -> None:
        self._stream = stream
        self._uploads_per_s = uploads_per_s
        self._devices = [Devices(seed, number) for number in range(stream.partitions)]
        self._turn = itertools.cycle(range(stream.partitions))
        self._produced = 0
        self._began_s = time.monotonic()
        self._producer = Producer(
            {
                "bootstrap.servers": stream.settings.kafka,
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 5,
                "message.timeout.ms": 0,  # a broker that is away comes back
                "log_level": 0,
            }
        )
        self.refused: set[PlacePair] = set()

    def pump(self) -> None:
        """Send what is due by now."""
        due = int((time.monotonic() - self._began_s) * self._uploads_per_s)
        while self._produced < due:
            number = next(self._turn)
            self._send(number, self._devices[number].next())
        self._producer.poll(0)

    def finish(self) -> None:
        """Send the rest of all devices that have begun, and wait until Kafka has all of it."""
        for number, devices in enumerate(self._devices):
            for record in devices.rest():
                self._send(number, record)
        assert self._producer.flush(FLUSHED_WITHIN_S) == 0, "Kafka took all"
        assert len(self._stream.sent) == self._produced

    def close(self) -> None:
        """Give up what Kafka has not taken."""
        self._producer.purge()

    def _send(self, partition: int, record: Record) -> None:
        def remember(error: KafkaError | None, message: Message) -> None:
            assert error is None, error
            place = partition, int(message.offset() or 0)
            self._stream.sent[place] = record.value
            if not record.is_intact:
                self.refused.add(place)

        topic = self._stream.product.telemetry
        self._producer.produce(topic, record.value, record.key, partition, on_delivery=remember)
        self._produced += 1
