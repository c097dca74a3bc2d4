"""`vaxel simulate`: a fleet of devices that wash and run, published to Kafka with its ground truth."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from schemas.errors import OutsideError
from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir
from vaxel.commands.publishing import Quiet, Rate, publish_and_tell, tell

_FIRST_DAY = datetime(2026, 5, 4)  # noqa: DTZ001  (typer reads days as naive datetimes; `simulate` takes them as UTC)


def simulate(
    *,
    seed: Annotated[int, typer.Option(min=0, max=999_999_999, help="The same seed gives the same bytes.")] = 7,
    washers: Annotated[int, typer.Option(min=0, max=999_999, help="Washing machines.")] = 300,
    shoes: Annotated[int, typer.Option(min=0, max=999_999, help="Pairs of running shoes.")] = 300,
    days: Annotated[int, typer.Option(min=1, max=400, help="Days of life.")] = 14,
    start: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="First day, from midnight UTC.", show_default="2026-05-04")
    ] = _FIRST_DAY,
    rate: Rate = None,
    duplicated: Annotated[float, typer.Option(help="Share of uploads sent twice.")] = 0.01,
    late: Annotated[float, typer.Option(help="Share of uploads overtaken by up to 30 later ones.")] = 0.01,
    reordered: Annotated[float, typer.Option(help="Share of uploads overtaken by the next one.")] = 0.01,
    corrupt: Annotated[float, typer.Option(help="Share of uploads that arrive broken.")] = 0.005,
    to: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Write one upload a line to this file instead of Kafka, without a truth."),
    ] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Simulate a fleet and publish its uploads, faults included; the ground truth goes to DATA_DIR/truth.

    Seeds share no device. A seed's devices live from 2026-05-04 on: a later --start goes on with their numbers and
    counters, and days sent before are the same uploads again, taken as sent twice or as too late. Ctrl-C stops, and
    keeps the truth of what Kafka acknowledged.
    """
    from producers.faults import FaultRates  # noqa: PLC0415
    from producers.fleet import first_ms, fleet  # noqa: PLC0415
    from producers.simulation import deliveries  # noqa: PLC0415

    rates = FaultRates(duplicated=duplicated, late=late, reordered=reordered, corrupt=corrupt)
    start_ms = first_ms(start.date(), days, int(time.time() * 1000))  # noqa: TID251  (a shell)
    members = fleet(seed, washers, shoes, start_ms, days)
    stream = deliveries(members, rates)
    if to is not None:
        try:
            with to.open("wb") as lines:
                lines.writelines(delivery.value.replace(b"\n", b" ") + b"\n" for delivery in stream)
        except OSError as error:
            raise OutsideError(f"Cannot write {str(to)!r}: {error.strerror}") from error
        return
    summary = publish_and_tell(
        f"simulate-{seed}",
        stream,
        share_done=lambda delivery, _sent: max(0.0, (delivery.due_ms - start_ms) / (members.end_ms - start_ms)),
        data_dir=data_dir,
        per_second=rate,
        quiet=quiet or as_json,
        devices=members.devices,
    )
    tell(summary, as_json=as_json)
