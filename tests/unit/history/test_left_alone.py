"""What a backfill leaves alone: what the stream may still change, and what cannot be told anew."""

from __future__ import annotations

import pyarrow as pa
import pytest

from streams.history_rules import read_rules
from streams.product import SHOE, WASHER, with_thresholds
from tests.unit.history.kept import DAY_MS, Kept, as_plug_meters, simulated
from tests.unit.streams.building import NOON_MS, a_shoe_upload, a_washer_upload, encoded

OTHER = with_thresholds(
    WASHER, read_rules("[cycles]\nactive_w = 5\n[anomalies]\nleast_spin_ms = 3600000\n", "it").thresholds
)
WASHERS = simulated("washer", 3, 25)


def uploads_of(count: int, first_seq: int = 1, **fields: object) -> list[tuple[str, bytes, int]]:
    """That many uploads of a machine, a cycle every three, ten minutes apart."""
    made = []
    for seq in range(first_seq, first_seq + count):
        began_ms = NOON_MS + (seq - first_seq) * 600_000
        cycle = (seq - first_seq) // 3
        upload = a_washer_upload(
            seq=seq, start_ms=began_ms, sent_at_ms=began_ms + 2_000, cycle_no=cycle + 1,
            cycle_started_ms=NOON_MS + cycle * 3 * 600_000 - 1_000,
            cycle_ended=(seq - first_seq) % 3 == 2, lifetime_cycles=None, lifetime_energy_wh=None,
            lifetime_water_l=None, **fields,
        )  # fmt: skip
        made.append((upload["device_id"], encoded(upload), began_ms + 3_000))
    return made


def test_a_session_is_the_stream_s_while_dedup_still_takes_uploads_of_its_time() -> None:
    kept = Kept(WASHER).take(uploads_of(90))
    later = a_washer_upload(
        device_id="w-2",
        start_ms=NOON_MS + 9 * DAY_MS,
        sent_at_ms=NOON_MS + 9 * DAY_MS,
        cycle_started_ms=NOON_MS + 9 * DAY_MS,
    )
    kept.take([("w-2", encoded(later), NOON_MS + 9 * DAY_MS)])
    compared = kept.compared(unsettled=False)
    # Numbers up to 90 - 64 = 26 are behind the window: the cycles of uploads 1 to 24, eight of thirty.
    assert (compared.same, compared.left["unsettled"]) == (8, 22)
    for seq, outcome in ((27, "accepted"), (26, "late")):
        live = Kept(WASHER).take([own for number, own in enumerate(uploads_of(90), 1) if number != seq])
        live.take([("w-2", encoded(later), NOON_MS + 9 * DAY_MS)])
        said = live.take(uploads_of(90)[seq - 1 : seq]).said[-1]
        assert [*said.receipts.column("outcome").to_pylist(), *(event.reason for event in said.failed)] == [outcome]


def test_a_number_that_is_waited_for_keeps_its_time_unsettled_for_seven_days() -> None:
    kept = Kept(WASHER).take(uploads_of(90))
    assert kept.compared(unsettled=False).left["unsettled"] == 30


def test_no_version_of_a_settled_session_is_ever_written_by_the_stream_too() -> None:
    """Live goes on after the backfill, with what is late as well: nothing has a number twice."""
    first, then = as_plug_meters(WASHERS), as_plug_meters(simulated("washer", 3, 33))
    kept = Kept(WASHER).take(first)
    settled = kept.compared(OTHER, unsettled=False)
    assert len(settled.changes) > 5
    assert settled.left["unsettled"] > 0
    kept.write([change.after for change in settled.changes])
    kept.take(then[len(first) :])
    twice = kept.connection.execute(
        "select session_id, version from wash_cycle_versions group by all having count(*) > 1"
    ).fetchall()
    assert twice == []
    newest = kept.newest()
    assert all(newest[own.after["session_id"]]["version"] == own.after["version"] for own in settled.changes)


def test_sessions_whose_readings_are_gone_are_left_and_told() -> None:
    kept = Kept(WASHER).take(uploads_of(9))
    kept.connection.execute("delete from readings_washer where seq = 4")
    compared = kept.compared(OTHER)
    assert compared.left == {"readings_gone": 1}
    assert compared.same + len(compared.changes) == 2


def test_receipts_of_before_their_end_was_kept_tell_of_no_cycle_anew() -> None:
    kept = Kept(WASHER).take(uploads_of(9))
    kept.connection.execute("update uploads set session_ended = null where seq = 2")
    assert kept.compared(OTHER).left == {"receipts_of_before": 1}


def test_a_number_accepted_twice_tells_of_nothing_anew() -> None:
    kept = Kept(WASHER).take(uploads_of(9))
    kept.connection.execute('insert into uploads select * replace (999 as "offset") from uploads where seq = 2')
    assert kept.compared(OTHER).left == {"number_twice": 1}


def test_power_curves_with_readings_gone_are_left_as_they_are() -> None:
    kept = Kept(WASHER).take(as_plug_meters(WASHERS)[:400])
    kept.connection.execute("delete from readings_washer where seq = (select min(seq) + 5 from uploads)")
    compared = kept.compared(OTHER)
    assert compared.changes == []
    assert set(compared.left) <= {"readings_gone", "open"}


def test_sessions_without_any_upload_are_left_and_told() -> None:
    kept = Kept(WASHER).take(uploads_of(9))
    kept.connection.execute("delete from uploads where seq in (1, 2, 3)")
    assert kept.compared().left == {"uploads_gone": 1}


def test_a_session_that_goes_on_is_left_to_the_stream() -> None:
    kept = Kept(SHOE).take([("s-1", encoded(a_shoe_upload()), NOON_MS + 3_000)])
    assert kept.compared().left == {"open": 1}


@pytest.mark.parametrize("days", [0, 5])
def test_what_closes_a_session_is_found_however_much_later_it_came(days: int) -> None:
    after_ms = NOON_MS + days * DAY_MS + 600_000
    first = a_shoe_upload()
    second = a_shoe_upload(
        seq=2, start_ms=after_ms, sent_at_ms=after_ms + 2_000, run_no=2, run_started_ms=after_ms - 1_000,
        lifetime_distance_m=None, lifetime_steps=None,
    )  # fmt: skip
    kept = Kept(SHOE).take([("s-1", encoded(own), own["sent_at_ms"] + 1_000) for own in (first, second)])
    compared = kept.compared(to_ms=NOON_MS + 60_000)
    assert (compared.same, compared.left.total(), compared.changes) == (1, 0, [])


def test_nothing_is_told_of_an_empty_lake() -> None:
    kept = Kept(WASHER)
    assert kept.compared() == type(kept.compared())()
    assert isinstance(kept.connection.execute("from uploads").to_arrow_table(), pa.Table)
