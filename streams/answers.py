"""What a worker answers when asked: its numbers, its health, and what it knows of a device.

Called from the threads of `streams.web`, never from the stream's own. Reads what the engine publishes anyway; only a
device's row needs the lock of its partition, for a moment.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from streams.batch import Place
from streams.checkpoint import Partition
from streams.device_answer import Answer, Directory, device_answer
from streams.health import Health, Limits, Look, Seen, Standing, followed, judged, named
from streams.meters import Gauge
from streams.settings import EngineSettings
from streams.watch import Watch


class Working(Protocol):
    """The engine, as far as it is asked. Each method may be called from any thread and returns at once."""

    watch: Watch

    def open_partitions(self) -> Sequence[Partition]:
        """Partitions that this worker holds."""
        ...

    def ends(self) -> Mapping[Place, tuple[int, int]]:
        """Ends of partitions as the last fetches told, and when they told (milliseconds, wall clock)."""
        ...

    def held_bytes(self) -> int:
        """Bytes of the uploads that wait in memory."""
        ...

    def oldest_held_ms(self) -> Mapping[Place, int]:
        """When Kafka took in the oldest upload that waits in memory, by partition."""
        ...

    def refused_share(self) -> float:
        """Refused uploads by all uploads lately."""
        ...


class Answers:
    """One worker's answers."""

    def __init__(
        self,
        settings: EngineSettings,
        engine: Working,
        directory: Directory,
        topics: Sequence[str],
        version: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Args: topics: Telemetry topics of the worker's products; clock: seconds, never going back."""
        self.topics = tuple(topics)
        self._settings = settings
        self._engine = engine
        self._directory = directory
        self._version = version
        self._clock = clock
        self._standings: Mapping[Place, Standing] = {}
        # A checkpoint may wait that long by the operator's own wish.
        self._limits = Limits(stuck_s=settings.stuck_s + settings.checkpoint_s)

    def observe(self) -> tuple[Look, Mapping[Place, Standing]]:
        """A look, and since when each partition stands where it stands. Call it every second, from any thread."""
        look = self._look()
        standings = self._standings = followed(self._standings, look, self._clock())
        return look, standings

    def health(self) -> Answer:
        """200 and green, or 503 and red with what is wrong."""
        look, standings = self.observe()
        verdict = judged(standings, look, self._clock(), self._limits)
        partitions = [
            {
                "topic": place.topic,
                "partition": place.partition,
                "position": seen.position,
                "end": seen.end,
                "waiting": seen.waiting,
                "standing_s": round(self._clock() - standings[place].since_s, 1),
            }
            for place, seen in sorted(look.partitions.items(), key=lambda item: named(item[0]))
        ]
        body: dict[str, object] = {
            "status": "green" if verdict.is_green else "red",
            "problems": list(verdict.problems),
            "worker": {"app": self._settings.app, "slot": self._settings.slot, "version": self._version},
            "rebalancing_s": look.rebalancing_s,
            "taking_over": {named(place): round(seconds, 1) for place, seconds in look.taking_over_s.items()},
            "partitions": partitions,
        }
        return Answer(200 if verdict.is_green else 503, body)

    def metrics(self) -> bytes:
        """All metrics as Prometheus reads them."""
        look, standings = self.observe()
        verdict = judged(standings, look, self._clock(), self._limits)
        return self._engine.watch.meters.text(self._gauges(look, verdict, int(time.time() * 1000)))  # noqa: TID251

    def device(self, device_id: str, topics: Sequence[str] = ()) -> Answer:
        """What is known of a device, or who may know (`streams.device_answer`).

        Args:
            topics: Where to look; everywhere if empty.
        """
        held = {partition.place: partition for partition in self._engine.open_partitions()}
        return device_answer(device_id, topics or self.topics, held, self._directory, self._settings.advertise)

    def _look(self) -> Look:
        now_ms, now_s = int(time.time() * 1000), self._clock()  # noqa: TID251
        ends, watch = self._engine.ends(), self._engine.watch
        partitions = {}
        for partition in self._engine.open_partitions():
            end, told_ms = ends.get(partition.place, (None, now_ms))
            age_s = max(0.0, (now_ms - told_ms) / 1000)
            partitions[partition.place] = Seen(partition.position.next_offset, end, age_s)
        sharing_since_s = watch.sharing_since_s
        return Look(
            partitions,
            None if sharing_since_s is None else round(now_s - sharing_since_s, 1),
            {place: now_s - since_s for place, since_s in list(watch.taking_over_since_s.items())},
        )

    def _waits_since_ms(self, look: Look) -> dict[Place, int]:
        """When Kafka took in the oldest upload that is not committed yet, where that is known.

        Of a partition of which nothing has been fetched yet the newest committed one stands for it: it is older.
        """
        held_ms: Mapping[Place, int] = {}
        with suppress(RuntimeError):  # counted while it changed: not this time
            held_ms = self._engine.oldest_held_ms()
        found: dict[Place, int] = {}
        for place in look.partitions:
            newest = self._engine.watch.newest.get(place)
            behind_ms = None if newest is None else newest.newest_received_at_ms
            for known_ms in (self._engine.watch.oldest_uncommitted_ms(place), held_ms.get(place), behind_ms):
                if known_ms is not None:
                    found[place] = known_ms
                    break
        return found

    def _gauges(self, look: Look, verdict: Health, now_ms: int) -> Iterable[Gauge]:
        yield "vaxel_healthy", (), float(verdict.is_green)
        yield "vaxel_worker_info", (self._version,), 1.0
        with suppress(RuntimeError):  # counted while it changed: not this time
            yield "vaxel_buffered_bytes", (), self._engine.held_bytes()
        yield "vaxel_refused_share", (), self._engine.refused_share()
        waits_since_ms = self._waits_since_ms(look)
        for place, seen in look.partitions.items():
            own = (place.topic, str(place.partition))
            yield "vaxel_position", own, seen.position
            if seen.end is not None:
                yield "vaxel_lag_records", own, seen.waiting
            if not seen.waiting:
                yield "vaxel_lag_seconds", own, 0.0
            elif place in waits_since_ms:
                yield "vaxel_lag_seconds", own, max(0.0, (now_ms - waits_since_ms[place]) / 1000)
        for partition in self._engine.open_partitions():
            own = (partition.place.topic, str(partition.place.partition))
            for store, (rows, size_bytes) in partition.sizes().items():
                yield "vaxel_state_rows", (*own, store), rows
                yield "vaxel_state_bytes", (*own, store), size_bytes
                if store == "devices":
                    yield "vaxel_devices", own, rows
