"""Make the topics of `schemas.topics` on a broker, and say so when they are there in another shape."""

from __future__ import annotations

import time
from collections.abc import Iterable

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._metadata import TopicMetadata
from confluent_kafka.cimpl import NewTopic

from schemas.errors import UnreachableError, UsageError
from schemas.topics import Topic

TIMEOUT_S = 20.0


def partition_counts(bootstrap: str) -> dict[str, int]:
    """Partitions of every topic on the broker, by name.

    Raises:
        UnreachableError: no broker answers.
    """
    return _partition_counts(_client(bootstrap), bootstrap)


def ensure_topics(bootstrap: str, topics: Iterable[Topic], partitions: int, replication: int = 1) -> None:
    """Make the topics that are not there; those that are stay untouched, settings included. Safe to call again.

    Raises:
        UsageError: `partitions` is below 1, or a topic is there with another partition count.
        UnreachableError: no broker answers.
    """
    if partitions < 1:
        raise UsageError(f"--partitions {partitions} is not accepted: at least 1")
    wanted = {topic.name: topic for topic in topics}
    client = _client(bootstrap)
    there = _partition_counts(client, bootstrap)
    for name in sorted(wanted.keys() & there.keys()):
        if there[name] != partitions:
            raise UsageError(
                f"topic {name!r} has {there[name]} partitions, {partitions} are wanted. A device would change its "
                f"partition: ask for {there[name]}, or start in an empty data directory"
            )
    missing = [
        NewTopic(name, num_partitions=partitions, replication_factor=replication, config=topic.config())
        for name, topic in wanted.items()
        if name not in there
    ]
    if not missing:
        return
    for name, made in client.create_topics(missing, operation_timeout=TIMEOUT_S).items():
        try:
            made.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # made by another `up` at the same moment
                raise UnreachableError(f"cannot make topic {name!r} on {bootstrap}: {error.args[0].str()}") from error
    _wait_until_known({topic.topic for topic in missing}, client, bootstrap)


def _client(bootstrap: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})


def _wait_until_known(names: set[str], client: AdminClient, bootstrap: str) -> None:
    """The controller says a topic is made a moment before the broker lets clients write to it."""
    deadline_s = time.monotonic() + TIMEOUT_S
    while True:
        topics = _list_topics(client, bootstrap)
        partitions = [part for name in names & topics.keys() for part in topics[name].partitions.values()]
        if names <= topics.keys() and all(part.leader >= 0 for part in partitions):
            return
        if time.monotonic() > deadline_s:
            raise UnreachableError(f"Kafka at {bootstrap} made topics but has no leader for them. Look at its log")
        time.sleep(0.05)


def _partition_counts(client: AdminClient, bootstrap: str) -> dict[str, int]:
    return {name: len(topic.partitions) for name, topic in _list_topics(client, bootstrap).items()}


def _list_topics(client: AdminClient, bootstrap: str) -> dict[str, TopicMetadata]:
    try:
        return dict(client.list_topics(timeout=TIMEOUT_S).topics)
    except KafkaException as error:
        raise UnreachableError(f"Kafka does not answer at {bootstrap}: {error.args[0].str()}") from error
