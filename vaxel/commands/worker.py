"""`vaxel worker`: one stream worker."""

from __future__ import annotations

import os
import re
from contextlib import closing
from enum import StrEnum
from typing import Annotated

import typer

from schemas.errors import UsageError
from schemas.fields import FIRMWARE, IDENTIFIER
from vaxel.commands.options import DEFAULT_DATA_DIR, DataDir


class LogLevel(StrEnum):
    """As Python's logging names them."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


class LogFormat(StrEnum):
    """How the log is written."""

    TEXT = "text"
    JSON = "json"


def worker(
    *,
    slot: Annotated[int, typer.Option(min=0, help="Fixed place in the group; no two running workers share one.")] = 0,
    checkpoint_s: Annotated[
        float,
        typer.Option(min=0.01, max=300, help="Longest seconds between an upload and the commit of what it caused."),
    ] = 0.5,
    checkpoint_uploads: Annotated[
        int, typer.Option(min=1, help="Commit earlier when this many uploads wait for it; a run fetched at once more.")
    ] = 50_000,
    max_refused_share: Annotated[
        float,
        typer.Option(
            min=0.0, max=1.0, help="Share of the last 10,000 uploads that may be refused before it stops; 1: all."
        ),
    ] = 1.0,
    buffer_mb: Annotated[
        int, typer.Option(min=1, help="Most megabytes of uploads that wait in memory, a fetch per partition at least.")
    ] = 256,
    forget_after_days: Annotated[
        int, typer.Option(min=1, help="Forget devices not heard of for longer than this many days.")
    ] = 400,
    log_level: Annotated[
        LogLevel, typer.Option(case_sensitive=False, help="How much of what it does goes to its log.")
    ] = LogLevel.WARNING,
    log_format: Annotated[
        LogFormat, typer.Option(help="text: a readable line per event; json: one object per line, for machines.")
    ] = LogFormat.TEXT,
    http_port: Annotated[
        int,
        typer.Option(min=0, max=65_535, help="Serve /metrics, /health and /devices/{id} on this port; 0: not at all."),
    ] = 0,
    http_host: Annotated[str, typer.Option(help="Address that it is served on; 0.0.0.0 is every one.")] = "127.0.0.1",
    advertise: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Where other workers send those who ask for a device that this one holds.",
            show_default="http://HTTP_HOST:HTTP_PORT",
        ),
    ] = None,
    trust: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MATERIAL:FIRMWARE",
            envvar="VAXEL_TRUST",
            help="Let this firmware's uploads in although they differ from those of its model; may be repeated.",
        ),
    ] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Run one stream worker: takes its share of the partitions, stops in good order on Ctrl-C or SIGTERM.

    Workers of one cluster share the work; start another with another --slot. A worker in doubt ends with exit code
    70 and loses nothing: start it again. With exit code 4 a person has to decide first; its last line says on what.
    """
    from streams.settings import EngineSettings  # noqa: PLC0415
    from streams.web import advertised  # noqa: PLC0415
    from streams.worker import run_worker  # noqa: PLC0415
    from vaxel.keys import keys  # noqa: PLC0415
    from vaxel.progress import Intake  # noqa: PLC0415
    from vaxel.settings import kafka_address  # noqa: PLC0415

    address = advertised(http_host, http_port, advertise)
    kafka = kafka_address(os.environ, data_dir)
    with closing(Intake(kafka)) as intake:
        intake.ends()  # Faust would tell of a broker that does not answer by a traceback
    settings = EngineSettings(
        kafka=kafka,
        slot=slot,
        checkpoint_s=checkpoint_s,
        checkpoint_uploads=checkpoint_uploads,
        forget_after_days=forget_after_days,
        max_refused_share=max_refused_share,
        buffer_bytes=buffer_mb * 1_000_000,
        http_host=http_host,
        http_port=http_port,
        advertise=address,
        trusted=trusted(trust or []),
        sealing_key=keys(os.environ, data_dir).sealing,
    )
    run_worker(settings, log_level, log_format=log_format.value)


def trusted(names: list[str]) -> frozenset[tuple[str, str]]:
    """Materials and firmware of `--trust`.

    Raises:
        UsageError: One is no MATERIAL:FIRMWARE.
    """
    found = set()
    for name in names:
        material, colon, firmware = name.partition(":")
        if not (colon and re.fullmatch(IDENTIFIER, material) and re.fullmatch(FIRMWARE, firmware)):
            raise UsageError(f"--trust {name!r}: MATERIAL:FIRMWARE is accepted, such as WM-7020:3.3.0")
        found.add((material, firmware))
    return frozenset(found)
