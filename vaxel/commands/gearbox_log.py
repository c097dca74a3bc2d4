"""`vaxel gearbox log`: who changed what when."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.errors import UsageError
from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir

if TYPE_CHECKING:
    from sinks.records.gear.log import LogRow

LONGEST_CELL = 160
"""Of a table of events: a reason is a sentence."""
_REASONS = ("reason", "refused_because")
_SPAN = re.compile(r"(\d+) ?(s|min|h|d)")
_UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}


def log(
    *,
    table: Annotated[str | None, typer.Option(help="Only this record table, such as erp.monthly_sales.")] = None,
    key: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="Only rows with this in the key.")] = None,
    field: Annotated[str | None, typer.Option(help="Only this field.")] = None,
    who: Annotated[str | None, typer.Option(help="Only what this person did, however the name is spelled.")] = None,
    flow: Annotated[str | None, typer.Option(help="Only what this flow did.")] = None,
    change_set_id: Annotated[int | None, typer.Option("--set", metavar="ID", help="Only this change set.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only since then: '2026-05-03 14:03' (UTC), or 2h, 3d ago.")
    ] = None,
    events: Annotated[
        bool, typer.Option("--events", help="All that happened: plans, approvals, freezes; not only writes.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 50,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Show who changed which field when, from what to what, newest first; with --events all that happened."""
    from sinks.records.gear.log import Filters, rows, table_of  # noqa: PLC0415
    from sinks.records.gear.names import folded  # noqa: PLC0415
    from sinks.records.gear.places import Clock  # noqa: PLC0415
    from sinks.records.gear.reading import looking  # noqa: PLC0415
    from sinks.records.gear.systems import ledger_address  # noqa: PLC0415
    from vaxel.commands import gearbox_text as text  # noqa: PLC0415
    from vaxel.settings import addresses  # noqa: PLC0415

    if table is not None:
        table_of(table)
    filters = Filters(
        table=table,
        key=key_parts(key or []),
        field=field,
        who=who,
        flow=flow,
        change_set_id=change_set_id,
        since=None if since is None else since_of(since, Clock().now()),
        is_any_event=events,
    )
    with looking(ledger_address(os.environ, addresses(os.environ, data_dir).records)) as connection:
        found = rows(connection, filters, limit, folded)
    if as_json:
        text.print_json([text.from_ledger(row.target_table, asdict(row)) for row in found])
    elif events:
        text.print_table(_EVENTS, map(_event_cells, found), LONGEST_CELL)
    else:
        text.print_table(_WRITES, map(_write_cells, found))


def key_parts(given: list[str]) -> dict[str, str]:
    """The parts of a key, by name.

    Raises:
        UsageError: One is not NAME=VALUE, or a name is there twice.
    """
    parts: dict[str, str] = {}
    for part in given:
        name, equals, value = part.partition("=")
        if not name or not equals:
            raise UsageError(f"Cannot read --key {part!r}: give NAME=VALUE, such as material=WM-8030.")
        if name in parts:
            raise UsageError(f"--key names {name} twice: {parts[name]!r} and {value!r}.")
        parts[name] = value
    return parts


def since_of(given: str, now: datetime) -> datetime:
    """The instant that a text names: an instant (UTC unless it says otherwise), a day (its begin), or so long ago.

    Raises:
        UsageError: It is none of these.
    """
    span = _SPAN.fullmatch(given.strip())
    try:
        if span is not None:
            return now - timedelta(**{_UNITS[span[2]]: int(span[1])})
        instant = datetime.fromisoformat(given.strip())
    except (ValueError, OverflowError):
        accepted = "2026-05-03 14:03 (UTC), 2026-05-03T14:03+02:00, 2026-05-03, or so long ago: 90 s, 20 min, 2h, 3d"
        raise UsageError(f"--since {given!r} is no instant; accepted are {accepted}.") from None
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)


_WRITES = ("no", "at", "who", "table", "key", "field", "before", "after", "stored", "set")
_EVENTS = ("no", "at", "event", "who", "flow", "set", "table", "key", "field", "before", "after", "detail")


def _write_cells(row: LogRow) -> list[Any]:
    from vaxel.commands.gearbox_text import key_told  # noqa: PLC0415

    key = key_told(row.key)
    return [row.audit_no, _second(row), row.who, row.target_table, key, row.field, *_values(row), row.change_set_id]


def _event_cells(row: LogRow) -> list[Any]:
    from vaxel.commands.gearbox_text import key_told  # noqa: PLC0415

    before, after, stored = _values(row)
    return [
        row.audit_no,
        _second(row),
        row.event,
        row.who,
        row.flow,
        row.change_set_id,
        row.target_table,
        key_told(row.key),
        row.field,
        before,
        after if stored is None else f"{after}, stored as {stored}",
        _detail(row.detail),
    ]


def _values(row: LogRow) -> list[Any]:
    from vaxel.commands.gearbox_text import value_of  # noqa: PLC0415

    return [value_of(row.target_table, row.field, text) for text in (row.before, row.after, row.stored)]


def _second(row: LogRow) -> datetime:
    return row.at.replace(microsecond=0)


def _detail(detail: str | None) -> str | None:
    """What else there is to say, in a line: a reason first, and no hash of a content, which tells a person nothing."""
    if detail is None:
        return None
    said = json.loads(detail)
    if not isinstance(said, dict):
        return str(said)
    said.pop("content_hash", None)
    said = {name: said[name] for name in sorted(said, key=lambda name: name not in _REASONS)}
    return ", ".join(f"{name} {value}" for name, value in said.items() if value not in (None, "", [], {}))
