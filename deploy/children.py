"""Server processes that cannot outlive their keeper, and what is left of those whose keeper was killed."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from deploy.layout import read_json, write_json

STOP_WITHIN_S = 30.0
SAME_BIRTH_S = 2.0
"""Times of birth move with the system's clock when it is set right; a number is not given again as fast as this."""

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


@dataclass(frozen=True)
class Command:
    """A program to start.

    Attributes:
        log: Gets its output and errors; what an earlier start wrote moves to a file with `.1` at the end.
        stop_signal: Makes it end in good order; also sent by the kernel (Linux) when the keeper dies.
        account: User id and group id to run as; None for our own.
        variables: Of its environment, beside ours.
    """

    name: str
    arguments: tuple[str, ...]
    log: Path
    stop_signal: signal.Signals
    account: tuple[int, int] | None = None
    variables: Mapping[str, str] = field(default_factory=dict)


def start(command: Command) -> subprocess.Popen[bytes]:
    """The running program. Call it from the main thread: the kernel takes that thread's end for the keeper's."""
    if command.log.exists():
        command.log.replace(command.log.with_name(command.log.name + ".1"))
    user_id, group_id = command.account if command.account is not None else (None, None)
    with command.log.open("wb") as log:
        return subprocess.Popen(
            command.arguments,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env={**os.environ, **command.variables},
            user=user_id,
            group=group_id,
            extra_groups=[] if command.account is not None else None,
            preexec_fn=_die_with_keeper(command.stop_signal) if sys.platform == "linux" else None,  # noqa: PLW1509
        )


def _die_with_keeper(stop_signal: signal.Signals) -> Callable[[], None]:
    """Runs in the new process, after it changed its user: a change of user would undo it."""
    keeper_pid = os.getpid()
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask_for_signal() -> None:
        prctl(PR_SET_PDEATHSIG, int(stop_signal), 0, 0, 0)
        if os.getppid() != keeper_pid:  # it died before we asked
            os._exit(1)

    return ask_for_signal


def remember(path: Path, running: list[tuple[Command, subprocess.Popen[bytes]]]) -> None:
    """Write down who was started; the time of birth tells a process from a later one with the same id."""
    rows = []
    for command, process in running:
        try:
            born = psutil.Process(process.pid).create_time()
        except psutil.NoSuchProcess:
            continue
        rows.append({"name": command.name, "pid": process.pid, "born": born, "stop_signal": int(command.stop_signal)})
    write_json(path, rows)


def end_leftovers(path: Path, stop_within_s: float = STOP_WITHIN_S) -> None:
    """Wait until servers of a killed keeper are gone; ask them to stop, and kill those that do not.

    Call it only while holding the lock of the data directory.
    """
    left = []
    for row in read_json(path) or []:
        try:
            process = psutil.Process(row["pid"])
            if abs(process.create_time() - row["born"]) <= SAME_BIRTH_S:
                process.send_signal(row["stop_signal"])
                left.append(process)
        except psutil.NoSuchProcess:
            continue
    _, deaf = psutil.wait_procs(left, timeout=stop_within_s)
    for process in deaf:
        process.kill()
    psutil.wait_procs(deaf, timeout=stop_within_s)
    path.unlink(missing_ok=True)


def stop(running: list[tuple[Command, subprocess.Popen[bytes]]], stop_within_s: float = STOP_WITHIN_S) -> None:
    """Stop all at once and wait; kill what has not ended after `stop_within_s`."""
    for command, process in running:
        if process.poll() is None:
            process.send_signal(command.stop_signal)
    for _, process in running:
        try:
            process.wait(stop_within_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
