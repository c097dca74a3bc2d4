"""What the stream writes of a failed event, the lake reads back: all of it, also from older workers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.failures import HEADERS, FailedEvent
from schemas.sealing import unseal
from sinks.lake.decode import Record, failed_rows
from streams.failed_record import headers_of, key_of, value_of

OPTIONAL = ("field", "found", "accepted", "seq", "material", "firmware", "repair")


def a_failed_event(**more: object) -> FailedEvent:
    return FailedEvent.model_validate(
        {
            "topic": "telemetry.washer.v1", "partition": 3, "offset": 41, "received_at_ms": 1_767_225_600_000,
            "device_id": "w-1", "reason": "out_of_range", "detail": "water_l.0: 5000 l", "stage": "streams",
            "original": b"{}",
        } | more
    )  # fmt: skip


def row_of(event: FailedEvent, without: tuple[str, ...] = ()) -> dict[str, object]:
    """As the lake holds it, written with those headers left out."""
    headers = []
    for name, value in headers_of(event):
        assert isinstance(value, bytes)
        headers.append((name, value))
    kept = tuple(header for header in headers if header[0] not in without)
    (row,) = failed_rows([Record("failed-events.v1", 0, 5, key_of(event), event.original, kept)]).to_pylist()
    return {str(name): value for name, value in row.items()}


def told(event: FailedEvent) -> dict[str, object]:
    expected = event.model_dump()
    del expected["received_at_ms"]
    return expected


def without_instant(row: dict[str, object]) -> dict[str, object]:
    assert str(row["received_at"]) == "2026-01-01 00:00:00"
    return {name: value for name, value in row.items() if name != "received_at"}


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=70)


@given(
    found=st.fixed_dictionaries(
        {},
        optional={name: st.none() | texts for name in OPTIONAL if name != "seq"}
        | {"seq": st.none() | st.integers(0, 2**53 - 1)},
    )
)
def test_every_value_comes_back_as_it_was_and_none_stays_none(found: dict[str, object]) -> None:
    event = a_failed_event(**found)
    assert without_instant(row_of(event)) == told(event)


def test_only_headers_with_a_value_are_written() -> None:
    assert [name for name, _ in headers_of(a_failed_event())] == [name for name in HEADERS if name not in OPTIONAL]
    assert tuple(dict(headers_of(a_failed_event(seq=0, found="")))[name] for name in ("seq", "found")) == (b"0", b"")


def test_a_record_of_a_worker_that_knew_fewer_values_is_read_with_nulls() -> None:
    event = a_failed_event(
        field="water_l", found="5000", accepted="0 to 1000 l", seq=7, material="WM", firmware="1.2.3"
    )
    assert without_instant(row_of(event)) == told(event)
    assert without_instant(row_of(event, without=OPTIONAL)) == told(event) | dict.fromkeys(OPTIONAL)


def test_half_a_surrogate_pair_stops_no_worker() -> None:
    assert row_of(a_failed_event(found="\ud800!"))["found"] == "\\ud800!"


def test_the_bytes_are_written_sealed_and_read_back_with_the_key_alone() -> None:
    event = a_failed_event(original=b'{"owner": "Ingrid Planted"}')
    value = value_of(event, bytes(32))
    assert b"Planted" not in value
    assert unseal(bytes(32), value, b"failed-event telemetry.washer.v1[3]@41") == event.original
    assert value == value_of(event, bytes(32)), "a step that is done again writes the same"


@pytest.mark.parametrize("key", [None, "w-1"])
def test_the_key_is_the_records_own(key: str | None) -> None:
    assert row_of(a_failed_event(device_id=key))["device_id"] == key
