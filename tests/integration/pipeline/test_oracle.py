"""What the lake says of a fleet's days is what plain SQL finds in the raw records of Kafka."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import duckdb
import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition
from pydantic import ValidationError

from schemas import topics
from schemas.reference import Reference
from schemas.uploads import ShoeUpload, WasherUpload, WasherUploadV2
from sinks.lake.connection import open_reader
from tests.integration.oracle.asking import REFERENCES, Oracle, differences
from tests.integration.oracle.test_facts import CYCLES, EXACTLY, PHASES, RUNS
from tests.integration.pipeline.terminal import Terminal
from vaxel.settings import addresses

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

Raw = tuple[str, int, int, bytes]
"""Topic, offset, time of receipt, value."""

OF_THE_FLEET = (b"wm-31-", b"sh-31-")
"""Others may have published to the sound pipeline as well."""

USAGE = dict.fromkeys(
    ("status", "device_id", "product", "subject", "custody_kind", "custody_from_ms", "country", "time_zone",
     "contract_no", "contract_kind", "local_day"),
    EXACTLY,
)  # fmt: skip
COMPLETENESS = {
    "month": EXACTLY,
    "custody_from_ms": EXACTLY,
    "verdict": EXACTLY,
    "counted": 0.002,  # a counter in thousandths
    "arrived": 0.01,  # each reading is kept as a whole number of microwatt-hours, or millimetres
    "missing": 0.01,
    "holes": EXACTLY,
}


def raw(kafka: str, names: Sequence[str]) -> list[Raw]:
    """All records of the fleet's devices in these topics."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "it-oracle", "enable.partition.eof": True})
    unfinished = {(name, number) for name in names for number in range(topics.DEFAULT_PARTITIONS)}
    consumer.assign([TopicPartition(*place, 0) for place in unfinished])
    found: list[Raw] = []
    while unfinished:
        messages = consumer.consume(10_000, timeout=0.5)
        for message in messages:
            place = message.topic() or "", message.partition() or 0
            if (error := message.error()) is not None:
                assert error.code() == KafkaError._PARTITION_EOF
                unfinished.discard(place)
            elif (message.key() or b"").startswith(OF_THE_FLEET):
                found.append((place[0], message.offset() or 0, message.timestamp()[1], message.value() or b""))
    consumer.close()
    return found


def is_upload(topic: str, value: bytes) -> bool:
    """Whether the contract takes it for one, whatever its version."""
    versions = (WasherUpload, WasherUploadV2) if topic == topics.TELEMETRY_WASHER else (ShoeUpload,)
    for version in versions:
        try:
            version.model_validate_json(value)
        except ValidationError:
            continue
        return True
    return False


def newest(records: Sequence[Raw]) -> list[Reference]:
    """The newest record of each device in each reference topic."""
    kinds = {topic.name: topic.contract for topic in topics.TOPICS if topic.contract in REFERENCES.values()}
    found: dict[tuple[str, str], Reference] = {}
    for topic, _, _, value in records:
        told: Any = kinds[topic].model_validate_json(value)  # type: ignore[union-attr]
        known = found.get((topic, told.device_id))
        if known is None or known.revision < told.revision:
            found[topic, told.device_id] = told
    return list(found.values())


@pytest.fixture(scope="module")
def oracle(sound: Terminal) -> Oracle:
    kafka = addresses({}, sound.data_dir).kafka
    sent = [record for record in raw(kafka, topics.TELEMETRY) if is_upload(record[0], record[3])]
    return Oracle((record[1:] for record in sent), newest(raw(kafka, topics.REFERENCES)))


@pytest.fixture(scope="module")
def lake(sound: Terminal) -> Iterator[duckdb.DuckDBPyConnection]:
    found = addresses({}, sound.data_dir)
    with closing(open_reader(found.catalog, found.lake_files)) as lake:
        yield lake


def held(lake: duckdb.DuckDBPyConnection, view: str, columns: str = "") -> dict[str, dict[str, Any]]:
    """What a view of the lake holds of the fleet's devices, by session or device, instants as in the contract."""
    rows = lake.sql(f"select * {columns} from {view} where device_id like '__-31-%'").to_arrow_table().to_pylist()
    return {row.get("session_id") or row["device_id"]: row for row in rows}


SINCE_1970 = ", epoch_ms(started_at) as started_at_ms, epoch_ms(ended_at) as ended_at_ms"
OF_CUSTODY = ", epoch_ms(custody_from) as custody_from_ms"


def test_what_was_accepted_is_the_first_upload_of_each_number(oracle: Oracle, lake: duckdb.DuckDBPyConnection) -> None:
    accepted = lake.sql(
        """select device_id, seq, "offset" from uploads where outcome = 'accepted' and device_id like '__-31-%'"""
    ).fetchall()
    assert len(accepted) > 1_000
    expected = oracle.told("select device_id, seq, record_offset from uploads")
    assert sorted(accepted) == sorted(tuple(upload.values()) for upload in expected)


def test_cycles_in_the_lake_are_what_sql_finds_in_kafka(oracle: Oracle, lake: duckdb.DuckDBPyConnection) -> None:
    expected, found = oracle.asked("wash_cycles"), held(lake, "wash_cycles", SINCE_1970)
    assert len(expected) > 20
    assert differences(expected, found, CYCLES) == []
    told = [cycle for cycle in expected if cycle["reports_phases"]]
    assert differences(told, {cycle["session_id"]: found[cycle["session_id"]] for cycle in told}, PHASES) == []


def test_runs_in_the_lake_are_what_sql_finds_in_kafka(oracle: Oracle, lake: duckdb.DuckDBPyConnection) -> None:
    expected = oracle.asked("runs")
    assert len(expected) > 10
    assert differences(expected, held(lake, "runs", SINCE_1970), RUNS) == []


def test_sessions_are_theirs_who_had_the_device_then(oracle: Oracle, lake: duckdb.DuckDBPyConnection) -> None:
    found = held(lake, "usage", "replace (local_day::varchar as local_day)" + OF_CUSTODY)
    assert differences(oracle.asked("usage"), found, USAGE) == []


def test_completeness_is_what_counters_and_sums_say(oracle: Oracle, lake: duckdb.DuckDBPyConnection) -> None:
    columns = "replace (month::varchar as month), missing_uploads + refused_uploads as holes" + OF_CUSTODY
    expected, found = oracle.asked("completeness"), held(lake, "completeness", columns)
    assert {own["verdict"] for own in expected} == {"complete", "gap"}
    assert differences(expected, found, COMPLETENESS, name="device_id") == []
