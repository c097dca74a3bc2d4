from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType

from deploy.stack import Stack
from deploy.topics import ensure_topics, partition_counts
from schemas.errors import UnreachableError, UsageError
from schemas.topics import DEFAULT_PARTITIONS, TELEMETRY, TOPICS, Topic, state_topic

pytestmark = pytest.mark.kafka


def a_topic(like: Topic = TOPICS[0]) -> Topic:
    return replace(like, name=f"it-{uuid4().hex}")


def test_up_makes_every_listed_topic_and_the_state_topics(local_stack: Stack) -> None:
    there = partition_counts(local_stack.kafka)
    listed = [topic.name for topic in TOPICS] + [state_topic("vaxel", name).name for name in TELEMETRY]
    assert {name: there.get(name) for name in listed} == dict.fromkeys(listed, DEFAULT_PARTITIONS)


@pytest.mark.parametrize("like", [*TOPICS, state_topic("vaxel", TELEMETRY[0])], ids=lambda topic: topic.name)
def test_broker_holds_the_settings_of_the_list(kafka_bootstrap: str, like: Topic) -> None:
    topic = a_topic(like)
    ensure_topics(kafka_bootstrap, [topic], 1)
    resource = ConfigResource(ResourceType.TOPIC, topic.name)
    client = AdminClient({"bootstrap.servers": kafka_bootstrap})
    held = client.describe_configs([resource])[resource].result()
    assert {name: held[name].value for name in topic.config()} == topic.config()


def test_second_call_changes_nothing_and_makes_what_is_missing(kafka_bootstrap: str) -> None:
    first, second = a_topic(), a_topic()
    ensure_topics(kafka_bootstrap, [first], 2)
    ensure_topics(kafka_bootstrap, [first, second], 2)
    counts = partition_counts(kafka_bootstrap)
    assert (counts[first.name], counts[second.name]) == (2, 2)


def test_other_partition_count_is_refused_with_both_counts_and_nothing_is_made(kafka_bootstrap: str) -> None:
    first, second = a_topic(), a_topic()
    ensure_topics(kafka_bootstrap, [first], 2)
    with pytest.raises(UsageError, match=rf"{first.name}' has 2 partitions, 3 are wanted"):
        ensure_topics(kafka_bootstrap, [second, first], 3)
    assert second.name not in partition_counts(kafka_bootstrap)


def test_no_partitions_are_refused(kafka_bootstrap: str) -> None:
    with pytest.raises(UsageError, match="0 is not accepted: at least 1"):
        ensure_topics(kafka_bootstrap, [a_topic()], 0)


def test_silent_broker_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.topics.TIMEOUT_S", 0.5)
    with pytest.raises(UnreachableError, match=r"Kafka does not answer at 127\.0\.0\.1:1:"):
        partition_counts("127.0.0.1:1")
