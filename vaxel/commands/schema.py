"""`vaxel schema`: the contracts, shown, published, and compared with those of another release."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.errors import UsageError
from vaxel.commands.options import AsJson

if TYPE_CHECKING:
    from schemas.diff import Change
    from schemas.fields import Contract
    from schemas.snapshot import Snapshot

app = typer.Typer(help="The contracts: shown, and compared with those of another release.", no_args_is_help=True)

INCOMPATIBLE = 1

Version = Annotated[
    str, typer.Argument(metavar="VERSION", help="A release such as 0.1.0, a file of one, or current: this program's.")
]


class Mode(StrEnum):
    """Who has to understand whom."""

    BACKWARD = "backward"
    FORWARD = "forward"
    FULL = "full"


@app.command("list")
def list_contracts(*, as_json: AsJson = False) -> None:
    """Every contract: its topic or table, and how many fields it has."""
    from schemas.forms import columns  # noqa: PLC0415
    from schemas.lake import TABLES  # noqa: PLC0415
    from schemas.published import published_contracts, releases  # noqa: PLC0415
    from schemas.topics import TOPICS  # noqa: PLC0415
    from schemas.versions import contracts_of  # noqa: PLC0415

    rows: list[dict[str, Any]] = [
        {
            "contract": name,
            "topics": [topic.name for topic in TOPICS if contract in contracts_of(topic)],
            "tables": [table.name for table in TABLES if table.contract is contract],
            "fields": len(columns(contract)),
        }
        for name, contract in published_contracts().items()
    ]
    if as_json:
        typer.echo(json.dumps({"contracts": rows, "releases": releases()}))
        return
    width = max(len(row["contract"]) for row in rows)
    for row in rows:
        places = ", ".join(row["topics"] + [f"table {table}" for table in row["tables"]])
        typer.echo(f"{row['contract']:{width}}  {row['fields']:>2} fields  {places}")
    typer.echo(f"releases kept: {', '.join(releases()) or 'none'}")


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A contract or topic of `vaxel schema list`.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print the JSON Schema; of a topic, a list of them.")] = False,
) -> None:
    """A contract, or all versions that a topic holds: each field with type, unit, range, data class and meaning."""
    from schemas.published import contracts_named, json_schema_document  # noqa: PLC0415

    contracts = contracts_named(name)
    if as_json:
        documents = [json_schema_document(contract) for contract in contracts]
        is_one = contracts[0].__name__.lower() == name.lower()
        typer.echo(json.dumps(documents[0] if is_one else documents, indent=1, ensure_ascii=False))
        return
    for number, contract in enumerate(contracts):
        if number:
            typer.echo()
        _tell_contract(contract)


def _tell_contract(contract: type[Contract]) -> None:
    from schemas.forms import columns  # noqa: PLC0415
    from schemas.snapshot import field_form  # noqa: PLC0415

    typer.echo(f"{contract.__name__}: {(contract.__doc__ or '').splitlines()[0]}")
    for column in columns(contract):
        form = field_form(column)
        name_and_unit = f"{column.name} [{form.unit}]" if form.unit else column.name
        accepted = ", ".join(part for part in (form.type_name(), form.range_text()) if part)
        typer.echo(f"  {name_and_unit}: {accepted} ({form.data_class}). {column.meaning}")


@app.command()
def asyncapi() -> None:
    """All topics and their messages as an AsyncAPI 3.0 document (JSON)."""
    from schemas.published import asyncapi_document  # noqa: PLC0415

    typer.echo(json.dumps(asyncapi_document(), indent=1, ensure_ascii=False))


@app.command()
def diff(
    old: Version,
    new: Version = "current",
    *,
    mode: Annotated[
        Mode, typer.Option(help="backward: new readers read old data; forward: old readers read new data; full: both.")
    ] = Mode.FULL,
    as_json: AsJson = False,
) -> None:
    """Whether two versions of the contracts can live together, and why not, by field. Exit code 1: they cannot."""
    from schemas.diff import differences  # noqa: PLC0415

    changes = differences(_snapshot(old), _snapshot(new))
    wanted = {"backward", "forward"} if mode is Mode.FULL else {mode.value}
    breaking = [change for change in changes if change.breaks & wanted]
    if as_json:
        rows = [{"where": change.where, "what": change.what, "breaks": sorted(change.breaks)} for change in changes]
        typer.echo(json.dumps({"compatible": not breaking, "mode": mode.value, "changes": rows}, ensure_ascii=False))
    else:
        _tell(changes, breaking, f"{old} and {new}", mode)
    if breaking:
        raise typer.Exit(INCOMPATIBLE)


def _tell(changes: list[Change], breaking: list[Change], names: str, mode: Mode) -> None:
    for change in sorted(changes, key=lambda change: change not in breaking):
        verdict = f"breaks {' and '.join(sorted(change.breaks))}" if change.breaks else "fine"
        typer.echo(f"{change.where}: {change.what} ({verdict})")
    said = "compatible" if not breaking else f"not compatible: {len(breaking)} of {len(changes)} differences break it"
    typer.echo(f"{names}, {mode.value}: {said}" + ("" if changes else ", no difference"))


def _snapshot(name: str) -> Snapshot:
    from schemas import published  # noqa: PLC0415
    from schemas.snapshot import Snapshot  # noqa: PLC0415

    if name == published.CURRENT:
        return published.current()
    path = published.RELEASES / f"{name}.json" if name in published.releases() else Path(name)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        kept = ", ".join([published.CURRENT, *published.releases()])
        raise UsageError(
            f"{name!r} is no release and no file that can be read ({error.strerror}); releases are {kept}"
        ) from error
    except ValueError as error:
        raise UsageError(f"{name!r} is not JSON: {error}") from error
    return Snapshot.from_json(found)
