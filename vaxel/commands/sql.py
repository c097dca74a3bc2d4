"""`vaxel sql`: ask the lake."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.errors import OutsideError, UnreachableError, UsageError
from vaxel.commands.options import DEFAULT_DATA_DIR, DataDir

if TYPE_CHECKING:
    import duckdb

CHUNK_ROWS = 10_000
LONGEST_VALUE, LONGEST_MEANING = 80, 1_000
"""Characters of a cell in a table. A value may be a whole upload; half a meaning helps nobody."""
_DAMAGED = (
    "magic bytes",
    "footer length",
    "corrupt",
    "decompression failure",
    "invalid delete data",
    "failed to read file",
)
_CATALOGUE_LOST = ("connect to postgres", "server closed the connection", "terminating connection", "no connection to")


class Format(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def sql(
    query: Annotated[
        str | None,
        typer.Argument(metavar="[SQL]", help="Without it, a prompt (or what is piped in). With --describe: a name."),
    ] = None,
    *,
    describe: Annotated[
        bool,
        typer.Option(
            "--describe", help="Columns of a table or view with unit, class and meaning; without a name, what there is."
        ),
    ] = False,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            metavar="TIME",
            help="Answer what was known then: '2026-05-03 14:03' is UTC, +02:00 may follow; of a day alone its end.",
        ),
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", help="Read the SQL from a file; - for standard input.")] = None,
    output: Annotated[Format, typer.Option("--format", help="For people, or for programs.")] = Format.TABLE,
    rows: Annotated[int, typer.Option("--rows", min=1, help="Most rows that a table shows.")] = 100,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Ask the lake with SQL (DuckDB's), read only: `vaxel sql "select * from wash_cycles"`.

    `.tables` lists what there is, `.columns NAME` (or --describe NAME) what its columns mean. Times are UTC. Of several
    statements the last one's answer is shown.
    For exports of millions of rows: `vaxel sql "copy (select ...) to 'rows.parquet'"`.
    """
    from sinks.lake.connection import open_reader  # noqa: PLC0415
    from sinks.lake.snapshots import known_at, snapshots  # noqa: PLC0415
    from vaxel.commands import prompt  # noqa: PLC0415
    from vaxel.instants import end_ms  # noqa: PLC0415
    from vaxel.settings import addresses  # noqa: PLC0415

    if describe and file is not None:
        raise UsageError("give --describe or --file, not both")
    text = f".describe {query or ''}".strip() if describe else _text(query, file)
    at_ms = None if as_of is None else end_ms(as_of)
    known = addresses(os.environ, data_dir)
    snapshot = None if at_ms is None else known_at(snapshots(known.catalog), at_ms)
    connection = open_reader(known.catalog, known.lake_files, as_of=None if snapshot is None else snapshot.number)
    if snapshot is not None:
        typer.echo(f"as of snapshot {snapshot}", err=True)
    if text is None:
        prompt.converse(lambda statement: _echo(connection, statement, output, rows), data_dir / "sql_history")
    else:
        _echo(connection, text, output, rows)


def _text(query: str | None, file: Path | None) -> str | None:
    """The SQL to run; None when a person is to be asked for it."""
    if query is not None and file is not None:
        raise UsageError("give the SQL itself or --file, not both")
    if file is not None and str(file) != "-":
        try:
            query = file.read_text()
        except OSError as error:
            raise UsageError(f"cannot read the SQL in {str(file)!r}: {error.strerror}") from error
        except UnicodeDecodeError as error:
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

    try:
        if statement.lstrip().startswith("."):
            _echo_listing(connection, statement, output)
            return
        connection.execute(statement)
        names = [str(column[0]) for column in connection.description or ()]
        if names:
            _write(_lines(names, _rows(connection), output, shown_rows, LONGEST_VALUE))
    except duckdb.Error as error:
        raise _explained(error) from error


def _echo_listing(connection: duckdb.DuckDBPyConnection, words: str, output: Format) -> None:
    """Answers what the lake has: all of it, a table shows no less."""
    from vaxel.described import NOTE, listing  # noqa: PLC0415

    told = listing(connection, words)
    if output is Format.TABLE:
        told = told.marked()
    _write(_lines(told.names, told.rows, output, max(1, len(told.rows)), LONGEST_MEANING))
    if told.has_marks:
        _write([NOTE])


def _lines(
    names: Sequence[str], rows: Iterable[Sequence[Any]], output: Format, shown_rows: int, longest_cell: int
) -> Iterator[str]:
    from sinks.lake import answers  # noqa: PLC0415

    if output is Format.TABLE:
        return answers.table_lines(names, rows, shown_rows, longest_cell)
    return (answers.csv_lines if output is Format.CSV else answers.json_lines)(names, rows)


def _write(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _rows(connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while chunk := connection.fetchmany(CHUNK_ROWS):
        yield from chunk


def _explained(error: duckdb.Error) -> UsageError | OutsideError:
    """The error without the picture of the statement below it."""
    import duckdb  # noqa: PLC0415

    text = str(error)
    told = " ".join(text.split("\n\nLINE ", maxsplit=1)[0].split())
    if any(sign in text.lower() for sign in _CATALOGUE_LOST):
        return UnreachableError(f"the lake's catalogue does not answer: {told}")
    if ("IO Error" in text or "HTTP Error" in text) and "ducklake-" in text:
        return OutsideError(f"a file of the lake cannot be read: {told}")
    # What DuckDB's reader of Parquet meets in broken bytes often has no class of its own, and names no file.
    reads = isinstance(error, duckdb.InvalidInputException | duckdb.IOException)
    if type(error) is duckdb.Error or (reads and any(sign in text.lower() for sign in _DAMAGED)):
        return OutsideError(
            f"a file cannot be read: {told}. Of the lake's files, `vaxel lake check` finds the damaged one "
            "(with --as-of: --all-snapshots)"
        )
    return UsageError(told)
