"""The thread that fetches: what it fetched of a partition is one run, and it never fights over its place in the group.

Every method overrides one of Faust's driver or is called by `streams.transport` from the main thread.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any

import aiokafka
from aiokafka.consumer import fetcher
from aiokafka.errors import (
    ConsumerStoppedError,
    KafkaConnectionError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)
from aiokafka.protocol.commit import OffsetCommitRequest
from aiokafka.structs import TopicPartition
from faust.transport.drivers import aiokafka as stock
from faust.types import TP

from schemas.errors import PositionError, SlotTakenError
from streams.batch import Place
from streams.checkpoint import Run
from streams.ending import die
from streams.group import Group
from streams.positions import choices

CONSUMER_ATTRIBUTES = (
    "_isolation_level",
    "_partition_assignment_strategy",
    "_fetch_max_wait_ms",
    "_fetch_min_bytes",
    "_fetcher",
    "_coordinator",
    "_client",
)
COORDINATOR_ATTRIBUTES = (
    "reset_generation",
    "request_rejoin",
    "check_errors",
    "_send_req",
    "generation",
    "member_id",
    "group_id",
    "coordinator_id",
)
"""Private parts of aiokafka that are used here: versions are pinned, and a start without them fails."""


FETCH_WAIT_MS = 100
"""How long the broker holds back an answer. While it does, no partition of it is fetched, not even one that has just
got room; Faust's own value is 1.5 s."""
FETCH_MIN_BYTES = 1_000_000
"""What ends that wait: a step costs milliseconds, however small, so what comes within a moment makes one."""
SHOW_WITHIN_S = 5.0
"""A request for nothing but tools must not hold up the thread for the time that others may take."""
END_OF_ADDRESS = "\0"
"""confluent-kafka 2.16 reads on behind the text until it meets a zero: without one an address may have a tail."""
RECORD_BYTES = 200
"""What a record takes beside its bytes."""
_VALUE, _KEY = attrgetter("value"), attrgetter("key")


class BareRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    """Hands records over as they were parsed: a `ConsumerRecord` around each took a seventh of a worker's time."""

    def _consumer_record(self, tp: TopicPartition, record: Any) -> Any:
        return record


class ConsumerThread(stock.AIOKafkaConsumerThread):
    """The thread that fetches. Only this thread touches `_next`, so starts and ends of runs cannot lie."""

    app: Any

    def __post_init__(self) -> None:
        super().__post_init__()
        self._next: dict[TopicPartition, int] = {}
        self._seeks: Counter[TopicPartition] = Counter()
        self._sought_in: dict[TopicPartition, Any] = {}
        self.app.engine.ends = self.ends

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        _assert_has(consumer, CONSUMER_ATTRIBUTES)
        _assert_has(fetcher.PartitionRecords, ("_consumer_record",))
        fetcher.PartitionRecords = BareRecords
        consumer._isolation_level = "read_committed"
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        consumer._fetch_min_bytes = FETCH_MIN_BYTES
        # Stock Faust falls back to round robin without tables, which moves partitions needlessly.
        consumer._partition_assignment_strategy = [self.app.assignor]
        return consumer

    async def on_start(self) -> None:
        """As stock, and a worker that lost its slot to another one does not take it back."""
        try:
            await super().on_start()
        except KafkaConnectionError as error:
            die("Kafka does not answer", error)
        coordinator = self._ensure_consumer()._coordinator
        _assert_has(coordinator, COORDINATOR_ATTRIBUTES)
        join_anew = coordinator.reset_generation

        def lost_membership() -> None:
            self._die_if_replaced(coordinator)
            join_anew()

        coordinator.reset_generation = lost_membership

    def _die_if_replaced(self, coordinator: Any) -> None:
        """End for good if the group lost this worker to another one of its slot; to silence alone it may lose it.

        Two of one slot would otherwise throw each other out without end: whoever joins replaces the other.
        """
        conf = self.app.conf
        if coordinator.generation < 0 or conf.consumer_group_instance_id is None:
            return
        servers = ",".join(f"{url.host}:{url.port}" for url in conf.broker_consumer)
        if Group(servers, conf.id).is_held_by_another(conf.consumer_group_instance_id, coordinator.member_id):
            slot = conf.consumer_group_instance_id.removeprefix(f"{conf.id}-")
            taken = f"another worker of {conf.id} has taken slot {slot}; each running worker needs a --slot of its own"
            die("slot taken", SlotTakenError(taken))

    async def answer(self) -> None:
        """Nothing, if this thread is alive and its coordinator well.

        Faust never asks for the coordinator's errors; one that nobody sees would hang the worker for ever.
        """
        self._ensure_consumer()._coordinator.check_errors()

    async def join_anew(self) -> None:
        """Ask the group to share out its partitions once more.

        First the topics are looked at anew: a leader that last did so while the broker was coming up knows none, gives
        nobody a partition, and would look again only after minutes.
        """
        consumer = self._ensure_consumer()
        await consumer._client.force_metadata_update()
        consumer._coordinator.request_rejoin()

    async def _fetch_records(  # type: ignore[override]  # runs take the place of records, up to `_to_message`
        self, consumer: Any, active_partitions: set[TP], timeout: float | None = None, max_records: int | None = None
    ) -> dict[TP, Run]:
        """What was fetched, a run per partition, each with the offsets it covers (transaction markers included)."""
        if not self.consumer.flow_active:
            return {}
        fetcher = consumer._fetcher
        if consumer._closed or fetcher._closed:
            raise ConsumerStoppedError
        consumer._coordinator.check_errors()
        with fetcher._subscriptions.fetch_context():
            try:
                fetched = await fetcher.fetched_records(active_partitions, timeout=timeout, max_records=max_records)
            except NoOffsetForPartitionError:
                # A partition not yet sought: the engine will.
                return {}
            except OffsetOutOfRangeError as error:
                (gone, offset), *_ = error.args[0].items()
                place = Place(gone.topic, gone.partition)
                why = f"{gone.topic}[{gone.partition}] no longer holds offset {offset}, which comes next"
                die("cannot read on", PositionError(f"{why}. {choices(place)}"))
        return self._runs(active_partitions, fetched, fetcher._subscriptions.subscription.assignment)

    def _runs(self, tps: Iterable[TP], fetched: Mapping[TP, Sequence[Any]], assignment: Any) -> dict[TP, Run]:
        """A run of each partition that has moved on, without records where it moved over markers or aborted ones only.

        A partition that was not sought since it was assigned stands where the group's offset is, which is not ours:
        what was fetched of it is left, and fetched anew after the seek.
        """
        runs = {}
        for tp in [tp for tp in tps if assignment is not None and self._sought_in.get(tp) is assignment]:
            records, start, end = fetched.get(tp, ()), self._next[tp], assignment.state_value(tp).position
            if end > start:
                self._next[tp] = end
                runs[tp] = Run(
                    Place(tp.topic, tp.partition), records, start, end, self._seeks[tp], _size_bytes(records)
                )
        return runs

    async def begin_at(self, tp: TP, offset: int) -> int:
        """Fetch from there on; returns the number of this seek, which the runs fetched from here on carry."""
        consumer = self._ensure_consumer()
        consumer.seek(tp, offset)
        self._sought_in[tp] = consumer._subscription.subscription.assignment
        self._next[tp] = offset
        self._seeks[tp] += 1
        return self._seeks[tp]

    async def show_positions(self, offsets: Mapping[TP, int], address: str = "") -> bool:
        """Move the group's offsets, for tools that show lag; whether all moved. Nobody here reads them.

        Not by the consumer's own commit: that one answers a generation gone by with a new join, which makes another
        generation for everybody, so that in a long rebalance two workers push each other out without end.

        Args:
            address: Where this worker answers for these partitions (`streams.routing`); empty for nowhere.
        Raises:
            TimeoutError: no answer within `SHOW_WITHIN_S`.
        """
        coordinator = self._ensure_consumer()._coordinator
        if coordinator.generation < 0 or coordinator.coordinator_id is None:
            return False
        by_topic: dict[str, list[tuple[int, int, str]]] = {}
        for tp, offset in offsets.items():
            by_topic.setdefault(tp.topic, []).append((tp.partition, offset, address + END_OF_ADDRESS))
        request = OffsetCommitRequest(
            coordinator.group_id,
            coordinator.generation,
            coordinator.member_id,
            OffsetCommitRequest.DEFAULT_RETENTION_TIME,
            list(by_topic.items()),
        )
        async with asyncio.timeout(SHOW_WITHIN_S):
            response = await coordinator._send_req(request)
        return all(code == 0 for _, partitions in response.topics for _, code in partitions)

    def ends(self) -> dict[Place, tuple[int, int]]:
        """Where each partition ends as its last fetch told, and when (milliseconds, wall clock); from any thread."""
        subscription = self._consumer._subscription.subscription if self._consumer is not None else None
        assignment = subscription.assignment if subscription is not None else None
        if assignment is None:
            return {}
        found = {}
        for tp in assignment.tps:
            state = assignment.state_value(tp)
            if state is not None and state.highwater is not None and state.timestamp is not None:
                # A transaction under way in the input: what it has written waits for it, not for us.
                end = state.highwater if state.lso is None or state.lso < 0 else min(state.lso, state.highwater)
                found[Place(tp.topic, tp.partition)] = end, int(state.timestamp)
        return found

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Stock Faust compares two different clocks here and logs false alarms."""

    async def crash(self, reason: BaseException) -> None:
        """The thread cannot go on, so the worker does not."""
        die("consumer thread", reason)


def _size_bytes(records: Sequence[Any]) -> int:
    """Memory of records, about."""
    texts = chain(map(_VALUE, records), map(_KEY, records))
    try:
        text_bytes = sum(map(len, texts))
    except TypeError:  # one of them is null
        text_bytes = sum(len(record.value or b"") + len(record.key or b"") for record in records)
    return RECORD_BYTES * len(records) + text_bytes


def _assert_has(thing: object, names: Iterable[str]) -> None:
    for name in names:
        assert hasattr(thing, name), f"aiokafka's {type(thing).__name__} has no {name}: pinned versions only"
