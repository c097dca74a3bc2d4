"""Owns the partitions of one worker: opens them, feeds them runs, commits them in time, lets them go."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from aiokafka.errors import KafkaError
from faust.types import TP

from streams.batch import Place
from streams.checkpoint import Partition, Run
from streams.positions import Topics
from streams.product import PRODUCTS
from streams.settings import EngineSettings

T = TypeVar("T")

THREADS = 8
TICK_S = 0.05


class Engine:
    """The partitions of one worker. Lives on the worker's event loop; blocking work runs in threads."""

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self._products = {product.telemetry: product for product in PRODUCTS}
        self._topics = Topics(settings.kafka)
        self._partitions: dict[TP, Partition] = {}
        self._taking_over: dict[TP, asyncio.Lock] = {}
        self._running: set[asyncio.Future[Any]] = set()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="engine")
        self._committed_at: dict[TP, float] = {}
        self._told: dict[TP, int] = {}

    def owned(self) -> set[TP]:
        """Partitions that are open."""
        return set(self._partitions)

    def applied(self, tp: TP) -> int:
        """The next offset an open partition wants."""
        return self._partitions[tp].applied

    async def take_over(self, tp: TP) -> None:
        """Open a partition: fence its former owner, read its state."""
        async with self._taking_over.setdefault(tp, asyncio.Lock()):
            place = Place(tp.topic, tp.partition)
            first = self._topics.first_position
            self._partitions[tp] = await self._in_thread(
                lambda: Partition(self.settings, self._products[tp.topic], place, lambda kept: first(place, kept))
            )

    async def handle(self, run: Run, seek: Callable[[TP], Awaitable[None]]) -> None:
        """Take a run in, and commit when the transaction is large. A run out of order is fetched again."""
        tp = TP(run.place.topic, run.place.partition)
        partition = self._partitions.get(tp)
        if partition is None:
            return  # Revoked since it was fetched; its next owner reads it.
        self._committed_at.setdefault(tp, asyncio.get_running_loop().time())
        if not await self._in_thread(lambda: partition.apply(run)):
            await seek(tp)
        elif partition.uncommitted_uploads >= self.settings.checkpoint_uploads:
            await self._in_thread(partition.commit)

    async def commit_in_time(self, committed: Callable[[TP, int], Awaitable[None]]) -> None:
        """Commit each partition `checkpoint_s` after its first uncommitted upload; never returns.

        Args:
            committed: Told of each new position until it has returned once without an error.
        """
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(TICK_S)
            await self._tell(committed)
            for tp in list(self._partitions):
                if loop.time() - self._committed_at.get(tp, loop.time()) >= self.settings.checkpoint_s:
                    del self._committed_at[tp]
                    await self._in_thread(self._partitions[tp].commit)

    async def pause(self) -> None:
        """Finish the running steps and commit all partitions; they stay open until released or taken up again."""
        await asyncio.gather(*self._running, return_exceptions=False)
        for partition in list(self._partitions.values()):
            await self._in_thread(partition.commit)

    async def release(self, tps: Iterable[TP]) -> None:
        """Let partitions go; they were committed by `pause`."""
        for tp in tps:
            del self._partitions[tp]
            self._committed_at.pop(tp, None)
            self._told.pop(tp, None)

    async def _tell(self, committed: Callable[[TP, int], Awaitable[None]]) -> None:
        """Say where partitions stand, if that has changed. A tool may read it, nothing here does, so errors pass."""
        for tp, partition in list(self._partitions.items()):
            next_offset = partition.position.next_offset
            if self._told.get(tp) != next_offset:
                with contextlib.suppress(KafkaError):
                    await committed(tp, next_offset)
                    self._told[tp] = next_offset

    async def _in_thread(self, work: Callable[[], T]) -> T:
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        return await asyncio.shield(future)
