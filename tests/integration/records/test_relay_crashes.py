"""A relay killed between any two of its steps: each change is told exactly once all the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from random import Random
from threading import Event
from typing import Any, get_args

import pytest

from schemas.pseudonyms import pseudonym
from sinks.records import outbox, seeding
from sinks.records.crash import Point
from sinks.records.relay import RelaySettings
from sinks.records.relay_loop import run
from tests.integration.records.conftest import DEVICES
from tests.integration.records.relaying import KEY, Seen, killed_at, newest, query, relay, seen, settings_for

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

POINTS = [point for point in get_args(Point) if point.startswith("relay.")]
AT_ANY_START = [point for point in POINTS if point != "relay.asked"]

CUSTODY = """
SELECT device_id, array_agg(customer_id ORDER BY from_at) AS customers,
  array_agg((extract(epoch FROM from_at) * 1000)::bigint ORDER BY from_at) AS from_ms,
  array_agg((extract(epoch FROM to_at) * 1000)::bigint ORDER BY from_at) AS to_ms,
  array_agg(language ORDER BY from_at) AS languages
FROM crm.custody JOIN crm.customer USING (customer_id) GROUP BY device_id
"""


@pytest.fixture
def settings(kafka_bootstrap: str, records_dsn: str, fresh_topic: Callable[..., str]) -> RelaySettings:
    return settings_for(kafka_bootstrap, records_dsn, fresh_topic, limit=2)


def assert_readers_know_what_the_tables_hold(settings: RelaySettings, records: list[Seen]) -> None:
    known = newest(records)
    for row in query(settings.records, CUSTODY):
        told = known["custody", row["device_id"]]
        assert told["subject"] == [pseudonym(KEY, customer) for customer in row["customers"]]
        assert (told["from_ms"], told["to_ms"]) == (row["from_ms"], row["to_ms"])
        assert told["language"] == row["languages"]
    assert outbox.waiting(settings.records) == 0


def give(settings: RelaySettings, device_id: str) -> None:
    """A change that only this device has: somebody gets it, which is told as custody and as consents."""
    query(
        settings.records,
        "INSERT INTO crm.custody VALUES (%s, '2026-05-20T08:00Z', NULL, 'cu-1', 'sold')",
        device_id,
    )


def told_of(records: list[Seen], prefix: str) -> Counter[Any]:
    return Counter(own.of for own in records if own.key.startswith(prefix))


@pytest.mark.parametrize("point", POINTS)
def test_what_was_seeded_is_told_once_by_a_first_relay_killed_at(settings: RelaySettings, point: str) -> None:
    killed_at(point, settings)
    relay(settings)
    records = seen(settings.kafka, settings.topics)
    assert set(Counter(own.of for own in records).values()) == {1}
    assert len(records) == 17
    assert_readers_know_what_the_tables_hold(settings, records)


@pytest.mark.parametrize("point", AT_ANY_START)
def test_changes_are_told_once_by_a_relay_killed_at(settings: RelaySettings, point: str) -> None:
    relay(settings)
    for number in range(3):
        give(settings, f"new-{number}")
    killed_at(point, settings)
    give(settings, "new-3")
    relay(settings)
    records = seen(settings.kafka, settings.topics)
    assert told_of(records, "new-") == {
        (kind, f"new-{number}"): 1 for kind in ("custody", "consent") for number in range(4)
    }
    assert_readers_know_what_the_tables_hold(settings, records)


def test_changes_are_told_once_by_relays_killed_again_and_again(settings: RelaySettings) -> None:
    relay(settings)
    rng = Random(7)
    for number in range(8):
        give(settings, f"new-{number}")
        killed_at(rng.choice(AT_ANY_START), settings)
    relay(settings)
    records = seen(settings.kafka, settings.topics)
    assert told_of(records, "new-") == {
        (kind, f"new-{number}"): 1 for kind in ("custody", "consent") for number in range(8)
    }
    assert_readers_know_what_the_tables_hold(settings, records)


def test_writers_whose_transactions_end_in_any_order_are_all_heard(settings: RelaySettings) -> None:
    stop = Event()

    def write(writer: int) -> None:
        rng = Random(writer)
        for number in range(20):
            customer = f"cu-{rng.randint(1, 3)}"
            query(
                settings.records,
                "WITH waited AS (SELECT pg_sleep(%s)) UPDATE crm.customer SET language = %s FROM waited "
                "WHERE customer_id = %s",
                rng.random() / 50,
                f"l{writer}-{number}",
                customer,
            )

    with ThreadPoolExecutor(5) as pool:
        telling = pool.submit(run, settings, KEY, until_idle=False, stop=stop, now_ms=lambda: 1, tell=pytest.fail)
        list(pool.map(write, range(4)))
        stop.set()
        telling.result(60)
    relay(settings)
    assert_readers_know_what_the_tables_hold(settings, seen(settings.kafka, settings.topics))


def test_a_database_restored_from_a_backup_loses_no_later_change(settings: RelaySettings) -> None:
    relay(settings)
    give(settings, "new-0")
    killed_at("relay.committed", settings)
    # The backup knows nothing of the newest entries; those that come next have their numbers.
    taken = query(settings.records, "SELECT min(id) AS first FROM reference.outbox")[0]["first"]
    query(settings.records, "DELETE FROM reference.outbox")
    query(settings.records, "DELETE FROM crm.custody WHERE device_id = 'new-0'")
    query(settings.records, "DELETE FROM reference.outbox")
    query(settings.records, f"ALTER TABLE reference.outbox ALTER COLUMN id RESTART WITH {taken}")
    give(settings, "new-1")
    relay(settings)
    assert told_of(seen(settings.kafka, settings.topics), "new-1") == {("custody", "new-1"): 1, ("consent", "new-1"): 1}


def test_another_database_is_told_in_full_whatever_its_entries_are_numbered(
    settings: RelaySettings, fresh_database: Callable[[], str]
) -> None:
    other = fresh_database()
    seeding.seed(other, DEVICES)
    killed_at("relay.committed", settings)
    relay(replace(settings, records=other))
    records = seen(settings.kafka, settings.topics)
    of_the_first = min(own.value["revision"] for own in records)
    told = Counter(own.of for own in records if own.value["revision"] > of_the_first)
    assert (len(told), set(told.values())) == (17, {1})
    assert outbox.waiting(other) == 0
