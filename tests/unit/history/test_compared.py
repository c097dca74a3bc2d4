"""What is compared, field by field, and read: each of these rules decides something that no other test sees."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from schemas.facts import Run, WashCycle
from sinks.lake import history as lake
from streams.history import Retold
from streams.history_compare import Bounds, Compared, compare, named_as_before
from streams.history_rules import read_rules
from streams.product import SHOE, WASHER, Product
from tests.unit.history.kept import DAY_MS, FAR_MS, TABLES, Kept, amount_of, as_plug_meters, simulated
from tests.unit.streams.building import NOON_MS, a_washer_upload, encoded
from vaxel.backfill import longest_pause_ms

SAYS_WHICH_VERSION = {
    "session_id", "version", "status", "known_at_ms", "changed_readings", "changed_end_ms", "changed_amount",
}  # fmt: skip
KEPT = {product.telemetry: Kept(product) for product in (WASHER, SHOE)}


def kept_of(product: Product) -> Kept:
    kept = KEPT[product.telemetry]
    if not kept.said:
        kept.take(simulated("washer", 2, 4) if product is WASHER else simulated("shoe", 4, 6))
    return kept


def read(product: Product, kept: Kept) -> tuple[Retold, pa.Table]:
    part = lake.Part(product.telemetry, "", "~", 10 * DAY_MS, FAR_MS)
    return kept.retold(product, part), lake.newest(kept.connection, TABLES[product.telemetry][1], part)


def compared(product: Product, told: Retold, known: pa.Table, **fields: Any) -> Compared:
    newest_ms = dict.fromkeys(known.column("device_id").to_pylist(), FAR_MS)
    bounds: dict[str, Any] = {"pause_ms": 900_000, "unsettled": True, "received_ms": {}, "measured_ms": {}} | fields
    return compare(told, known, amount_of(product), Bounds(10 * DAY_MS, FAR_MS, newest_ms=newest_ms, **bounds))


def other(value: Any, kind: pa.DataType) -> Any:
    """Another value of that type."""
    if pa.types.is_list(kind):
        return [] if value else [other(None, kind.value_type)]
    if pa.types.is_string(kind) or pa.types.is_dictionary(kind):
        return "other" if value != "other" else "another"
    return 1 if value is None else value + 1


@pytest.mark.parametrize(
    ("product", "name"),
    [
        (product, name)
        for product, contract in ((WASHER, WashCycle), (SHOE, Run))
        for name in contract.model_fields
        if name not in SAYS_WHICH_VERSION | {"device_id"}
    ],
    ids=lambda given: given if isinstance(given, str) else given.telemetry,
)
def test_every_field_is_compared_but_those_that_say_which_version_it_is(product: Product, name: str) -> None:
    told, known = read(product, kept_of(product))
    row = known.column("status").to_pylist().index("closed")
    values = known.column(name).to_pylist()
    kind = known.schema.field(name).type
    values[row] = other(values[row], kind)
    place = known.column_names.index(name)
    kind = pa.string() if pa.types.is_dictionary(kind) else kind
    bent = known.set_column(place, name, pa.array(values, kind))
    (change,) = compared(product, told, bent).changes
    assert (change.kind, change.fields) == ("changed", (name,))
    assert change.after["session_id"] == known.column("session_id")[row].as_py()


@pytest.mark.parametrize(("more_ms", "left"), [(0, {"unsettled": 1}), (1, {})])
def test_a_cycle_in_a_curve_is_settled_once_its_pause_is_over_too(more_ms: int, left: dict[str, int]) -> None:
    kept = Kept(WASHER).take(as_plug_meters(simulated("washer", 1, 4)))
    told, known = read(WASHER, kept)
    known = known.slice(known.column("status").to_pylist().index("closed"), 1)
    (session_id, device_id, ended_ms) = (
        known.column(name)[0].as_py() for name in ("session_id", "device_id", "ended_at_ms")
    )
    (own,) = (own for own in told.sessions if own["session_id"] == session_id)
    alone = Retold([own], {}, {})
    found = compared(WASHER, alone, known, unsettled=False, measured_ms={device_id: ended_ms + 900_000 + more_ms})
    assert found.left == left
    assert found.same == 1 - sum(left.values())


@pytest.mark.parametrize(("pause_ms", "longest_ms"), [(60_000, 900_000), (2_000_000, 2_000_000)])
def test_the_longer_of_the_stream_s_pause_and_the_rules_own_has_to_be_over(pause_ms: int, longest_ms: int) -> None:
    assert longest_pause_ms(read_rules(f"[cycles]\npause_ms = {pause_ms}\n", "it")) == longest_ms


@pytest.mark.parametrize(("status", "label_ms"), [("closed", 900), ("withdrawn", 1_000)])
def test_a_cycle_takes_the_name_of_none_that_is_withdrawn(status: str, label_ms: int) -> None:
    known = pa.table(
        {
            "device_id": ["w-1"], "session_id": ["w-1:900"], "started_at_ms": [900], "ended_at_ms": [2_000],
            "source": ["power_curve"], "status": [status],
        }
    )  # fmt: skip
    session = {"device_id": "w-1", "source": "power_curve", "started_at_ms": 1_000, "ended_at_ms": 2_000}
    (named,) = named_as_before([{**session, "session_id": "w-1:1000"}], known)
    assert named["session_id"] == f"w-1:{label_ms}"


@pytest.mark.parametrize("ahead_ms", [0, 23 * 3_600_000])
def test_an_upload_of_the_margin_is_read_however_far_ahead_its_device_s_clock_was(ahead_ms: int) -> None:
    upload = a_washer_upload()
    kept = Kept(WASHER).take([(upload["device_id"], encoded(upload), upload["sent_at_ms"] + 1_000 - ahead_ms)])
    assert kept.said[0].receipts.column("outcome").to_pylist() == ["accepted"]
    from_ms = upload["cycle_started_ms"] + lake.MARGIN_MS
    part = lake.Part(WASHER.telemetry, "", "~", from_ms, from_ms + DAY_MS)
    assert lake.uploads(kept.connection, part).num_rows == 1
    assert lake.devices(kept.connection, WASHER.telemetry, from_ms, from_ms + DAY_MS) != []


def test_of_two_readings_of_one_instant_the_one_that_speaks_for_a_time_comes_first() -> None:
    upload = a_washer_upload()
    kept = Kept(WASHER).take([(upload["device_id"], encoded(upload), upload["sent_at_ms"] + 1_000)])
    kept.connection.execute(
        "update uploads set reading_count = reading_count + 1; create table first as from readings_washer limit 1;"
        "delete from readings_washer; insert into readings_washer select * replace (0 as span_ms) from first;"
        "insert into readings_washer select * replace (7000 as span_ms) from first;"
        "insert into readings_washer select * replace (0 as span_ms) from first"
    )
    part = lake.Part(WASHER.telemetry, "", "~", NOON_MS - DAY_MS, NOON_MS + DAY_MS)
    uploads = lake.uploads(kept.connection, part)
    found = lake.readings(kept.connection, TABLES[WASHER.telemetry][0], part, uploads, ["power_w"])
    assert found.column("span_ms").to_pylist() == [7_000, 0, 0]
