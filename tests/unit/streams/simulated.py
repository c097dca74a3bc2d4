"""Facts of cycles that the simulator's machines tell, from the bytes they send."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.evolution import lifted
from schemas.forms import arrow_schema
from schemas.uploads import WASHER_VERSIONS
from streams.batch import Batch, Place
from streams.product import WASHER
from streams.state import State
from streams.step import step
from tests.unit.streams.building import newest_sessions


def a_washer_batch(values: Sequence[bytes], first_offset: int = 0) -> Batch:
    """Uploads of either version as columns of the newest, in the order given."""
    rows = [json.loads(value) for value in values]
    tables, order = [], []
    for model in WASHER_VERSIONS:
        own = [place for place, row in enumerate(rows) if row.get("schema_version", 1) == model.version]
        made = pa.Table.from_pylist([rows[place] for place in own], schema=arrow_schema(model))
        tables.append(lifted(made, model, WASHER_VERSIONS))
        order += own
    return Batch(
        Place(WASHER.telemetry, 0),
        pa.concat_tables(tables).take(pa.array(np.argsort(order))),
        pa.array([row["device_id"] for row in rows], pa.string()),
        np.arange(first_offset, first_offset + len(rows), dtype=np.int64),
        np.array([row["sent_at_ms"] + 1_000 for row in rows], dtype=np.int64),
        list(values),
    )


def facts_of(values: Sequence[bytes]) -> list[dict[str, Any]]:
    """The newest fact of each cycle."""
    said = step(WASHER, State(WASHER), a_washer_batch(values))
    assert not said.failed, said.failed[0].detail
    return list(newest_sessions([said]).values())
