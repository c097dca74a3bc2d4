"""The steps that are the same for Kafka and PostgreSQL: make the data directory, wait for an answer, notice death."""

from __future__ import annotations

import select
import signal
import subprocess
import time
from pathlib import Path
from typing import Protocol

from deploy import children
from deploy.children import Command
from deploy.logs import reason_of_death
from schemas.errors import OutsideError, UnreachableError

LOOK_EVERY_S = 0.05


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


def prepare(servers: tuple[Server, ...], note: Path, stop: StopRequest) -> bool:
    """Make missing data directories, all at once, noting the helpers started. False when a stop was asked for."""
    wanted = [(server, command) for server in servers if (command := server.preparation()) is not None]
    running = [(command, children.start(command)) for _, command in wanted]
    try:
        children.remember(note, running)
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


def wait_for_answers(servers: list[tuple[Server, subprocess.Popen[bytes]]], stop: StopRequest, within_s: float) -> bool:
    """True when all answer, False when a stop was asked for."""
    silent = servers
    deadline_s = time.monotonic() + within_s
    while silent:
        if stop.came_within(LOOK_EVERY_S):
            return False
        for server, process in silent:
            check_alive(server, process)
        silent = [(server, process) for server, process in silent if not server.answers()]
        if silent and time.monotonic() > deadline_s:
            server, _ = silent[0]
            raise UnreachableError(f"{server.name} did not answer within {within_s:.0f} s. See {server.logs[0]}")
    return True


def check_alive(server: Server, process: subprocess.Popen[bytes]) -> None:
    """Nothing while it runs.

    Raises:
        OutsideError: it ended; the message has the telling line of its log.
    """
    code = process.poll()
    if code is not None:
        end = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        raise OutsideError(f"{server.name} {end}: {reason_of_death(*server.logs)}. See {server.logs[0]}")
