"""The truth of a load says what its bytes say."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pytest

from producers.load_digits import listed
from producers.load_truth import fleet_rows, record_rows, session_rows, total_rows, upload_rows
from producers.load_uploads import Devices, Volley, devices, volleys
from schemas.fields import Contract
from schemas.fleet import FleetDevice
from schemas.forms import arrow_schema
from schemas.truth import TrueRecord, TrueSession, TrueTotal, TrueUpload

Row = TypeVar("Row", bound=Contract)

SEED = 5
WASHERS, SHOES = devices("washer", 7, 3, SEED), devices("shoe", 4, 3, SEED)
COUNT = 11 * 130 + 5


def parts(groups: list[Devices], count: int = COUNT) -> list[Volley]:
    return [part for volley in volleys(groups, count, 100) for part in volley]


PARTS = parts([WASHERS, SHOES])
TOLD: list[dict[str, Any]] = [json.loads(value) for part in PARTS for value in listed(part.values())]


def word(device_id: str) -> str:
    return "cycle" if device_id.startswith("lw") else "run"


def rows(contract: type[Row], tables: Iterable[pa.Table]) -> list[Row]:
    """Rows as the contract reads them, after the types of the file."""
    table = pa.concat_tables(tables).cast(arrow_schema(contract))
    return [contract(**row) for row in table.to_pylist()]


def test_uploads_are_told_as_they_are_sent() -> None:
    true = rows(TrueUpload, map(upload_rows, PARTS))
    assert len(true) == len(TOLD) == COUNT
    for row, upload in zip(true, TOLD, strict=True):
        kind = word(row.device_id)
        assert (row.device_id, row.seq, row.sent_at_ms) == (upload["device_id"], upload["seq"], upload["sent_at_ms"])
        assert row.product == ("washer" if kind == "cycle" else "shoe")
        assert row.reading_count == len(upload["offset_ms"])
        assert row.session_started_at_ms == upload[f"{kind}_started_ms"]
        assert row.last_reading_at_ms == upload["start_ms"] + upload["offset_ms"][-1]
        assert row.ends_session == upload[f"{kind}_ended"]
        assert not row.is_lost
        amount = sum(upload["power_w"]) * 15 / 3600 if kind == "cycle" else upload["distance_m"][-1]
        assert row.amount == pytest.approx(amount)


def test_every_session_that_began_is_told_once() -> None:
    true = {(row.device_id, row.started_at_ms): row for row in rows(TrueSession, map(session_rows, PARTS))}
    uploads: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for upload in TOLD:
        uploads[upload["device_id"], upload[f"{word(upload['device_id'])}_started_ms"]].append(upload)
    assert len(true) == sum(session_rows(part).num_rows for part in PARTS)
    assert set(true) == set(uploads)
    whole = 0
    for at, told in uploads.items():
        row, kind = true[at], word(at[0])
        last = told[-1]
        assert (row.session_no, row.material) == (last[f"{kind}_no"], last["material"])
        assert row.programme == last.get("programme")
        if last[f"{kind}_ended"]:
            whole += 1
            assert row.ended_at_ms == last["start_ms"] + last["offset_ms"][-1]
            read_wh = sum(sum(upload.get("power_w", [])) for upload in told) * 15 / 3600
            assert row.amount == pytest.approx(read_wh if kind == "cycle" else last["distance_m"][-1])
        else:
            assert row.ended_at_ms > last["sent_at_ms"] - 60_000
    assert 0 < whole < len(uploads), "some are under way when the load ends"


@pytest.mark.parametrize("count", [0, 1, 3, COUNT])
def test_totals_are_the_sums_of_uploads_and_sessions(count: int) -> None:
    for group in (WASHERS, SHOES):
        told = parts([group], count)
        sent = np.bincount(
            np.concatenate([part.numbers for part in told] or [np.empty(0, np.int64)]), minlength=len(group)
        )
        uploads = rows(TrueUpload, [upload_rows(part) for part in told] or [arrow_schema(TrueUpload).empty_table()])
        sessions = rows(TrueSession, [session_rows(part) for part in told] or [arrow_schema(TrueSession).empty_table()])
        totals = rows(TrueTotal, total_rows(group, sent))
        assert [row.device_id for row in totals] == sorted({row.device_id for row in uploads})
        for row in totals:
            mine = [upload for upload in uploads if upload.device_id == row.device_id]
            had = [session for session in sessions if session.device_id == row.device_id]
            assert (row.upload_count, row.lost_count, row.session_count) == (len(mine), 0, len(had))
            assert row.reading_count == sum(upload.reading_count for upload in mine)
            assert row.amount == pytest.approx(sum(session.amount for session in had))


def test_records_are_the_uploads_at_their_offsets() -> None:
    part = PARTS[0]
    offsets = np.arange(part.seq.size) * 3 + 17
    true = rows(TrueRecord, [record_rows(part, "telemetry.washer.v1", 2, offsets)])
    for row, value, offset in zip(true, listed(part.values()), offsets.tolist(), strict=True):
        upload = json.loads(value)
        assert row == TrueRecord(
            topic="telemetry.washer.v1",
            partition=2,
            offset=offset,
            device_id=upload["device_id"],
            seq=upload["seq"],
            reading_count=len(upload["offset_ms"]),
            intact=True,
            fault=None,
        )


def test_the_fleet_is_what_its_devices_say_of_themselves() -> None:
    true = {row.device_id: row for group in (WASHERS, SHOES) for row in rows(FleetDevice, fleet_rows(group))}
    assert len(true) == len({row.customer_id for row in true.values()}) == 11
    for upload in TOLD:
        row = true[upload["device_id"]]
        assert (row.material, row.firmware) == (upload["material"], upload["firmware"])
        assert row.health_consent == upload.get("health_consent")
        assert row.activated_on is not None
