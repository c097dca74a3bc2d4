"""Instants that are no dates, as PostgreSQL has them: since ever and for ever. Real Kafka and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sinks.records import outbox
from sinks.records.relay import RelaySettings
from tests.integration.records.relaying import newest, query, relay, seen, settings_for

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

GRANTED_MS, WITHDRAWN_MS = 1_767_225_600_000, 1_780_272_000_000
GRANTED, WITHDRAWN = "2026-01-01T00:00Z", "2026-06-01T00:00Z"


@pytest.fixture
def settings(kafka_bootstrap: str, records_dsn: str, fresh_topic: Callable[..., str]) -> RelaySettings:
    return settings_for(kafka_bootstrap, records_dsn, fresh_topic)


def told_of(settings: RelaySettings, kind: str, device_id: str) -> Any:
    relay(settings)
    assert outbox.waiting(settings.records) == 0
    return newest(seen(settings.kafka, settings.topics))[kind, device_id]  # type: ignore[index]


def intervals(reference: Any) -> list[tuple[int, int | None]]:
    return list(zip(reference["from_ms"], reference["to_ms"], strict=True))


def test_ends_and_begins_without_a_date_say_never_ever_or_for_ever(settings: RelaySettings) -> None:
    query(settings.records, "DELETE FROM crm.consent")
    told = {}
    for granted, withdrawn in (
        (GRANTED, "-infinity"),
        (GRANTED, "infinity"),
        (GRANTED, "0044-03-15 12:00Z BC"),
        ("-infinity", WITHDRAWN),
        ("-infinity", "-infinity"),
        ("-infinity", "infinity"),
        ("infinity", None),
        ("infinity", "infinity"),
    ):
        query(settings.records, "DELETE FROM crm.consent")
        query(
            settings.records,
            "INSERT INTO crm.consent VALUES ('co-9', 'cu-1', NULL, 'health', %s, %s)",
            granted,
            withdrawn,
        )
        told[granted, withdrawn] = intervals(told_of(settings, "consent", "wm-1"))
    assert told == {
        (GRANTED, "-infinity"): [],
        (GRANTED, "infinity"): [(GRANTED_MS, None)],
        (GRANTED, "0044-03-15 12:00Z BC"): [],
        ("-infinity", WITHDRAWN): [(0, WITHDRAWN_MS)],
        ("-infinity", "-infinity"): [],
        ("-infinity", "infinity"): [(0, None)],
        ("infinity", None): [],
        ("infinity", "infinity"): [],
    }


def test_custody_and_contracts_that_ended_before_all_time_are_nobody_s(settings: RelaySettings) -> None:
    query(settings.records, "UPDATE crm.custody SET to_at = '-infinity' WHERE device_id = 'wm-1'")
    query(settings.records, "UPDATE billing.contract SET valid_to = '-infinity' WHERE device_id = 'wm-1'")
    assert intervals(told_of(settings, "custody", "wm-1")) == []
    assert intervals(told_of(settings, "contract", "wm-1")) == []


def test_a_price_since_ever_is_a_price(settings: RelaySettings) -> None:
    query(settings.records, "DELETE FROM billing.utility_price WHERE country = 'SE'")
    query(
        settings.records,
        "INSERT INTO billing.utility_price VALUES ('SE', '-infinity', 'SEK', 1.5, 50), ('SE', 'infinity', 'SEK', 9, 9)",
    )
    assert told_of(settings, "contract", "wm-1")["energy_price_per_kwh"] == [1.5]


def test_a_unit_sold_on_no_day_of_a_calendar_is_told_without_one_and_stops_no_other(settings: RelaySettings) -> None:
    query(settings.records, "UPDATE erp.serial_number SET sold_on = 'infinity' WHERE serial = 'wm-1'")
    query(settings.records, "UPDATE erp.serial_number SET sold_on = '12026-01-01' WHERE serial = 'wm-2'")
    query(settings.records, "UPDATE erp.serial_number SET registered_at = '-infinity' WHERE serial = 'wm-3'")
    assert told_of(settings, "device", "wm-1")["sold_on"] is None
    assert told_of(settings, "device", "wm-2")["sold_on"] is None
    assert told_of(settings, "device", "wm-3")["registered_at_ms"] == 0
