"""Takes partitions over as a worker does, and tells how long that took: KAFKA APP PARTITIONS."""

from __future__ import annotations

import gc
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
import psutil  # type: ignore[import-untyped]

from benchmarks.recovery import TakenOver
from schemas.topics import state_topic
from streams.batch import Place
from streams.checkpoint import Partition
from streams.engine import THREADS
from streams.memory import Position, changes, restored
from streams.ownership import owning_producer
from streams.positions import Topics
from streams.product import WASHER
from streams.settings import EngineSettings
from streams.state import State
from streams.state_topic import live_records
from streams.store import PAGES

CHANGED = (500, 5_000, 50_000)


def main(kafka: str, app: str, count: str) -> None:
    settings = EngineSettings(kafka, app)
    places = [Place(WASHER.telemetry, number) for number in range(int(count))]
    topics = Topics(kafka)
    process = psutil.Process()
    before_bytes = process.memory_info().rss

    def take_over(place: Place) -> Partition:
        return Partition(settings, WASHER, place, lambda kept: _asked(topics, place, kept))

    began_s = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as threads:
        partitions = list(threads.map(take_over, places))
    total_s = time.perf_counter() - began_s
    after_bytes = process.memory_info().rss
    peak_bytes = _peak_bytes()

    states = [partition._state for partition in partitions]
    devices = [state.devices.store for state in states]
    newest_sum = sum(int(store.values["newest"][store.rows()].sum()) for store in devices)
    found = sum(len(store) for store in devices), sum(len(state.sessions) for state in states)
    saved_bytes = {str(changed): _saved_bytes(states, changed) for changed in CHANGED if changed <= len(devices[0])}
    del partitions, states, devices
    gc.collect()
    parts_s = _parts(settings, places)
    taken = TakenOver(total_s, *parts_s, before_bytes, after_bytes, peak_bytes, *found, newest_sum, saved_bytes)
    sys.stdout.write(json.dumps(asdict(taken)))


def _peak_bytes() -> int | None:
    """The most memory that this program ever held; what getrusage says includes the process that started it."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), None)


def _asked(topics: Topics, place: Place, kept: Position | None) -> Position:
    """What the engine asks Kafka before it believes a position. The computed uploads never were in the topic."""
    topics.first_position(place, None)
    assert kept is not None, "there is a state"
    return kept


def _parts(settings: EngineSettings, places: list[Place]) -> tuple[float, float, float]:
    """Seconds of fencing, reading and rebuilding, one after the other, each for all partitions at once."""
    topic = state_topic(settings.app, WASHER.telemetry).name
    times_s = [time.perf_counter()]
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(lambda place: owning_producer(settings, place), places))
        times_s.append(time.perf_counter())
        read = list(
            threads.map(lambda place: live_records(settings, topic, [place.partition])[place.partition], places)
        )
        times_s.append(time.perf_counter())
        list(threads.map(lambda records: restored(WASHER, {key: one.value for key, one in records.items()}), read))
        times_s.append(time.perf_counter())
    fence_s, read_s, rebuild_s = np.diff(times_s).tolist()
    return fence_s, read_s, rebuild_s


def _saved_bytes(states: list[State], changed: int) -> float:
    """Bytes that one checkpoint of all states writes when so many devices changed in each: mean over all pages."""
    rng = np.random.default_rng(changed)
    total_bytes = 0
    for checkpoint in range(2 * PAGES):
        for state in states:
            store = state.devices.store
            store.touch(rng.choice(store.rows(), changed, replace=False))
            written = sum(len(key) + len(value) for key, value in changes(state, Position("computed", 0, checkpoint)))
            total_bytes += written if checkpoint >= PAGES else 0  # after a restore, every page counts as changed
    return total_bytes / PAGES


if __name__ == "__main__":
    main(*sys.argv[1:])
