"""`vaxel lake files`: the Parquet files of a table, for programs that do not speak DuckLake."""

from __future__ import annotations

import json
import os
from typing import Annotated

import typer

from schemas.errors import UsageError
from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir, command

NOT_ALL = 1


def files(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="One of the lake's tables; views have no files.")],
    *,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Print the Parquet files that are the table now, a path a line, for Spark, Trino, Arrow or Polars to read.

    They are the table if no row is kept outside of them and none in them is deleted. Else it says how many, with exit
    code 1: `vaxel lake maintain` brings them in order.

    A list is good for as long as its files are kept: `vaxel lake maintain` removes those that went out of use, at the
    earliest a day later.
    """
    from schemas.lake import TABLES  # noqa: PLC0415
    from sinks.lake.holdings import held  # noqa: PLC0415
    from vaxel.settings import addresses  # noqa: PLC0415

    names = [known.name for known in TABLES]
    if table not in names:
        raise UsageError(f"the lake has no table {table!r}. Its tables: {', '.join(names)}")
    known = addresses(os.environ, data_dir)
    found = held(known.catalog, known.lake_files, table)
    if as_json:
        told = {"table": table, "snapshot": found.snapshot, "is_all": found.is_all, "rows": found.rows}
        counts = {"rows_in_catalogue": found.rows_in_catalogue, "rows_deleted": found.rows_deleted}
        typer.echo(json.dumps({**told, **counts, "files": found.files}))
    else:
        for path in found.files:
            typer.echo(path)
    if not found.is_all:
        typer.echo(
            f"vaxel: these files are not all of {table!r}: {found.rows_in_catalogue:,} rows are in the catalogue, and "
            f"{found.rows_deleted:,} rows in them are deleted. First: {command('lake', 'maintain', data_dir=data_dir)}",
            err=True,
        )
        raise typer.Exit(NOT_ALL)
