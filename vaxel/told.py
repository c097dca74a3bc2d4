"""The ground truth that producers wrote aside, as tables beside the lake's; of killed runs, what they told so far."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa

from producers.truth_folder import FILES, told_so_far
from schemas.fields import Contract
from schemas.fleet import LifeEvent
from schemas.forms import arrow_schema
from schemas.truth import RECORDS_FILE, TRUTH_FOLDER, TrueRecord, TrueSession, TrueUpload


def load_told(lake: duckdb.DuckDBPyConnection, data_dir: Path) -> None:
    """Make the tables truth_records, truth_uploads, truth_sessions and truth_events.

    What two runs of one seed tell is there once.
    """
    lake.execute(
        f"""
        create or replace temp table truth_records as
        select distinct topic, partition, "offset", device_id, seq, reading_count, intact, fault
        from ({_told(lake, data_dir, TrueRecord)})
        """
    )
    lake.execute(
        f"""
        create or replace temp table truth_uploads as
        select * from ({_told(lake, data_dir, TrueUpload)})
        -- The last upload of a run is never lost; told by a longer run, it may be.
        qualify row_number() over (partition by device_id, seq order by is_lost) = 1
        """
    )
    lake.execute(
        f"""
        create or replace temp table truth_sessions as
        select * from ({_told(lake, data_dir, TrueSession)})
        qualify row_number() over (partition by product, device_id, started_at_ms) = 1
        """
    )
    lake.execute(
        f"create or replace temp table truth_events as select distinct * from ({_told(lake, data_dir, LifeEvent)})"
    )


def killed_runs(data_dir: Path) -> list[str]:
    """Truth folders without records: the run was killed outright, so what it sent last is not told; or is under way."""
    return [folder.name for folder in _folders(data_dir) if not (folder / RECORDS_FILE).exists()]


def _folders(data_dir: Path) -> list[Path]:
    return sorted(path for path in (data_dir / TRUTH_FOLDER).glob("*") if path.is_dir())


def _told(lake: duckdb.DuckDBPyConnection, data_dir: Path, contract: type[Contract]) -> str:
    """A query over all rows of a contract, in whole files and in what killed runs left of theirs."""
    names = ", ".join(f'"{name}"' for name in arrow_schema(contract).names)
    whole, partial = [], [arrow_schema(contract).empty_table()]
    for folder in _folders(data_dir):
        file = folder / FILES[contract]
        if file.exists():
            whole.append(str(file))
        else:
            partial.append(told_so_far(folder, contract))
    so_far = f"so_far_{contract.__name__}"
    lake.register(so_far, pa.concat_tables(partial))
    query = f"select {names} from {so_far}"
    if whole:
        quoted = ", ".join("'" + path.replace("'", "''") + "'" for path in whole)
        query += f" union all select {names} from read_parquet([{quoted}], union_by_name => true)"
    return query
