"""Records as Debezium's JDBC sink takes them, written into a topic of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date

import pyarrow as pa
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from schemas.errors import OutsideError

KEY = ("material", "month")
_DATE = "org.apache.kafka.connect.data.Date"
_EPOCH = date(1970, 1, 1)
_FLUSH_S = 60.0
_QUEUED = 10_000


def write(kafka: str, topic: str, rows: pa.Table) -> tuple[str, date]:
    """Writes a record for each row into a new topic with one partition; the key of the last one.

    Raises:
        OutsideError: Kafka does not take them.
    """
    client = AdminClient({"bootstrap.servers": kafka, "log_level": 0})
    client.create_topics([NewTopic(topic, 1, 1)])[topic].result(_FLUSH_S)
    producer = Producer({"bootstrap.servers": kafka, "log_level": 0, "linger.ms": 50, "compression.type": "lz4"})
    for number, (key, value) in enumerate(records(rows)):
        producer.produce(topic, value, key)
        if number % _QUEUED == 0:
            producer.flush(_FLUSH_S)
    if producer.flush(_FLUSH_S):
        raise OutsideError(f"Kafka at {kafka} does not take the records of {topic}")
    last = rows.slice(len(rows) - 1).to_pylist()[0]
    return last["material"], last["month"]


def records(rows: pa.Table) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of a record for each row, as Kafka Connect's JsonConverter writes them.

    Args:
        rows: Arrow table with the key's columns and any whole numbers.
    """
    names = [name for name in rows.column_names if name not in KEY]
    key_schema = _schema([_field("material", "string"), _field("month", "int32", _DATE)])
    value_schema = _schema([_field(name, "int64") for name in names])
    encode = json.JSONEncoder(separators=(",", ":")).encode
    key_head, value_head = encode(key_schema), encode(value_schema)
    for row in rows.to_pylist():
        key = {"material": row["material"], "month": (row["month"] - _EPOCH).days}
        value = {name: row[name] for name in names}
        yield (
            f'{{"schema":{key_head},"payload":{encode(key)}}}'.encode(),
            f'{{"schema":{value_head},"payload":{encode(value)}}}'.encode(),
        )


def _field(name: str, kind: str, meaning: str | None = None) -> dict[str, object]:
    told: dict[str, object] = {"field": name, "type": kind, "optional": False}
    return told if meaning is None else told | {"name": meaning, "version": 1}


def _schema(fields: list[dict[str, object]]) -> dict[str, object]:
    return {"type": "struct", "optional": False, "fields": fields}
