"""`vaxel simulate`: a fleet of devices that wash and run, published to Kafka with its ground truth."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.errors import UsageError
from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir
from vaxel.commands.publishing import Quiet, Rate, listed, publish_and_tell, tell
from vaxel.commands.showing import progress
from vaxel.commands.upload_file import require_new, write

if TYPE_CHECKING:
    from producers.fault_rates import FaultRates
    from producers.roll_out import RollOut
    from producers.uploads import Delivery

_DAYS = 14
_FIRST_DAY = datetime(2026, 5, 4)  # noqa: DTZ001  (typer reads days as naive datetimes; `simulate` takes them as UTC)

DEFAULT_FAULTS = (
    "lost=0.001 duplicated=0.01 altered=0.0005 late=0.01 reordered=0.01 replayed=0.0005 clock_drift=0.0005 "
    "clock_1970=0.0003 clock_9999=0.0003 truncated=0.0005 wrong_type=0.0005 wrong_value=0.0005 unknown_field=0.0005 "
    "wrong_encoding=0.0003 foreign=0.0003 hostile=0.0005 one_byte=0.0003 oversized=0.00002 empty=0.0003 "
    "unknown_device=0.0005"
)
"""`producers.fault_rates.FaultRates`, written out: a command's help must not wait for imports."""

Speed = Annotated[
    float | None,
    typer.Option(
        min=0.001, help="How many times as fast as in real life time goes by.", show_default="as fast as possible"
    ),
]
Faults = Annotated[
    list[str] | None,
    typer.Option(
        "--fault",
        metavar="NAME=SHARE",
        help="Share of uploads that meet this fault; can be given several times.",
        show_default=DEFAULT_FAULTS,
    ),
]
RollOuts = Annotated[
    list[str] | None,
    typer.Option(
        "--roll-out",
        metavar="PRODUCT:FIRMWARE@DAY",
        help="A firmware that devices install that day; then *SHARE of them and the unit it mistakes, if wanted: "
        "washer:3.3.0@2026-05-10*0.5!power_kw. Mistakes of a washer: temperature_f power_kw power_dw water_ml "
        "rate_double; of a shoe: distance_ft distance_km cadence_one_foot. Can be given several times.",
        show_default=False,
    ),
]
NoFaults = Annotated[bool, typer.Option("--no-faults", help="No faults but those that --fault names.")]


def simulate(
    *,
    seed: Annotated[int, typer.Option(min=0, max=999_999_999, help="The same seed gives the same bytes.")] = 7,
    washers: Annotated[int, typer.Option(min=0, max=1_000_000, help="Washing machines.")] = 300,
    shoes: Annotated[int, typer.Option(min=0, max=1_000_000, help="Running shoes with a pod.")] = 300,
    days: Annotated[int, typer.Option(min=1, max=400, help="Days of life.")] = _DAYS,
    start: Annotated[
        datetime,
        typer.Option(
            formats=["%Y-%m-%d"], help="First day, from midnight UTC; 2026-05-04 or later.", show_default="2026-05-04"
        ),
    ] = _FIRST_DAY,
    rate: Rate = None,
    speed: Speed = None,
    fault: Faults = None,
    no_faults: NoFaults = False,
    roll_out: RollOuts = None,
    load: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Instead of a life: send this many uploads as fast as Kafka takes them. Sessions of the simulated "
            "fleet are made once, and all devices play them; without faults.",
            show_default=False,
        ),
    ] = None,
    templates: Annotated[int, typer.Option(min=1, max=1_000, help="Sessions that a --load is made of.")] = 64,
    to: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="Write one upload a line to this file instead of Kafka, without a truth: to look at, or for other "
            "tools; `vaxel replay` does not read it.",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file of --to if it is there.")] = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Simulate a fleet and publish its uploads, faults included; the ground truth goes to DATA_DIR/truth.

    Seeds share no device. A seed's devices live from 2026-05-04 on: a later --start goes on with their numbers and
    counters, and days sent before are the same uploads again, taken as sent twice or as too late. Other --washers,
    --shoes, faults or roll-outs would be other uploads under the same numbers: a seed that DATA_DIR/truth holds with
    others is refused (of --load: with other --washers, --shoes or --templates). Ctrl-C stops, and keeps the truth of
    what Kafka acknowledged.

    What an upload meets depends on its device and number alone. The last one of a device is always intact. A replayed
    one comes again after about 100 later uploads of its device, and not at all if fewer follow in this run. Of --rate
    and --speed, the slower one counts.
    """
    if not washers and not shoes:
        raise UsageError("--washers 0 with --shoes 0: at least one device is needed")
    if overwrite and to is None:
        raise UsageError("--overwrite is for the file of --to, which is not given")
    if load is not None:
        given: dict[str, object] = {
            "--speed": speed,
            "--fault": fault,
            "--no-faults": no_faults,
            "--roll-out": roll_out,
            "--to": to,
        }
        given |= {"--days": days != _DAYS, "--start": start != _FIRST_DAY}
        if vain := [name for name, value in given.items() if value]:
            raise UsageError(f"--load does not go with {', '.join(vain)}: it plays sessions, not a life")
        _tell_load(load, seed, washers, shoes, templates, rate, data_dir, quiet or as_json, as_json=as_json)
        return
    from producers.fault_rates import declared  # noqa: PLC0415
    from producers.fleet import FIRST_DAY, first_ms, fleet  # noqa: PLC0415
    from producers.roll_out import roll_out as parsed  # noqa: PLC0415
    from producers.simulation import deliveries  # noqa: PLC0415

    if to is not None and not overwrite:
        require_new(to)
    rates = declared(fault or (), is_rest_without=no_faults)
    orders = list(map(parsed, roll_out or ()))
    start_ms = first_ms(start.date(), days, int(time.time() * 1000))  # noqa: TID251  (a shell)
    members = fleet(seed, washers, shoes, start_ms, days, orders)
    stream = deliveries(members, rates)
    name, is_quiet = f"simulate-{seed}", quiet or as_json

    def share_done(delivery: Delivery, _sent: int) -> float:
        return max(0.0, (delivery.due_ms - start_ms) / (members.end_ms - start_ms))

    if start.date() > FIRST_DAY and not is_quiet:
        typer.echo(f"{name}: the devices live from {FIRST_DAY} to {start.date()} first", err=True)
    if to is not None:
        with progress(name, "uploads", quiet=is_quiet) as show:
            written = write(to, stream, lambda delivery, sent: show(share_done(delivery, sent), sent))
        sent = f"{written['sent']:,} uploads written to {to} in {written['seconds']} s"
        told = f"{sent}; faults: {listed(written['faults'])}"
        typer.echo(json.dumps(written) if as_json else told, err=not as_json)  # the file may be /dev/stdout
        return
    summary = publish_and_tell(
        name,
        stream,
        share_done=share_done,
        data_dir=data_dir,
        per_second=rate,
        speed=speed,
        first_ms=start_ms,
        quiet=is_quiet,
        devices=members.devices,
        events=members.events,
        options=_options(seed, washers, shoes, rates, orders),
    )
    tell(summary, as_json=as_json)


def _options(seed: int, washers: int, shoes: int, rates: FaultRates, orders: list[RollOut]) -> dict[str, int | str]:
    """What decides which uploads there are, whenever the run begins and ends."""
    shares = {f"--fault {name}": f"{share:g}" for name, share in asdict(rates).items()}
    return {"--seed": seed, "--washers": washers, "--shoes": shoes, "--roll-out": " ".join(map(str, orders)), **shares}


def _tell_load(
    uploads: int,
    seed: int,
    washers: int,
    shoes: int,
    templates: int,
    rate: float | None,
    data_dir: Path,
    quiet: bool,
    *,
    as_json: bool,
) -> None:
    from vaxel.commands.load import load  # noqa: PLC0415

    summary = load(
        uploads,
        washers=washers,
        shoes=shoes,
        template_count=templates,
        seed=seed,
        per_second=rate,
        data_dir=data_dir,
        quiet=quiet,
    )
    tell(summary, as_json=as_json)
