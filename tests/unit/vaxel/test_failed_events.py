"""What the lake says of refused uploads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from schemas.errors import OutsideError, UsageError
from schemas.facts import Receipt
from schemas.failures import FailedEvent
from schemas.forms import arrow_schema, as_in_lake, columns, duckdb_columns
from schemas.topics import TELEMETRY_SHOE, TELEMETRY_WASHER
from streams.failed_record import value_of
from streams.repair import Fit, Held
from streams.repair_rule import Selection
from streams.repair_toml import selection
from vaxel.failed_events import ROWS_AT_ONCE, FailedEvents
from vaxel.opening import WITHOUT_KEY, opener_of

NOON_MS = 1_767_268_800_000  # 2026-01-01T12:00:00Z
MINUTE_MS = 60_000
KEY, UPLOAD = bytes(range(32)), b'{"device_id": "w-1", "owner": "Ingrid Planted"}'
COLUMNS = [column.lake_name for column in columns(FailedEvent)]


@pytest.fixture(scope="module")
def tables_of_all() -> Iterator[duckdb.DuckDBPyConnection]:
    with two_tables() as lake:
        yield lake


@pytest.fixture
def tables(tables_of_all: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    tables_of_all.execute("delete from failed_events")
    tables_of_all.execute("delete from uploads")
    return tables_of_all


@contextmanager
def two_tables() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as lake:
        lake.execute(f"create table failed_events ({duckdb_columns(FailedEvent)})")
        lake.execute(f"create table uploads ({duckdb_columns(Receipt)})")
        yield lake


def fail(lake: duckdb.DuckDBPyConnection, *offsets: int, **more: Any) -> None:
    _insert(lake, "failed_events", FailedEvent, [a_failure(offset) | more for offset in offsets])


def a_failure(offset: int) -> dict[str, Any]:
    return {
        "topic": TELEMETRY_WASHER, "partition": 1, "offset": offset, "received_at_ms": NOON_MS + offset * MINUTE_MS,
        "device_id": "w-1", "reason": "out_of_range", "detail": "too much", "stage": "streams", "field": "water_l",
        "found": "5000", "accepted": "at most 1000", "seq": offset, "material": "WM-6010", "firmware": "2.4.0",
        "repair": None, "original": b"{}",
    }  # fmt: skip


def accept(lake: duckdb.DuckDBPyConnection, seq: int, minute: int, **more: Any) -> None:
    row = dict.fromkeys(column.name for column in columns(Receipt)) | {
        "topic": TELEMETRY_WASHER, "partition": 1, "offset": 100 + seq, "outcome": "accepted", "device_id": "w-1",
        "seq": seq, "received_at_ms": NOON_MS + minute * MINUTE_MS,
    } | more  # fmt: skip
    _insert(lake, "uploads", Receipt, [row])


def _insert(lake: duckdb.DuckDBPyConnection, table: str, contract: Any, told: list[dict[str, Any]]) -> None:
    lake.register("rows", as_in_lake(pa.Table.from_pylist(told, schema=arrow_schema(contract)), contract))
    lake.execute(f"insert into {table} by name select * from rows")


def offsets(events: FailedEvents, **conditions: Any) -> list[int]:
    return [held.offset for held in events.held(selection(**conditions))]


def test_events_are_grouped_by_what_they_have_in_common(tables: duckdb.DuckDBPyConnection) -> None:
    fail(tables, 0)
    fail(tables, 5, device_id="w-2")
    fail(tables, 2, reason="not_json", field=None, material=None, firmware=None, seq=None)
    accept(tables, seq=0, minute=9)
    answer = FailedEvents(tables, COLUMNS).groups(Selection(), None)
    first, second = answer.objects()
    assert {name: str(value) for name, value in first.items()} == {
        "reason": "out_of_range", "material": "WM-6010", "firmware": "2.4.0", "field": "water_l", "repair": "None",
        "events": "2",
        "devices": "2", "first_seen": "2026-01-01 12:00:00", "last_seen": "2026-01-01 12:05:00", "came_back": "1",
    }  # fmt: skip
    assert (second["reason"], second["field"], second["events"], second["came_back"]) == ("not_json", None, 1, 0)
    assert len(FailedEvents(tables, COLUMNS).groups(Selection(), 1).rows) == 1


def test_only_what_is_accepted_later_and_not_as_a_duplicate_has_come_back(tables: duckdb.DuckDBPyConnection) -> None:
    fail(tables, 5, reason="number_reused")
    accept(tables, seq=5, minute=4)
    accept(tables, seq=5, minute=9, outcome="duplicate")
    events = FailedEvents(tables, COLUMNS)
    assert [row["came_back"] for row in events.each(Selection(), None).objects()] == [False]
    accept(tables, seq=5, minute=10)
    assert [row["came_back"] for row in events.each(Selection(), None).objects()] == [True]


def test_what_is_refused_again_says_by_which_repair_it_had_come_back(tables: duckdb.DuckDBPyConnection) -> None:
    fail(tables, 0)
    fail(tables, 5, repair="water-0123456789ab")
    events = FailedEvents(tables, COLUMNS)
    known = [(group["repair"], group["events"]) for group in events.groups(Selection(), None).objects()]
    assert sorted(known, key=str) == [("water-0123456789ab", 1), (None, 1)]
    assert [row["repair"] for row in events.each(Selection(), None).objects()] == ["water-0123456789ab", None]
    assert events.one("washer:1:5")["repair"] == "water-0123456789ab"
    assert [held.repair for held in events.held(Selection())] == [None, "water-0123456789ab"]


def test_what_was_sent_twice_is_settled_once_its_number_is_accepted(tables: duckdb.DuckDBPyConnection) -> None:
    """The second of two is refused after the first was accepted: nothing of it is missing."""
    fail(tables, 5, reason="late")
    fail(tables, 6, reason="late", repair="x-1")
    fail(tables, 7, reason="number_reused", repair="x-1")
    fail(tables, 8, reason="number_reused")  # its device's own doing: another upload, and it is missing
    fail(tables, 9, reason="out_of_range")
    events = FailedEvents(tables, COLUMNS)
    assert events.count_back(Selection()) == 0
    for seq in range(5, 10):
        accept(tables, seq=seq, minute=0)
    assert [held.offset for held in events.still_held(Selection())] == [8, 9]
    assert events.count_back(Selection()) == 3
    assert [row["came_back"] for row in events.each(Selection(), None).objects()] == [False, False, True, True, True]


def test_what_had_come_back_and_was_refused_again_is_known_unless_it_was_sent_twice(
    tables: duckdb.DuckDBPyConnection,
) -> None:
    fail(tables, 5)
    fail(tables, 6, repair="x-1")
    fail(tables, 7, repair="x-1", reason="late")
    fail(tables, 8, repair="x-1", reason="number_reused")
    assert FailedEvents(tables, COLUMNS).refused_again() == {("w-1", 6, "x-1")}


def test_what_has_come_back_is_no_longer_held(tables: duckdb.DuckDBPyConnection) -> None:
    for offset in range(3):
        fail(tables, offset)
    accept(tables, seq=1, minute=9)
    events = FailedEvents(tables, COLUMNS)
    assert [held.offset for held in events.still_held(Selection())] == [0, 2]
    assert (events.count(Selection()), events.count_back(Selection())) == (3, 1)
    assert events.count_back(Selection(device="w-2")) == 0


def test_single_events_come_newest_first(tables: duckdb.DuckDBPyConnection) -> None:
    for offset in (1, 3, 2):
        fail(tables, offset)
    rows = FailedEvents(tables, COLUMNS).each(Selection(), 2).objects()
    assert [row["place"] for row in rows] == ["telemetry.washer.v1[1]@3", "telemetry.washer.v1[1]@2"]


CONDITIONS: list[tuple[dict[str, str], list[int]]] = [
    ({}, [0, 1, 2, 3]),
    ({"reason": "late"}, [1]),
    ({"material": "WM-8030"}, [2]),
    ({"firmware": "1.0.0"}, [2]),
    ({"field": "power_w"}, [2]),
    ({"device": "w-9"}, [3]),
    ({"since": "2026-01-01T12:01:00Z"}, [1, 2, 3]),
    ({"until": "2026-01-01T12:01:00Z"}, [0]),
    ({"since": "2026-01-01T14:01:00+02:00", "until": "2026-01-01 12:03"}, [1, 2]),
    ({"since": "2026-01-02"}, []),
    ({"reason": "late", "device": "w-9"}, []),
    ({"device": "w'; drop table uploads; --"}, []),
]


@pytest.mark.parametrize(("conditions", "chosen"), CONDITIONS)
def test_a_selection_chooses_what_meets_all_its_conditions(
    tables: duckdb.DuckDBPyConnection, conditions: dict[str, str], chosen: list[int]
) -> None:
    fail(tables, 0)
    fail(tables, 1, reason="late")
    fail(tables, 2, material="WM-8030", firmware="1.0.0", field="power_w")
    fail(tables, 3, device_id="w-9")
    events = FailedEvents(tables, COLUMNS)
    assert offsets(events, **conditions) == chosen
    assert events.count(selection(**conditions)) == len(chosen)


def test_an_event_is_shown_by_its_place(tables: duckdb.DuckDBPyConnection) -> None:
    fail(tables, 7, original=b"\xff")
    fail(tables, 7, topic=TELEMETRY_SHOE)
    events = FailedEvents(tables, COLUMNS)
    for place in ("telemetry.washer.v1[1]@7", "telemetry.washer.v1:1:7", "washer:1:7", "washer[1]@7"):
        assert events.one(place)["original"] == b"\xff"
    with pytest.raises(UsageError, match=r"'telemetry:1:7' may be any of telemetry.shoe.v1\[1\]@7, telemetry.washer"):
        events.one("telemetry:1:7")
    with pytest.raises(UsageError, match=r"no failed event at 'washer:2:7'"):
        events.one("washer:2:7")
    for place in ("washer", "washer[1]", "washer[1]7", "7", "", "washer[x]@7", "washer:1:" + "9" * 5_000, "\udcff:1:7"):
        with pytest.raises(UsageError, match=r"is no place: TOPIC\[PARTITION\]@OFFSET or TOPIC:PARTITION:OFFSET"):
            events.one(place)


def test_a_lake_that_does_not_know_the_newer_columns_yet_reads_as_null() -> None:
    newer = ("field", "found", "accepted", "seq", "material", "firmware", "repair")
    with two_tables() as lake:
        fail(lake, 3)
        for name in newer:
            lake.execute(f'alter table failed_events drop column "{name}"')
        events = FailedEvents(lake, [name for name in COLUMNS if name not in newer])
        assert offsets(events) == [3]
        assert offsets(events, field="water_l", firmware="2.4.0") == []
        (group,) = events.groups(Selection(), None).objects()
        assert (group["reason"], group["material"], group["events"], group["came_back"]) == ("out_of_range", None, 1, 0)
        assert events.one("washer:1:3")["seq"] is None


def test_other_questions_may_be_asked_while_events_are_read(tables: duckdb.DuckDBPyConnection) -> None:
    fail(tables, *range(ROWS_AT_ONCE + 2))
    accept(tables, seq=77, minute=999)
    events = FailedEvents(tables, COLUMNS)
    missing = []
    for held in events.held(Selection()):
        missing += events.not_accepted([Fit(held, "w-1", held.offset, b"")])
    assert [fit.seq for fit in missing] == [offset for offset in range(ROWS_AT_ONCE + 2) if offset != 77]


def test_accepted_are_device_and_number_together(tables: duckdb.DuckDBPyConnection) -> None:
    accept(tables, seq=1, minute=0)
    accept(tables, seq=2, minute=0, outcome="duplicate")
    held = Held(TELEMETRY_WASHER, 0, 0, "w-1", "late", b"")
    fits = [Fit(held, device, seq, b"") for device, seq in (("w-1", 1), ("w-2", 1), ("w-1", 2))]
    assert FailedEvents(tables, COLUMNS).not_accepted(fits) == fits[1:]


def test_a_held_cohort_is_told_by_what_was_found_last(tables: duckdb.DuckDBPyConnection) -> None:
    for offset, found in ((2, "factor 3.1"), (0, "factor 2.7"), (1, "factor 2.9")):
        fail(tables, offset, reason="cohort_differs", found=found, accepted="l")
    fail(tables, 3, reason="cohort_differs", field="power_w", found="kW", accepted="W")
    fail(tables, 9)
    events = FailedEvents(tables, COLUMNS)
    assert events.cohorts(Selection()).rows == [
        ("WM-6010", "2.4.0", "power_w", "kW", "W", 1),
        ("WM-6010", "2.4.0", "water_l", "factor 3.1", "l", 3),
    ]
    assert events.cohorts(Selection(firmware="2.5.0")).rows == []


def test_of_a_cohort_only_what_has_not_come_back_is_held(tables: duckdb.DuckDBPyConnection) -> None:
    for offset in range(3):
        fail(tables, offset, reason="cohort_differs", found="ml", accepted="l")
    accept(tables, seq=1, minute=99)
    (row,) = FailedEvents(tables, COLUMNS).cohorts(Selection()).objects()
    assert row["events"] == 2
    for seq in (0, 2):
        accept(tables, seq=seq, minute=99)
    assert FailedEvents(tables, COLUMNS).cohorts(Selection()).rows == []


def test_what_uploads_held_is_opened_with_the_key_where_it_is_asked_for(tables: duckdb.DuckDBPyConnection) -> None:
    event = FailedEvent.model_validate(a_failure(1) | {"original": UPLOAD})
    fail(tables, 1, original=value_of(event, KEY))
    fail(tables, 2, original=UPLOAD)  # by an older worker
    events = FailedEvents(tables, COLUMNS, opener_of(lambda: KEY))
    assert [held.original for held in events.held(Selection())] == [UPLOAD, UPLOAD]
    assert events.one("washer:1:1")["original"] == events.one("washer:1:2")["original"] == UPLOAD


def test_without_the_key_what_was_refused_is_still_counted(tables: duckdb.DuckDBPyConnection) -> None:
    event = FailedEvent.model_validate(a_failure(1) | {"original": UPLOAD})
    fail(tables, 1, original=value_of(event, KEY))
    for opened, told in ((WITHOUT_KEY, "no key was given"), (opener_of(lambda: bytes(32)), "the key here is")):
        events = FailedEvents(tables, COLUMNS, opened)
        assert len(events.each(Selection(), None).rows) == len(events.groups(Selection(), None).rows) == 1
        with pytest.raises(UsageError, match=told):
            events.one("washer:1:1")
        with pytest.raises(UsageError, match=told):
            list(events.held(Selection()))


def test_bytes_that_were_moved_to_another_place_are_not_taken_for_its_own(tables: duckdb.DuckDBPyConnection) -> None:
    event = FailedEvent.model_validate(a_failure(1) | {"original": UPLOAD})
    fail(tables, 2, original=value_of(event, KEY))
    with pytest.raises(OutsideError, match=r"telemetry.washer.v1\[1\]@2 held: .* belong elsewhere"):
        FailedEvents(tables, COLUMNS, opener_of(lambda: KEY)).one("washer:1:2")
