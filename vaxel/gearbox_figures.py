"""The gearbox's figures together with the lake's: the gear ratio, and how old the facts in the records are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from schemas.lake import UPLOADS
from sinks.lake.connection import open_reader, outside
from sinks.records.gear import flow
from sinks.records.gear.figures import FieldFigures, Figures, figures, per_row
from sinks.records.gear.places import Places
from sinks.records.gear.reading import looking
from vaxel.evidence import snapshot_times


@dataclass(frozen=True)
class Intake:
    """What came in, as the lake holds it. Attributes: uploads, readings: those that were accepted."""

    uploads: int
    readings: int
    snapshot_times: Mapping[int, datetime]


@dataclass(frozen=True)
class Standing:
    """How the gearbox stands at one instant; `intake` is None where the lake does not answer or is not there yet."""

    at: datetime
    figures: Figures
    intake: Intake | None

    def facts_at(self, field: FieldFigures) -> datetime | None:
        """When the facts were known that a field's newest written value comes from; None: never written, or its
        snapshot has expired."""
        if self.intake is None or field.lake_snapshot is None:
            return None
        return self.intake.snapshot_times.get(field.lake_snapshot)

    def uploads_per_row(self, rows_written: int) -> float | None:
        """The gear ratio; None while no row was written, or the lake is not known."""
        return None if self.intake is None else per_row(self.intake.uploads, rows_written)

    def readings_per_row(self, rows_written: int) -> float | None:
        """The same of readings, of which an upload has up to some hundreds."""
        return None if self.intake is None else per_row(self.intake.readings, rows_written)


def ledger_figures(places: Places, now: datetime) -> Figures:
    """The ledger's own figures.

    Raises:
        UnreachableError: The ledger does not answer.
    """
    flows = [flow.load(name) for name in flow.names()]
    with looking(places.ledger) as connection:
        return figures(connection, flows, tuple(places.systems), now)


def intake(catalog: str, files: str) -> Intake:
    """What the lake holds. Counts uploads, which takes a moment.

    Raises:
        UnreachableError: The catalogue does not answer.
        OutsideError: There is no lake, or a file cannot be read.
    """
    times = snapshot_times(catalog)
    lake = open_reader(catalog, files)
    try:
        with outside("count what came in"):
            row = lake.execute(
                f"SELECT count(*), coalesce(sum(reading_count), 0)::BIGINT FROM {UPLOADS.name} "
                "WHERE outcome = 'accepted'"
            ).fetchone()
    finally:
        lake.close()
    assert row is not None, "an aggregate has a row"
    return Intake(int(row[0]), int(row[1]), times)
