"""Lifts uploads of an older version to the newest one. Pure: columns in, columns out.

Everything behind the decoder knows the newest version only. A new version adds one function here and its name to
`LIFTS`; nothing else changes. Nothing is made up: what the old version did not say is null.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from schemas.fields import Contract
from schemas.forms import arrow_schema, columns
from schemas.uploads import Upload, WasherUpload, WasherUploadV2

MWH_PER_WH = 1_000


def canonical_schema(versions: tuple[type[Upload], ...]) -> pa.Schema:
    """Columns of the newest version, all nullable: those that older ones lack are null there."""
    return pa.schema([field.with_nullable(True) for field in arrow_schema(versions[-1])])


def lifted(uploads: pa.Table, version: type[Upload], versions: tuple[type[Upload], ...]) -> pa.Table:
    """Rows of one version as rows of the newest, in `canonical_schema`.

    Args:
        uploads: Columns of `version`.
        versions: All versions of the product, oldest first; `version` is one of them.
    """
    for step in versions[versions.index(version) : -1]:
        uploads = LIFTS[step](uploads)
    schema = canonical_schema(versions)
    return pa.table([uploads.column(name) for name in schema.names], schema=schema)


def with_additions(rows: pa.Table, contract: type[Contract]) -> pa.Table:
    """Rows that were written before a contract gained its newest fields: those are null. Other rows stay as they are.

    Kafka keeps frames for days, so that a release reads what the one before it wrote.
    """
    missing = arrow_schema(contract).names[len(rows.schema.names) :]
    additions = {column.name for column in columns(contract) if column.is_addition}
    for name in missing if additions.issuperset(missing) else ():
        kind = arrow_schema(contract).field(name).type
        rows = rows.append_column(pa.field(name, kind), pa.nulls(rows.num_rows, kind))
    return rows


def _washer_v2(v1: pa.Table) -> pa.Table:
    """A machine of version 1 does not know its phases; its energy counter becomes whole milliwatt-hours."""
    energy_wh = v1.column("lifetime_energy_wh")
    energy_mwh = pc.cast(pc.round(pc.multiply(energy_wh, MWH_PER_WH)), pa.int64())
    known = {name: v1.column(name) for name in v1.column_names}
    known |= {"lifetime_energy_mwh": energy_mwh, "schema_version": pa.repeat(2, v1.num_rows)}
    schema = arrow_schema(WasherUploadV2)
    return pa.table(
        {field.name: known.get(field.name, pa.nulls(v1.num_rows, field.type)) for field in schema},
    )


LIFTS: Mapping[type[Upload], Callable[[pa.Table], pa.Table]] = {WasherUpload: _washer_v2}
"""From each version to the next one."""
