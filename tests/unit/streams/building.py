"""Builds what stream tests need: uploads as devices send them, and batches of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from schemas import uploads as contracts
from schemas.evolution import lifted
from schemas.forms import arrow_schema, columns
from streams.batch import Batch, Outputs, Place
from streams.form import form
from streams.product import SHOE, WASHER, Product
from streams.state import State
from streams.step import step

Upload = Mapping[str, Any]

NOON_MS = 1_767_265_200_000
MINUTE_MS = 60_000
PRODUCTS = {"washer": WASHER, "shoe": SHOE}


def a_washer_upload(**fields: Any) -> dict[str, Any]:
    """Two readings of a washing machine in its first cycle."""
    return {
        "device_id": "w-1", "seq": 1, "sent_at_ms": NOON_MS + 2_000, "material": "WM-6010", "firmware": "1.2.3",
        "start_ms": NOON_MS, "lead_ms": 1_000, "offset_ms": [0, 1_000],
        "cycle_no": 1, "cycle_started_ms": NOON_MS - 1_000, "cycle_ended": False, "programme": "cotton",
        "lifetime_cycles": 7, "lifetime_energy_wh": 70.5, "lifetime_water_l": 400.0,
        "power_w": [100.0, 200.0], "water_l": [1.0, 2.0], "temperature_c": [20.5, None], "drum_rpm": None,
    } | fields  # fmt: skip


def a_second_washer_upload(**fields: Any) -> dict[str, Any]:
    """The same, told by the second version of the contract."""
    first = {name: value for name, value in a_washer_upload().items() if name != "lifetime_energy_wh"}
    return first | {
        "schema_version": 2, "phase": ["fill", "heat"], "lifetime_energy_mwh": 70_500,
        "cycle_energy_wh": 0.1, "fill_energy_wh": 0.05, "heat_energy_wh": 0.05, "wash_energy_wh": 0.0,
        "rinse_energy_wh": 0.0, "spin_energy_wh": 0.0,
    } | fields  # fmt: skip


def a_plug_upload(**fields: Any) -> dict[str, Any]:
    """What a plug meter sends: power and nothing else."""
    unknown = dict.fromkeys(
        ("cycle_no", "cycle_started_ms", "programme", "lifetime_cycles", "lifetime_energy_wh", "lifetime_water_l",
         "water_l", "temperature_c", "drum_rpm")
    )  # fmt: skip
    return a_washer_upload(device_id="p-1", **unknown) | fields


def a_shoe_upload(**fields: Any) -> dict[str, Any]:
    """Two readings of a running shoe in its first run, whose runner had agreed."""
    return {
        "device_id": "s-1", "seq": 1, "sent_at_ms": NOON_MS + 2_000, "material": "RS-100", "firmware": "1.2.3",
        "start_ms": NOON_MS, "lead_ms": 1_000, "offset_ms": [0, 1_000],
        "run_no": 1, "run_started_ms": NOON_MS - 1_000, "run_ended": False, "health_consent": True,
        "lifetime_distance_m": 10_000.0, "lifetime_steps": 12_000,
        "distance_m": [3.0, 6.0], "cadence_spm": [170.0, None], "heart_rate_bpm": [140.0, 150.0],
        "ground_contact_ms": [250.0, 240.0],
    } | fields  # fmt: skip


def encoded(upload: Upload) -> bytes:
    return json.dumps(upload).encode()


def taken_by_duckdb(model: type[contracts.Upload], like: Upload, values: Sequence[bytes | None]) -> set[int]:
    """Which of these DuckDB's strict parse of uploads with the same fields makes something of, or null of all fields.

    Those come to the checks on columns, unless one of their neighbours is so bad that the whole batch is sifted.
    """
    absent = frozenset(column.name for column in columns(model) if column.is_addition and column.name not in like)
    texts = pa.array([(value or b"").decode("utf-8", "replace") for value in values], pa.string())
    batch = pa.table({"row": range(len(values)), "value": texts})
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("batch", batch)
        parsed = form(model, absent).row_by_row
        taken = connection.sql(f"select row from batch where {parsed} is not null or value = 'null'")
        return {row for (row,) in taken.fetchall()}


def columns_of(product: Product, uploads: Sequence[Upload]) -> pa.Table:
    """Uploads of the first version as columns of the newest."""
    first = product.versions[0]
    rows = pa.Table.from_pylist([dict(upload) for upload in uploads], schema=arrow_schema(first))
    return lifted(rows, first, product.versions)


def a_batch(product: Product, uploads: Sequence[Upload], first_offset: int = 0, **keys: list[str | None]) -> Batch:
    """Uploads that obey the contract, received just after they were sent, under their devices' own keys.

    Args:
        keys: `key=[...]` to write them under others.
    """
    received = [int(upload["sent_at_ms"]) + 1_000 for upload in uploads]
    return Batch(
        Place(product.telemetry, 0),
        columns_of(product, uploads),
        pa.array(keys.get("key", [upload["device_id"] for upload in uploads]), pa.string()),
        np.arange(first_offset, first_offset + len(uploads), dtype=np.int64),
        np.array(received, dtype=np.int64),
        [encoded(upload) for upload in uploads],
    )


def taken_in(product: Product, state: State, uploads: Sequence[Upload], sizes: Sequence[int] = ()) -> list[Outputs]:
    """What each step says of uploads that come in batches of those sizes, the rest in one last batch."""
    said, offset = [], 0
    rest = len(uploads) - sum(sizes)
    for size in [*sizes, rest] if rest > 0 else sizes:
        said.append(step(product, state, a_batch(product, uploads[offset : offset + size], offset)))
        offset = min(offset + size, len(uploads))
    return said


def newest_sessions(said: Sequence[Outputs]) -> dict[str, dict[str, Any]]:
    """The newest version of each session, by id."""
    sessions: dict[str, dict[str, Any]] = {}
    for outputs in said:
        for session in outputs.sessions:
            session_id = str(session["session_id"])
            before = sessions.get(session_id)
            assert before is None or before["version"] < session["version"], "versions of a session only rise"
            sessions[session_id] = session
    return sessions
