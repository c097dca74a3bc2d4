"""Ends a worker that stands still: nothing else would, and its partitions would stand still with it.

Faust and aiokafka wait without end for a rebalance, for a thread, and keep an error that nobody asks for.
A worker that ends is started again, and its partitions go on with it or with another one.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Protocol

from schemas.errors import UnreachableError
from streams.settings import EngineSettings

LOOK_EVERY_S = 1.0
COVER_EVERY = 5
"""Looks between two at the whole group."""
SILENT_S = 20.0
"""How long the consumer thread may leave a question unanswered."""


class Watched(Protocol):
    """What the watchdog looks at; a worker's app, or a test's stand-in."""

    def is_rebalancing(self) -> bool:
        """Whether the group shares out its partitions anew, as far as this worker knows."""
        ...

    async def thread_answers(self) -> None:
        """Return once the consumer thread has answered; raises what its coordinator has run into."""
        ...

    async def check_topics(self) -> None:
        """Return if the topics of all owned partitions are the ones that their positions speak of."""
        ...

    async def cover_partitions(self) -> None:
        """See to it that every partition has a worker."""
        ...


class Since:
    """For how long something has been so without a break. The time is given, never read."""

    def __init__(self) -> None:
        self._began_s: float | None = None

    def held_s(self, is_so: bool, now_s: float) -> float:
        """Seconds since it became so; 0 if it is not."""
        if not is_so:
            self._began_s = None
            return 0.0
        if self._began_s is None:
            self._began_s = now_s
        return now_s - self._began_s


async def watch(watched: Watched, settings: EngineSettings, die: Callable[[str, BaseException | None], None]) -> None:
    """Look every second and call `die` when something stands still or is wrong; never returns otherwise."""
    loop, rebalance = asyncio.get_running_loop(), Since()
    for look in itertools.count(1):
        await asyncio.sleep(LOOK_EVERY_S)
        longest_s = settings.rebalance_timeout_s + 2 * settings.session_timeout_s
        if rebalance.held_s(watched.is_rebalancing(), loop.time()) > longest_s:
            die(f"a rebalance has not ended within {longest_s:g} s", None)
        await _ask(watched.thread_answers, f"the consumer thread has been silent for {SILENT_S:g} s", die)
        try:
            await watched.check_topics()
            if look % COVER_EVERY == 0:
                await watched.cover_partitions()
        except UnreachableError:
            pass  # a broker that is away for a while is no fault of this worker
        except Exception as error:
            die("cannot go on", error)


async def _ask(
    question: Callable[[], Awaitable[None]], complaint: str, die: Callable[[str, BaseException | None], None]
) -> None:
    try:
        async with asyncio.timeout(SILENT_S):  # wait_for may swallow a cancellation before Python 3.12
            await question()
    except TimeoutError:
        die(complaint, None)
    except Exception as error:
        die("consumer", error)
