"""`vaxel state`: what the stream remembers, and the two ways on when it no longer fits its topic."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir

if TYPE_CHECKING:
    from streams.batch import Place
    from streams.inspection import PartitionState
    from streams.product import Product
    from streams.settings import EngineSettings

REFUSED = 1

app = typer.Typer(help="Show what the stream remembers, and decide where it goes on.", no_args_is_help=True)

Topic = Annotated[str, typer.Argument(metavar="TOPIC", help="A telemetry topic.", show_default=False)]
Partition = Annotated[int, typer.Argument(metavar="PARTITION", min=0, help="One of its partitions.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@app.command()
def show(
    topic: Annotated[
        str | None, typer.Argument(metavar="[TOPIC]", help="A telemetry topic; all without.", show_default=False)
    ] = None,
    *,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Show size, age and position of the state, partition by partition. No worker needs to run, none is disturbed."""
    from streams.inspection import inspected  # noqa: PLC0415
    from streams.product import PRODUCTS  # noqa: PLC0415
    from vaxel.commands.state_report import as_objects, print_table  # noqa: PLC0415

    settings = _settings(data_dir)
    products = PRODUCTS if topic is None else [_product(topic)]
    found = [state for product in products for state in inspected(settings, product)]
    if as_json:
        typer.echo(json.dumps(as_objects(found)))
    else:
        print_table(found)


@app.command()
def device(
    device_id: Annotated[str, typer.Argument(metavar="ID", help="A device.", show_default=False)],
    *,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Show what the stream remembers of one device. Exit code 1 when no partition knows it."""
    from dataclasses import asdict  # noqa: PLC0415

    from schemas.errors import VaxelError  # noqa: PLC0415
    from streams.inspection import known_device  # noqa: PLC0415
    from streams.product import PRODUCTS  # noqa: PLC0415
    from vaxel.commands.state_report import print_device  # noqa: PLC0415

    found = list(known_device(_settings(data_dir), PRODUCTS, device_id))
    if not found:
        topics = ", ".join(product.telemetry for product in PRODUCTS)
        raise VaxelError(f"no partition knows device {device_id!r}. Looked in the state of {topics}")
    if as_json:
        typer.echo(json.dumps([asdict(place) | asdict(view) for place, view in found]))
        return
    for place, view in found:
        print_device(place, view)


@app.command(name="continue")
def go_on(topic: Topic, partition: Partition, *, yes: Yes = False, data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """Keep what is remembered and go on with what the topic holds, after it was re-created or lost uploads.

    What lay in between is lost. An upload that counted before still counts once.
    """
    from streams import decision  # noqa: PLC0415
    from vaxel.commands.state_report import going_on, remembered  # noqa: PLC0415

    settings, product, place = _chosen(data_dir, topic, partition)
    found = _looked_at(settings, product, place)
    decision.check_go_on(found)
    _ask(going_on(found), yes)
    found = decision.go_on(settings, product, place)
    typer.echo(f"{topic}[{partition}] goes on at offset {found.first_offset:,} and remembers {remembered(found)}")


@app.command()
def reset(topic: Topic, partition: Partition, *, yes: Yes = False, data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """Forget everything of a partition and begin anew: what the topic still holds counts again."""
    from streams import decision  # noqa: PLC0415
    from vaxel.commands.state_report import beginning_anew, remembered  # noqa: PLC0415

    settings, product, place = _chosen(data_dir, topic, partition)
    found = _looked_at(settings, product, place)
    decision.check_begin_anew(found)
    _ask(beginning_anew(found), yes)
    found = decision.begin_anew(settings, product, place)
    typer.echo(f"{topic}[{partition}] begins anew at offset {found.first_offset:,}; forgotten: {remembered(found)}")


def _settings(data_dir: Path) -> EngineSettings:
    from streams.settings import EngineSettings  # noqa: PLC0415
    from vaxel.settings import kafka_address  # noqa: PLC0415

    return EngineSettings(kafka_address(os.environ, data_dir))


def _product(topic: str) -> Product:
    from schemas.errors import UsageError  # noqa: PLC0415
    from streams.product import PRODUCTS  # noqa: PLC0415

    by_topic = {product.telemetry: product for product in PRODUCTS}
    if topic not in by_topic:
        raise UsageError(f"{topic!r} is not a topic with a state. There are: {', '.join(by_topic)}")
    return by_topic[topic]


def _chosen(data_dir: Path, topic: str, partition: int) -> tuple[EngineSettings, Product, Place]:
    from schemas.errors import UsageError  # noqa: PLC0415
    from streams.batch import Place  # noqa: PLC0415
    from streams.positions import Topics  # noqa: PLC0415

    product, settings = _product(topic), _settings(data_dir)
    count = Topics(settings.kafka).partitions(topic)
    if partition >= count:
        raise UsageError(f"{topic} has no partition {partition}. There are: 0 to {count - 1}")
    return settings, product, Place(topic, partition)


def _looked_at(settings: EngineSettings, product: Product, place: Place) -> PartitionState:
    from streams.inspection import inspected  # noqa: PLC0415

    (found,) = inspected(settings, product, [place.partition])
    return found


def _ask(what: str, yes: bool) -> None:
    """Tell what would be done; go on only if that is wanted."""
    from schemas.errors import UsageError  # noqa: PLC0415

    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"{what} Nobody is there to be asked: add --yes")
    typer.echo(what)
    if not typer.confirm("Do it?"):
        typer.echo("nothing has changed")
        raise typer.Exit(REFUSED)
