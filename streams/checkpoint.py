"""One partition of one input topic: takes runs in, and commits what they caused in one Kafka transaction each time.

Order of durable effects. Only 4 makes any of them visible, all at once; a crash anywhere before leaves nothing behind:
    1. outputs written into the transaction, run by run
    2. changed state and the next input position written into the transaction
    3. (nothing durable: the transaction is complete, not committed)
    4. the transaction committed
    5. the group's offset moved, for tools that show lag; never read
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException

from schemas.topics import DAY_MS, FAILED_EVENTS, RECEIPTS, state_topic
from streams.batch import Outputs, Place
from streams.crash_points import crash_point
from streams.decode import Decoder
from streams.desk.register import EMPTY, Register
from streams.device_view import DeviceView, device_view
from streams.failed_record import Headers, headers_of, key_of, value_of
from streams.frames import frames
from streams.intake import Record, taken_in
from streams.memory import Position, changes, recall
from streams.ownership import COMMIT_TIMEOUT_S, INIT_TIMEOUT_S, owning_producer
from streams.product import Product
from streams.settings import EngineSettings
from streams.step import step
from streams.watch import Watch

FORGET_IDLE_EVERY = 64
"""Checkpoints between two looks for idle devices."""


@dataclass(frozen=True, eq=False)
class Run:
    """Records fetched at once from one partition: all there are in offsets [start, end), after that many seeks.

    There are none where the log holds transaction markers and aborted records only.

    Attributes:
        size_bytes: Memory of the records, about.
    """

    place: Place
    records: Sequence[Record]
    start: int
    end: int
    seek: int = 0
    size_bytes: int = 0


@dataclass(frozen=True)
class Taken:
    """What a run was: its uploads, and how many of them were refused for which reason."""

    uploads: int
    refused: Counter[str]


class Partition:
    """Owner of one partition. Its methods block; calls from several threads take turns."""

    def __init__(
        self,
        settings: EngineSettings,
        product: Product,
        place: Place,
        first_offset: Callable[[Position | None], Position],
        watch: Watch | None = None,
        register: Register = EMPTY,
    ) -> None:
        """Fence whoever owned the partition before, then read what they committed.

        Args:
            first_offset: Checks a kept position against the topic, or gives the first one.
            watch: Is told what is taken in and committed.
            register: What record systems tell of the partition's devices; it may grow at any time.
        """
        self.place = place
        self._settings = settings
        self._product = product
        self._register = register
        self._decoder = Decoder(product.versions)
        self._lock = threading.Lock()
        self._producer = owning_producer(settings, place)  # before the state is read
        crash_point("streams.after-fence")
        self._state, kept = recall(settings, product, place)
        crash_point("streams.after-recall")
        self.position = first_offset(kept)
        self._applied = self.position.next_offset
        self._in_transaction = False
        self.uncommitted_uploads = 0
        self._watch = watch if watch is not None else Watch()
        self._written_bytes = 0

    def apply(self, run: Run) -> Taken | None:
        """Take a run in; None when it does not follow what was taken in before: the input must be sought again."""
        with self._lock:
            if run.start != self._applied:
                return None
            if not self._in_transaction:
                self._producer.begin_transaction()
                self._in_transaction = True
            refused = self._take_in(run) if run.records else Counter()
            self._applied = run.end
            return Taken(len(run.records), refused)

    def _take_in(self, run: Run) -> Counter[str]:
        """Decode a run, let the logic speak, write what it says; returns how much was refused by reason."""
        batch, refused = taken_in(self._decoder, self.place, run.records)
        outputs = step(self._product, self._state, batch, refused, self._settings.trusted, self._register)
        self._write(outputs)  # 1
        crash_point("streams.after-outputs")
        self.uncommitted_uploads += len(run.records)
        self._watch.took_in(self.place, run.records, outputs)
        return Counter(event.reason for event in outputs.failed)

    @property
    def has_uncommitted(self) -> bool:
        """Whether anything was taken in since the last commit."""
        return self._in_transaction

    @property
    def applied(self) -> int:
        """The next offset to take in."""
        return self._applied

    def commit(self) -> int | None:
        """Commit all that was taken in; returns the new position, or None if there was nothing to commit."""
        with self._lock:
            if not self._in_transaction:
                return None
            began_s = time.perf_counter()
            self._producer.poll(0)  # for its log
            position = Position(self.position.topic_id, self._applied, self.position.checkpoint + 1)
            self._state.tidy()
            if position.checkpoint % FORGET_IDLE_EVERY == 0:
                self._state.forget_idle(self._settings.forget_after_days * DAY_MS)
            topic = state_topic(self._settings.app, self.place.topic).name
            for key, value in changes(self._state, position):  # 2
                self._produce(topic, key, value)
            crash_point("streams.before-commit")  # 3
            self._producer.commit_transaction(COMMIT_TIMEOUT_S)  # 4
            crash_point("streams.after-commit")
            self.position, self._in_transaction, self.uncommitted_uploads = position, False, 0
            self._watch.committed(self.place, position, self._written_bytes, time.perf_counter() - began_s)
            self._written_bytes = 0
            return position.next_offset

    def device(self, device_id: str, patience_s: float) -> DeviceView | None:
        """What the state knows of a device, uncommitted uploads included; None for one that it does not hold.

        Raises:
            TimeoutError: the partition was at work all the time.
        """
        if not self._lock.acquire(timeout=patience_s):
            raise TimeoutError
        try:
            return device_view(self._product, self._state, device_id)
        finally:
            self._lock.release()

    def sizes(self) -> dict[str, tuple[int, int]]:
        """Rows in use and bytes of memory of each store, as of about now: read without waiting for a step."""
        stores = self._state.stores.items()
        return {name: (len(store), len(store.values) * store.row_bytes) for name, store in stores}

    def _write(self, outputs: Outputs) -> None:
        for topic, table in ((RECEIPTS, outputs.receipts), (self._product.readings, outputs.readings)):
            for value in frames(table):
                self._produce(topic, None, value)
        for session in outputs.sessions:
            self._produce(self._product.sessions, str(session["device_id"]).encode(), json.dumps(session).encode())
        for event in outputs.failed:
            value = value_of(event, self._settings.sealing_key)
            self._produce(FAILED_EVENTS, key_of(event), value, headers_of(event))

    def _produce(self, topic: str, key: bytes | None, value: bytes, headers: Headers | None = None) -> None:
        self._written_bytes += len(key or b"") + len(value)
        while True:
            try:
                self._producer.produce(topic, value, key, self.place.partition, headers=headers)
                return
            except BufferError:
                self._producer.poll(0.1)
            except KafkaException as error:
                raise self._cause(error) from error

    def _cause(self, error: KafkaException) -> KafkaException:
        """The error itself; of a producer that says no more than that it is broken, what broke it."""
        if error.args[0].code() == KafkaError._FATAL:
            try:
                self._producer.abort_transaction(INIT_TIMEOUT_S)
            except KafkaException as cause:
                return cause
        return error
