"""Minutes of the fleet, against a plain count."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.desk import FleetMinute
from schemas.facts import WasherReading
from schemas.forms import arrow_schema
from schemas.reference import CustodyReference
from streams.desk.minutes import MINUTE_MS, MINUTE_STORES, SETTLED_AFTER, FleetMinutes
from streams.desk.minutes_stands import Stand, stand_at
from streams.desk.register import Known
from streams.store import Store, from_frame, to_frame
from tests.unit.examples import examples

START_MS = 1_800_000_000_000 // MINUTE_MS * MINUTE_MS
COUNTRIES = ("SE", "DE", None)


@dataclass(frozen=True)
class Upload:
    device: int
    seq: int
    at_ms: Sequence[int]
    span_ms: int = 15_000
    energy_wh: float = 0.25

    def rows(self) -> list[dict[str, Any]]:
        return [
            {
                **dict.fromkeys(arrow_schema(WasherReading).names),
                "device_id": f"wm-{self.device}",
                "seq": self.seq,
                "measured_at_ms": at_ms,
                "span_ms": self.span_ms,
                "power_w": 60.0,
                "energy_wh": self.energy_wh,
            }
            for at_ms in self.at_ms
        ]


def readings(uploads: Sequence[Upload]) -> pa.Table:
    return pa.Table.from_pylist([row for upload in uploads for row in upload.rows()], arrow_schema(WasherReading))


def stores() -> dict[str, Store]:
    return {name: Store(dtype) for name, dtype in MINUTE_STORES.items()}


def slots_of(names: pa.Array) -> Any:
    return np.array([int(name.removeprefix("wm-")) for name in names.to_pylist()], dtype=np.int64)


def stand_of(slot: int, at_ms: int) -> Stand:
    return Stand(f"WM-{slot % 2}", COUNTRIES[slot % 3], None, None)


def add(minutes: FleetMinutes, *uploads: Upload, known_at_ms: int = 5) -> None:
    minutes.add("washer", readings(uploads), slots_of, stand_of, known_at_ms)


def newest(tables: Sequence[pa.Table]) -> dict[tuple[Any, ...], dict[str, Any]]:
    rows = [row for table in tables for row in table.to_pylist()]
    return {(row["minute_at_ms"], row["material"], row["country"]): row for row in rows}


def counted(uploads: Sequence[Upload]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Devices, readings and energy by minute, model and country, reading by reading."""
    devices: dict[tuple[Any, ...], set[int]] = defaultdict(set)
    count: dict[tuple[Any, ...], int] = defaultdict(int)
    energy_wh: dict[tuple[Any, ...], float] = defaultdict(float)
    for upload in uploads:
        for at_ms in upload.at_ms:
            stand = stand_of(upload.device, at_ms)
            key = (at_ms // MINUTE_MS * MINUTE_MS, stand.material, stand.country)
            devices[key].add(upload.device)
            count[key] += 1
            energy_wh[key] += upload.energy_wh
    return {key: (len(devices[key]), count[key], pytest.approx(energy_wh[key])) for key in devices}


def some_uploads(rng: Random) -> list[Upload]:
    """Cycles of half an hour of some devices, 15 seconds apart, in uploads of up to twenty readings."""
    uploads = []
    for device in range(5):
        at_ms = START_MS + rng.randrange(20 * MINUTE_MS)
        for seq in range(6):
            times = [at_ms + 15_000 * step for step in range(1, rng.randint(1, 20) + 1)]
            uploads.append(Upload(device, seq, times, energy_wh=round(rng.uniform(0, 9), 6)))
            at_ms = times[-1]
    return uploads


@given(st.randoms(use_true_random=False))
@examples(25)
def test_any_order_and_cut_gives_the_plain_count(rng: Random) -> None:
    uploads = some_uploads(rng)
    expected = counted(uploads)
    rng.shuffle(uploads)
    minutes, told = FleetMinutes(stores(), 3), []
    while uploads:
        batch, uploads = uploads[: (size := rng.randint(1, 12))], uploads[size:]
        add(minutes, *batch)
        if rng.random() < 0.5:
            told.append(minutes.told())
    told.append(minutes.told())
    found = newest(told)
    assert {key: (row["devices"], row["readings"], row["energy_wh"]) for key, row in found.items()} == expected
    assert minutes.told().num_rows == 0


def test_a_late_reading_corrects_its_minute_with_the_next_version() -> None:
    minutes = FleetMinutes(stores(), 1)
    add(minutes, Upload(0, 5, [START_MS + 10_000]), known_at_ms=100)
    [first] = minutes.told().to_pylist()
    add(minutes, Upload(6, 1, [START_MS + 20_000]), known_at_ms=200)
    [second] = minutes.told().to_pylist()
    assert (first["version"], first["devices"], first["partition"], first["known_at_ms"]) == (1, 1, 1, 100)
    assert (second["version"], second["devices"], second["readings"], second["known_at_ms"]) == (2, 2, 2, 200)
    assert second["minute_at_ms"] == START_MS
    assert (second["product"], second["material"], second["country"]) == ("washer", "WM-0", "SE")


def test_rows_are_as_the_contract_has_them() -> None:
    minutes = FleetMinutes(stores(), 1)
    add(minutes, Upload(2, 5, [START_MS]))
    table = minutes.told()
    assert table.schema == arrow_schema(FleetMinute)
    assert FleetMinute(**table.to_pylist()[0]).country is None


def test_runs_have_no_energy() -> None:
    minutes = FleetMinutes(stores(), 1)
    table = readings([Upload(0, 1, [START_MS])]).drop_columns(["energy_wh"])
    minutes.add("shoe", table, slots_of, stand_of, 1)
    [row] = minutes.told().to_pylist()
    assert (row["product"], row["energy_wh"], row["readings"]) == ("shoe", None, 1)


def test_a_settled_minute_is_forgotten_and_later_readings_of_it_are_counted_apart() -> None:
    kept = stores()
    minutes = FleetMinutes(kept, 0)
    add(minutes, Upload(0, 1, [START_MS]))
    add(minutes, Upload(0, 2, [START_MS + (SETTLED_AFTER - 1) * MINUTE_MS]))
    assert minutes.told().num_rows == len(kept["minutes"]) == 2
    add(minutes, Upload(0, 3, [START_MS + SETTLED_AFTER * MINUTE_MS]))
    assert minutes.told().num_rows == 1
    assert len(kept["minutes"]) == 2
    add(minutes, Upload(0, 0, [START_MS, START_MS + 1]))
    assert minutes.told().num_rows == 0
    assert minutes.late_readings == 2


def test_days_that_come_at_once_are_told_before_any_of_them_is_settled() -> None:
    """A fleet that was offline, or a replay: nothing was told that these could correct too late."""
    minutes = FleetMinutes(stores(), 0)
    add(minutes, Upload(0, 2, [START_MS + 10 * SETTLED_AFTER * MINUTE_MS]))
    add(minutes, Upload(0, 1, [START_MS]))
    assert minutes.told().num_rows == 2
    assert minutes.late_readings == 0


def test_a_device_that_comes_back_after_a_week_counts() -> None:
    """Half of 255 rounds of 64 minutes is 5.7 days: what had been seen before that looked like the future."""
    minutes = FleetMinutes(stores(), 0)
    for day in (0, 7, 14):
        add(minutes, Upload(0, day, [START_MS + day * 86_400_000 + 10_000, START_MS + day * 86_400_000 + 20_000]))
        (row,) = minutes.told().to_pylist()
        assert (row["devices"], row["readings"]) == (1, 2)


def test_one_product_taken_in_long_before_the_other_settles_nothing_of_it() -> None:
    minutes = FleetMinutes(stores(), 0)
    table = readings([Upload(0, 1, [START_MS + 5 * SETTLED_AFTER * MINUTE_MS])])
    minutes.add("shoe", table.drop_columns(["energy_wh"]), slots_of, stand_of, 1)
    assert minutes.told().num_rows == 1
    add(minutes, Upload(1, 1, [START_MS]))
    assert (minutes.told().num_rows, minutes.late_readings) == (1, 0)


def test_a_model_that_is_heard_of_later_counts_from_then_on() -> None:
    minutes = FleetMinutes(stores(), 0)
    minutes.add("washer", readings([Upload(0, 1, [START_MS])]), slots_of, lambda *_: Stand(None, None, None, None), 1)
    add(minutes, Upload(0, 2, [START_MS + 20_000]))
    (row,) = minutes.told().to_pylist()
    assert row["readings"] == 1


def test_readings_of_an_unknown_model_are_in_no_minute() -> None:
    minutes = FleetMinutes(stores(), 0)
    minutes.add("washer", readings([Upload(0, 1, [START_MS])]), slots_of, lambda *_: Stand(None, None, None, None), 1)
    assert (minutes.told().num_rows, minutes.late_readings) == (0, 1)


def test_a_minute_that_another_one_overtook_counts_a_device_by_where_the_span_begins() -> None:
    """64 minutes later the place in the device's memory is taken."""
    minutes = FleetMinutes(stores(), 0)
    add(minutes, Upload(0, 9, [START_MS + 64 * MINUTE_MS + 10_000]))
    add(minutes, Upload(0, 1, [START_MS + 10_000, START_MS + 25_000], span_ms=15_000))
    add(minutes, Upload(0, 2, [START_MS + 40_000], span_ms=15_000))
    found = newest([minutes.told()])
    assert found[START_MS, "WM-0", "SE"]["devices"] == 1
    assert found[START_MS, "WM-0", "SE"]["readings"] == 3


def test_a_device_that_moved_is_counted_where_it_stood_then() -> None:
    from_ms = [START_MS - 10, START_MS + 120_000]
    custody = CustodyReference(
        device_id="wm-0", revision=1, from_ms=from_ms, to_ms=[START_MS + 60_000, None], kind=["sold", "resold"],
        subject=["p" + "a" * 26, "p" + "b" * 26], country=["SE", "FI"], time_zone=["Europe/Stockholm"] * 2,
        language=["sv"] * 2, insights_per_week=[3] * 2, max_heart_rate_bpm=[None] * 2, goal=[None] * 2,
        weekly_km=[None] * 2, runs_per_week=[None] * 2,
    )  # fmt: skip
    known, asked = Known(custody=custody), []

    def look_up(slot: int, at_ms: int) -> Stand:
        asked.append(slot)
        return stand_at(known, "WM-1", at_ms)

    minutes = FleetMinutes(stores(), 0)
    for number, minute in enumerate([2, 0, 1, 3, 2, 0]):
        upload = Upload(0, number, [START_MS + minute * MINUTE_MS + 1_000])
        minutes.add("washer", readings([upload]), slots_of, look_up, 1)
    found = newest([minutes.told()])
    assert {key[0] - START_MS: key[2] for key in found} == {0: "SE", 60_000: None, 120_000: "FI", 180_000: "FI"}
    minutes.moved(np.array([0]))
    looked = len(asked)
    add_again = readings([Upload(0, 9, [START_MS + 200_000])])
    minutes.add("washer", add_again, slots_of, look_up, 1)
    minutes.add("washer", add_again, slots_of, look_up, 1)
    assert len(asked) == looked + 1


def test_a_restart_changes_nothing() -> None:
    uploads = some_uploads(Random(4))
    whole, begun, after = stores(), stores(), stores()
    minutes = FleetMinutes(whole, 0)
    add(minutes, *uploads)
    add(FleetMinutes(begun, 0), *uploads[:17])
    for name, store in after.items():
        saved = begun[name].delta(0)
        assert saved is not None
        store.restore([from_frame(to_frame(saved), MINUTE_STORES[name])])
    again = FleetMinutes(after, 0)
    add(again, *uploads[17:])
    assert newest([again.told()]) == newest([minutes.told()])


def test_of_a_forgotten_device_nothing_is_kept() -> None:
    kept = stores()
    minutes = FleetMinutes(kept, 0)
    add(minutes, Upload(0, 1, [START_MS]), Upload(1, 1, [START_MS]))
    minutes.forget(np.array([1, 77]))
    assert kept["minute_devices"].rows().tolist() == [0]


def test_no_readings_no_minutes() -> None:
    minutes = FleetMinutes(stores(), 0)
    add(minutes)
    assert minutes.told().num_rows == 0
