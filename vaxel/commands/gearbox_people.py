"""`vaxel gearbox people | freeze`: who may approve, and when nothing may move."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from vaxel.commands.gearbox_who import By, user
from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir, by_words, command

people_app = typer.Typer(
    help="Who is known, and who holds which role. Flows name the role that approves their change sets; "
    "calendar_keeper declares freezes, people_keeper adds people and gives roles. "
    "The first person ever added is people_keeper.",
    no_args_is_help=True,
)
freeze_app = typer.Typer(
    help="When nothing may be written into a record system, whoever approved it; for who is calendar_keeper.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="First and last name, as in 'Anna Holm'; case is no matter.")]
Role = Annotated[
    str, typer.Argument(metavar="ROLE", help="A role that a flow names, or calendar_keeper, or people_keeper.")
]
FreezeId = Annotated[int, typer.Argument(metavar="ID", help="Number of the freeze, as the list shows it.")]
Reason = Annotated[str, typer.Option(help="Why; goes into the audit.")]
_INSTANT = "2026-05-03 14:03 (UTC), 2026-05-03T14:03+02:00, or a day alone"


@people_app.command()
def add(name: Name, *, by: By = None, data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """Make somebody known, so that they can be given a role. Adding somebody again changes nothing."""
    from sinks.records.gear import people  # noqa: PLC0415

    added = people.add(_ledger(data_dir), name, user(by), _now())
    if added.is_first:
        words = command("gearbox", "people", "add", "NAME", "--by", added.name, data_dir=data_dir)
        typer.echo(f"{added.name} is known now, and holds the role people_keeper: adds others and gives them roles")
        typer.echo(f"add somebody: {words}")
    elif added.is_new:
        words = command("gearbox", "people", "give", added.name, "ROLE", *by_words(by), data_dir=data_dir)
        typer.echo(f"{added.name} is known now")
        typer.echo(f"give a role: {words}")
    else:
        typer.echo(f"{added.name} is known already")


@people_app.command()
def give(name: Name, role: Role, *, by: By = None, data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """Give somebody a role; nobody gives one to themselves."""
    from sinks.records.gear import people  # noqa: PLC0415

    is_new = people.give(_ledger(data_dir), name, role, user(by), _now())
    typer.echo(f"{name} is {role} {'now' if is_new else 'already'}")


@people_app.command()
def take(name: Name, role: Role, *, by: By = None, data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """Take a role away. What was approved with it stays approved."""
    from sinks.records.gear import people  # noqa: PLC0415

    people.take_away(_ledger(data_dir), name, role, user(by), _now())
    typer.echo(f"{name} is not {role} any more")


@people_app.command("list")
def list_people(*, data_dir: DataDir = DEFAULT_DATA_DIR, as_json: AsJson = False) -> None:
    """List everybody who is known with the roles they hold, and the roles that nobody holds."""
    from sinks.records.database import session  # noqa: PLC0415
    from sinks.records.gear import people  # noqa: PLC0415
    from vaxel.commands import gearbox_text as text  # noqa: PLC0415

    with session(_ledger(data_dir)) as connection:
        known = people.everybody(connection)
    vacant = sorted(set(people.roles()).difference(*(person.roles for person in known)))
    if as_json:
        text.print_json({"people": known, "vacant_roles": vacant})
        return
    rows = [
        (person.name, ", ".join(person.roles) or None, person.added_by, f"{person.added_at:%Y-%m-%d}")
        for person in known
    ]
    if rows:
        text.print_table(("name", "roles", "added by", "on"), rows)
    else:
        typer.echo(f"nobody is known yet: {command('gearbox', 'people', 'add', 'NAME', data_dir=data_dir)}")
    if vacant:
        typer.echo(f"nobody is {', '.join(vacant)}")


@freeze_app.command()
def declare(
    system: Annotated[str, typer.Argument(metavar="SYSTEM", help="Record system, such as erp; '*': all of them.")],
    *,
    reason: Reason,
    until: Annotated[str, typer.Option("--until", help=f"End: {_INSTANT}, which counts to its end.")],
    since: Annotated[str | None, typer.Option("--from", help=f"Begin: {_INSTANT}.", show_default="now")] = None,
    by: By = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Declare that nothing moves in a record system for a while. What is being written just now is finished first."""
    from sinks.records.gear import freezes  # noqa: PLC0415

    now = _now()
    begin = now if since is None else instant(since, is_end=False)
    end = instant(until, is_end=True)
    freeze_id = freezes.declare(_ledger(data_dir), system, begin, end, reason, user(by), now)
    typer.echo(f"freeze {freeze_id}: nothing moves in {_told(system)} from {_at(begin)} to {_at(end)}")
    words = command("gearbox", "freeze", "lift", freeze_id, *by_words(by), data_dir=data_dir)
    typer.echo(f"lift it: {words}")


@freeze_app.command()
def lift(freeze_id: FreezeId, *, by: By = None, data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """End a freeze before its time, or take it back before it has begun."""
    from sinks.records.gear import freezes  # noqa: PLC0415

    freezes.lift(_ledger(data_dir), freeze_id, user(by), _now())
    typer.echo(f"freeze {freeze_id} is lifted")


@freeze_app.command("except")
def except_flow(
    freeze_id: FreezeId,
    flow: Annotated[str, typer.Argument(metavar="FLOW", help="Flow that may move all the same.")],
    *,
    reason: Reason,
    by: By = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Let one flow move in spite of a freeze."""
    from sinks.records.gear import freezes  # noqa: PLC0415

    is_new = freezes.except_flow(_ledger(data_dir), freeze_id, flow, reason, user(by), _now())
    typer.echo(
        f"freeze {freeze_id} does not hold {flow}" if is_new else f"freeze {freeze_id} did not hold {flow} before"
    )


@freeze_app.command("list")
def list_freezes(
    *,
    with_past: Annotated[bool, typer.Option("--all", help="With those that are over.")] = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """List the freezes that hold or are to come, by their begin."""
    from sinks.records.database import session  # noqa: PLC0415
    from sinks.records.gear import freezes  # noqa: PLC0415
    from vaxel.commands import gearbox_text as text  # noqa: PLC0415

    now = _now()
    with session(_ledger(data_dir)) as connection:
        found = freezes.listing(connection, now, with_past=with_past)
    if as_json:
        text.print_json([_row(entry) for entry in found])
        return
    if not found:
        typer.echo("nothing is frozen" if with_past else "nothing is frozen, nor is to be")
        return
    rows = [
        (
            entry.freeze.freeze_id,
            _told(entry.freeze.system),
            _at(entry.freeze.starts_at),
            _at(entry.freeze.ends_at),
            _state(entry, now),
            entry.freeze.reason,
            entry.declared_by,
            ", ".join(sorted(entry.freeze.excepted)) or None,
        )
        for entry in found
    ]
    text.print_table(("freeze", "system", "from", "until", "is", "reason", "by", "but not"), rows)


def instant(text: str, *, is_end: bool) -> datetime:
    """The instant that a text names; of a day alone its begin or its end (UTC).

    Raises:
        UsageError: It is no instant.

    >>> instant("2026-05-03", is_end=False).isoformat(), instant("2026-05-03", is_end=True).isoformat()
    ('2026-05-03T00:00:00+00:00', '2026-05-04T00:00:00+00:00')
    """
    from vaxel.instants import end_ms  # noqa: PLC0415

    at = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=end_ms(text))
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        return at
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return begin + timedelta(days=1) if is_end else begin


def _row(entry: Any) -> dict[str, Any]:
    freeze = entry.freeze
    return {
        "freeze": freeze.freeze_id,
        "system": freeze.system,
        "starts_at": freeze.starts_at.isoformat(),
        "ends_at": freeze.ends_at.isoformat(),
        "reason": freeze.reason,
        "excepted": sorted(freeze.excepted),
        "declared_by": entry.declared_by,
        "declared_at": entry.declared_at.isoformat(),
        "lifted_by": entry.lifted_by,
        "lifted_at": None if entry.lifted_at is None else entry.lifted_at.isoformat(),
    }


def _state(entry: Any, now: datetime) -> str:
    if entry.lifted_at is not None:
        return f"lifted by {entry.lifted_by}"
    if entry.freeze.ends_at <= now:
        return "over"
    return "in force" if entry.freeze.starts_at <= now else "to come"


def _told(system: str) -> str:
    return "all systems" if system == "*" else system


def _at(instant: datetime) -> str:
    from sinks.records.gear.calendar import instant_told  # noqa: PLC0415

    return instant_told(instant)


def _now() -> datetime:
    from sinks.records.gear.places import Clock  # noqa: PLC0415

    return Clock().now()


def _ledger(data_dir: Path) -> str:
    from sinks.records.gear.systems import ledger_address  # noqa: PLC0415
    from vaxel.settings import addresses  # noqa: PLC0415

    return ledger_address(os.environ, addresses(os.environ, data_dir).records)
