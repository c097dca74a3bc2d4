"""What happens to simulated devices: boards, firmware, owners, pairs and phones, as their uploads tell it."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from producers.connection import leaves_at_ms, offline_spells
from producers.fleet import DAY_MS, fleet
from producers.fleet_homes import home
from producers.fleet_pairs import pair_id
from producers.simulation import member_uploads
from producers.uploads import Upload
from schemas.fleet import LifeEvent
from tests.unit.producers.crowd import CROWD_DAYS, START_MS, crowd, offline, some


def unwritten(fields: dict[str, Any]) -> bytes:
    """For `encode`, where only the truth is looked at: writing takes most of the time."""
    return b""


@pytest.mark.parametrize("cut", [4, 9])
def test_events_roll_outs_and_phones_offline_change_nothing_of_that(cut: int) -> None:
    """The union of two runs is the whole, with the times at which uploads leave."""
    whole = [[as_sent(upload) for upload in uploads] for _, uploads, _ in lived()]
    first, later = (
        [[as_sent(upload) for upload in member_uploads(of, of.members[number])] for number in some()]
        for of in (crowd(0, cut), crowd(cut, CROWD_DAYS - cut))
    )
    assert whole == [[*before, *after] for before, after in zip(first, later, strict=True)]
    assert all(left_ms < START_MS + cut * DAY_MS for uploads in first for _, left_ms, _ in uploads)
    assert {mistake for uploads in whole for _, _, mistake in uploads} == {None, "power_kw", "distance_ft"}


def as_sent(upload: Upload) -> tuple[bytes, int, str | None]:
    return upload.value, upload.sent_at_ms, upload.mistake


@cache
def lived() -> list[tuple[list[LifeEvent], list[Upload], list[dict[str, Any]]]]:
    """What happened to some devices, what they sent, and what that says."""
    members = [crowd().members[number] for number in some()]
    sent = [list(member_uploads(crowd(), member)) for member in members]
    said = [[json.loads(upload.value) for upload in uploads] for uploads in sent]
    return list(zip(map(crowd().events_of, members), sent, said, strict=True))


def made_at_ms(upload: Upload, said: dict[str, Any]) -> int:
    """When the session or heartbeat began that this upload tells of."""
    return int(said["sent_at_ms"]) if upload.part is None else upload.part.session.started_at_ms


def test_every_upload_is_as_the_events_before_its_session_say() -> None:
    """Firmware, board and mistake; an event in the middle of a session waits for its end."""
    boards, firmwares = 0, 0
    for events, uploads, said in lived():
        for upload, told in zip(uploads, said, strict=True):
            began_ms = made_at_ms(upload, told)
            held = [event for event in events if event.at_ms <= began_ms - 20 * 60_000]  # a door may stand open before
            soon = [event for event in events if event.at_ms <= began_ms]
            assert told["firmware"] in {held[-1].firmware, *(event.firmware for event in soon[len(held) - 1 :])}
            if len(held) < len(soon):
                continue
            assert told["firmware"] == held[-1].firmware
            assert told.get("board_no") in (None, held[-1].board_no)
            assert upload.mistake == held[-1].mistake or not upload.reading_count
            assert (told.get("schema_version") == 2) == (held[-1].firmware == "4.0.0")
        firmwares += len({told["firmware"] for told in said}) > 1
        boards += len({told.get("board_no") for told in said}) > 1
    assert firmwares > 5
    assert boards >= 2


def test_a_swapped_board_starts_again_or_jumps_while_numbers_go_on() -> None:
    swaps = 0
    for events, uploads, said in lived():
        assert [upload.seq for upload in uploads] == list(range(len(uploads)))
        for swapped in (event for event in events if event.kind == "board_swapped"):
            made = [(made_at_ms(upload, told), told) for upload, told in zip(uploads, said, strict=True)]
            before = [told for at_ms, told in made if at_ms < swapped.at_ms]
            after = [told for at_ms, told in made if at_ms > swapped.at_ms + 1_200_000]
            if before and after:
                name = "lifetime_cycles" if "cycle_no" in before[0] else "lifetime_steps"
                swaps += after[0][name] < before[-1][name] or after[0][name] > before[-1][name] + 5_000
    assert swaps >= 2


def test_after_a_resale_sessions_start_at_the_hours_of_the_new_owners_country(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody here runs between 0 and 4 at night: by the clock of the owner of then, not of the first."""
    monkeypatch.setattr("producers.shoe_upload.encode", unwritten)
    hours: dict[bool, Counter[int]] = defaultdict(Counter)
    wrong_clock: Counter[int] = Counter()
    chosen = fleet(5, 0, 1_200, START_MS, 20)
    for member in chosen.members:
        first = member.device.time_zone
        events = [event for event in chosen.events_of(member) if event.kind == "resold"]
        if all(event.time_zone == first for event in events):
            continue
        for upload in member_uploads(chosen, member):
            if upload.part is not None:
                began_ms = upload.part.session.started_at_ms
                owner = [event.time_zone for event in events if event.at_ms <= began_ms]
                hours[bool(owner)][local_hour(began_ms, [first, *owner][-1])] += 1
                wrong_clock[local_hour(began_ms, first)] += bool(owner)
    assert min(hours[True].total(), hours[False].total()) > 100
    assert not (hours[True] + hours[False]).keys() & {0, 1, 2, 3}
    assert (+wrong_clock).keys() & {0, 1, 2, 3}


def local_hour(at_ms: int, time_zone: str) -> int:
    return datetime.fromtimestamp(at_ms / 1000, ZoneInfo(time_zone)).hour


def test_a_customer_s_shoes_all_say_what_that_customer_answered() -> None:
    answers: dict[str, set[bool]] = defaultdict(set)
    chosen = fleet(5, 0, 500, START_MS, 30)
    for member in chosen.members:
        owners = [event for event in chosen.events_of(member) if event.customer_id is not None]
        if any(event.kind == "resold" for event in owners):
            for upload in member_uploads(chosen, member):
                said = json.loads(upload.value)
                owner = [event.customer_id for event in owners if event.at_ms <= made_at_ms(upload, said)][-1]
                answers[str(owner)].add(said["health_consent"])
    assert len(answers) > 10
    assert answers == {customer: {home(5, int(customer[-6:])).health_consent} for customer in answers}


def test_both_shoes_of_a_pair_start_the_same_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.shoe_upload.encode", unwritten)
    chosen = fleet(5, 0, 300, START_MS, 8)
    by_id = {member.device.device_id: member for member in chosen.members}
    runs = 0
    for member in chosen.members:
        if member.device.paired_with is None or member.device.device_id != pair_id(member.device):
            continue
        mine, other = (
            sorted({upload.part.session.started_at_ms for upload in told if upload.part is not None})
            for told in (member_uploads(chosen, member), member_uploads(chosen, by_id[member.device.paired_with]))
        )
        assert mine == other
        runs += len(mine)
    assert runs > 20


def test_a_phone_offline_tells_all_at_once_when_it_is_back() -> None:
    held = 0
    for number in offline():
        member = crowd().members[number]
        spells = offline_spells(pair_id(member.device), crowd().end_ms)
        for upload in member_uploads(crowd(), member):
            made_ms = json.loads(upload.value)["sent_at_ms"]
            assert upload.sent_at_ms == leaves_at_ms(made_ms, spells) >= made_ms
            assert upload.sent_at_ms < crowd().end_ms
            held += upload.sent_at_ms > made_ms + 3_600_000
    assert held > 30
