"""Workers under load, as a supervisor keeps them, with everything that can be done to them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

from confluent_kafka import Consumer, ConsumerGroupState, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.chaos.broker import Broker
from tests.chaos.load import Load
from tests.integration.streams.conftest import Stream
from vaxel.supervisor import FINAL

LOOK_EVERY_S = 0.1
PATIENCE_S = 60.0
SESSION_TIMEOUT_S = 6.0
"""Of the workers that `Stream.start` starts."""


class Drill:
    """Some workers of one stream by slot; those that end by themselves are started again after a moment.

    Attributes:
        done: How often each fault really happened.
        story: What was done and what came of it, with times.
        settings: Settings of workers started from here on that differ from those of all test workers.
    """

    def __init__(
        self, stream: Stream, rng: Random, logs: Path, load: Load | None = None, broker: Broker | None = None
    ) -> None:
        self.stream, self.rng, self.load, self.broker = stream, rng, load, broker
        self._logs = logs
        self.workers: dict[int, subprocess.Popen[bytes]] = {}
        self.armed: dict[int, str] = {}
        self.done: Counter[str] = Counter()
        self.story: list[str] = []
        self.settings: dict[str, float] = {}
        self._again_s: dict[int, float] = {}
        self._began_s = self._started_s = time.monotonic()

    def _log(self, slot: int) -> Path:
        return self._logs / f"worker-{slot}.log"

    def tell(self, what: str) -> None:
        self.story.append(f"{time.monotonic() - self._began_s:6.1f} s  {what}")
        (self._logs / "story.log").write_text("\n".join(self.story))

    def start(self, slot: int, crash_at: str = "") -> None:
        """A worker; with a crash point armed it is started until it has died of it."""
        if crash_at:
            self.armed[slot] = crash_at
        self._again_s.pop(slot, None)
        self._started_s = time.monotonic()
        self.workers[slot] = self.stream.start(slot, self.armed.get(slot, ""), self._log(slot), **self.settings)

    def some_worker(self) -> int:
        """The slot of a worker that runs and is not about to die at a crash point."""
        running: list[int] = []

        def look() -> bool:
            unarmed = sorted(self.workers.keys() - self.armed.keys())
            running[:] = [slot for slot in unarmed if self.workers[slot].poll() is None]
            return bool(running)

        self.until(look, "a worker runs")
        return self.rng.choice(running)

    def kill(self, slot: int) -> None:
        self.workers[slot].kill()
        self.workers[slot].wait()

    def stop(self, slot: int) -> int:
        """SIGTERM; returns the exit code. Its slot stays empty."""
        worker = self.workers.pop(slot)
        self._again_s.pop(slot, None)
        worker.send_signal(signal.SIGTERM)
        self.until(lambda: worker.poll() is not None, f"worker {slot} ends")
        return worker.returncode

    def until(self, condition: Callable[[], bool], what: str, within_s: float = PATIENCE_S) -> None:
        """Go on with everything until something holds."""
        deadline_s = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < deadline_s, f"not within {within_s} s: {what}"
            self._tend()
            if self.load is not None:
                self.load.pump()
            time.sleep(LOOK_EVERY_S)

    def pause(self, seconds: float) -> None:
        """Go on with everything for so long."""
        over_s = time.monotonic() + seconds
        self.until(lambda: time.monotonic() >= over_s, "time passes", within_s=seconds + PATIENCE_S)

    def _tend(self) -> None:
        for slot, worker in self.workers.items():
            code = worker.poll()
            if code is None:
                continue
            if slot not in self._again_s:
                patience_s = (0.2, 1.0) if code == -signal.SIGKILL else (1.0, 4.0)  # as the supervisor's
                self._again_s[slot] = time.monotonic() + self.rng.uniform(*patience_s)
                self._note_end(slot, code)
            elif time.monotonic() >= self._again_s[slot]:
                self.start(slot)

    def _note_end(self, slot: int, code: int) -> None:
        self.tell(f"worker {slot} has ended with {code}")
        if code == -signal.SIGKILL and slot in self.armed:
            self.done[self.armed.pop(slot).partition("@")[0]] += 1
        else:
            if code != -signal.SIGKILL:
                self.tell(f"worker {slot} said: {self._log(slot).read_text().splitlines()[-1:]}")
                assert code not in FINAL, f"worker {slot} ended with {code}: nobody starts it again"
            self.done[f"ended with {code}"] += 1

    def _admin(self) -> AdminClient:
        """One for each question, kept until the answer: librdkafka 2.16 aborts in one whose broker goes and returns."""
        return AdminClient({"bootstrap.servers": self.stream.settings.kafka, "log_level": 0})

    def partitions(self) -> dict[int, set[int]]:
        """The partitions of each slot as the group's coordinator has them; none while it does not answer or shares out.

        While it shares out, it names those who come with no partitions yet and those who are there with their former
        ones: as if all were done, and the workers commit only then.
        """
        app, held = self.stream.settings.app, dict[int, set[int]]()
        with suppress(KafkaException):
            admin = self._admin()
            group = admin.describe_consumer_groups([app], request_timeout=5)[app].result()
            for member in group.members if group.state is ConsumerGroupState.STABLE else ():
                slot = int(str(member.group_instance_id).removeprefix(f"{app}-"))
                held[slot] = {place.partition for place in member.assignment.topic_partitions}
        return held

    def shown(self) -> dict[int, int]:
        """The group's offsets; none while the coordinator does not answer."""
        stream = self.stream
        consumer = Consumer(
            {"bootstrap.servers": stream.settings.kafka, "group.id": stream.settings.app, "log_level": 0}
        )
        places = [TopicPartition(stream.product.telemetry, number) for number in range(stream.partitions)]
        try:
            return {place.partition: place.offset for place in consumer.committed(places, timeout=5)}
        except KafkaException:
            return {}
        finally:
            consumer.close()

    def settle(self, within_s: float = 2 * PATIENCE_S) -> None:
        """Send what is left, then wait until the positions are at the ends and no transaction is open."""
        if self.load is not None:
            self.load.finish()
            self.load = None
        ends = dict.fromkeys(range(self.stream.partitions), 0)
        for number, offset in self.stream.sent:
            ends[number] = max(ends[number], offset + 1)
        wanted = {number: end for number, end in ends.items() if end > 0}
        self.until(lambda: wanted.items() <= self.shown().items(), "all uploads are taken in", within_s)
        self.until(self._is_quiet, "no transaction is open", within_s)

    def _is_quiet(self) -> bool:
        """Whether readers of committed records see all partitions to their ends; not while the broker is away."""
        with suppress(KafkaException):
            return not self.stream.open_transactions()
        return False

    def steady(self) -> None:
        """Wait until every worker is in the group: itself, not what is left of the process before it in its slot."""
        self.until(lambda: time.monotonic() > self._started_s + SESSION_TIMEOUT_S, "former members are gone")
        self.until(lambda: self.workers.keys() <= self.partitions().keys(), "all workers are in the group")

    def freeze(self, slot: int) -> None:
        """Stop a worker in its tracks for longer than the group waits for it, until others go on with what it had."""
        had: set[int] = set()

        def holds() -> bool:
            had.clear()
            had.update(self.partitions().get(slot, ()))
            return bool(had) and self.workers[slot].poll() is None

        self.until(holds, f"worker {slot} has partitions")
        os.kill(self.workers[slot].pid, signal.SIGSTOP)
        froze_s = time.monotonic()
        self.tell(f"worker {slot} is frozen with partitions {sorted(had)}")
        # Before they move: whoever gets them may have shown its first checkpoint by the time that the move is seen.
        before: dict[int, int] = {}

        def is_told() -> bool:
            before.update(self.shown())
            return bool(before)

        self.until(is_told, "the group's offsets are told")
        self.until(lambda: had <= _of_others(self.partitions(), slot), f"the partitions of worker {slot} move")
        self.until(lambda: any(self.shown().get(number, 0) > max(0, before[number]) for number in had), "others go on")
        self.until(lambda: time.monotonic() > froze_s + SESSION_TIMEOUT_S, "its session is over for certain")

    def thaw(self, slot: int) -> None:
        """Let a frozen worker go on: it ends by itself, or it joins the group again."""
        worker = self.workers[slot]
        os.kill(worker.pid, signal.SIGCONT)
        self.until(lambda: worker.poll() is not None or slot in self.partitions(), f"worker {slot} is back or ends")
        how = f"ends with {worker.poll()}" if worker.poll() is not None else "joins again"
        self.tell(f"worker {slot} thaws and {how}")


def _of_others(partitions: dict[int, set[int]], slot: int) -> set[int]:
    return {number for other, held in partitions.items() if other != slot for number in held}
