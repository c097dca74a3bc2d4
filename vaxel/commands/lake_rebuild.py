"""`vaxel lake rebuild`: make tables of the lake anew from Kafka."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.errors import DecisionError, UsageError
from vaxel.commands.lake_check import showing
from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir, command

SHOWN_DAYS = 3

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sinks.lake.anew import Made
    from sinks.lake.check import FileFault
    from vaxel.settings import Addresses


def rebuild(
    *,
    table: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this table. May be repeated. Without it, all.")
    ] = None,
    from_kafka: Annotated[
        bool, typer.Option("--from-kafka", help="The whole table anew, from all that Kafka holds.")
    ] = False,
    from_snapshot: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="The whole table anew: as it was in snapshot N, and from Kafka since."),
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(metavar="TIME", help="As --from-snapshot, with the one of that time (UTC).")
    ] = None,
    accept_fewer: Annotated[
        bool,
        typer.Option("--accept-fewer", help="With --from-... or --as-of: go on even where the table loses rows by it."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be read anew.")] = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Make tables anew from Kafka. Without --from-...: only the rows of files that `vaxel lake check` finds damaged.

    Readers see a table as it was, and then as it is. Sinks go on meanwhile; their positions stay where they are. Rows
    are compared before anything is committed: where Kafka no longer holds all of them, nothing changes and exit code 4
    tells it. Of a large table that is made anew, the exchange may take longer than sinks wait, which is ten seconds:
    stop them then, it says so. Older snapshots keep what they had, damaged files too: time travel fails at those.

    Days that `vaxel lake maintain` has rolled up stay as they are. Rows and values that it has deleted by age come back
    where they are read anew: run it again then, with the same --keep or --rules. Neither runs while the other does.
    """
    from schemas.lake import INPUTS  # noqa: PLC0415
    from sinks.lake.rebuild import rebuild as make_anew  # noqa: PLC0415
    from sinks.lake.restore import damaged, restore  # noqa: PLC0415
    from vaxel.settings import addresses  # noqa: PLC0415

    if sum((from_kafka, from_snapshot is not None, as_of is not None)) > 1:
        raise UsageError("give one of --from-kafka, --from-snapshot and --as-of")
    if accept_fewer and not from_kafka and from_snapshot is None and as_of is None:
        raise UsageError(
            "--accept-fewer goes with --from-kafka, --from-snapshot or --as-of: damaged files alone get back "
            "all of their rows, or none"
        )
    fed = [entry.table.name for entry in INPUTS]
    unknown = [name for name in table or [] if name not in fed]
    if unknown:
        raise UsageError(f"no topic feeds table {unknown[0]!r}; those that Kafka can give back are {', '.join(fed)}")
    known = addresses(os.environ, data_dir)
    snapshot = from_snapshot if as_of is None else _snapshot_of(known, as_of)
    faults = damaged(known.catalog, known.lake_files, table or (), showing("looked at"))
    told = _Told(as_json, dry_run, files_alone=not from_kafka and snapshot is None)

    def restored(name: str) -> Made:
        return restore(
            known.kafka,
            known.catalog,
            known.lake_files,
            faults[name],
            dry_run=dry_run,
            progress=showing(f"{name}: read", "offsets", 1),
        )

    def made(name: str) -> Made:
        return make_anew(
            known.kafka,
            known.catalog,
            known.lake_files,
            name,
            snapshot,
            faults.get(name, []),
            accept_fewer=accept_fewer,
            dry_run=dry_run,
            progress=showing(f"{name}: read", "offsets", 1),
        )

    if from_kafka or snapshot is not None:
        # All tables, but those that nobody can make anew are not asked for by name.
        compacted = [entry.table.name for entry in INPUTS if entry.is_compacted and not table]
        _each(table or [name for name in fed if name not in compacted], made, told)
        for name in compacted:
            told.left(name)
    else:
        _each([name for name in faults if name in (table or faults)], restored, told)
    told.end(faults, data_dir)


def _each(names: Sequence[str], do: Callable[[str], Made], told: _Told) -> None:
    for name in names:
        try:
            told.made(do(name))
        except DecisionError as error:
            told.refused(name, error)


class _Told:
    """Says what becomes of each table, at once for people, at the end as one object for programs."""

    def __init__(self, as_json: bool, dry_run: bool, *, files_alone: bool) -> None:
        self._as_json = as_json
        self._files_alone = files_alone
        self._dry_run = dry_run
        self._tables: list[dict[str, object]] = []
        self._refusals: list[str] = []

    def made(self, made: Made) -> None:
        """A table was made anew, or would be."""
        from sinks.lake.stand_in import aside_of  # noqa: PLC0415

        self._tables.append(
            {
                "table": made.table,
                "since": made.since,
                "offsets": made.offsets,
                "removed": made.removed,
                "added": made.added,
                "files": made.files,
                "rolled_up_days": [day.isoformat() for day in made.rolled_up],
            }
        )
        read = f"{made.offsets:,} offsets of Kafka since {made.since}"
        if made.rolled_up:
            few = ", ".join(day.isoformat() for day in made.rolled_up[:SHOWN_DAYS])
            more = len(made.rolled_up) - SHOWN_DAYS
            read += f"; days that were rolled up stay as they are: {few}" + (f" and {more:,} more" if more > 0 else "")
        if self._dry_run:
            rest = " (or, where these are not enough, all that it holds)" if self._files_alone else ""
            self._say(
                f"{made.table}: would read {read}{rest}" + (f" for {', '.join(made.files)}" if made.files else "")
            )
        else:
            aside = [str(found) for path in made.files if (found := aside_of(Path(path)))]
            self._say(
                f"{made.table}: {made.removed:,} rows out, {made.added:,} in, read from {read}"
                + (f"; what was there stays beside it as {', '.join(aside)}" if aside else "")
            )

    def refused(self, name: str, error: DecisionError) -> None:
        """A table cannot be made anew; the others are gone on with."""
        self._refusals.append(f"{name}: {error}")

    def left(self, name: str) -> None:
        """A table that stays as it is."""
        self._say(f"{name}: stays; its topic keeps only what was told last")

    def end(self, faults: dict[str, list[FileFault]], data_dir: Path) -> None:
        """Says the rest.

        Raises:
            DecisionError: some tables were refused.
        """
        from schemas.retention import AGEING  # noqa: PLC0415

        ageing = [str(made["table"]) for made in self._tables if made["table"] in AGEING]
        if self._as_json:
            back = [] if self._dry_run else ageing
            typer.echo(json.dumps({"tables": self._tables, "refused": self._refusals, "maintain_again": back}))
        elif not self._tables and not self._refusals:
            again = command("lake", "rebuild", "--from-kafka", data_dir=data_dir)
            self._say(f"No file is damaged, nothing was done. To make whole tables anew: {again}")
        elif ageing and not self._dry_run:
            again = command("lake", "maintain", data_dir=data_dir)
            self._say(
                f"If maintenance had taken rows or values of {', '.join(ageing)} by age, they are back where they were "
                f"read anew. To take them again, with the same --keep or --rules: {again}"
            )
        if self._refusals:
            raise DecisionError(" ".join(self._refusals))

    def _say(self, line: str) -> None:
        if not self._as_json:
            typer.echo(line)


def _snapshot_of(known: Addresses, as_of: str) -> int:
    """The newest snapshot at a time, as `vaxel sql --as-of` finds it."""
    from sinks.lake.snapshots import known_at, snapshots  # noqa: PLC0415
    from vaxel.instants import end_ms  # noqa: PLC0415

    return known_at(snapshots(known.catalog), end_ms(as_of)).number
