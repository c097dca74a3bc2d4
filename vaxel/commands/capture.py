"""`vaxel capture`: a segment of a topic into a file that `vaxel replay` plays."""

from __future__ import annotations

import json
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.errors import UsageError
from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir, command
from vaxel.commands.publishing import Quiet, kafka_settings
from vaxel.commands.showing import progress
from vaxel.commands.stopping import INTERRUPTED, until_interrupted

if TYPE_CHECKING:
    from producers.recordings.capturing import Segment

_BOUND = "an offset, or a time such as 2026-05-03T07:00Z (UTC unless it says else; Kafka's own stamps)"


class TelemetryOf(StrEnum):
    """Products, by the topic their devices write to."""

    WASHER = "washer"
    SHOE = "shoe"


def capture(
    words: Annotated[list[str], typer.Argument(metavar="[TOPIC] FILE", help="What to read, and the file to write.")],
    *,
    product: Annotated[
        TelemetryOf | None, typer.Option(help="The telemetry topic of this product, instead of TOPIC.")
    ] = None,
    from_: Annotated[str | None, typer.Option("--from", metavar="PLACE", help=f"First: {_BOUND}.")] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="PLACE", help=f"First one left out: {_BOUND}.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace FILE if it is there.")] = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Write a segment of a topic to a file: keys, values, headers, times and places, as Kafka holds them.

    The file is Parquet: `vaxel sql "from 'FILE'"` reads it, `vaxel replay FILE` plays it, also against another version
    of Växel. An offset as a bound holds for every partition. It ends with what is there when it begins; Ctrl-C keeps
    what was read so far as a whole file. It holds what devices sent, personal data too: keep it as such.
    """
    topic, path = _topic_and_file(words, product)
    if path.exists() and not overwrite:
        raise UsageError(f"{str(path)!r} is there already: another name, or --overwrite, is accepted")
    from producers.recordings.capturing import Segment, bound_of, is_reversed  # noqa: PLC0415

    first, end = bound_of(from_, "--from"), bound_of(to, "--to")
    if is_reversed(first, end):
        raise UsageError(f"--from {from_} --to {to} is reversed: --from is the first, --to the first one left out")
    with Segment(kafka_settings(data_dir), topic, first, end) as segment:
        if not segment.extents:
            raise UsageError(f"{topic} holds nothing there; by partition it holds the offsets {_listed(segment.held)}")
        summary = _written(segment, path, quiet=quiet or as_json)
    if as_json:
        typer.echo(json.dumps(summary))
    else:
        stopped = "interrupted: " if summary["interrupted"] else ""
        typer.echo(
            f"{stopped}{summary['records']:,} records of {topic} in {summary['seconds']} s: {path} "
            f"({summary['bytes']:,} bytes); play it with `{command('replay', path, data_dir=data_dir)}`"
        )
    if summary["interrupted"]:
        raise typer.Exit(INTERRUPTED)


def _topic_and_file(words: list[str], product: TelemetryOf | None) -> tuple[str, Path]:
    from schemas import topics  # noqa: PLC0415

    wanted = 1 if product is not None else 2
    if len(words) != wanted:
        found = f"{len(words)} name{'s' * (len(words) != 1)} found"
        other = "" if product is not None else "`vaxel capture TOPIC FILE` or "
        raise UsageError(f"{found}, {other}`vaxel capture --product PRODUCT FILE` is accepted")
    by_product = {TelemetryOf.WASHER: topics.TELEMETRY_WASHER, TelemetryOf.SHOE: topics.TELEMETRY_SHOE}
    return (words[0] if product is None else by_product[product]), Path(words[-1])


def _written(segment: Segment, path: Path, *, quiet: bool) -> dict[str, Any]:
    """Write the segment and return the summary.

    Durable effects, in this order: 1 the file under its name with `.part`, 2 its name.
    """
    from producers.recordings.captured import About, CaptureWriter  # noqa: PLC0415

    found: dict[int, list[int]] = {}
    records, started_s = 0, time.monotonic()
    about = About(segment.topic, segment.partition_count)
    with until_interrupted() as stop, progress("capture", "records", quiet=quiet) as show:
        with CaptureWriter(path, about) as writer:  # 2
            for chunk in segment.chunks(stop):
                writer.write(chunk)  # 1
                records += len(chunk)
                for record in chunk:
                    first_and_next = found.setdefault(record.partition, [record.offset, 0])
                    first_and_next[1] = record.offset + 1
                show(records / segment.offset_count, records)
        return {
            "topic": segment.topic,
            "file": str(path),
            "records": records,
            "bytes": path.stat().st_size,
            "partitions": {str(number): {"from": low, "to": end} for number, (low, end) in sorted(found.items())},
            "seconds": round(time.monotonic() - started_s, 1),
            "interrupted": stop.is_set(),
        }


def _listed(held: dict[int, tuple[int, int]]) -> str:
    return ", ".join(f"{number}: {low} to {high}" for number, (low, high) in held.items())
