"""What the desk says of a fleet's days is said once, however often it is killed, and by however many desks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition

from deploy.topics import ensure_topics
from schemas import topics
from streams.crash_points import VARIABLE
from streams.desk.memory import desk_state_topic
from tests.integration.pipeline.conftest import facts_of_days
from tests.integration.pipeline.terminal import running_stack, wait_until
from vaxel.progress import desk_behind
from vaxel.settings import addresses

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

PROGRAM = Path(__file__).with_name("desk_process.py")
ROOT = Path(__file__).parents[3]
JSON_OUTPUTS = (topics.USAGE, topics.INSIGHTS, topics.ALERTS, topics.COMPLETENESS, topics.COMMANDS)
NAMED_BY: Mapping[str, tuple[str, ...]] = {
    topics.USAGE: ("session_id",),
    topics.INSIGHTS: ("insight_id",),
    topics.ALERTS: ("alert_id",),
    topics.COMPLETENESS: ("device_id", "month", "custody_from_ms"),
    topics.COMMANDS: ("command_id",),
}
CRASH_POINTS = ("desk.after-outputs", "desk.after-outputs@3", "desk.before-commit", "desk.before-commit@5",
                "desk.after-commit", "desk.after-commit@4")  # fmt: skip

Facts = dict[str, list[dict[str, Any]]]


class Desks:
    """Desks of one app over a pipeline's facts."""

    def __init__(self, kafka: str) -> None:
        self.kafka, self.app = kafka, f"it-{uuid4().hex}"
        ensure_topics(kafka, [desk_state_topic(self.app)], topics.DEFAULT_PARTITIONS)
        self._began = _ends(kafka)

    @contextmanager
    def working(self, slot: int = 0, crash_at: str = "") -> Iterator[subprocess.Popen[bytes]]:
        """A desk at work; killed at the end unless it has ended."""
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.pipeline.desk_process", self.kafka, self.app, str(slot)],
            cwd=ROOT,
            env={**os.environ, VARIABLE: crash_at},
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def finish(self) -> None:
        """Let one desk take everything in and stop in good order."""
        with self.working() as process:
            wait_until(lambda: self.rests() or process.poll() is not None, "the desk at rest", 0.3)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0

    def rests(self) -> bool:
        return desk_behind(self.kafka, self.app) == 0

    def said(self) -> Facts:
        """All that the desks of this app have said, topic by topic."""
        return {
            topic: [json.loads(value) for value in values] for topic, values in _read(self.kafka, self._began).items()
        }


def _ends(kafka: str) -> dict[tuple[str, int], int]:
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "it-ends"})
    places = [(topic, number) for topic in JSON_OUTPUTS for number in range(topics.DEFAULT_PARTITIONS)]
    ends = {place: consumer.get_watermark_offsets(TopicPartition(*place), timeout=10)[1] for place in places}
    consumer.close()
    return ends


def _read(kafka: str, began: Mapping[tuple[str, int], int]) -> dict[str, list[bytes]]:
    consumer = Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": "it-said",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )
    consumer.assign([TopicPartition(*place, offset) for place, offset in began.items()])
    found: defaultdict[str, list[bytes]] = defaultdict(list)
    unfinished = set(began)
    while unfinished:
        message = consumer.poll(10)
        assert message is not None, f"silent: {unfinished}"
        error = message.error()
        if error is None:
            found[message.topic() or ""].append(message.value() or b"")
        else:
            assert error.code() == KafkaError._PARTITION_EOF
            unfinished.discard((message.topic() or "", message.partition() or 0))
    consumer.close()
    return found


def last_words(facts: Facts) -> dict[str, dict[str, Any]]:
    """Of all that is told in versions, the newest; how many there were on the way depends on what came together."""
    newest: dict[str, dict[str, Any]] = {}
    for topic in (topics.USAGE, topics.COMPLETENESS, topics.COMMANDS):
        for fact in facts.get(topic, []):
            own = {name: value for name, value in fact.items() if name not in {"version", "asked_at_ms", "known_at_ms"}}
            newest[str([topic, *(fact[name] for name in NAMED_BY[topic])])] = own
    return newest


def twice(facts: Facts) -> list[object]:
    """Whatever was said twice under one version, or left a version out."""
    found: list[object] = []
    for topic, told in facts.items():
        versions: defaultdict[Any, list[int]] = defaultdict(list)
        for fact in told:
            versions[tuple(fact[name] for name in NAMED_BY[topic])].append(fact.get("version", 1))
        # An insight has the version of its session, of which not every one is worth a word.
        found += [
            (topic, name, own)
            for name, own in versions.items()
            if (len(set(own)) < len(own) if topic == topics.INSIGHTS else own != list(range(1, len(own) + 1)))
        ]
    return found


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a stack of its own: what these desks say once more would be told twice in the lake that others look at."""
    with running_stack(tmp_path_factory.mktemp("desks")) as terminal:
        facts_of_days(terminal)
        yield addresses({}, terminal.data_dir).kafka


@pytest.fixture(scope="module")
def undisturbed(kafka: str) -> Facts:
    desks = Desks(kafka)
    desks.finish()
    return desks.said()


def test_there_is_something_to_say(undisturbed: Facts) -> None:
    assert len(undisturbed[topics.USAGE]) > 50
    assert {fact["verdict"] for fact in undisturbed[topics.COMPLETENESS]} >= {"complete", "gap"}
    assert twice(undisturbed) == []


@pytest.mark.parametrize("point", CRASH_POINTS)
def test_a_desk_killed_anywhere_says_everything_once(kafka: str, undisturbed: Facts, point: str) -> None:
    desks = Desks(kafka)
    with desks.working(crash_at=point) as process:
        assert process.wait(60) == -signal.SIGKILL
    desks.finish()
    said = desks.said()
    assert twice(said) == []
    assert last_words(said) == last_words(undisturbed)


def test_two_desks_share_the_partitions_and_one_killed_leaves_its_share_to_the_other(
    kafka: str, undisturbed: Facts
) -> None:
    desks = Desks(kafka)
    with desks.working(slot=0), desks.working(slot=1) as other:
        wait_until(lambda: bool(desks.said()), "something said", 0.2)
        other.kill()
        wait_until(desks.rests, "the desks at rest", 0.3)
    said = desks.said()
    assert twice(said) == []
    assert last_words(said) == last_words(undisturbed)
