"""Owns the partitions of one worker: opens them, feeds them runs, commits them in time, lets them go."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from aiokafka.errors import KafkaError
from faust.types import TP

from schemas.errors import RefusedShareError
from streams.batch import Place
from streams.checkpoint import Partition, Run
from streams.crash_points import crash_point
from streams.desk.register import EMPTY
from streams.group import Group
from streams.limit import RefusedShare
from streams.positions import Topics
from streams.product import PRODUCTS, Product
from streams.references import References
from streams.settings import EngineSettings
from streams.watch import Watch

T = TypeVar("T")

THREADS = 8
STEP_THREADS = 2
"""Steps at a time: one in Arrow and DuckDB while another one holds Python's lock. More take turns and all end late."""
TAKE_OVER_THREADS = 4
"""Apart from the others: many partitions to take over must not hold up those at work."""
TICK_S = 0.05
SHOW_EVERY_S = 0.2
RUNS_WAITING = 2


class Engine:
    """The partitions of one worker. Lives on the worker's event loop; blocking work runs in threads."""

    def __init__(self, settings: EngineSettings, products: Iterable[Product] = PRODUCTS) -> None:
        self.settings = settings
        self._products = {product.telemetry: product for product in products}
        self._topics = Topics(settings.kafka)
        self._group = Group(settings.kafka, settings.app)
        self._partitions: dict[TP, Partition] = {}
        self._taking_over: dict[TP, asyncio.Lock] = {}
        self._running: set[asyncio.Future[Any]] = set()
        self._turns: set[asyncio.Task[None]] = set()
        self._lanes: defaultdict[TP, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="engine")
        self._step_threads = ThreadPoolExecutor(STEP_THREADS, thread_name_prefix="step")
        self._take_over_threads = ThreadPoolExecutor(TAKE_OVER_THREADS, thread_name_prefix="take-over")
        self._is_paused = False
        self.pauses = 0
        self._waiting_since: dict[TP, float] = {}
        self._seeks: dict[TP, int] = {}
        self._shown: dict[TP, int] = {}
        # Weak: a run that Faust drops on the way leaves no trace here, and must not hold its partition back.
        self._held: weakref.WeakSet[Run] = weakref.WeakSet()
        self._refused_share = RefusedShare(settings.max_refused_share)
        self._references = References(settings)
        self.watch = Watch()
        self.ends: Callable[[], Mapping[Place, tuple[int, int]]] = dict  # the consumer thread knows

    def owned(self) -> set[TP]:
        """Partitions that are open."""
        return set(self._partitions)

    def applied(self, tp: TP) -> int:
        """The next offset an open partition wants."""
        return self._partitions[tp].applied

    def sought(self, tp: TP, number: int) -> None:
        """Runs fetched before this seek of the partition are no longer wanted."""
        self._seeks[tp] = number

    def hold(self, run: Run) -> None:
        """Count a run among those that wait in memory, until it is handled or nobody knows it any more."""
        self._held.add(run)

    def with_room(self, tps: Iterable[TP]) -> set[TP]:
        """Those of the partitions that may be fetched: each has its share of the buffer, one run at least.

        Few runs wait, so that what arrives meanwhile becomes one large run: a step costs milliseconds, however small.
        """
        waiting: defaultdict[TP, list[int]] = defaultdict(list)
        for run in list(self._held):
            waiting[TP(run.place.topic, run.place.partition)].append(run.size_bytes)
        share_bytes = self.settings.buffer_bytes / max(1, len(self._partitions))
        full = {tp for tp, sizes in waiting.items() if len(sizes) >= RUNS_WAITING or sum(sizes) >= share_bytes}
        return set(tps) - full

    def positions(self) -> dict[TP, int]:
        """The committed position of each open partition."""
        return {tp: partition.position.next_offset for tp, partition in self._partitions.items()}

    def open_partitions(self) -> list[Partition]:
        """The open partitions themselves; from any thread, as are the next two."""
        return list(self._partitions.values())

    def refused_share(self) -> float:
        """Refused uploads by all uploads lately."""
        return self._refused_share.share()

    def held_bytes(self) -> int:
        """Bytes of the uploads that wait in memory."""
        return sum(run.size_bytes for run in list(self._held))

    def oldest_held_ms(self) -> dict[Place, int]:
        """When Kafka took in the oldest upload that waits in memory, by partition."""
        found: dict[Place, int] = {}
        for run in list(self._held):
            if run.records:
                received_ms = run.records[0].timestamp
                found[run.place] = min(received_ms, found.get(run.place, received_ms))
        return found

    async def take_over(self, tp: TP, is_wanted: Callable[[], bool]) -> None:
        """Open a partition: fence its former owner, read its state.

        Args:
            is_wanted: Whether the partition is still this worker's. Asked before anybody is fenced, which by then may
                be its rightful owner; where the answer is no, the partition stays closed.
        """
        place, product = Place(tp.topic, tp.partition), self._products[tp.topic]

        def opened() -> Partition | None:
            if self._is_paused or not is_wanted():
                return None
            first = self._topics.first_position
            register = self._references.of(place.partition) if product.asks_consent else EMPTY
            return Partition(self.settings, product, place, lambda kept: first(place, kept), self.watch, register)

        async with self._taking_over.setdefault(tp, asyncio.Lock()):
            self.watch.take_over_began(place)
            partition = await self._in_thread(opened, self._take_over_threads)
            if partition is None:
                self.watch.take_over_given_up(place)
                return
            self._partitions[tp] = partition
            self.watch.taken_over(place, partition.position, partition.sizes())

    def take(self, run: Run, seek: Callable[[TP], Awaitable[None]], fail: Callable[[BaseException], None]) -> None:
        """Take a run in once those of its partition before it are done; other partitions go on meanwhile.

        Args:
            seek: Has the partition fetched again from where it stands.
            fail: Called with what went wrong.
        """
        turn = asyncio.ensure_future(self._in_turn(run, seek, asyncio.get_running_loop().time()))
        self._turns.add(turn)

        def ended(_: object) -> None:
            self._turns.discard(turn)
            if not turn.cancelled() and (error := turn.exception()) is not None:
                fail(error)

        turn.add_done_callback(ended)

    async def _in_turn(self, run: Run, seek: Callable[[TP], Awaitable[None]], came_s: float) -> None:
        """Handle a run, and commit when the transaction is large. A run out of order is fetched again."""
        try:
            async with self._lanes[TP(run.place.topic, run.place.partition)]:  # first come, first served
                await self._handle(run, seek, came_s)
        finally:
            self._held.discard(run)

    async def _handle(self, run: Run, seek: Callable[[TP], Awaitable[None]], came_s: float) -> None:
        tp = TP(run.place.topic, run.place.partition)
        partition = self._partitions.get(tp)
        # Revoked since it was fetched, or fetched before a seek: whoever owns the partition fetches it (again).
        # A run of a newer seek than told here is taken: nobody would fetch it again, and the chain check guards.
        if partition is None or self._is_paused or run.seek < self._seeks.get(tp, 0):
            return
        taken = await self._in_thread(lambda: partition.apply(run), self._step_threads)
        if taken is None:
            self.watch.sought_again(run.place)
            if self._partitions.get(tp) is partition:
                await seek(tp)
            return
        if excess := self._refused_share.excess(taken.uploads, taken.refused):
            raise RefusedShareError(f"{excess}. Last seen in {tp.topic}[{tp.partition}] before offset {run.end}")
        # After the run, not before: a commit that was under way does not hold it.
        self._waiting_since.setdefault(tp, came_s)
        if partition.uncommitted_uploads >= self.settings.checkpoint_uploads:
            await self._commit(partition)

    async def check_topics(self) -> None:
        """Return if the topics of all open partitions are still the ones that their positions speak of.

        Raises:
            PositionError: a topic was deleted, or created again.
        """
        for partition in {tp.topic: partition for tp, partition in self._partitions.items()}.values():
            await self._in_thread(partial(self._topics.check_id, partition.place, partition.position))

    async def uncovered(self) -> set[TP]:
        """Partitions of the input topics that no worker of the group has.

        Raises:
            PositionError: a topic does not exist.
        """
        partitions = {topic: await self._in_thread(partial(self._topics.partitions, topic)) for topic in self._products}
        return await self._in_thread(partial(self._group.uncovered, partitions))

    async def commit_in_time(self) -> None:
        """Commit each partition `checkpoint_s` after its first uncommitted upload came; never returns.

        A commit that is slow holds up no other partition's.
        """
        loop, checkpoint_s = asyncio.get_running_loop(), self.settings.checkpoint_s
        commits: set[asyncio.Task[None]] = set()
        while True:
            await asyncio.sleep(TICK_S)
            for done in [commit for commit in commits if commit.done()]:
                commits.discard(done)
                done.result()
            now_s = loop.time()
            for tp, partition in self._partitions.items():
                if now_s - self._waiting_since.get(tp, now_s) >= checkpoint_s:
                    del self._waiting_since[tp]
                    commits.add(asyncio.create_task(self._commit(partition)))

    async def show_positions(self, show: Callable[[Mapping[TP, int]], Awaitable[bool]]) -> None:
        """Tell the new positions until that has succeeded; never returns.

        Apart from the commits: a tool may read them, nothing here does, so neither errors nor slowness matter.
        """
        while True:
            await asyncio.sleep(SHOW_EVERY_S)
            news = {tp: offset for tp, offset in self.positions().items() if self._shown.get(tp) != offset}
            with contextlib.suppress(KafkaError, TimeoutError):
                if news and await show(news):
                    crash_point("streams.after-shown")
                    self._shown.update({tp: offset for tp, offset in news.items() if tp in self._partitions})

    async def pause(self) -> None:
        """Take nothing in any more, finish the running steps, commit all partitions. They stay open."""
        self._is_paused = True
        self.pauses += 1
        self.watch.paused()
        # Their errors are for those who wait for them, if any: one of a mere look at the broker ends no worker.
        await asyncio.gather(*self._running, return_exceptions=True)
        for partition in list(self._partitions.values()):
            await self._commit(partition)

    def resume(self, pauses: int) -> None:
        """Take runs in again, if there was no pause after that many: then the next sharing out has begun already."""
        if pauses == self.pauses:
            self._is_paused = False

    async def release(self, tps: Iterable[TP]) -> None:
        """Let partitions go; they were committed by `pause`."""
        for tp in tps:
            del self._partitions[tp]
            for kept in (self._waiting_since, self._seeks, self._shown):
                kept.pop(tp, None)

    async def _commit(self, partition: Partition) -> None:
        if partition.has_uncommitted:
            await self._in_thread(lambda: self._topics.check_id(partition.place, partition.position))
            await self._in_thread(partition.commit)

    async def _in_thread(self, work: Callable[[], T], threads: ThreadPoolExecutor | None = None) -> T:
        future = asyncio.get_running_loop().run_in_executor(threads or self._threads, work)
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        return await asyncio.shield(future)
