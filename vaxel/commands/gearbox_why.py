"""`vaxel gearbox why`: from a value in a record back to change, approval, flow, lake snapshot, sessions and uploads."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.errors import OutsideError, UsageError
from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir

if TYPE_CHECKING:
    from schemas.records import RecordTable
    from sinks.records.gear.explain import Explanation, Gone
    from sinks.records.gear.places import Places
    from sinks.records.values import Key, Value
    from vaxel.commands.gearbox_why_text import Behind
    from vaxel.settings import Addresses

NOT_THERE = 1
_SESSIONS_HELP = (
    "Look up at most so many of the sessions that a value's evidence names; most flows name a sample of three. 0: none."
)


def why(
    table: Annotated[str, typer.Argument(help="Record table, such as erp.monthly_sales.")],
    key: Annotated[
        list[str],
        typer.Argument(
            metavar="KEY... [FIELD]",
            help="The row's key as NAME=VALUE, or its values in the key's order; then, if wanted, one field.",
        ),
    ],
    *,
    sessions: Annotated[int, typer.Option(min=0, help=_SESSIONS_HELP)] = 5,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Tell why a value is in a record: who or what put it there, from which facts, and by whose leave.

    From the value back to the change set, the approval or the rule, the flow's version, the lake snapshot, the sessions
    and the uploads that these were made of. Without a field, all fields that the gearbox has to do with. Of a row that
    the record system does not have, what became of it, with exit code 1.
    """
    from sinks.records.gear.log import table_of  # noqa: PLC0415
    from sinks.records.gear.places import Clock, places  # noqa: PLC0415
    from vaxel.commands import gearbox_why_text as report  # noqa: PLC0415
    from vaxel.commands.gearbox_text import print_json  # noqa: PLC0415
    from vaxel.settings import addresses  # noqa: PLC0415

    wanted = table_of(table)
    asked, field = asked_for(wanted, key)
    known = addresses(os.environ, data_dir)
    where = places(os.environ, known.catalog, known.records)
    held = _held(where, wanted, asked)
    found, gone = _explanations(where, wanted, asked, field, held)
    if gone is not None and field is None and not as_json:
        found = []  # what became of the row says it
    behind, trouble = _behind(known, found, sessions)
    if as_json:
        print_json(report.why_row(wanted, asked, found, behind, trouble, gone))
    else:
        for line in report.why_lines(wanted, asked, found, behind, Clock().now(), gone):
            typer.echo(line)
    if trouble is not None:
        typer.echo(f"vaxel: what is behind it cannot be told: {trouble}", err=True)
        raise typer.Exit(trouble.exit_code)
    if held is None:
        raise typer.Exit(NOT_THERE)


def asked_for(table: RecordTable, words: Sequence[str]) -> tuple[Key, str | None]:
    """The key and the field that the words of a call name.

    Raises:
        UsageError: Key or field is none of the table's; the message lists the choices.
    """
    from sinks.records.gear.log import check_field, key_of  # noqa: PLC0415

    parts: dict[str, str] = {}
    bare: list[str] = []
    for word in words:
        name, equals, value = word.partition("=")
        if equals and name.isidentifier():
            parts[name] = value
        else:
            bare.append(word)
    open_names = [name for name in table.key if name not in parts]
    if len(bare) > len(open_names) + 1:
        raise UsageError(
            f"Cannot tell what {bare[-1]!r} is: the key of {table.full_name} is {' '.join(table.key)}, and one "
            "field may follow."
        )
    parts |= dict(zip(open_names, bare, strict=False))
    key = key_of(table, parts)
    field = bare[len(open_names)] if len(bare) > len(open_names) else None
    if field is not None:
        check_field(table, field)
    return key, field


def _held(where: Places, table: RecordTable, key: Key) -> Mapping[str, Value] | None:
    """What the row's fields hold now; None: there is no such row."""
    from sinks.records.targets.opening import open_target  # noqa: PLC0415

    fields = [name for name in table.column_names if name not in table.key]
    target = open_target(where.systems[table.system], where.addresses[table.system])
    try:
        rows = target.read_keys(table, fields, [key]).to_pylist()
    finally:
        target.close()
    return rows[0] if rows else None


def _explanations(
    where: Places, table: RecordTable, key: Key, field: str | None, held: Mapping[str, Value] | None
) -> tuple[list[Explanation], Gone | None]:
    """Of each field; and of the row, where it is not there."""
    from sinks.records.gear import explain, flow  # noqa: PLC0415
    from sinks.records.gear.reading import looking  # noqa: PLC0415

    with looking(where.ledger) as connection:
        if field is not None:
            fields = [field]
        else:
            flows = [one for one in map(flow.load, flow.names()) if one.target == table.full_name]
            of_interest = {name for one in flows for name in one.fields} | set(explain.touched(connection, table, key))
            fields = [name for name in table.column_names if name in of_interest]
        gone = explain.gone(connection, table, key) if held is None else None
        return explain.why(connection, table, key, fields, held), gone


def _behind(known: Addresses, found: Sequence[Explanation], most: int) -> tuple[Behind, OutsideError | None]:
    """What the lake holds behind the last writes. Fields that come from the same sessions are asked once."""
    from vaxel.commands.gearbox_why_text import Behind  # noqa: PLC0415
    from vaxel.evidence import evidence, snapshot_times  # noqa: PLC0415

    behind, asked = Behind({}, {}), {}
    heads = [event.head for one in found for event in one.events if event.head is not None]
    if not heads:
        return behind, None
    try:
        behind = Behind(times := snapshot_times(known.catalog), {})
        for one in found:
            event = one.written
            if event is None or event.head is None or not event.sessions or not most:
                continue
            named, snapshot = event.sessions[:most], event.head.lake_snapshot
            question = (snapshot, repr(named))
            if question not in asked:
                asked[question] = evidence(known.catalog, known.lake_files, times, snapshot, named)
            behind.fields[one.field] = asked[question]
    except OutsideError as error:
        return behind, error
    return behind, None
