"""What Kafka holds of a topic and of its messages is what the contracts say."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, Message, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

import schemas
from deploy.stack import Stack
from schemas.fields import EARLIEST_MS
from schemas.published import asyncapi_document, json_schema_document
from schemas.topics import BY_NAME, TELEMETRY, TOPICS, Topic
from schemas.versions import contracts_of
from streams.decode import Decoder
from streams.refusal import Refused, examine

pytestmark = pytest.mark.kafka

FreshTopic = Callable[..., str]
EXAMPLES = Path(schemas.__path__[0]) / "examples"


def settings_of(kafka: str, topic: str) -> dict[str, str | None]:
    resource = ConfigResource(ResourceType.TOPIC, topic)
    client = AdminClient({"bootstrap.servers": kafka})  # its answers die with it
    held = client.describe_configs([resource])[resource].result()
    return {name: entry.value for name, entry in held.items()}


def written(kafka: str, topic: str, value: bytes | None, **more: Any) -> KafkaError | None:
    """What the broker says of one record."""
    said: list[KafkaError | None] = []
    producer = Producer({"bootstrap.servers": kafka, "message.max.bytes": 100_000_000})
    producer.produce(topic, value, on_delivery=lambda error, _message: said.append(error), **more)
    producer.flush(30)
    (error,) = said
    return error


def read(kafka: str, topic: str, count: int) -> list[Message]:
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": topic, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    found: list[Message] = []
    deadline_s = time.monotonic() + 60
    while len(found) < count:
        assert time.monotonic() < deadline_s, f"{len(found)} of {count} messages"
        found += consumer.consume(count, timeout=0.5)
    consumer.close()
    return found


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_topic_that_deploy_made_has_the_settings_of_the_list_and_of_the_asyncapi_document(
    local_stack: Stack, topic: Topic
) -> None:
    held = settings_of(local_stack.kafka, topic.name)
    assert {name: held[name] for name in topic.config()} == topic.config()
    told = asyncapi_document()["channels"][topic.name]["bindings"]["kafka"]
    configuration = {
        name: ",".join(value) if isinstance(value, list) else str(value)
        for name, value in told["topicConfiguration"].items()
    }
    assert {name: held[name] for name in configuration} == configuration
    there = AdminClient({"bootstrap.servers": local_stack.kafka}).list_topics(timeout=20).topics[topic.name]
    assert len(there.partitions) == told["partitions"]


@pytest.mark.parametrize("like", TELEMETRY)
def test_telemetry_is_stamped_by_the_broker_and_refuses_what_is_over_its_limit(
    kafka_bootstrap: str, fresh_topic: FreshTopic, like: str
) -> None:
    topic = fresh_topic(like)
    assert written(kafka_bootstrap, topic, b"{}", timestamp=1) is None
    error = written(kafka_bootstrap, topic, bytes(BY_NAME[like].max_message_bytes))
    assert error is not None
    assert error.code() == KafkaError.MSG_SIZE_TOO_LARGE
    ((kind, stamp_ms),) = (message.timestamp() for message in read(kafka_bootstrap, topic, 1))
    assert kind == 2  # LogAppendTime
    assert stamp_ms > EARLIEST_MS, "the device's own stamp, 1 ms after 1970, does not count"


@pytest.mark.parametrize("like", TELEMETRY)
def test_good_examples_come_out_of_kafka_as_the_contract_and_its_json_schema_want_them(
    kafka_bootstrap: str, fresh_topic: FreshTopic, like: str
) -> None:
    topic, versions = fresh_topic(like), contracts_of(BY_NAME[like])
    paths = sorted((EXAMPLES / like).glob("*/good-*"))
    for path in paths:
        original = path.read_bytes()
        assert written(kafka_bootstrap, topic, original, key=json.loads(original)["device_id"]) is None
    messages = read(kafka_bootstrap, topic, len(paths))
    for path, message in zip(paths, messages, strict=True):
        upload = examine(message.value(), versions)  # type: ignore[arg-type]
        assert not isinstance(upload, Refused)
        assert message.key() == upload.device_id.encode()
        validator = Draft202012Validator(json_schema_document(type(upload)))
        if "in_quotes" not in path.name:  # accepted as a kindness; the schema promises numbers only
            assert [error.message for error in validator.iter_errors(json.loads(message.value() or b""))] == []
    decoded = Decoder(versions).decode([message.value() for message in messages])  # type: ignore[arg-type]
    assert decoded.refused == []


@pytest.mark.parametrize("like", [topic.name for topic in TOPICS if topic.name not in TELEMETRY])
def test_every_message_of_our_own_comes_back_byte_by_byte_with_its_headers(
    kafka_bootstrap: str, fresh_topic: FreshTopic, like: str
) -> None:
    topic = fresh_topic(like)
    paths = sorted((EXAMPLES / like).glob("*/*"))
    for path in paths:
        headers = [("reason", path.name.encode())]  # a compacted topic takes no record without a key
        assert written(kafka_bootstrap, topic, path.read_bytes(), key=path.name, headers=headers) is None
    for path, message in zip(paths, read(kafka_bootstrap, topic, len(paths)), strict=True):
        assert message.value() == path.read_bytes()
        assert message.headers() == [("reason", path.name.encode())]
