"""What `vaxel seed` says of who had what, held against what the fleet's uploads say."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import pytest

from producers.fleet import FIRST_DAY_MS, Fleet, fleet
from producers.fleet_wearers import wearers
from producers.simulation import member_uploads
from sinks.records import seeding
from sinks.records.people import Training
from tests.integration.records.relaying import query

pytestmark = pytest.mark.postgres

SEED = 11


def seeded(dsn: str, living: Fleet) -> dict[str, int]:
    runners = [
        seeding.Runner(own.device_id, own.customer_id, own.location_consent, Training(180, 4, 30))
        for own in wearers(living)
    ]
    return seeding.seed(dsn, living.devices, living.events, runners)


def everything(dsn: str) -> list[list[dict[str, Any]]]:
    tables = ("crm.custody", "crm.consent", "crm.preference", "billing.contract", "billing.utility_price")
    return [query(dsn, f"SELECT *, xmin::text FROM {table} ORDER BY 1, 2") for table in tables]


def test_seeding_again_changes_nothing_and_a_longer_life_adds_to_it(fresh_database: Callable[[], str]) -> None:
    at_once, in_parts = fresh_database(), fresh_database()
    short, long = (fleet(SEED, 40, 40, FIRST_DAY_MS, days) for days in (3, 60))
    seeded(in_parts, short)
    before = everything(in_parts)
    outbox = query(in_parts, "SELECT count(*) AS entries FROM reference.outbox")
    assert set(seeded(in_parts, short).values()) == {0}
    assert everything(in_parts) == before
    assert query(in_parts, "SELECT count(*) AS entries FROM reference.outbox") == outbox
    seeded(in_parts, long)
    seeded(at_once, long)
    assert set(seeded(in_parts, long).values()) == {0}
    held = "SELECT device_id, from_at, to_at, customer_id, kind FROM crm.custody ORDER BY 1, 2"
    assert query(in_parts, held) == query(at_once, held)
    paid = "SELECT contract_no, customer_id, kind, valid_from, valid_to FROM billing.contract ORDER BY 1"
    assert query(in_parts, paid) == query(at_once, paid)
    assert Counter(row["kind"] for row in query(at_once, held)).keys() == {"sold", "rented", "resold"}


def test_what_crm_knows_better_stays(fresh_database: Callable[[], str]) -> None:
    dsn = fresh_database()
    living = fleet(SEED, 20, 20, FIRST_DAY_MS, 60)
    seeded(dsn, living)
    query(dsn, "UPDATE crm.custody SET from_at = from_at + interval '1 day', customer_id = 'cu-x' WHERE to_at IS NULL")
    query(dsn, "UPDATE crm.preference SET insights_per_week = 7")
    before = everything(dsn)
    seeded(dsn, living)
    assert everything(dsn) == before


def test_consents_are_what_the_uploads_say_of_them(fresh_database: Callable[[], str]) -> None:
    dsn = fresh_database()
    living = fleet(SEED, 0, 40, FIRST_DAY_MS, 200)
    seeded(dsn, living)
    custody = query(dsn, "SELECT device_id, customer_id, from_at, to_at FROM crm.custody ORDER BY 1, 3")
    consent = {
        (row["customer_id"], row["device_id"], row["purpose"]): row["granted_at"]
        for row in query(dsn, "SELECT * FROM crm.consent WHERE withdrawn_at IS NULL")
    }
    seen: Counter[tuple[bool, bool]] = Counter()
    for member in living.members:
        device_id = member.device.device_id
        owners = [row for row in custody if row["device_id"] == device_id]
        runs = (json.loads(upload.value) for upload in member_uploads(living, member) if upload.reading_count)
        for run in runs if len(owners) > 1 else islice(runs, 20):
            at = datetime.fromtimestamp(run["run_started_ms"] / 1000, UTC)
            owner = next(row for row in owners if row["from_at"] <= at and (row["to_at"] is None or at < row["to_at"]))
            granted = [consent.get((owner["customer_id"], of, purpose)) for of, purpose in asked_of(device_id)]
            agreed = tuple(begin is not None and begin <= at for begin in granted)
            assert agreed == (run["health_consent"], run["location_consent"]), (device_id, at)
            seen[agreed[0], agreed[1]] += 1
    assert len(custody) > len({row["device_id"] for row in custody}), "some are sold on"
    assert {health for health, _ in seen} == {location for _, location in seen} == {True, False}


def asked_of(device_id: str) -> tuple[tuple[str | None, str], ...]:
    return (None, "health"), (device_id, "location")
