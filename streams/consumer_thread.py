"""The thread that fetches: what it fetched of a partition is one run, and it never fights over its place in the group.

Every method overrides one of Faust's driver or is called by `streams.transport` from the main thread.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
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

CONSUMER_ATTRIBUTES = ("_isolation_level", "_partition_assignment_strategy", "_fetcher", "_coordinator", "_client")
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
        self.app.engine.ends = self.ends

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        _assert_has(consumer, CONSUMER_ATTRIBUTES)
        _assert_has(fetcher.PartitionRecords, ("_consumer_record",))
        fetcher.PartitionRecords = BareRecords
        consumer._isolation_level = "read_committed"
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
                die("cannot read on", PositionError(f"the log no longer holds the position: {error}"))
        assignment = fetcher._subscriptions.subscription.assignment
        runs = {}
        for tp, records in fetched.items():
            start, end = self._next.get(tp, -1), assignment.state_value(tp).position
            self._next[tp] = end
            value_bytes = sum(len(record.value or b"") for record in records)
            runs[tp] = Run(Place(tp.topic, tp.partition), records, start, end, self._seeks[tp], value_bytes)
        return runs

    async def begin_at(self, tp: TP, offset: int) -> int:
        """Fetch from there on; returns the number of this seek, which the runs fetched from here on carry."""
        self._ensure_consumer().seek(tp, offset)
        self._next[tp] = offset
        self._seeks[tp] += 1
        return self._seeks[tp]

    async def show_positions(self, offsets: Mapping[TP, int], address: str = "") -> bool:
        """Move the group's offsets, for tools that show lag; whether all moved. Nobody here reads them.

        Not by the consumer's own commit: that one answers a generation gone by with a new join, which makes another
        generation for everybody, so that in a long rebalance two workers push each other out without end.

        Args:
            address: Where this worker answers for these partitions (`streams.routing`); empty for nowhere.
        """
        coordinator = self._ensure_consumer()._coordinator
        if coordinator.generation < 0 or coordinator.coordinator_id is None:
            return False
        by_topic: dict[str, list[tuple[int, int, str]]] = {}
        for tp, offset in offsets.items():
            by_topic.setdefault(tp.topic, []).append((tp.partition, offset, address))
        request = OffsetCommitRequest(
            coordinator.group_id,
            coordinator.generation,
            coordinator.member_id,
            OffsetCommitRequest.DEFAULT_RETENTION_TIME,
            list(by_topic.items()),
        )
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
            if state is not None and state.highwater is not None:
                # A transaction under way in the input: what it has written waits for it, not for us.
                end = state.highwater if state.lso is None or state.lso < 0 else min(state.lso, state.highwater)
                found[Place(tp.topic, tp.partition)] = end, int(state.timestamp)
        return found

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Stock Faust compares two different clocks here and logs false alarms."""

    async def crash(self, reason: BaseException) -> None:
        """The thread cannot go on, so the worker does not."""
        die("consumer thread", reason)


def _assert_has(thing: object, names: Iterable[str]) -> None:
    for name in names:
        assert hasattr(thing, name), f"aiokafka's {type(thing).__name__} has no {name}: pinned versions only"
