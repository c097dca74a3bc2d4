"""Whatever somebody publishes by hand: it becomes a failed event with its bytes and a reason, and stops nobody."""

from __future__ import annotations

from collections import Counter
from hashlib import md5

import pytest
from confluent_kafka import KafkaError, Producer

from schemas.topics import BY_NAME, TELEMETRY_SHOE, TELEMETRY_WASHER
from streams.repair_rule import Selection
from tests.integration.pipeline.terminal import Terminal, faults
from vaxel.failed_events import failed_events
from vaxel.opening import opener
from vaxel.settings import VARIABLES, addresses

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

INTACT = (
    b'{"device_id":"by-hand","seq":0,"sent_at_ms":1780000000000,"material":"WM-8030","firmware":"1.0.0",'
    b'"start_ms":1780000000000,"lead_ms":0,"offset_ms":[0],"cycle_no":null,"cycle_started_ms":null,'
    b'"cycle_ended":false,"programme":null,"lifetime_cycles":null,"lifetime_energy_wh":null,'
    b'"lifetime_water_l":null,"power_w":[5.0],"water_l":null,"temperature_c":null,"drum_rpm":null}'
)
LARGEST = BY_NAME[TELEMETRY_WASHER].max_message_bytes - 100
"""About the largest value that the broker takes; a failed event carries it and more."""
PUBLISHED: list[tuple[bytes | None, bytes | None, str]] = [
    (b"by-hand", b"\x00\xff\xfe garbage", "not_utf8"),
    (b"by-hand", b"hello", "not_json"),
    (b"by-hand", b"[1, 2]", "not_an_object"),
    (b"by-hand", b"{}", "missing_field"),
    (b"by-hand", INTACT[:-40], "not_json"),
    (b"by-hand", INTACT.replace(b'"seq":0', b'"seq":0.5'), "wrong_type"),
    (b"by-hand", INTACT.replace(b"[5.0]", b"[5.0,6.0]"), "unequal_lengths"),
    (b"by-hand", INTACT.replace(b"1780000000000", b"4000000000000"), "time_out_of_bounds"),
    (b"by-hand", b"", "empty"),
    (b"by-hand", None, "empty"),
    (b"somebody-else", INTACT, "wrong_key"),
    (b"\xff\xfe", INTACT, "wrong_key"),
    (None, INTACT, "wrong_key"),
    (None, b"[" * 100_000, "not_json"),
    (b"by-hand", b"x" * 1_000_000, "not_json"),
    (b"by-hand", b"x" * 1_000_001, "too_large"),
    (b"by-hand", b"x" * LARGEST, "too_large"),
]
TO_THE_SHOES: list[tuple[bytes | None, bytes | None, str]] = [
    (b"by-hand", INTACT, "missing_field"),  # of a washing machine
    (b"by-hand", None, "empty"),
]
BY_TOPIC = {TELEMETRY_WASHER: PUBLISHED, TELEMETRY_SHOE: TO_THE_SHOES}


def publish(kafka: str) -> int:
    """All of them, and one that is intact; returns how many were acknowledged."""
    errors: list[KafkaError | None] = []
    producer = Producer({"bootstrap.servers": kafka, "message.max.bytes": 2 * LARGEST})
    for topic, records in BY_TOPIC.items():
        for key, value, _ in records:
            producer.produce(topic, value, key, on_delivery=lambda error, _: errors.append(error))
    producer.produce(TELEMETRY_WASHER, INTACT, b"by-hand", on_delivery=lambda error, _: errors.append(error))
    producer.flush(30)
    assert errors == [None] * (len(PUBLISHED) + len(TO_THE_SHOES) + 1)
    return len(errors)


def test_malformed_uploads_become_failed_events_with_their_bytes_and_reasons(sound: Terminal) -> None:
    found = addresses({}, sound.data_dir)
    before = sound.verifies()
    published = publish(found.kafka)
    # Elsewhere, told by variables alone, one of them relative to where the user is.
    variables = {variable: getattr(found, name) for name, variable in VARIABLES.items()}
    variables |= {"VAXEL_LAKE_FILES": ".vaxel/lake", "VAXEL_DATA_DIR": "elsewhere", "VAXEL_KEYS": ".vaxel/keys"}
    elsewhere = Terminal(sound.folder, variables)
    ran = elsewhere.reports("run", "--until-idle", "--workers", "1")
    assert ran["restarts"] == 0
    assert not (sound.folder / "elsewhere" / "stack.json").exists()

    untold = "select * from failed_events where detail = '' or stage <> 'streams'"
    assert sound.asks(untold) == []
    kept = list(failed_events(found, opener({}, sound.data_dir)).held(Selection()))
    for topic, records in BY_TOPIC.items():
        found_there = [
            (held.key, md5(held.original).hexdigest(), held.reason)
            for held in kept
            if held.topic == topic and held.key in ("by-hand", "somebody-else", None)
        ]
        told = [(_text(key), md5(value or b"").hexdigest(), reason) for key, value, reason in records]
        assert Counter(found_there) == Counter(told)

    after = sound.verifies()
    assert not faults(after), after
    assert after["sent"] == before["sent"] + published
    assert after["accepted"] == before["accepted"] + 1
    assert after["failed"] == before["failed"] + published - 1


def _text(key: bytes | None) -> str | None:
    try:
        return None if key is None else key.decode()
    except UnicodeDecodeError:
        return None
