"""`vaxel sql`: ask the lake."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.errors import OutsideError, UnreachableError, UsageError
from vaxel.commands.options import DEFAULT_DATA_DIR, DataDir

if TYPE_CHECKING:
    import duckdb

CHUNK_ROWS = 10_000
_CATALOGUE_LOST = ("connect to postgres", "server closed the connection", "terminating connection", "no connection to")


class Format(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def sql(
    query: Annotated[
        str | None, typer.Argument(metavar="[SQL]", help="Without it, a prompt (or what is piped in).")
    ] = None,
    *,
    file: Annotated[Path | None, typer.Option("--file", help="Read the SQL from a file; - for standard input.")] = None,
    output: Annotated[Format, typer.Option("--format", help="For people, or for programs.")] = Format.TABLE,
    rows: Annotated[int, typer.Option("--rows", min=1, help="Most rows that a table shows.")] = 100,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Ask the lake with SQL (DuckDB's), read only: `vaxel sql "select * from wash_cycles"`.

    `.tables` lists what there is, `.columns` their columns with unit and meaning. Times are UTC. Of several statements
    the last one's answer is shown.
    For exports of millions of rows: `vaxel sql "copy (select ...) to 'rows.parquet'"`.
    """
    from sinks.lake.connection import open_reader  # noqa: PLC0415
    from vaxel.commands import prompt  # noqa: PLC0415
    from vaxel.settings import addresses  # noqa: PLC0415

    text = _text(query, file)
    known = addresses(os.environ, data_dir)
    connection = open_reader(known.catalog, known.lake_files)
    if text is None:
        prompt.converse(lambda statement: _echo(connection, statement, output, rows), data_dir / "sql_history")
    else:
        _echo(connection, prompt.WORDS.get(text.strip(), text), output, rows)


def _text(query: str | None, file: Path | None) -> str | None:
    """The SQL to run; None when a person is to be asked for it."""
    if query is not None and file is not None:
        raise UsageError("give the SQL itself or --file, not both")
    if file is not None and str(file) != "-":
        try:
            query = file.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot read the SQL in {str(file)!r}: {error}") from error
    elif file is not None or (query is None and not sys.stdin.isatty()):
        query = sys.stdin.read()
    if query is not None and not query.strip(" \n\t;"):
        raise UsageError('no SQL given: vaxel sql "select * from wash_cycles"')
    return query


def _echo(connection: duckdb.DuckDBPyConnection, statement: str, output: Format, shown_rows: int) -> None:
    """Runs the statement and writes its answer.

    Raises:
        UsageError: DuckDB does not accept it.
        OutsideError: the catalogue or a file of the lake cannot be read.
    """
    import duckdb  # noqa: PLC0415

    from sinks.lake import answers  # noqa: PLC0415

    try:
        connection.execute(statement)
        names = [str(column[0]) for column in connection.description or ()]
        if not names:
            return
        found = _rows(connection)
        if output is Format.TABLE:
            lines = answers.table_lines(names, found, shown_rows)
        else:
            lines = (answers.csv_lines if output is Format.CSV else answers.json_lines)(names, found)
        for line in lines:
            sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has had enough; typer would make exit code 1 of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except duckdb.Error as error:
        raise _explained(error) from error


def _rows(connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while chunk := connection.fetchmany(CHUNK_ROWS):
        yield from chunk


def _explained(error: duckdb.Error) -> UsageError | OutsideError:
    """The error without the picture of the statement below it."""
    text = str(error)
    told = " ".join(text.split("\n\nLINE ", maxsplit=1)[0].split())
    if any(sign in text.lower() for sign in _CATALOGUE_LOST):
        return UnreachableError(f"the lake's catalogue does not answer: {told}")
    if ("IO Error" in text or "HTTP Error" in text) and "ducklake-" in text:
        return OutsideError(f"a file of the lake cannot be read: {told}")
    return UsageError(told)
