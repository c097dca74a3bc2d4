"""The topics as an AsyncAPI 3.0 document: https://www.asyncapi.com/docs/reference/specification/v3.0.0.

The application is Växel; each of its stages sends to or receives from a channel, which is a Kafka topic. State topics
are a worker's own business and left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from schemas.failures import HEADERS, FailedEvent
from schemas.fields import Contract
from schemas.forms import columns, json_schema
from schemas.topics import DEFAULT_PARTITIONS, Topic
from schemas.versions import contracts_of

_CONTENT_TYPE = {
    "json": "application/json",
    "arrow": "application/vnd.apache.arrow.stream",
    "original": "application/octet-stream",
}
_KAFKA_BINDING = "0.5.0"


def document(topics: Iterable[Topic], version: str) -> dict[str, Any]:
    """The document, as JSON takes it. Equal topics and version give equal documents."""
    listed = tuple(topics)
    contracts = {contract.__name__: contract for topic in listed for contract in contracts_of(topic)}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Växel",
            "version": version,
            "description": (
                "What the stages of Växel say to each other over Kafka. Each field says its unit and its class of "
                "personal data (`unit`, `class`)."
            ),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in listed},
        "operations": {name: operation for topic in listed for name, operation in _operations(topic)},
        "components": {
            "messages": {
                contract.__name__: _message(topic, contract) for topic in listed for contract in contracts_of(topic)
            },
            "schemas": {name: json_schema(contract) for name, contract in contracts.items()},
        },
    }


def _channel(topic: Topic) -> dict[str, Any]:
    settings = topic.config()
    configuration: dict[str, Any] = {
        "cleanup.policy": [settings.get("cleanup.policy", "delete")],
        "max.message.bytes": topic.max_message_bytes,
    }
    if topic.retention_ms is not None:
        configuration["retention.ms"] = topic.retention_ms
    return {
        "address": topic.name,
        "description": f"Owner: {topic.owner}. Key: {topic.key or 'none'}.",
        "messages": {
            contract.__name__: {"$ref": f"#/components/messages/{contract.__name__}"}
            for contract in contracts_of(topic)
        },
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": DEFAULT_PARTITIONS,
                "topicConfiguration": configuration,
                "bindingVersion": _KAFKA_BINDING,
            }
        },
    }


def _operations(topic: Topic) -> list[tuple[str, dict[str, Any]]]:
    messages = [{"$ref": f"#/channels/{topic.name}/messages/{contract.__name__}"} for contract in contracts_of(topic)]
    return [
        (
            f"{stage}.{action}.{topic.name}",
            {
                "action": action,
                "channel": {"$ref": f"#/channels/{topic.name}"},
                "summary": f"{stage} {verb} {topic.name}",
                "messages": messages,
            },
        )
        for action, verb, stages in (("send", "writes to", topic.producers), ("receive", "reads", topic.consumers))
        for stage in stages
    ]


def _message(topic: Topic, contract: type[Contract]) -> dict[str, Any]:
    message: dict[str, Any] = {
        "name": contract.__name__,
        "title": contract.__name__,
        "summary": (contract.__doc__ or "").split("\n", 1)[0],
        "contentType": _CONTENT_TYPE[topic.form],
        "payload": _payload(topic, contract),
    }
    if topic.form == "original":
        message["headers"] = _headers()
    if topic.key:
        message["bindings"] = {
            "kafka": {"key": {"type": "string", "description": topic.key}, "bindingVersion": _KAFKA_BINDING}
        }
    return message


def _payload(topic: Topic, contract: type[Contract]) -> dict[str, Any]:
    rows = {"$ref": f"#/components/schemas/{contract.__name__}"}
    if topic.form == "arrow":
        return {"type": "array", "items": rows, "description": "Rows of an Arrow IPC stream, lz4; columns as the rows'"}
    if topic.form == "original":
        return {"type": "string", "format": "binary", "description": "The refused record's value as it came"}
    return rows


def _headers() -> dict[str, Any]:
    """A failed event's headers; what they and the record say together is the contract."""
    described = {column.name: column for column in columns(FailedEvent)}
    return {
        "type": "object",
        "required": [name for name in HEADERS if not described[name].nullable],
        "properties": {
            name: {
                "type": "string",
                "description": described[name].meaning,
                "unit": described[name].unit,
                "class": described[name].data_class,
            }
            for name in HEADERS
        },
    }
