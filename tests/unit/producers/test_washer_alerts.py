"""What a washing machine complains of: power cuts, an open door, and lint until somebody cleans it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import chain, pairwise
from typing import Any, get_args

import pytest

from producers.washer_owner import owner
from schemas.uploads import MAX_SPAN_MS, Alert
from tests.unit.producers.washers import (
    HOUR_MS,
    START_MS,
    a_device,
    a_washer,
    energies_wh,
    episodes,
    fields_of,
    told_by,
)


def test_every_alert_is_raised_and_old_firmware_raises_none() -> None:
    assert {fields["alert"] for told in told_by("4.1.2") for fields in told} == {None, *get_args(Alert)}
    for told in told_by("3.1.4"):
        assert all("alert" not in fields for fields in told)


def test_the_machine_complains_where_it_notices() -> None:
    for fields in chain.from_iterable(told_by("4.1.2")):
        if fields["alert"] == "unbalance":
            assert fields["cycle_ended"]
            assert fields["phase"][-1] == "spin"
        if fields["alert"] == "drain_slow":
            assert "rinse" in fields["phase"]
        if fields["alert"] == "door_open":
            assert fields["cycle_no"] is None


def cut_uploads(firmware: str) -> list[tuple[list[dict[str, Any]], int]]:
    """The uploads of each cycle with a power cut, and which of them says so."""
    cycles: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for fields in chain.from_iterable(told_by(firmware)):
        if fields["cycle_no"] is not None:
            cycles[fields["device_id"], fields["cycle_no"]].append(fields)
    marked = [(uploads, [fields["alert"] for fields in uploads]) for uploads in cycles.values()]
    return [(uploads, alerts.index("power_cut")) for uploads, alerts in marked if "power_cut" in alerts]


def test_after_a_power_cut_new_firmware_sends_what_it_had_and_goes_on_or_ends_there() -> None:
    cut = cut_uploads("4.1.2")
    went_on = [(uploads, at) for uploads, at in cut if at < len(uploads) - 1]
    ended = [uploads for uploads, at in cut if at == len(uploads) - 1 and uploads[at]["phase"][-1] != "spin"]
    assert len(cut) > 30
    assert len(went_on) > 15
    assert len(ended) > 5
    for uploads, at in went_on:
        last_ms = uploads[at]["start_ms"] + uploads[at]["offset_ms"][-1]
        assert 120_000 <= uploads[at]["sent_at_ms"] - last_ms <= 2_403_000
        assert uploads[at + 1]["start_ms"] - last_ms > 120_000
        assert uploads[at + 1]["lead_ms"] == 15_000
        assert len(uploads[at]["offset_ms"]) < 20
    for uploads in ended:
        assert uploads[-1]["cycle_ended"]
        assert uploads[-1]["sent_at_ms"] - uploads[-1]["start_ms"] - uploads[-1]["offset_ms"][-1] >= 120_000


def test_after_a_power_cut_old_firmware_goes_on_with_a_reading_that_counts_nothing() -> None:
    went_on = [(uploads, at) for uploads, at in cut_uploads("3.2.1") if not uploads[at]["cycle_ended"]]
    assert len(went_on) > 15
    for uploads, at in went_on:
        gaps_ms = [later - before for before, later in pairwise(uploads[at]["offset_ms"])]
        assert sum(gap_ms > MAX_SPAN_MS for gap_ms in gaps_ms) == 1
        assert energies_wh(uploads[at]).count(0.0) == 1


def test_an_open_door_is_told_and_delays_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "producers.washer.owner", lambda country, nature: replace(owner(country, nature), forgets_door=1.0)
    )
    for firmware, first in (("3.2.1", 1), ("3.1.4", 0)):
        washer = a_washer(a_device(firmware))
        (heartbeat,) = fields_of(washer.heartbeat(START_MS - HOUR_MS).uploads())
        assert heartbeat.get("alert") == (None if firmware == "3.1.4" else "door_open")
        uploads = fields_of(washer.session(START_MS).uploads())
        assert [fields["seq"] for fields in uploads] == list(range(1, len(uploads) + 1))
        assert 60_000 <= uploads[first]["cycle_started_ms"] - START_MS <= 900_000
        if first:
            assert (uploads[0]["alert"], uploads[0]["sent_at_ms"]) == ("door_open", START_MS)
            assert uploads[0]["cycle_no"] is None


def test_a_machine_ages_from_cycle_to_cycle_until_somebody_cleans_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """0.008 of the drain a kilogram, 3.5 kg a cycle: slow from the 17th cycle on, cleaned about the 22nd."""
    monkeypatch.setattr(
        "producers.washer.owner",
        lambda country, nature: replace(owner(country, nature), lint_per_kg=0.008, cleans_at=0.6, load=1.0),
    )
    washer = a_washer(a_device("4.0.0"), earlier_cycles=0)
    alerts = [
        {fields["alert"] for fields in fields_of(episode.uploads())} for episode in list(episodes(washer, 35))[1::2]
    ]
    slow = [number for number, raised in enumerate(alerts) if "drain_slow" in raised]
    assert slow == list(range(slow[0], slow[-1] + 1))
    assert 10 < slow[0] < slow[-1] < 30
