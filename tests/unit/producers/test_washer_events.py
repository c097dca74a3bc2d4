"""What happens to a washing machine: firmware, boards, mistakes and owners, and what they leave as it was."""

from __future__ import annotations

import pytest

from schemas.fleet import LifeEvent
from tests.unit.producers.washers import HOUR_MS, START_MS, a_device, a_washer, an_event, episodes, fields_of, unwritten


def test_the_same_seed_gives_the_same_bytes_whenever_they_are_asked_for() -> None:
    def told(late: bool) -> list[bytes]:
        washer = a_washer(a_device())
        first = [*episodes(washer, 3)]
        early = [] if late else [upload.value for episode in first for upload in episode.uploads()]
        washer.happen(an_event("firmware_installed", firmware="4.0.0", board_no=1))
        later = [*episodes(washer, 2)]
        values = early or [upload.value for episode in first for upload in episode.uploads()]
        return values + [upload.value for episode in later for upload in episode.uploads()]

    assert told(late=True) == told(late=False)
    assert [episode.told_at_ms for episode in episodes(a_washer(a_device()), 9)] == [
        episode.uploads()[-1].sent_at_ms for episode in episodes(a_washer(a_device()), 9)
    ]


def test_firmware_changes_what_it_sends_and_nothing_else() -> None:
    washer = a_washer(a_device("3.1.4"))
    (before,) = fields_of(washer.heartbeat(START_MS).uploads())
    washer.happen(an_event("firmware_installed", firmware="4.0.0"))
    (after,) = fields_of(washer.heartbeat(START_MS + HOUR_MS).uploads())
    assert (after["seq"], after["firmware"], after["schema_version"], after["board_no"]) == (1, "4.0.0", 2, 0)
    assert after["lifetime_cycles"] == before["lifetime_cycles"] == 100
    assert after["lifetime_energy_mwh"] == before["lifetime_energy_wh"] * 1000


def test_a_swapped_board_counts_from_0_or_from_where_it_stood_and_numbers_go_on() -> None:
    began_at = []
    for board_no in range(1, 40):
        washer = a_washer(a_device())
        washer.heartbeat(START_MS)
        washer.happen(an_event("board_swapped", board_no=board_no))
        (fields,) = fields_of(washer.heartbeat(START_MS + HOUR_MS).uploads())
        assert (fields["seq"], fields["board_no"]) == (1, board_no)
        assert (fields["lifetime_energy_wh"] == 0) == (fields["lifetime_cycles"] == 0)
        began_at.append(fields["lifetime_cycles"])
        cycle = fields_of(washer.session(START_MS + 2 * HOUR_MS).uploads())[-1]
        assert cycle["cycle_no"] == cycle["lifetime_cycles"] == fields["lifetime_cycles"] + 1
    assert 10 < began_at.count(0) < 30
    assert max(began_at) > 1_000


def test_a_board_that_cannot_say_that_it_is_another_one_goes_on_counting() -> None:
    """The stream would refuse counters that fall (`counter_fell`)."""
    washer = a_washer(a_device("3.1.4"))
    (before,) = fields_of(washer.heartbeat(START_MS).uploads())
    for board_no in range(1, 9):
        washer.happen(an_event("board_swapped", firmware="3.1.4", board_no=board_no))
        (after,) = fields_of(washer.heartbeat(START_MS + board_no * HOUR_MS).uploads())
        assert (after["lifetime_cycles"], after["lifetime_water_l"]) == (100, before["lifetime_water_l"])


def test_a_mistaken_unit_changes_the_readings_of_its_firmware_alone() -> None:
    right, wrong = a_washer(a_device()), a_washer(a_device())
    wrong.happen(an_event("firmware_installed").model_copy(update={"mistake": "power_kw"}))
    assert wrong.heartbeat(START_MS).uploads()[0].mistake is None
    assert right.heartbeat(START_MS).uploads()[0].mistake is None
    made, sound = wrong.session(START_MS + HOUR_MS).uploads(), right.session(START_MS + HOUR_MS).uploads()
    assert {upload.mistake for upload in made} == {"power_kw"}
    for told, meant in zip(fields_of(made), fields_of(sound), strict=True):
        assert told["power_w"] == pytest.approx([power_w / 1000 for power_w in meant["power_w"]], abs=0.00051)
        assert told | {"power_w": meant["power_w"]} == meant
    assert [upload.part.amount for upload in made if upload.part] == [
        upload.part.amount for upload in sound if upload.part
    ]


def test_another_owner_washes_in_another_way_and_a_new_board_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.washer_uploads.encode", unwritten)

    def programmes(*events: LifeEvent) -> list[str]:
        washer = a_washer(a_device())
        for event in events:
            washer.happen(event)
        return [episode.uploads()[-1].part.session.programme for episode in list(episodes(washer, 20))[1::2]]  # type: ignore[union-attr, misc]

    usual = programmes()
    assert programmes(an_event("board_swapped", board_no=1)) == usual
    assert programmes(an_event("resold")) != usual
    assert programmes(an_event("resold", customer_id="cu-1-000003")) != programmes(an_event("resold"))
