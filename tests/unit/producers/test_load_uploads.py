"""Uploads of a load: each obeys its contract, and those of a device tell one life."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.device import READINGS_PER_UPLOAD
from producers.fleet import FIRST_DAY_MS
from producers.load_digits import listed
from producers.load_templates import CONTRACTS
from producers.load_uploads import Devices, devices, volleys
from schemas.fleet import Product
from tests.unit.examples import examples

SEED, TEMPLATES = 5, 3
GROUPS = [devices("washer", 7, TEMPLATES, SEED), devices("shoe", 4, TEMPLATES, SEED)]


def sent(groups: list[Devices], count: int, at_once: int = 64) -> list[tuple[Product, bytes]]:
    return [
        (part.devices.templates.product, value)
        for volley in volleys(groups, count, at_once)
        for part in volley
        for value in listed(part.values())
    ]


@cache
def read(product: Product, value: bytes) -> dict[str, Any]:
    """An upload as the contract reads it, not to be changed."""
    return CONTRACTS[product].model_validate_json(value).model_dump()


def by_device(uploads: list[tuple[Product, bytes]]) -> dict[str, list[dict[str, Any]]]:
    """Each device's uploads in the order of their sending."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for product, value in uploads:
        upload = read(product, value)
        found[upload["device_id"]].append(upload)
    return found


NAMES = [f"lw-{SEED}-{number:06d}" for number in range(7)] + [f"ls-{SEED}-{number:06d}" for number in range(4)]
ROUNDS = 150
"""Enough for some sessions of each device."""


@cache
def lives() -> dict[str, list[dict[str, Any]]]:
    return by_device(sent(GROUPS, len(NAMES) * ROUNDS))


def test_every_device_sends_as_often_as_the_others() -> None:
    assert {name: len(told) for name, told in lives().items()} == dict.fromkeys(NAMES, ROUNDS)


@pytest.mark.parametrize("name", NAMES)
def test_a_device_counts_its_uploads_and_sessions_and_its_clock_goes_on(name: str) -> None:
    told = lives()[name]
    word = "cycle" if name.startswith("lw") else "run"
    assert [upload["seq"] for upload in told] == list(range(ROUNDS))
    assert all(upload["start_ms"] > upload[f"{word}_started_ms"] >= FIRST_DAY_MS for upload in told)
    for before, after in pairwise(told):
        last_ms = before["start_ms"] + before["offset_ms"][-1]
        assert last_ms <= before["sent_at_ms"] < after["sent_at_ms"]
        if before[f"{word}_ended"]:
            assert after[f"{word}_no"] == before[f"{word}_no"] + 1
            assert after[f"{word}_started_ms"] >= before["sent_at_ms"] + 60_000
        else:
            assert after[f"{word}_no"] == before[f"{word}_no"]
            assert after[f"{word}_started_ms"] == before[f"{word}_started_ms"]
            assert after["start_ms"] > last_ms
    assert sum(upload[f"{word}_ended"] for upload in told) >= 2


@pytest.mark.parametrize("name", NAMES)
def test_lifetime_counters_grow_by_what_the_readings_say(name: str) -> None:
    for before, after in pairwise(lives()[name]):
        if name.startswith("lw"):
            drawn_wh = sum(after["power_w"]) * 15 / 3600
            assert after["lifetime_energy_wh"] - before["lifetime_energy_wh"] == pytest.approx(drawn_wh, abs=0.01)
            assert after["lifetime_cycles"] == after["cycle_no"]
        else:
            run_m = after["distance_m"][-1] - (0 if before["run_ended"] else before["distance_m"][-1])
            assert after["lifetime_distance_m"] - before["lifetime_distance_m"] == pytest.approx(run_m, abs=0.02)
            assert after["lifetime_steps"] >= before["lifetime_steps"]


def test_an_upload_within_a_session_has_twenty_readings() -> None:
    for name, told in lives().items():
        ended = "cycle_ended" if name.startswith("lw") else "run_ended"
        for upload in told:
            assert len(upload["offset_ms"]) == READINGS_PER_UPLOAD or upload[ended]


def test_the_same_seed_gives_the_same_bytes_and_another_one_others() -> None:
    again = [devices("washer", 7, TEMPLATES, SEED), devices("shoe", 4, TEMPLATES, SEED)]
    assert sent(again, 500) == sent(GROUPS, 500)
    assert not set(sent([devices("washer", 7, TEMPLATES, SEED + 1)], 500)) & set(sent(GROUPS, 500))


def test_a_device_sends_the_same_among_many_others() -> None:
    few, many = (dict(enumerate(sent([devices("washer", count, TEMPLATES, SEED)], 20 * count))) for count in (3, 50))
    for number in range(3):
        assert [few[sequence * 3 + number] for sequence in range(20)] == [
            many[sequence * 50 + number] for sequence in range(20)
        ]


@examples(20)
@given(st.integers(0, 200), st.integers(1, 90))
def test_how_many_are_made_at_once_does_not_matter(count: int, at_once: int) -> None:
    found = by_device(sent(GROUPS, count, at_once))
    assert found == by_device(sent(GROUPS, count, 1_000))
    assert sum(map(len, found.values())) == count


def test_the_last_of_a_million_devices_obeys_the_contract_too() -> None:
    many = devices("washer", 1_000_000, TEMPLATES, 999_999_999)
    *_, last = volleys([many], 1_000_000, 8_192)
    value = listed(last[0].values())[-1]
    assert CONTRACTS["washer"].model_validate_json(value).device_id == "lw-999999999-999999"


@pytest.mark.parametrize("rounds", [1, 26, 150])
def test_the_end_of_a_load_is_known_before(rounds: int) -> None:
    for group in GROUPS:
        uploads = by_device(sent([group], rounds * len(group)))
        assert max(upload["sent_at_ms"] for told in uploads.values() for upload in told) <= group.end_ms(rounds)
