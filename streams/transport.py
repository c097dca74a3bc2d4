"""Faust's Kafka driver, changed in two ways: one event is a whole fetched run, and positions are the engine's own.

Stock Faust costs four asyncio tasks per message and commits offsets it has not earned (decision D2, D4). Here the
consumer thread hands over what it fetched of a partition as one event, and where to begin is asked of the engine, which
reads it from the state topic. Every method below overrides one of `faust.transport`; the names are Faust's.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import faust
from aiokafka.errors import KafkaError
from faust.transport import consumer as stock_consumer
from faust.transport.drivers import aiokafka as stock
from faust.types import TP, ConsumerMessage

from streams.checkpoint import Run
from streams.consumer_thread import ConsumerThread
from streams.ending import die
from streams.watchdog import watch

_LOG = logging.getLogger(__name__)

IDLE_S = 0.02
SAY_GOODBYE_S = 1.0
LOOK_AGAIN_S = 0.1
"""How long to wait for uploads of some partitions while others are held back or being opened: those may want more any
moment."""


class WholeRun(faust.Schema[None, Run]):
    """Passes a run through undecoded; the engine decodes it."""

    def loads_key(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> None:
        """No key: a run holds many."""

    def loads_value(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> Run:
        """The run itself."""
        run: Run = message.value
        return run


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
        pauses = engine.pauses
        generation, self._generation = self._generation, self.app.consumer_generation_id
        # Having missed a generation, another worker may have owned a partition in between.
        kept = assignment & engine.owned() if self._generation == generation + 1 else set()
        await engine.release(engine.owned() - kept)
        self.pause_partitions(assignment - kept)
        for tp in kept:
            await self.seek_to_position(tp)
        engine.resume(pauses)  # before any take-over begins: a paused engine begins none
        for tp in assignment - kept:
            task = asyncio.ensure_future(self._open(tp, self._generation))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)
        engine.watch.resumed(assignment, kept)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """As stock, which takes up only an assignment that holds something: nothing to do is one too."""
        await super().on_partitions_assigned(assigned, generation_id)
        if not assigned:
            await self.perform_seek()

    async def _open(self, tp: TP, generation: int) -> None:
        engine = self.app.engine

        def is_ours() -> bool:
            return generation == self.app.consumer_generation_id and tp in self.assignment()

        try:
            await engine.take_over(tp, is_ours)
            if tp not in engine.owned():
                return
            if is_ours():
                await self.seek_to_position(tp)
                self.resume_partitions({tp})
            else:
                await engine.release({tp})
        except Exception as error:  # nothing may swallow it: the partition would stand still for ever
            die(f"cannot take over {tp.topic}[{tp.partition}]", error)

    async def seek_to_position(self, tp: TP) -> None:
        """Fetch on from what the engine has taken in."""
        self._read_offset[tp] = None
        number = await self._thread.call_thread(self._thread.begin_at, tp, self.app.engine.applied(tp))
        self.app.engine.sought(tp, number)

    @stock.Consumer.task
    async def _watchdog(self) -> None:
        await watch(self, self.app.engine.settings, die)

    def is_rebalancing(self) -> bool:
        """Whether the group shares out its partitions anew, as far as this worker knows."""
        return bool(self.app.rebalancing)

    async def check_topics(self) -> None:
        """Return if no topic has been deleted or created again."""
        await self.app.engine.check_topics()

    async def cover_partitions(self) -> None:
        """Have the partitions shared out anew if some have no worker."""
        uncovered = await self.app.engine.uncovered()
        if uncovered:
            _LOG.warning("partitions without a worker: %s; they are shared out anew", sorted(uncovered))
            await self._thread.call_thread(self._thread.join_anew)

    async def thread_answers(self) -> None:
        """Return once the consumer thread has answered; raises what its coordinator has run into."""
        await self._thread.call_thread(self._thread.answer)

    async def show_positions(self, offsets: Mapping[TP, int]) -> bool:
        """Move the group's offsets, for tools that show lag; whether all moved."""
        address = "" if self.should_stop else self.app.engine.settings.advertise
        return bool(await self._thread.call_thread(self._thread.show_positions, offsets, address))

    async def on_stop(self) -> None:
        """As stock, and the last positions are shown without an address: nobody is sent here any more."""
        await super().on_stop()
        positions = self.app.engine.positions()
        if positions:
            with contextlib.suppress(KafkaError, TimeoutError):
                await asyncio.wait_for(self.show_positions(positions), SAY_GOODBYE_S)

    async def wait_empty(self) -> None:
        """Called when partitions are revoked and at shutdown: finish the running steps and commit them."""
        await self.app.engine.pause()

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """Fetched runs. Unlike the stock method it never seeks: a seek here would fence a new owner."""
        runs, _ = await self._wait_next_records(timeout)
        for run in (runs or {}).values():
            self.app.engine.hold(run)
        for tp, run in (runs or {}).items():
            while not self.flow_active and not self.should_stop:
                await self.wait_first(self.can_resume_flow.wait(), timeout=1.0)
            if self.should_stop:
                return
            yield tp, self._to_message(tp, run)

    async def _wait_next_records(self, timeout: float) -> Any:
        """Fetched runs of the partitions that wait for some and of which not too much is held already.

        Stock Faust counts events, whatever their size, and looks again only after a second once all buffers are full.
        """
        if not self.flow_active:
            await self.wait_first(self.can_resume_flow.wait(), timeout=1.0)
            return None, None
        active = self._get_active_partitions()
        wanted = self.app.engine.with_room(active)
        if not wanted:
            await self.sleep(IDLE_S)
            return None, None
        return await self._getmany(wanted, timeout if wanted == self.assignment() else LOOK_AGAIN_S), wanted

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


class Producer(stock.Producer):
    """Never used, so never connected: outputs go through the partitions' own transactional producers."""

    async def on_start(self) -> None:
        """Connect to nothing."""

    async def on_stop(self) -> None:
        """Nothing to leave."""


class Fetcher(stock_consumer.Fetcher):
    """Hands on what the consumer fetched."""

    async def crash(self, reason: BaseException) -> None:
        """As stock at a rebalance, which cancels and restarts it; for any other reason the worker does not go on."""
        if isinstance(reason, asyncio.CancelledError):
            await super().crash(reason)
        else:
            die("fetcher", reason)


class Transport(stock.Transport):
    """The driver."""

    Consumer = Consumer
    Fetcher = Fetcher
    Producer = Producer
