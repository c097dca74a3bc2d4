"""The truth of a simulated stream adds up from the bytes alone."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from producers.ledger import Ledger
from schemas.truth import TrueRecord, TrueSession, TrueUpload
from tests.unit.producers.crowd import stream


@pytest.mark.parametrize("share", [1.0, 0.6])
def test_truth_equals_what_the_bytes_say(share: float) -> None:
    """The same sums from the JSON text alone, for what was handed over: an interrupted run has a part of it."""
    ledger = Ledger()
    sent = stream()[: int(len(stream()) * share)]
    for offset, delivery in enumerate(sent):
        ledger.send(delivery)
        if not delivery.is_lost:
            ledger.acknowledge(delivery, 0, offset)
    meant = {(delivery.upload.device_id, delivery.upload.seq): delivery.upload for delivery in sent}
    rows = {(row["device_id"], row["seq"]): row for row in ledger.take(TrueUpload).to_pylist()}
    assert rows.keys() == meant.keys()
    for key, row in rows.items():
        assert_told(row, json.loads(meant[key].value))
    assert {key for key, row in rows.items() if row["is_lost"]} == {
        (delivery.upload.device_id, delivery.upload.seq) for delivery in sent if delivery.is_lost
    }
    assert ledger.counts.acknowledged == ledger.take(TrueRecord).num_rows == len(sent) - ledger.counts.lost
    assert min(ledger.counts.faults[name] for name in ("lost", "duplicated", "truncated", "hostile")) > 0
    assert ledger.take(TrueRecord).num_rows == 0

    sessions = ledger.take(TrueSession).to_pylist()
    assert len(sessions) > 10
    assert {(row["device_id"], row["started_at_ms"]) for row in sessions} == {
        (key[0], row["session_started_at_ms"]) for key, row in rows.items() if row["session_started_at_ms"] is not None
    }
    totals = {row["device_id"]: row for row in ledger.totals().to_pylist()}
    for device_id, total in totals.items():
        own = [row for key, row in rows.items() if key[0] == device_id]
        assert total["upload_count"] == len(own)
        assert total["reading_count"] == sum(row["reading_count"] for row in own)
        assert total["session_count"] == sum(row["device_id"] == device_id for row in sessions)


def assert_told(row: dict[str, Any], upload: dict[str, Any]) -> None:
    kind = "cycle" if "cycle_no" in upload else "run"
    assert row["reading_count"] == len(upload["offset_ms"])
    assert row["session_started_at_ms"] == upload[f"{kind}_started_ms"]
    assert row["ends_session"] == upload[f"{kind}_ended"]
    if upload["offset_ms"]:
        assert row["last_reading_at_ms"] == upload["start_ms"] + upload["offset_ms"][-1]
        assert row["amount"] == pytest.approx(amount(kind, upload), rel=1e-9)
    else:
        assert row["amount"] == 0.0


def amount(kind: str, upload: dict[str, Any]) -> float:
    if kind == "run":
        return float(max(upload["distance_m"]))
    times = [-upload["lead_ms"], *upload["offset_ms"]]
    spans = [later - earlier for earlier, later in pairwise(times)]
    return float(sum(power_w * span / 3.6e6 for power_w, span in zip(upload["power_w"], spans, strict=True)))
