"""Real servers for tests, one for the whole session, and a fresh topic or database for each test that asks.

VAXEL_TEST_KAFKA is `local` (default: the local stack in a temporary directory), `testcontainers` (needs Docker) or
`host:port`; VAXEL_TEST_POSTGRES is `local` or the DSN of a superuser. A server that cannot be had fails the test when
CI is set; on a laptop the test is skipped.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NoReturn
from uuid import uuid4

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

from deploy import stack
from deploy.stack import Stack
from deploy.topics import ensure_topics, partition_counts
from schemas.errors import OutsideError
from schemas.topics import TELEMETRY_WASHER, TOPICS, Topic
from tests.scheduling import ByFile, longest_first

FreshTopic = Callable[..., str]
FreshTopics = Callable[..., list[str]]
FreshDatabase = Callable[[], str]
LED_WITHIN_S = 60.0


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    """None: xdist's own."""
    return ByFile(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_configure(config: pytest.Config) -> None:
    """Keeps xdist from sorting files by their number of tests."""
    if config.getoption("dist", None) == "loadfile":
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Only where several processes share the work."""
    if hasattr(config, "workerinput"):
        longest_first(items)


@pytest.fixture(scope="session")
def local_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Kafka and PostgreSQL with all topics, gone with this process even if it is killed."""
    data_dir = tmp_path_factory.mktemp("stack")
    try:
        running = stack.up(data_dir, bound=True)
    except OutsideError as error:
        missing(f"no local stack: {error}")
    yield running
    stack.down(data_dir)


@pytest.fixture(scope="session")
def kafka_bootstrap(request: pytest.FixtureRequest) -> Iterator[str]:
    """Address of a real Apache Kafka."""
    wanted = os.environ.get("VAXEL_TEST_KAFKA", "local")
    if wanted == "local":
        yield request.getfixturevalue("local_stack").kafka
    elif wanted == "testcontainers":
        yield from kafka_in_docker()
    else:
        try:
            partition_counts(wanted)
        except OutsideError as error:
            missing(f"VAXEL_TEST_KAFKA={wanted}: {error}")
        yield wanted


@pytest.fixture(scope="session")
def postgres_dsn(request: pytest.FixtureRequest) -> str:
    """Address of database `postgres` of a real PostgreSQL, as superuser."""
    wanted = os.environ.get("VAXEL_TEST_POSTGRES", "local")
    if wanted != "local":
        return wanted
    records: str = request.getfixturevalue("local_stack").records
    return records.rsplit("/", 1)[0] + "/postgres"


@pytest.fixture
def fresh_topic(fresh_topics: FreshTopics) -> FreshTopic:
    """`fresh_topic(like=TELEMETRY_WASHER, partitions=1)`: name of a new topic with the settings of a listed one."""

    def make(like: str | Topic = TELEMETRY_WASHER, partitions: int = 1) -> str:
        return fresh_topics([like], partitions)[0]

    return make


@pytest.fixture
def fresh_topics(kafka_bootstrap: str) -> FreshTopics:
    """`fresh_topics(likes, partitions=1)`: names of new topics, made at once: one by one each takes 0.1 s."""
    by_name = {topic.name: topic for topic in TOPICS}

    def make(likes: Sequence[str | Topic], partitions: int = 1) -> list[str]:
        rows = [by_name[like] if isinstance(like, str) else like for like in likes]
        made = [replace(row, name=f"it-{uuid4().hex}") for row in rows]
        ensure_topics(kafka_bootstrap, made, partitions)
        names = [topic.name for topic in made]
        wait_until_led(kafka_bootstrap, [TopicPartition(name, part) for name in names for part in range(partitions)])
        return names

    return make


def wait_until_led(bootstrap: str, places: Sequence[TopicPartition]) -> None:
    """A busy broker names itself as the leader of a new partition a moment before it answers for it."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    deadline_s = time.monotonic() + LED_WITHIN_S
    while True:
        asked = admin.list_offsets(dict.fromkeys(places, latest))
        errors = [error for future in asked.values() if (error := future.exception()) is not None]
        if not errors:
            return
        assert time.monotonic() < deadline_s, errors[0]
        time.sleep(0.05)


@pytest.fixture
def fresh_database(postgres_dsn: str) -> Iterator[FreshDatabase]:
    """`fresh_database()`: DSN of a new empty database, dropped after the test."""
    import psycopg

    made = []

    def make() -> str:
        name = f"it-{uuid4().hex}"
        with psycopg.connect(postgres_dsn, autocommit=True) as connection:
            connection.execute(f'create database "{name}"'.encode())
        made.append(name)
        return postgres_dsn.rsplit("/", 1)[0] + f"/{name}"

    yield make
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        for name in made:
            connection.execute(f'drop database "{name}" with (force)'.encode())


def kafka_in_docker() -> Iterator[str]:
    """Address of a broker in a container; Confluent's image 8.1 holds Apache Kafka 4.1."""
    import gc
    import warnings

    reason = ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of testcontainers' own code
        from docker.errors import DockerException  # type: ignore[import-untyped]
        from testcontainers.kafka import KafkaContainer

        try:
            container = KafkaContainer("confluentinc/cp-kafka:8.1.0").with_kraft()
            container.start()
        except DockerException as error:
            reason = f"VAXEL_TEST_KAFKA=testcontainers: {error}"
        gc.collect()  # sockets that it forgets to close
    if reason:
        missing(reason)
    try:
        yield container.get_bootstrap_server()
    finally:
        container.stop()


def missing(reason: str) -> NoReturn:
    """A server is missing: a failure under CI, else a skip."""
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
