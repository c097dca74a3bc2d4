"""The relay: carries what the record systems hold of each device to the stream, as `reference.*` records.

In:            the outbox, and the tables behind it; one key, for pseudonyms.
Out:           the newest record of each device on each reference topic, in the partition of the device's uploads.
Guarantee:     each change is told once and in full: records and position are one Kafka transaction, and a record is
               built from the tables of one moment. Revisions of a device rise. No name, address or customer number.
On failure:    what was not committed is told anew. What does not answer is asked again, ever later. A newer relay of
               the same name puts an older one out of action for good.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from uuid import uuid4

from confluent_kafka import KafkaError, KafkaException, Producer

from schemas.errors import UnreachableError, UsageError
from schemas.outbox import TOPIC_OF, ReferenceKind
from schemas.pseudonyms import pseudonym
from schemas.reference import Reference
from schemas.topics import TELEMETRY_PRODUCER, relay_topic
from sinks.records import outbox, relay_position
from sinks.records.crash import Point, crash_point
from sinks.records.database import Connection
from sinks.records.references import SubjectOf
from sinks.records.relay_devices import devices_in
from sinks.records.relay_position import LOG, PARTITION, Position, fingerprint, kept, topic_ids
from sinks.records.telling import Refused, Wanted, told

REFUSED_AGAIN_AFTER_S = 60.0
"""After which rows that do not fit are looked at again, and told of again if they still do not."""

_INIT_TIMEOUT_S = 30.0
_COMMIT_TIMEOUT_S = 60.0
_OTHER_TOOK_OVER = (KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED)


@dataclass(frozen=True)
class RelaySettings:
    """From where to where.

    Attributes:
        records: DSN of the record systems.
        name: Relays of one name take each other's place.
        limit: Outbox entries to a transaction, about.
    """

    kafka: str
    records: str = field(repr=False)
    name: str = "records"
    topics: Mapping[ReferenceKind, str] = field(default_factory=lambda: TOPIC_OF)
    state_topic: str = relay_topic().name
    limit: int = 2_000


@dataclass(frozen=True)
class Told:
    """One transaction: records by kind, and the outbox entries they answer."""

    revision: int
    records: dict[ReferenceKind, int]
    entries: int


class Relay:
    """The one relay of its name, from when it is made until another one is."""

    def __init__(
        self, settings: RelaySettings, key: bytes, connection: Connection, now_ms: Callable[[], int], *, again: bool
    ) -> None:
        """Takes over, in this order: 1 fence whoever was before, 2 read the position, 3 delete what it says was told.

        Where nothing was told yet, be it that a topic or the database is another one, all there is is asked for: 4 in
        the outbox, 5 then the position says so. Killed in between, it is asked for again, which adds nothing.

        Args:
            again: Tell of all devices again, be it with another key; of those told before of which no row is left (of
                a restored backup, say) that nobody has them.
        """
        LOG.addHandler(logging.NullHandler())
        self._settings = settings
        self._connection = connection
        self._now_ms = now_ms
        self._subject_of: SubjectOf = partial(pseudonym, key)
        self._owner = uuid4().hex
        self._refused: set[int] = set()
        self._refused_since_s = time.monotonic()
        self._told_in_part: dict[Wanted, Reference] = {}
        topics = topic_ids(settings.kafka, [*settings.topics.values(), settings.state_topic])
        self._producer = _fencing_producer(settings)  # 1
        crash_point("relay.fenced")
        known = kept(settings.kafka, settings.state_topic, settings.name)  # 2
        identity = outbox.identity(connection)
        if known is not None:
            if known.key != fingerprint(key) and not again:
                raise UsageError(
                    "pseudonyms in Kafka were made with another key than this one. Give the relay that key, or let it "
                    "tell of all people anew under this one: vaxel relay --again"
                )
            if known.outbox == identity:
                outbox.forget(connection, known.entries, known.read_before)  # 3
        if again or known is None or (known.topics, known.outbox) != (topics, identity):
            outbox.ask_for_all(connection, devices_in(settings.kafka, settings.topics) if again else ())  # 4
            crash_point("relay.asked")
        revision = 0 if known is None else known.revision
        self._position = Position(revision, (), identity, "", self._owner, fingerprint(key), topics)
        self._commit((), self._position, "relay.claiming")  # 5
        crash_point("relay.claimed")

    def step(self) -> tuple[Told | None, list[Refused]]:
        """Tells what waits, as much as goes into one transaction; None if nothing did.

        1. read: the oldest entries of the outbox, of transactions that are over, and the rows behind them
        2. write: their records and the new position into a Kafka transaction
        3. commit
        4. delete those entries

        What can be told in part only is told, its entries stay; it is told once as long as it stays the same.
        """
        if time.monotonic() - self._refused_since_s > REFUSED_AGAIN_AFTER_S:
            self._refused.clear()
            self._refused_since_s = time.monotonic()
        news = outbox.read(self._connection, self._settings.limit, self._refused)  # 1
        crash_point("relay.read")
        if not news.entries:
            return None, []
        revision = max(self._position.revision + 1, self._now_ms())
        references, refused = told((entry.wanted for entry in news.entries), news.rows, revision, self._subject_of)
        not_told = {own.wanted for own in refused}
        ids = tuple(entry.id for entry in news.entries if entry.wanted not in not_told)
        self._refused |= {entry.id for entry in news.entries if entry.wanted in not_told}
        self._refused -= set(ids)
        references = [own for own in references if not self._is_told_in_part(own, not_told)]
        if not ids and not references:
            return None, refused
        position = replace(self._position, revision=revision, entries=ids, read_at=news.read_at.isoformat())
        self._commit(references, position, "relay.written")  # 2, 3
        crash_point("relay.committed")
        outbox.forget(self._connection, ids)  # 4
        crash_point("relay.deleted")
        self._position = position
        counts = Counter(kind for kind, _ in references)
        return Told(revision, dict(counts), len(ids)), refused

    def _is_told_in_part(self, told: tuple[ReferenceKind, Reference], not_told: Collection[Wanted]) -> bool:
        """Whether this is what was told when its rows were looked at last and did not fit either."""
        kind, reference = told
        wanted = kind, reference.device_id
        before = self._told_in_part.pop(wanted, None)
        if wanted not in not_told:
            return False
        self._told_in_part[wanted] = reference
        return before is not None and before.model_copy(update={"revision": reference.revision}) == reference

    @property
    def refused(self) -> int:
        """Entries passed over, since their rows cannot be told as they are."""
        return len(self._refused)

    def close(self) -> None:
        """Gives up what is under way."""
        self._producer.purge()

    def _commit(
        self, references: Iterable[tuple[ReferenceKind, Reference]], position: Position, written: Point
    ) -> None:
        settings = self._settings
        try:
            self._producer.begin_transaction()
            for kind, reference in references:
                self._produce(
                    topic=settings.topics[kind], key=reference.device_id, value=reference.model_dump_json().encode()
                )
            self._produce(
                topic=settings.state_topic,
                partition=PARTITION,
                key=settings.name,
                value=relay_position.to_json(position),
            )
            self._producer.flush(_COMMIT_TIMEOUT_S)
            crash_point(written)
            self._producer.commit_transaction(_COMMIT_TIMEOUT_S)
        except KafkaException as error:
            raise self._outside(error) from error

    def _produce(self, **record: Any) -> None:
        while True:
            try:
                self._producer.produce(**record)
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def _outside(self, error: KafkaException) -> UnreachableError | UsageError:
        """A fenced producer was either put out of action, or silent for so long that Kafka gave up on it."""
        told: KafkaError = error.args[0]
        settings = self._settings
        if told.code() in _OTHER_TOOK_OVER:
            known = kept(settings.kafka, settings.state_topic, settings.name)
            if known is not None and known.owner != self._owner:
                return UsageError(f"another relay named {settings.name!r} has taken over; only one can run")
        return UnreachableError(f"Kafka at {settings.kafka!r} does not take what is told: {told.str()}.")


def _fencing_producer(settings: RelaySettings) -> Producer:
    """A producer of transactions; whoever had this relay's name before can commit nothing after this."""
    complaints: list[str] = []
    config: dict[str, Any] = {
        **TELEMETRY_PRODUCER,  # the same partitioner: what is told of a device is where its uploads are
        "bootstrap.servers": settings.kafka,
        "transactional.id": f"vaxel.relay.{settings.name}",
        "transaction.timeout.ms": int(_COMMIT_TIMEOUT_S * 1000),
        "logger": LOG,
        "error_cb": lambda error: complaints.append(error.str()),
    }
    producer = Producer(config)
    try:
        producer.init_transactions(_INIT_TIMEOUT_S)
    except KafkaException as error:
        reason = complaints[-1] if complaints else error.args[0].str()
        raise UnreachableError(f"Kafka does not answer at {settings.kafka!r}: {reason}.") from error
    return producer
