"""Taking up an assignment: what is kept goes on, what is new is opened, whatever happens in between."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from streams import engine as engines
from streams.batch import Place
from streams.engine import Engine
from streams.memory import Position
from streams.product import WASHER
from streams.settings import EngineSettings
from streams.transport import Consumer

KEPT, NEW, LOST = TP("t", 0), TP("t", 1), TP("t", 2)


class Opened:
    """A partition without Kafka."""

    has_uncommitted = False

    def __init__(self, _settings: Any, _product: Any, place: Place, *_: Any) -> None:
        self.place, self.position, self.applied = place, Position("id", 0, 0), 0

    def sizes(self) -> dict[str, tuple[int, int]]:
        return {}


class Taking(Consumer):
    """A consumer that is only ever given an assignment."""

    def __init__(self, engine: Engine) -> None:
        self.app = SimpleNamespace(engine=engine, consumer_generation_id=1)
        self._generation, self._opening = 0, set()
        self._assigned: set[TP] = set()
        self.fetched: set[TP] = set()

    def assignment(self) -> set[TP]:
        return self._assigned

    def pause_partitions(self, tps: Any) -> None:
        self.fetched -= set(tps)

    def resume_partitions(self, tps: Any) -> None:
        self.fetched |= set(tps)

    async def seek_to_position(self, tp: TP) -> None:
        await asyncio.sleep(0.01)  # in another thread; meanwhile others have their turn

    async def given(self, *tps: TP) -> None:
        """As Faust does when the group has shared out its partitions."""
        await self.app.engine.pause()
        self.app.consumer_generation_id += 1
        self._assigned, self.fetched = set(tps), set(tps)
        await self.perform_seek()
        await asyncio.gather(*self._opening)


def held(taking: Taking) -> dict[TP, Any]:
    return {TP(one.place.topic, one.place.partition): one for one in taking.app.engine.open_partitions()}


@pytest.fixture
def taking(monkeypatch: pytest.MonkeyPatch) -> Taking:
    monkeypatch.setattr(engines, "Partition", Opened)
    return Taking(Engine(EngineSettings("127.0.0.1:1"), [replace(WASHER, telemetry="t")]))


def test_new_partitions_are_opened_beside_those_that_are_kept(taking: Taking) -> None:
    """They were not, where seeking the kept ones gave the take-over its turn before the engine went on."""

    async def live() -> None:
        await taking.given(KEPT, LOST)
        kept = held(taking)[KEPT]
        await taking.given(KEPT, NEW)
        assert taking.app.engine.owned() == {KEPT, NEW}
        assert taking.fetched == {KEPT, NEW}
        assert held(taking)[KEPT] is kept
        await taking.given()
        assert taking.app.engine.owned() == set()

    asyncio.run(live())


def test_a_worker_that_missed_a_generation_keeps_nothing(taking: Taking) -> None:
    async def live() -> None:
        await taking.given(KEPT)
        before = held(taking)[KEPT]
        taking.app.consumer_generation_id += 1
        await taking.given(KEPT)
        assert held(taking)[KEPT] is not before, "another worker may have owned it meanwhile"

    asyncio.run(live())


def test_what_is_shared_out_anew_meanwhile_is_left_to_the_next_assignment(taking: Taking) -> None:
    async def live() -> None:
        await taking.given(KEPT)
        taking._assigned = {KEPT, NEW}
        taking.app.consumer_generation_id += 1
        sought = asyncio.ensure_future(taking.perform_seek())
        await asyncio.sleep(0)
        await taking.app.engine.pause()
        await sought
        await asyncio.gather(*taking._opening)
        assert taking.app.engine.owned() == {KEPT}, "nobody is fenced while the group may give it to others"
        await taking.given(KEPT, NEW)
        assert taking.app.engine.owned() == {KEPT, NEW}

    asyncio.run(live())
