"""What a running shoe tells: uploads that the contract lets in, and the truth beside them."""

from __future__ import annotations

from itertools import pairwise
from typing import get_args

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from producers.mistakes import mistakes_of
from producers.uploads import Upload
from schemas.catalogue import SHOES
from schemas.fleet import LifeEvent, LifeEventKind
from schemas.uploads import MAX_SPAN_MS, ShoeUpload
from tests.unit.examples import examples
from tests.unit.producers.shoes import (
    ADDITIONS,
    COUNTRIES,
    DAY_MS,
    MONDAY_MS,
    RIGHT,
    a_device,
    a_run,
    a_shoe,
    an_event,
    days,
    is_run,
    is_sound_with_all_sensors,
    nature_of,
    readings,
    told,
)

EVENTS = st.lists(
    st.builds(
        an_event,
        st.sampled_from(get_args(LifeEventKind)),
        firmware=st.sampled_from(["1.8.2", "1.9.0", "2.0.1"]),
        board_no=st.integers(0, 3),
        country=st.sampled_from(sorted(COUNTRIES)),
        customer_id=st.sampled_from(["cu-1-000001", "cu-1-000009"]),
        mistake=st.sampled_from([None, *mistakes_of("shoe")]),
    ),
    min_size=3,
    max_size=3,
)


@examples(10)
@given(
    seed=st.integers(0, 2**32),
    material=st.sampled_from([model.material for model in SHOES]),
    firmware=st.sampled_from(["1.8.2", "1.9.0", "2.0.1"]),
    paired_with=st.sampled_from([None, RIGHT]),
    country=st.sampled_from(sorted(COUNTRIES)),
    earlier_runs=st.integers(0, 400),
    events=EVENTS,
)
def test_the_contract_lets_every_upload_in_and_the_truth_is_what_it_says(
    seed: int,
    material: str,
    firmware: str,
    paired_with: str | None,
    country: str,
    earlier_runs: int,
    events: list[LifeEvent],
) -> None:
    device = a_device(firmware=firmware, paired_with=paired_with, country=country, material=material)
    shoe = a_shoe(device, seed, earlier_runs)
    uploads: list[Upload] = []
    for day, event in enumerate([None, *events]):
        if event is not None:
            shoe.happen(event)
        for hour in (0, 12):
            uploads += shoe.session(MONDAY_MS + day * DAY_MS + hour * 3_600_000).uploads()
        uploads += shoe.heartbeat(MONDAY_MS + day * DAY_MS + 18 * 3_600_000).uploads()
    assert [upload.seq for upload in uploads] == list(range(len(uploads)))
    assert [upload.sent_at_ms for upload in uploads] == sorted(upload.sent_at_ms for upload in uploads)
    for upload in uploads:
        fields = ShoeUpload.model_validate_json(upload.value)
        assert (fields.device_id, fields.seq, fields.sent_at_ms) == (upload.device_id, upload.seq, upload.sent_at_ms)
        assert upload.reading_count == len(fields.offset_ms)
        assert (upload.part is None) == (fields.run_no is None)
        if upload.part is not None and upload.mistake is None:
            assert_true(upload, fields)


def assert_true(upload: Upload, fields: ShoeUpload) -> None:
    part = upload.part
    assert part is not None
    assert part.amount == max(fields.distance_m)
    assert part.last_reading_ms == fields.start_ms + fields.offset_ms[-1] <= fields.sent_at_ms
    assert (part.ends_session, part.session.started_at_ms) == (fields.run_ended, fields.run_started_ms)
    if part.ends_session:
        assert part.session.amount == part.amount
        assert (part.session.ended_at_ms, part.session.last_seq) == (part.last_reading_ms, fields.seq)


def test_distance_never_falls_and_no_stretch_is_faster_than_anybody_runs() -> None:
    for seed in range(12):
        for uploads in days(a_shoe(nature=seed), 7):
            at_ms = [upload["start_ms"] + offset_ms for upload in uploads for offset_ms in upload["offset_ms"]]
            distance_m = readings(uploads, "distance_m")
            if distance_m:
                speed = np.diff(distance_m) / np.diff(at_ms) * 1_000
                assert (speed >= 0).all()
                assert speed.max() < 12


def test_readings_of_a_run_follow_each_other_without_a_gap_that_is_not_declared() -> None:
    """Each upload's lead reaches to the last reading before it, unless the silence is longer than one may speak for."""
    uploads = [upload for seed in range(6) for run in days(a_shoe(nature=seed), 14) if is_run(run) for upload in run]
    silences = 0
    for before, after in pairwise(uploads):
        if before["run_started_ms"] == after["run_started_ms"] and before["seq"] + 1 == after["seq"]:
            gap_ms = after["start_ms"] - before["start_ms"] - before["offset_ms"][-1]
            assert after["lead_ms"] == (gap_ms if gap_ms <= MAX_SPAN_MS else 0)
        offsets = after["offset_ms"]
        silences += any(later - sooner > MAX_SPAN_MS for sooner, later in pairwise(offsets))
    assert silences > 0


def test_the_same_seed_gives_the_same_bytes_whatever_is_asked_for_first() -> None:
    one, other = a_shoe(nature=5), a_shoe(nature=5)
    first = [upload.value for day in range(7) for upload in one.session(MONDAY_MS + day * DAY_MS).uploads()]
    episodes = [other.session(MONDAY_MS + day * DAY_MS) for day in range(7)]
    other.happen(an_event("firmware_installed", firmware="1.8.2"))
    assert first == [upload.value for episode in episodes for upload in episode.uploads()]


def test_old_firmware_leaves_the_additions_out_and_new_firmware_has_them_all() -> None:
    shoe = a_shoe(a_device(firmware="1.8.2"))
    for uploads in (told(shoe.heartbeat(MONDAY_MS - DAY_MS)), a_run(shoe)):
        assert not ADDITIONS & set(uploads[0])
    shoe.happen(an_event("firmware_installed", firmware="2.0.1"))
    for uploads in (told(shoe.heartbeat(MONDAY_MS + 61 * DAY_MS)), a_run(shoe, MONDAY_MS + 62 * DAY_MS)):
        assert set(uploads[0]) >= ADDITIONS
        assert set(uploads[0]) == set(ShoeUpload.model_fields)
        assert uploads[0]["firmware"] == "2.0.1"


def test_only_shoes_with_a_sensor_and_runners_with_gps_have_those_channels() -> None:
    seed = nature_of(lambda runner: runner.loop is None and not runner.has_heart_strap)
    (upload, *_) = a_run(a_shoe(a_device(material="SH-110"), seed))
    empty = ("ground_contact_ms", "contact_balance_pct", "heart_rate_bpm", "latitude_deg", "longitude_deg")
    assert [upload[name] for name in empty] == [None] * 5
    assert isinstance(upload["location_consent"], bool)
    (full, *_) = a_run(a_shoe(nature=nature_of(is_sound_with_all_sensors)))
    assert [len(full[name]) for name in empty] == [20] * 5


def test_some_runners_agree_to_the_keeping_of_positions_and_some_do_not() -> None:
    answers = [told(a_shoe(nature=seed).heartbeat(MONDAY_MS))[0]["location_consent"] for seed in range(60)]
    assert 15 < sum(answers) < 55
