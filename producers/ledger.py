"""What devices meant to send, and what Kafka acknowledged: the ground truth, added up without the stream's help."""

from __future__ import annotations

from collections import Counter
from dataclasses import astuple, dataclass, field
from typing import Any

import pyarrow as pa

from producers.faults import LONGEST_DELAY
from producers.uploads import Delivery, Session, Upload
from schemas.fields import Contract
from schemas.fleet import Product
from schemas.forms import arrow_schema
from schemas.topics import TELEMETRY_SHOE, TELEMETRY_WASHER
from schemas.truth import TrueCondition, TrueRecord, TrueSession, TrueTotal, TrueUpload

_PRODUCTS: dict[str, Product] = {TELEMETRY_WASHER: "washer", TELEMETRY_SHOE: "shoe"}


@dataclass
class Counts:
    """Records by what became of them.

    Attributes:
        sent: Handed to the producer.
        faults: By the fault injected: records that Kafka acknowledged, and uploads that were lost before.
    """

    sent: int = 0
    lost: int = 0
    acknowledged: int = 0
    intact_uploads: int = 0
    sessions: int = 0
    failed: int = 0
    faults: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Total:
    product: Product
    session_count: int = 0
    amount: float = 0.0
    upload_count: int = 0
    lost_count: int = 0
    reading_count: int = 0


class Ledger:
    """Notes deliveries and acknowledgements, in whatever order Kafka reports them, as rows of the truth.

    Memory holds a total and the last few sessions of each device, and the rows that nobody has taken yet.
    """

    def __init__(self) -> None:
        self.counts = Counts()
        self._rows: dict[type[Contract], list[tuple[Any, ...]]] = {
            contract: [] for contract in (TrueUpload, TrueSession, TrueCondition, TrueRecord)
        }
        self._totals: dict[str, _Total] = {}
        self._sessions: dict[str, list[Session]] = {}

    def send(self, delivery: Delivery) -> None:
        """Note a delivery that is handed to the producer, or lost before."""
        if delivery.is_lost:
            self.counts.lost += 1
            self.counts.faults["lost"] += 1
        else:
            self.counts.sent += 1
        if not delivery.is_copy:
            self._tell(delivery.upload, is_lost=delivery.is_lost)

    def give_up(self, _delivery: Delivery) -> None:
        """Note a record that the producer could not deliver."""
        self.counts.failed += 1

    def acknowledge(self, delivery: Delivery, partition: int, offset: int) -> None:
        """Note a record that Kafka holds."""
        upload = delivery.upload
        self.counts.acknowledged += 1
        if delivery.fault is not None:
            self.counts.faults[delivery.fault] += 1
        if delivery.intact and not delivery.is_copy:
            self.counts.intact_uploads += 1
        self._rows[TrueRecord].append(
            (
                upload.topic,
                partition,
                offset,
                upload.device_id,
                upload.seq,
                upload.reading_count,
                delivery.intact,
                delivery.fault,
            )
        )

    @property
    def waiting_rows(self) -> int:
        """Rows that nobody has taken yet."""
        return sum(map(len, self._rows.values()))

    def take(self, contract: type[Contract]) -> pa.Table:
        """Uploads, sessions, conditions or records noted since the last call."""
        rows, self._rows[contract] = self._rows[contract], []
        return _table(contract, rows)

    def totals(self) -> pa.Table:
        """What each device did so far."""
        rows = [
            (
                total.product,
                device_id,
                total.session_count,
                total.amount,
                total.upload_count,
                total.lost_count,
                total.reading_count,
            )
            for device_id, total in self._totals.items()
        ]
        return _table(TrueTotal, rows)

    def _tell(self, upload: Upload, *, is_lost: bool) -> None:
        part, product = upload.part, _PRODUCTS[upload.topic]
        total = self._totals.setdefault(upload.device_id, _Total(product))
        total.upload_count += 1
        total.lost_count += is_lost
        total.reading_count += upload.reading_count
        if part is not None and self._is_new(part.session, upload.seq):
            self._tell_session(part.session, total)
        self._rows[TrueUpload].append(
            (
                upload.device_id,
                upload.seq,
                product,
                upload.sent_at_ms,
                upload.reading_count,
                None if part is None else part.session.started_at_ms,
                0.0 if part is None else part.amount,
                None if part is None else part.last_reading_ms,
                part is not None and part.ends_session,
                is_lost,
            )
        )

    def _is_new(self, session: Session, seq: int) -> bool:
        """Whether no upload told of the session before. Sessions that no late upload can tell of are forgotten."""
        known = self._sessions.setdefault(session.device_id, [])
        if any(session is other for other in known):
            return False
        known[:] = [other for other in known if other.last_seq + LONGEST_DELAY >= seq]
        known.append(session)
        return True

    def _tell_session(self, session: Session, total: _Total) -> None:
        self.counts.sessions += 1
        total.session_count += 1
        total.amount += session.amount
        self._rows[TrueSession].append(
            (
                session.product,
                session.device_id,
                session.material,
                session.session_no,
                session.programme,
                session.started_at_ms,
                session.ended_at_ms,
                session.amount,
            )
        )
        shape = session.shape
        if shape is not None:
            self._rows[TrueCondition].append((session.device_id, session.started_at_ms, *astuple(shape)))


def _table(contract: type[Contract], rows: list[tuple[Any, ...]]) -> pa.Table:
    schema = arrow_schema(contract)
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema.names)
    return pa.table([pa.array(column, kind.type) for column, kind in zip(columns, schema, strict=True)], schema=schema)
