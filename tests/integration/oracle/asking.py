"""Puts raw records before DuckDB, asks it for facts, and tells in which numbers they differ from others."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from schemas.catalogue import WASHERS
from schemas.forms import arrow_schema
from schemas.reference import ConsentReference, ContractReference, CustodyReference, DeviceReference, Reference

FOLDER = Path(__file__).parent

Fact = Mapping[str, Any]

MODELS = pa.Table.from_pylist([{"material": model.material, "heater_w": model.heater_w} for model in WASHERS])
LABELS = pa.Table.from_pylist(
    [
        {"material": model.material, "programme": programme, "energy_wh": label.energy_wh, "water_l": label.water_l}
        for model in WASHERS
        for programme, label in model.labels.items()
    ],
    schema=pa.schema(
        {"material": pa.string(), "programme": pa.string(), "energy_wh": pa.float64(), "water_l": pa.float64()}
    ),
)


REFERENCES: Mapping[str, type[Reference]] = {
    "devices": DeviceReference,
    "custodies": CustodyReference,
    "contracts": ContractReference,
    "consents": ConsentReference,
}


class Oracle:
    """DuckDB over raw records; what it says is written apart from the stream, in the SQL files beside this one."""

    def __init__(self, arrived: Iterable[tuple[int, int, bytes]], known: Iterable[Reference] = ()) -> None:
        """Args: arrived: Offset, time of receipt and value of each record."""
        self._connection = duckdb.connect(config={"threads": 2})
        offset, received_at_ms, value = zip(*arrived, strict=True)
        texts = [own.decode("utf-8", "replace") for own in value]
        self._tell("arrived", pa.table({"record_offset": offset, "received_at_ms": received_at_ms, "value": texts}))
        told = list(known)
        for name, kind in REFERENCES.items():
            rows = [own.model_dump() for own in told if isinstance(own, kind)]
            self._tell(name, pa.Table.from_pylist(rows, schema=arrow_schema(kind)))
        self._tell("models", MODELS)
        self._tell("labels", LABELS)
        self._connection.execute((FOLDER / "uploads.sql").read_text())

    def _tell(self, name: str, rows: pa.Table) -> None:
        self._connection.register(name, rows)

    def asked(self, name: str) -> list[Fact]:
        """The answer to one of the SQL files."""
        return self.told((FOLDER / f"{name}.sql").read_text())

    def told(self, query: str) -> list[Fact]:
        """The answer to a query."""
        rows: list[Fact] = self._connection.execute(query).to_arrow_table().to_pylist()
        return rows


def differences(
    expected: Sequence[Fact], found: Mapping[str, Fact], within: Mapping[str, float], name: str = "session_id"
) -> list[str]:
    """Every number that differs by more than may be, as `NAME field: expected, found`.

    Args:
        found: By the same name that the expected ones have in the field `name`.
        within: The fields to be compared, and by how much numbers may differ.
    """
    told = [
        f"{fact[name]} {field}: {fact[field]}, {found[fact[name]][field]}"
        for fact in expected
        if fact[name] in found
        for field, tolerance in within.items()
        if not _alike(fact[field], found[fact[name]][field], tolerance)
    ]
    names = {fact[name] for fact in expected}
    return [*told, *(f"{own} only on one side" for own in sorted(names ^ set(found)))]


def _alike(expected: Any, found: Any, tolerance: float) -> bool:
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(map(_alike, expected, found, [tolerance] * len(found)))
    if expected is None or found is None or isinstance(expected, str):
        return bool(expected == found)
    return math.isclose(expected, found, rel_tol=0, abs_tol=tolerance)
