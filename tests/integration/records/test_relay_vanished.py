"""Rows that go without a trigger of their own: a table emptied, a backup restored. On a real Kafka and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import Producer

from sinks.records import outbox
from sinks.records.relay import RelaySettings
from tests.integration.records.relaying import newest, query, relay, seen, settings_for

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]


@pytest.fixture
def settings(kafka_bootstrap: str, records_dsn: str, fresh_topic: Callable[..., str]) -> RelaySettings:
    return settings_for(kafka_bootstrap, records_dsn, fresh_topic)


def told_of(settings: RelaySettings) -> dict[Any, Any]:
    return newest(seen(settings.kafka, settings.topics))


def open_intervals(settings: RelaySettings, kind: str) -> int:
    return sum(len(own["from_ms"]) for (of, _), own in told_of(settings).items() if of == kind)


@pytest.mark.parametrize(
    ("tables", "emptied"),
    [
        ("crm.consent", {"consent": 4}),
        ("crm.custody", {"custody": 4, "consent": 4}),
        ("crm.consent, crm.custody, crm.preference", {"custody": 4, "consent": 4}),
        ("billing.contract, billing.utility_price", {"contract": 4}),
    ],
)
def test_a_table_emptied_at_once_is_told_of_each_device_concerned(
    settings: RelaySettings, tables: str, emptied: dict[str, int]
) -> None:
    relay(settings)
    query(settings.records, f"TRUNCATE {tables}")
    (told,) = relay(settings)
    assert told.records == emptied
    assert {kind: open_intervals(settings, kind) for kind in emptied} == dict.fromkeys(emptied, 0)
    assert outbox.waiting(settings.records) == 0


def test_preferences_emptied_at_once_leave_custody_without_them(settings: RelaySettings) -> None:
    relay(settings)
    query(settings.records, "TRUNCATE crm.preference")
    relay(settings)
    assert told_of(settings)["custody", "wm-1"]["time_zone"] == ["UTC"]


def test_what_a_restored_backup_does_not_hold_is_told_as_nothing_by_telling_all_again(settings: RelaySettings) -> None:
    relay(settings)
    before = told_of(settings)
    for statement in (
        "DELETE FROM crm.custody WHERE device_id = 'wm-1'",
        "DELETE FROM billing.contract WHERE device_id = 'wm-1'",
        "DELETE FROM erp.serial_number WHERE serial = 'wm-1'",
    ):
        query(settings.records, f"SET session_replication_role = replica; {statement}")
    assert relay(settings) == [], "nothing said so"
    relay(settings, again=True)
    known = told_of(settings)
    assert {kind: known[kind, "wm-1"]["from_ms"] for kind in ("custody", "consent", "contract")} == {
        "custody": [],
        "consent": [],
        "contract": [],
    }
    assert known["device", "wm-1"] == before["device", "wm-1"], "what was made, was made"
    assert known["custody", "wm-2"]["subject"] == before["custody", "wm-2"]["subject"]
    assert outbox.waiting(settings.records) == 0


def test_what_else_lies_in_the_topics_is_no_device_and_stands_in_nobody_s_way(settings: RelaySettings) -> None:
    relay(settings)
    producer = Producer({"bootstrap.servers": settings.kafka})
    for key in (b"\xff\xfe", b"no name", None, b""):
        producer.produce(settings.topics["custody"], b"{}", key)
    producer.flush(30)
    (told,) = relay(settings, again=True)
    assert told.records == {"device": 5, "custody": 4, "consent": 4, "contract": 4}
    assert outbox.waiting(settings.records) == 0
