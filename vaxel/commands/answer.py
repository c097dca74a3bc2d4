"""`vaxel answer`: simulated devices send again what they were asked for."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir
from vaxel.commands.publishing import Quiet, Rate, kafka_settings, publish_and_tell, tell

if TYPE_CHECKING:
    from producers.answering_commands import Asked
    from producers.answering_truth import ToldFleet
    from producers.uploads import Delivery


def answer(
    *,
    rate: Rate = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Let the simulated devices send again what `commands.v1` asks them for.

    Of each seed that DATA_DIR/truth tells of, the uploads are made anew, byte for byte. A device remembers its newest
    2,000; a command that has expired is not answered, and nothing is sent again twice. What Kafka acknowledged is told
    to the truth. Devices of recordings and of `simulate --load` do not answer.
    """
    from producers.answering_commands import read_commands  # noqa: PLC0415
    from producers.answering_truth import ANSWER_RUN, answered, told_fleets  # noqa: PLC0415

    fleets = told_fleets(data_dir)
    asked = read_commands(kafka_settings(data_dir), int(time.time() * 1000))  # noqa: TID251  (a shell)
    asked.without(answered(data_dir))
    heard = {"commands": asked.commands, "expired": asked.expired, "asked": asked.count}
    told = f"{asked.count:,} uploads asked for by {asked.commands:,} commands; {asked.expired:,} have expired"
    if not asked.count:
        typer.echo(json.dumps(heard) if as_json else told)
        return
    summary = publish_and_tell(
        ANSWER_RUN,
        _deliveries(fleets, asked),
        share_done=lambda _delivery, sent: sent / heard["asked"],
        data_dir=data_dir,
        per_second=rate,
        quiet=quiet or as_json,
    )
    if not as_json:
        typer.echo(told)
    tell(summary | heard, as_json=as_json)


def _deliveries(fleets: list[ToldFleet], asked: Asked) -> Iterator[Delivery]:
    from producers.answering import sent_again  # noqa: PLC0415

    for told in fleets:
        if asked.numbers.keys() & told.newest.keys():
            yield from sent_again(told.fleet(), asked.numbers, told.newest)
