"""Looks for planted texts and numbers wherever a pipeline leaves anything: topics, catalogue, files, logs."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition
from psycopg import sql

from schemas.topics import TELEMETRY, TOPICS
from vaxel.settings import Addresses

LOOK_S, SILENT_S = 0.2, 60.0
OFFSETS_ONLY = (".index", ".timeindex")
"""Kafka's; ten megabytes each, all zeros but for a few numbers."""

Found = tuple[str, str]
"""Where, and what was found there."""


@dataclass(frozen=True)
class Planted:
    """What to look for: texts in whatever spelling, numbers as text and as doubles."""

    texts: tuple[str, ...]
    numbers: tuple[float, ...] = ()

    @cached_property
    def forms(self) -> dict[bytes, str]:
        """Bytes to what they stand for."""
        found = {form: text for text in self.texts for form in _spelt(text)}
        for number in self.numbers:
            found |= dict.fromkeys(
                (repr(number).encode(), struct.pack("<d", number), struct.pack(">d", number)), repr(number)
            )
        return found

    def in_bytes(self, content: bytes) -> set[str]:
        """What of it is in there, as it lies."""
        return {told for form, told in self.forms.items() if form in content}

    def in_value(self, value: Any) -> set[str]:
        """What of it is in a value of a row: a text, a number, bytes, or a list or object of such."""
        if isinstance(value, str):
            return self.in_bytes(value.encode(errors="surrogatepass"))
        if isinstance(value, bytes | bytearray | memoryview):
            return self.in_bytes(bytes(value))
        if isinstance(value, float | Decimal):
            return {repr(number) for number in self.numbers if float(value) == number}
        if isinstance(value, dict):
            return self.in_value([*value.keys(), *value.values()])
        if isinstance(value, list | tuple):
            return set().union(*map(self.in_value, value))
        return set()

    def in_table(self, table: pa.Table) -> set[str]:
        """What of it is in any column, its names or what is written beside them."""
        beside = [table.schema.metadata, *(field.metadata for field in table.schema)]
        return self.in_value([table.column_names, *beside, *(column.to_pylist() for column in table.columns)])


def _spelt(text: str) -> set[bytes]:
    spellings = {text, text.lower(), text.upper(), json.dumps(text)[1:-1], repr(text)[1:-1]}
    found = {spelling.encode(coding) for spelling in spellings for coding in ("utf-8", "utf-16-le")}
    return found | {text.encode().hex().encode(), text.encode("latin-1", "replace")}


def in_topics(kafka: str, planted: Planted, topics: Sequence[str]) -> Iterator[Found]:
    """In keys, headers and values of all records, those of aborted transactions included; frames are unpacked."""
    for message in records(kafka, topics):
        place = f"{message.topic()}[{message.partition()}]@{message.offset()}"
        key, value = message.key() or b"", message.value() or b""
        headers = cast("list[tuple[str, bytes | None]]", message.headers() or [])
        found = planted.in_bytes(_bytes(key)) | planted.in_bytes(_bytes(value)) | planted.in_value(headers)
        table = _frame(_bytes(value))
        if table is not None:
            found |= planted.in_table(table)
        yield from ((place, what) for what in sorted(found))


def records(kafka: str, topics: Sequence[str]) -> Iterator[Message]:
    """All that Kafka holds of these topics."""
    settings = {"bootstrap.servers": kafka, "group.id": "it-planted", "isolation.level": "read_uncommitted"}
    consumer = Consumer({**settings, "enable.auto.commit": False, "enable.partition.eof": True})
    try:
        there = consumer.list_topics(timeout=10).topics
        places = [TopicPartition(name, number, 0) for name in topics for number in there[name].partitions]
        consumer.assign(places)
        unread, silent_s = len(places), 0.0
        while unread:
            messages = consumer.consume(1_000, timeout=LOOK_S)
            silent_s = 0.0 if messages else silent_s + LOOK_S
            assert silent_s < SILENT_S, "Kafka is silent"
            for message in messages:
                if (error := message.error()) is None:
                    yield message
                else:
                    assert error.code() == KafkaError._PARTITION_EOF, error
                    unread -= 1
    finally:
        consumer.close()


def guarded_topics(kafka: str) -> list[str]:
    """All topics there are, those of the list whether used or not; but for telemetry, where devices write."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "it-planted"})
    try:
        there = set(consumer.list_topics(timeout=10).topics)
    finally:
        consumer.close()
    assert there >= {topic.name for topic in TOPICS}
    return sorted(there - set(TELEMETRY))


def in_catalogue(dsn: str, planted: Planted) -> Iterator[Found]:
    """In all tables of the lake's catalogue: bounds of columns and small inserts lie in it."""
    with psycopg.connect(dsn) as connection:
        tables = connection.execute(
            """select table_schema, table_name from information_schema.tables
               where table_schema not in ('pg_catalog', 'information_schema')"""
        ).fetchall()
        assert tables
        for names in tables:
            query = sql.SQL("select * from {}").format(sql.Identifier(*names))
            for row in connection.execute(query):
                yield from ((".".join(names), what) for what in sorted(planted.in_value(row)))


def in_files(data_dir: Path, planted: Planted) -> Iterator[Found]:
    """In all files of a data directory but those in which persons belong; Parquet is unpacked."""
    for file in sorted(data_dir.rglob("*")):
        name = file.relative_to(data_dir)
        if not file.is_file() or belongs(name) or file.suffix in OFFSETS_ONLY:
            continue
        found = planted.in_bytes(file.read_bytes())
        if file.suffix == ".parquet":
            found |= planted.in_table(pq.read_table(file))
        yield from ((str(name), what) for what in sorted(found))


def belongs(name: Path) -> bool:
    """Whether persons belong there: truth of simulations, keys, telemetry as devices write it, and PostgreSQL's files.

    Those are of the record systems; the lake's catalogue, which lies there, too, is asked by SQL.
    """
    return name.parts[0] in ("truth", "keys", "postgres") or (
        name.parts[0] == "kafka" and len(name.parts) > 1 and name.parts[1].rpartition("-")[0] in TELEMETRY
    )


def anywhere(found: Addresses, data_dir: Path, planted: Planted) -> list[Found]:
    """All of it, everywhere where it does not belong."""
    return [
        *in_topics(found.kafka, planted, guarded_topics(found.kafka)),
        *in_catalogue(found.catalog, planted),
        *in_files(data_dir, planted),
    ]


def _frame(value: bytes) -> pa.Table | None:
    try:
        with pa.ipc.open_stream(value) as stream:
            return stream.read_all()
    except (pa.ArrowException, OSError):
        return None


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value
