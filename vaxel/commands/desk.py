"""`vaxel desk`: one process that joins facts with what the record systems know."""

from __future__ import annotations

import os
from contextlib import closing
from typing import Annotated

import typer

from schemas.errors import UsageError
from vaxel.commands.options import DEFAULT_DATA_DIR, DataDir
from vaxel.commands.worker import LogFormat, LogLevel


def desk(
    *,
    slot: Annotated[int, typer.Option(min=0, help="Fixed place in the group; no two running desks share one.")] = 0,
    checkpoint_s: Annotated[
        float, typer.Option(min=0.01, max=300, help="Longest seconds between a fact and the commit of what it caused.")
    ] = 0.5,
    accept_topic: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TOPIC",
            help="Read on with what this topic holds, though it was created again or lost records. May be repeated.",
        ),
    ] = None,
    log_level: Annotated[
        LogLevel, typer.Option(case_sensitive=False, help="How much of what it does goes to its log.")
    ] = LogLevel.WARNING,
    log_format: Annotated[
        LogFormat, typer.Option(help="text: a readable line per event; json: one object per line, for machines.")
    ] = LogFormat.TEXT,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Run one desk: whose use a session was, advice, alerts, completeness, commands to devices, live minutes.

    It joins what workers say with what the record systems told (`vaxel relay`), as of when it happened. Desks of one
    cluster share the partitions; start another with another --slot. Stops in good order on Ctrl-C or SIGTERM.
    """
    from streams.desk.reading import INPUTS  # noqa: PLC0415
    from streams.desk.worker import run_desk  # noqa: PLC0415
    from streams.settings import EngineSettings  # noqa: PLC0415
    from vaxel.commands.run import interruption  # noqa: PLC0415
    from vaxel.progress import Intake  # noqa: PLC0415
    from vaxel.settings import kafka_address  # noqa: PLC0415

    accepted = accept_topic or []
    unknown = ", ".join(repr(topic) for topic in accepted if topic not in INPUTS)
    if unknown:
        raise UsageError(f"cannot accept topic {unknown}: the desk does not read it. It reads {', '.join(INPUTS)}")
    kafka = kafka_address(os.environ, data_dir)
    with closing(Intake(kafka)) as intake:
        intake.ends()  # one line where no broker answers
    settings = EngineSettings(kafka=kafka, slot=slot, checkpoint_s=checkpoint_s)
    with interruption() as is_stopped:
        run_desk(settings, is_stopped, accepted, log_level.value, log_format.value)
