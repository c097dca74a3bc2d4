"""Faust's Kafka driver, changed in two ways: one event is a whole fetched run, and positions are the engine's own.

Stock Faust costs four asyncio tasks per message and commits offsets it has not earned (decision D2, D4). Here the
consumer thread hands over what it fetched of a partition as one event, and where to begin is asked of the engine, which
reads it from the state topic. Every method below overrides one of `faust.transport`; the names are Faust's.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, NoReturn

import aiokafka
import faust
from aiokafka.errors import ConsumerStoppedError, NoOffsetForPartitionError, OffsetOutOfRangeError
from aiokafka.protocol.commit import OffsetCommitRequest
from aiokafka.structs import TopicPartition
from faust.transport.drivers import aiokafka as stock
from faust.types import TP, ConsumerMessage

from schemas.errors import PositionError, VaxelError
from streams.batch import Place
from streams.checkpoint import Run

EXIT_CRASHED = 70
"""sysexits.h EX_SOFTWARE: the supervisor starts the worker again. Not so after a PositionError: a person decides."""

IDLE_S = 0.02
PRIVATE_ATTRIBUTES = ("_isolation_level", "_partition_assignment_strategy")


def die(what: str, because: BaseException | None = None) -> NoReturn:
    """End the process at once, so that nothing half-done can become visible."""
    why = f": {because}" if isinstance(because, VaxelError) else f": {because!r}" if because is not None else ""
    print(f"vaxel: worker stops: {what}{why}", file=sys.stderr, flush=True)  # noqa: T201
    os._exit(because.exit_code if isinstance(because, PositionError) else EXIT_CRASHED)


class WholeRun(faust.Schema[None, Run]):
    """Passes a run through undecoded; the engine decodes it."""

    def loads_key(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> None:
        """No key: a run holds many."""

    def loads_value(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> Run:
        """The run itself."""
        run: Run = message.value
        return run


class ConsumerThread(stock.AIOKafkaConsumerThread):
    """The thread that fetches. Only this thread touches `_next`, so starts and ends of runs cannot lie."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._next: dict[TopicPartition, int] = {}
        self._seeks: Counter[TopicPartition] = Counter()

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        for name in PRIVATE_ATTRIBUTES:
            assert hasattr(consumer, name), f"aiokafka has no {name}: pinned versions only"
        consumer._isolation_level = "read_committed"
        # Stock Faust falls back to round robin without tables, which moves partitions needlessly.
        consumer._partition_assignment_strategy = [self.app.assignor]
        return consumer

    async def _fetch_records(  # type: ignore[override]  # runs take the place of records, up to `_to_message`
        self, consumer: Any, active_partitions: set[TP], timeout: float | None = None, max_records: int | None = None
    ) -> dict[TP, Run]:
        """What was fetched, a run per partition, each with the offsets it covers (transaction markers included)."""
        if not self.consumer.flow_active:
            return {}
        fetcher = consumer._fetcher
        if consumer._closed or fetcher._closed:
            raise ConsumerStoppedError
        # Faust never asks for the coordinator's errors; one that nobody sees would hang the worker for ever.
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
            runs[tp] = Run(Place(tp.topic, tp.partition), records, start, end, self._seeks[tp])
        return runs

    async def begin_at(self, tp: TP, offset: int) -> int:
        """Fetch from there on; returns the number of this seek, which the runs fetched from here on carry."""
        self._ensure_consumer().seek(tp, offset)
        self._next[tp] = offset
        self._seeks[tp] += 1
        return self._seeks[tp]

    async def show_positions(self, offsets: Mapping[TP, int]) -> bool:
        """Move the group's offsets, for tools that show lag; whether all moved. Nobody here reads them.

        Not by the consumer's own commit: that one answers a generation gone by with a new join, which makes another
        generation for everybody, so that in a long rebalance two workers push each other out without end.
        """
        coordinator = self._ensure_consumer()._coordinator
        if coordinator.generation < 0 or coordinator.coordinator_id is None:
            return False
        by_topic: dict[str, list[tuple[int, int, str]]] = {}
        for tp, offset in offsets.items():
            by_topic.setdefault(tp.topic, []).append((tp.partition, offset, ""))
        request = OffsetCommitRequest(
            coordinator.group_id,
            coordinator.generation,
            coordinator.member_id,
            OffsetCommitRequest.DEFAULT_RETENTION_TIME,
            list(by_topic.items()),
        )
        response = await coordinator._send_req(request)
        return all(code == 0 for _, partitions in response.topics for _, code in partitions)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Stock Faust compares two different clocks here and logs false alarms."""

    async def crash(self, reason: BaseException) -> None:
        """The thread cannot go on, so the worker does not."""
        die("consumer thread", reason)


class Consumer(stock.Consumer):
    """Where the stream begins, pauses and ends is asked of the engine (`app.engine`)."""

    app: Any
    _thread: ConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._order = itertools.count()
        self._generation = -1
        self._opening: set[asyncio.Task[None]] = set()

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def perform_seek(self) -> None:
        """Take up the assignment: kept partitions go on, new ones are opened in the background and join when ready."""
        engine, assignment = self.app.engine, set(self.assignment())
        generation, self._generation = self._generation, self.app.consumer_generation_id
        # Having missed a generation, another worker may have owned a partition in between.
        kept = assignment & engine.owned() if self._generation == generation + 1 else set()
        await engine.release(engine.owned() - kept)
        for tp in assignment:
            if tp in kept:
                await self.seek_to_position(tp)
            else:
                self.pause_partitions({tp})
                task = asyncio.ensure_future(self._open(tp, self._generation))
                self._opening.add(task)
                task.add_done_callback(self._opening.discard)
        engine.resume()

    async def _open(self, tp: TP, generation: int) -> None:
        try:
            await self.app.engine.take_over(tp)
            if generation == self.app.consumer_generation_id and tp in self.assignment():
                await self.seek_to_position(tp)
                self.resume_partitions({tp})
            else:
                await self.app.engine.release({tp})
        except Exception as error:  # nothing may swallow it: the partition would stand still for ever
            die(f"cannot take over {tp.topic}[{tp.partition}]", error)

    async def seek_to_position(self, tp: TP) -> None:
        """Fetch on from what the engine has taken in."""
        self._read_offset[tp] = None
        number = await self._thread.call_thread(self._thread.begin_at, tp, self.app.engine.applied(tp))
        self.app.engine.sought(tp, number)

    async def show_positions(self, offsets: Mapping[TP, int]) -> bool:
        """Move the group's offsets, for tools that show lag; whether all moved."""
        return bool(await self._thread.call_thread(self._thread.show_positions, offsets))

    async def wait_empty(self) -> None:
        """Called when partitions are revoked and at shutdown: finish the running steps and commit them."""
        await self.app.engine.pause()

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """Fetched runs. Unlike the stock method it never seeks: a seek here would fence a new owner."""
        runs, _ = await self._wait_next_records(timeout)
        for tp, run in (runs or {}).items():
            while not self.flow_active and not self.should_stop:
                await self.wait_first(self.can_resume_flow.wait(), timeout=1.0)
            if self.should_stop:
                return
            yield tp, self._to_message(tp, run)

    async def _wait_next_records(self, timeout: float) -> Any:
        """As stock, but a worker whose buffers are all full looks again at once and not after a second."""
        if self.flow_active and not self._get_active_partitions():
            await self.sleep(IDLE_S)
            return None, None
        return await super()._wait_next_records(timeout)

    def _to_message(self, tp: TP, run: Run) -> ConsumerMessage:
        # Faust drops what has a lower offset than the last: a running number keeps it from judging runs fetched anew.
        value: Any = run
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            next(self._order),
            0.0,
            0,
            [],
            None,
            value,
            None,
            0,
            0,
            tp,
            generation_id=self._generation,
        )

    async def commit(self, topics: Iterable[Any] | None = None, start_new_transaction: bool = True) -> bool:
        """Faust's own commits do nothing: positions are the engine's."""
        return False

    async def crash(self, reason: BaseException) -> None:
        """The consumer cannot go on, so the worker does not."""
        die("consumer", reason)


class Transport(stock.Transport):
    """The driver."""

    Consumer = Consumer
