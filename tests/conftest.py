"""Real servers for tests, one for the whole session, and a fresh topic or database for each test that asks.

VAXEL_TEST_KAFKA is `local` (default: the local stack in a temporary directory), `testcontainers` (needs Docker) or
`host:port`; VAXEL_TEST_POSTGRES is `local` or the DSN of a superuser. A server that cannot be had fails the test when
CI is set; on a laptop the test is skipped.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NoReturn
from uuid import uuid4

import pytest

from deploy import stack
from deploy.stack import Stack
from deploy.topics import ensure_topics, partition_counts
from schemas.errors import OutsideError
from schemas.topics import TELEMETRY_WASHER, TOPICS, Topic

FreshTopic = Callable[..., str]
FreshDatabase = Callable[[], str]


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
def fresh_topic(kafka_bootstrap: str) -> FreshTopic:
    """`fresh_topic(like=TELEMETRY_WASHER, partitions=1)`: name of a new topic with the settings of a listed one."""
    by_name = {topic.name: topic for topic in TOPICS}

    def make(like: str | Topic = TELEMETRY_WASHER, partitions: int = 1) -> str:
        row = by_name[like] if isinstance(like, str) else like
        name = f"it-{uuid4().hex}"
        ensure_topics(kafka_bootstrap, [replace(row, name=name)], partitions)
        return name

    return make


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
