"""`vaxel seed`: fill the record systems with what they would hold already for a simulated fleet."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from typing import Annotated

import typer

from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir

_FIRST_DAY = datetime(2026, 5, 4)  # noqa: DTZ001  (typer reads days as naive datetimes; `seed` takes them as UTC)


def seed(
    *,
    seed: Annotated[int, typer.Option(min=0, max=999_999_999, help="The seed of `vaxel simulate`.")] = 7,
    washers: Annotated[int, typer.Option(min=0, max=1_000_000, help="Washing machines.")] = 300,
    shoes: Annotated[int, typer.Option(min=0, max=1_000_000, help="Pairs of running shoes.")] = 300,
    days: Annotated[int, typer.Option(min=1, max=400, help="Days of life.")] = 14,
    start: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="First day, from midnight UTC.", show_default="2026-05-04")
    ] = _FIRST_DAY,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Set up ERP, CRM, service and billing for the fleet that `vaxel simulate` makes of the same options.

    Adds what is missing: the roles that the gearbox works as, products, serial numbers, a year of sales figures, spare
    parts and what planners expect of them, customers, what they have had and agreed to, warranties, cases, contracts
    and prices. Rows that are there stay as they are, but that a resale ends what was open, so a second call writes
    nothing.
    """
    from producers.fleet import first_ms, fleet  # noqa: PLC0415
    from producers.fleet_wearers import wearers  # noqa: PLC0415
    from sinks.records import seeding  # noqa: PLC0415
    from sinks.records.people import Training  # noqa: PLC0415
    from vaxel.settings import addresses  # noqa: PLC0415

    start_ms = first_ms(start.date(), days, int(time.time() * 1000))  # noqa: TID251  (a shell)
    living = fleet(seed, washers, shoes, start_ms, days)
    runners = [
        seeding.Runner(
            own.device_id,
            own.customer_id,
            own.location_consent,
            Training(own.highest_bpm, own.runs_per_week, own.weekly_km),
        )
        for own in wearers(living)
    ]
    written = seeding.seed(
        addresses(os.environ, data_dir).records,
        living.devices,
        living.events,
        runners,
        first_period=datetime.fromtimestamp(start_ms / 1000, UTC).date().replace(day=1),
        tell=lambda notice: typer.echo(notice, err=True),
        environ=os.environ,
    )
    if as_json:
        typer.echo(json.dumps(written))
    else:
        typer.echo("rows written: " + ", ".join(f"{table} {count}" for table, count in written.items()))
