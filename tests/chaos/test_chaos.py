"""Workers and broker are killed, frozen, added and removed under load; every upload is accounted for exactly once."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from deploy.topics import ensure_topics
from schemas.topics import RECEIPTS, TOPICS
from tests.chaos.account import assert_accounted_for
from tests.chaos.broker import Broker
from tests.chaos.drill import Drill
from tests.chaos.faults import CRASH_POINTS, FAULTS, FIRST_SLOTS, rounds
from tests.chaos.load import Load
from tests.integration.streams.conftest import a_stream

SEED = int(os.environ.get("VAXEL_CHAOS_SEED", "1"))
SECONDS = float(os.environ.get("VAXEL_CHAOS_SECONDS", "0"))
"""How long faults go on at least; each fault happens once in any case."""
PARTITIONS = 6
UPLOADS_PER_S = 200.0
FEWEST_UPLOADS = 8_000
FEWEST_CRASHES = 10
"""Of one worker or of all, at each point and at any moment; of the broker one more at least."""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker that nobody else uses."""
    running = Broker(tmp_path / "broker")
    ensure_topics(running.bootstrap, TOPICS, PARTITIONS)
    yield running
    running.kill()


def test_crashes_of_all_kinds_lose_nothing_and_double_nothing(
    broker: Broker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        print(f"\nVAXEL_CHAOS_SEED={SEED}", flush=True)  # noqa: T201
    rng = Random(SEED)
    stream = a_stream(broker.bootstrap, PARTITIONS)
    load = Load(stream, SEED, UPLOADS_PER_S)
    drill = Drill(stream, rng, tmp_path, load, broker)
    try:
        for slot in FIRST_SLOTS:
            drill.start(slot)
        over_s = time.monotonic() + SECONDS
        for names in rounds(rng):
            for name in names:
                FAULTS[name](drill)
            if time.monotonic() > over_s:
                break
        drill.until(lambda: not drill.armed, "armed workers die")
        drill.tell("quiet")
        drill.settle()
        drill.tell(f"{len(stream.sent)} uploads are taken in")
        assert_accounted_for(stream, load.refused)
        assert all(drill.done[name] >= 1 for name in FAULTS), "each fault has happened"
        assert len(stream.sent) >= FEWEST_UPLOADS
        crashes = sum(drill.done[name] for name in ("kill", "kill_all", *CRASH_POINTS))
        assert crashes >= FEWEST_CRASHES
        with capsys.disabled():
            print(f"{crashes} crashes, {len(stream.sent):,} uploads accounted for", flush=True)  # noqa: T201
        unseen = len(stream.read(RECEIPTS, "read_uncommitted")) - len(stream.read(RECEIPTS))
        assert unseen > 0, "some transactions were cut short"
        drill.steady()
        for slot in list(drill.workers):
            assert drill.stop(slot) == 0
    except BaseException as error:
        error.add_note("\n".join([f"VAXEL_CHAOS_SEED={SEED}", *drill.story, str(dict(drill.done))]))
        raise
    finally:
        load.close()
        stream.end()
