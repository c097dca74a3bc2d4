"""A worker that stands still is ended; one that works, and a broker that is away, are left alone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from schemas.errors import PositionError, UnreachableError
from streams import watchdog
from streams.settings import EngineSettings
from streams.watchdog import Since, watch

SETTINGS = EngineSettings("127.0.0.1:1", session_timeout_s=0.02, rebalance_timeout_s=0.06)


class DeadError(Exception):
    """Takes the place of the end of the process."""


class Worker:
    """A worker that works, unless told otherwise."""

    def __init__(self, **wrong: Any) -> None:
        self._wrong = wrong
        self.looks = self.covers = 0

    def is_rebalancing(self) -> bool:
        return bool(self._wrong.get("rebalancing"))

    async def thread_answers(self) -> None:
        if self._wrong.get("silent"):
            await asyncio.sleep(60)
        if error := self._wrong.get("coordinator"):
            raise error

    async def check_topics(self) -> None:
        self.looks += 1
        if error := self._wrong.get("topics"):
            raise error

    async def cover_partitions(self) -> None:
        self.covers += 1


def looked_at(worker: Worker, seconds: float = 0.3) -> str | None:
    """What ended the worker within some looks, if anything did."""

    def die(what: str, because: BaseException | None) -> None:
        raise DeadError(f"{what}: {because}")

    async def run() -> None:
        async with asyncio.timeout(seconds):
            await watch(worker, SETTINGS, die)

    try:
        asyncio.run(run())
    except DeadError as end:
        return str(end)
    except TimeoutError:
        pass
    return None


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(watchdog, "SILENT_S", 0.1)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"rebalancing": True}, "a rebalance has not ended within 0.1 s"),
        ({"silent": True}, "the consumer thread has been silent for 0.1 s"),
        ({"coordinator": RuntimeError("no group")}, "consumer: no group"),
        ({"topics": PositionError("re-created")}, "cannot go on: re-created"),
    ],
)
def test_what_stands_still_is_ended(wrong: dict[str, Any], said: str) -> None:
    end = looked_at(Worker(**wrong))
    assert end is not None
    assert said in end


@pytest.mark.parametrize("wrong", [{}, {"topics": UnreachableError("away")}])
def test_what_works_and_what_may_come_back_is_left_alone(wrong: dict[str, Any]) -> None:
    worker = Worker(**wrong)
    assert looked_at(worker, 0.15) is None
    assert worker.looks > 3, "it was looked at again and again"
    assert wrong or 0 < worker.covers <= worker.looks // watchdog.COVER_EVERY


def test_a_break_begins_the_time_anew() -> None:
    since = Since()
    assert [since.held_s(is_so, now) for is_so, now in [(True, 1), (True, 5), (False, 6), (True, 7), (True, 9)]] == [
        0, 4, 0, 0, 2,
    ]  # fmt: skip
