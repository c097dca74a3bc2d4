"""What was handed to Kafka and what it acknowledged: the ground truth, added up without the stream's help."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from producers.uploads import Delivery, Session, Upload
from schemas.truth import TrueRecord, TrueSession


@dataclass(slots=True)
class _Delivered:
    """What the acknowledged intact uploads of one session tell."""

    amount: float = 0.0
    reading_count: int = 0
    ended_at_ms: int | None = None
    end_arrived: bool = False


@dataclass
class Counts:
    """Records by what became of them; `faults` counts acknowledged records by the fault injected."""

    sent: int = 0
    acknowledged: int = 0
    intact_uploads: int = 0
    failed: int = 0
    faults: Counter[str] = field(default_factory=Counter)


class Ledger:
    """Adds up deliveries and acknowledgements, in whatever order Kafka reports them.

    A copy of an upload is sent after its original and counts only when the original was given up by the producer.
    """

    def __init__(self) -> None:
        self.counts = Counts()
        self._sessions: dict[Session, _Delivered] = {}
        self._given_up: set[Upload] = set()
        self._newest_seq: dict[str, int] = {}
        self._records: list[TrueRecord] = []

    def send(self, delivery: Delivery) -> None:
        """Note a record handed to the producer."""
        self.counts.sent += 1
        if delivery.upload.part is not None:
            self._sessions.setdefault(delivery.upload.part.session, _Delivered())

    def give_up(self, delivery: Delivery) -> None:
        """Note a record that the producer could not deliver."""
        self.counts.failed += 1
        self._given_up.add(delivery.upload)

    def acknowledge(self, delivery: Delivery, partition: int, offset: int) -> None:
        """Note a record that Kafka holds."""
        upload = delivery.upload
        self.counts.acknowledged += 1
        if delivery.fault is not None:
            self.counts.faults[delivery.fault] += 1
        self._records.append(
            TrueRecord.model_construct(
                topic=upload.topic,
                partition=partition,
                offset=offset,
                device_id=upload.device_id,
                seq=upload.seq,
                reading_count=upload.reading_count,
                intact=delivery.intact,
                fault=delivery.fault,
            )
        )
        if delivery.intact and (delivery.fault != "duplicated" or upload in self._given_up):
            self._given_up.discard(upload)
            self._count(upload)

    def _count(self, upload: Upload) -> None:
        self.counts.intact_uploads += 1
        self._newest_seq[upload.device_id] = max(upload.seq, self._newest_seq.get(upload.device_id, 0))
        if upload.part is None:
            return
        part, delivered = upload.part, self._sessions[upload.part.session]
        if part.session.product == "washer":
            delivered.amount += part.amount
        else:
            delivered.amount = max(delivered.amount, part.amount)
        delivered.reading_count += upload.reading_count
        delivered.ended_at_ms = max(part.last_reading_ms, delivered.ended_at_ms or 0)
        delivered.end_arrived |= part.ends_session

    @property
    def waiting_records(self) -> int:
        """Acknowledged records since the last `take_records`."""
        return len(self._records)

    def take_records(self) -> list[TrueRecord]:
        """Acknowledged records since the last call."""
        records, self._records = self._records, []
        return records

    def sessions(self) -> Iterator[TrueSession]:
        """Every session of which a record was handed to the producer, in order of its first."""
        for session, delivered in self._sessions.items():
            later_arrived = self._newest_seq.get(session.device_id, -1) > session.last_seq
            yield TrueSession(
                product=session.product,
                device_id=session.device_id,
                material=session.material,
                session_no=session.session_no,
                programme=session.programme,
                started_at_ms=session.started_at_ms,
                ended_at_ms=session.ended_at_ms,
                amount=session.amount,
                delivered_ended_at_ms=delivered.ended_at_ms,
                delivered_amount=delivered.amount,
                delivered_reading_count=delivered.reading_count,
                end_is_known=delivered.end_arrived or later_arrived,
            )
