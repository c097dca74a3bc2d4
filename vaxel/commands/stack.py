"""`vaxel up | down | status`: the local stack."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from deploy.stack import Stack

from vaxel.commands.options import DEFAULT_DATA_DIR, AsJson, DataDir

NOT_RUNNING = 3


def up(
    *,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    kafka_port: Annotated[
        int | None, typer.Option(help="Port of Kafka on loopback.", show_default="last used, else a free one")
    ] = None,
    postgres_port: Annotated[
        int | None, typer.Option(help="Port of PostgreSQL on loopback.", show_default="last used, else a free one")
    ] = None,
    partitions: Annotated[
        int | None, typer.Option(min=1, help="Partitions of each topic, when it is made.", show_default="4")
    ] = None,
    fetch_only: Annotated[bool, typer.Option("--fetch-only", help="Download Kafka's jars and start nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Start the local stack: Apache Kafka, PostgreSQL and the topics, all on loopback, without Docker.

    A stack that runs already is found and left as it is. It runs until `vaxel down`; its data stay in the data
    directory, and the next `vaxel up` goes on with them, on the same ports if they are still free.
    """
    from deploy import stack  # noqa: PLC0415
    from deploy.jars import default_cache, fetch_jars  # noqa: PLC0415

    if fetch_only:
        jars = fetch_jars(default_cache(os.environ), say=_tell)
        typer.echo(json.dumps([str(jar) for jar in jars]) if as_json else f"{len(jars)} jars in {jars[0].parent}")
        return
    running = stack.up(data_dir, kafka_port=kafka_port, postgres_port=postgres_port, partitions=partitions, say=_tell)
    typer.echo(_as_json(running) if as_json else _as_line(running))


def down(*, data_dir: DataDir = DEFAULT_DATA_DIR) -> None:
    """Stop the local stack and wait until it is gone. Its data stay. Nothing to stop is no error."""
    from deploy import stack  # noqa: PLC0415

    stopped = stack.down(data_dir)
    typer.echo(f"stopped the stack in {data_dir}" if stopped else f"no local stack runs in {data_dir}")


def status(*, data_dir: DataDir = DEFAULT_DATA_DIR, as_json: AsJson = False) -> None:
    """Show where the local stack answers. Exit code 0 when it runs, 3 when not.

    The password of PostgreSQL is shown nowhere; it is in the file DATA_DIR/password.
    """
    from deploy import stack  # noqa: PLC0415

    running = stack.find(data_dir)
    if running is not None:
        typer.echo(_as_json(running) if as_json else _as_line(running))
        return
    reason = stack.last_error(data_dir)
    if as_json:
        typer.echo(json.dumps({"running": False, "reason": reason}))
    else:
        typer.echo(f"no local stack runs in {data_dir}" + (f": {reason}" if reason is not None else ""))
    raise typer.Exit(NOT_RUNNING)


def _tell(line: str) -> None:
    typer.echo(line, err=True)


def _as_line(running: Stack) -> str:
    bound = "" if running.parent_pid is None else f", until process {running.parent_pid} ends"
    postgres = f"PostgreSQL 127.0.0.1:{running.postgres_port}"
    return f"running{bound}: Kafka {running.kafka}, {postgres}, lake files {running.lake_files}"


def _as_json(running: Stack) -> str:
    told = asdict(running) | {"catalog": _shown(running.catalog), "records": _shown(running.records)}
    return json.dumps({"running": True} | told)


def _shown(dsn: str) -> str:
    """The address without its password: what is printed ends up in logs."""
    return re.sub(r"(?<=//)([^:@/]*):[^@/]*@", r"\1@", dsn)
