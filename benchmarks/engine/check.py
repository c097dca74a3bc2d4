"""Compares what a contender said with the truth. Pure; differences are sentences, and none is a right answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.engine.load import Sums, Truth

EXAMPLES = 3


def wrong_sums(found: Mapping[str, Sums], truth: Truth) -> list[str]:
    """Devices whose sums differ, or that are missing, or that do not exist."""
    return _differences(found, truth.devices, "sums")


def wrong_receipts(frames: Iterable[pa.Table], truth: Truth) -> list[str]:
    """What is wrong with the receipts of all uploads, none of which is a duplicate."""
    counted = [frame.group_by(["device_id", "outcome"]).aggregate([("seq", "count")]) for frame in frames]
    found: dict[str, int] = {}
    wrong = []
    for row in _rows(counted, ["device_id", "outcome"], "seq_count"):
        if row["outcome"] != "accepted":
            wrong.append(f"{row['seq_count_sum']} uploads of {row['device_id']} are called {row['outcome']}")
        found[row["device_id"]] = row["seq_count_sum"]
    expected = {name: sums.uploads for name, sums in truth.devices.items()}
    return wrong[:EXAMPLES] + _differences(found, expected, "accepted uploads")


def wrong_readings(frames: Iterable[pa.Table], truth: Truth) -> list[str]:
    """What is wrong with number and energy of the readings of each device."""
    summed = []
    for frame in frames:
        energy_uwh = pc.cast(pc.round(pc.multiply(frame.column("energy_wh"), 1e6)), pa.int64())
        table = pa.table({"device_id": frame.column("device_id"), "energy_uwh": energy_uwh})
        summed.append(table.group_by("device_id").aggregate([("energy_uwh", "count"), ("energy_uwh", "sum")]))
    found = {
        row["device_id"]: Sums(row["energy_uwh_count_sum"], row["energy_uwh_sum_sum"])
        for row in _rows(summed, ["device_id"], "energy_uwh_count", "energy_uwh_sum")
    }
    expected = {
        name: Sums(sums.uploads * truth.readings_per_upload, sums.energy_uwh) for name, sums in truth.devices.items()
    }
    return _differences(found, expected, "readings")


def wrong_sessions(versions: Iterable[Mapping[str, Any]], truth: Truth) -> list[str]:
    """What is wrong with the newest versions of wash cycles: each that began is there, each that ended is right."""
    newest: dict[str, Mapping[str, Any]] = {}
    falling = []
    for version in versions:
        before = newest.get(version["session_id"])
        if before is not None and before["version"] >= version["version"]:
            falling.append(f"a version of {version['session_id']} is told twice, or falls")
        newest[version["session_id"]] = version
    expected = {name: (cycle.readings, cycle.energy_uwh, cycle.ended) for name, cycle in truth.cycles.items()}
    found = {}
    for name, session in newest.items():
        ended = session["status"] == "closed"
        if name in expected and not ended and not expected[name][2]:
            found[name] = expected[name]  # an open cycle's newest version may be older than its newest upload
        else:
            found[name] = session["reading_count"], round(session["energy_wh"] * 1e6), ended
    return falling[:EXAMPLES] + _differences(found, expected, "wash cycles")


def _rows(tables: list[pa.Table], keys: list[str], *counts: str) -> list[dict[str, Any]]:
    if not tables:
        return []
    together = pa.concat_tables(tables).group_by(keys).aggregate([(name, "sum") for name in counts])
    rows: list[dict[str, Any]] = together.to_pylist()
    return rows


def _differences(found: Mapping[str, Any], expected: Mapping[str, Any], what: str) -> list[str]:
    if found == expected:
        return []
    wrong = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
    shown = [f"{name} has {found.get(name)}, {expected.get(name)} expected" for name in wrong[:EXAMPLES]]
    return [f"{what} of {len(wrong)} are wrong: {'; '.join(shown)}"]
