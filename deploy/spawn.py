"""Start a keeper that outlives us, or that ends with us when bound, and tell why one ended."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from deploy.layout import Layout, read_json
from deploy.logs import reason_of_death
from schemas import errors

START_WITHIN_S = 120.0
STOP_WITHIN_S = 90.0
LOCKED_EXIT_CODE = 75  # EX_TEMPFAIL of <sysexits.h>

_keepers: list[subprocess.Popen[bytes]] = []
"""Started by this process and meant to outlive it: kept, so that none is reported as forgotten."""


def forget_ended_keepers() -> None:
    """Take the exit codes of those that ended, so that the system can forget them."""
    _keepers[:] = [keeper for keeper in _keepers if keeper.poll() is None]


def spawn_keeper(
    layout: Layout, kafka_port: int | None, postgres_port: int | None, bound: bool
) -> subprocess.Popen[bytes]:
    """A keeper in a session of its own; bound, it holds the read end of a pipe that closes when this process ends."""
    arguments = [sys.executable, "-m", "deploy.keeper", str(layout.data_dir)]
    if kafka_port is not None:
        arguments += ["--kafka-port", str(kafka_port)]
    if postgres_port is not None:
        arguments += ["--postgres-port", str(postgres_port)]
    pipe: tuple[int, ...] = ()
    if bound:
        read_end, _write_end = os.pipe()  # the write end stays open until this process ends: that is its whole use
        arguments += ["--parent-pid", str(os.getpid()), "--parent-pipe", str(read_end)]
        pipe = (read_end,)
    with layout.log("keeper").open("ab") as log:
        keeper = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=Path(__file__).parent.parent,
            start_new_session=True,
            pass_fds=pipe,
        )
    for read_end in pipe:
        os.close(read_end)
    _keepers.append(keeper)
    return keeper


def why_it_ended(layout: Layout, keeper: subprocess.Popen[bytes]) -> errors.VaxelError:
    """The keeper's own last word as an error, or the last line of its log."""
    content = read_json(layout.error)
    if content is not None and content["pid"] == keeper.pid:
        kind: type[errors.VaxelError] = getattr(errors, content["error"])
        return kind(content["message"])
    reason = "it was stopped" if keeper.returncode == 0 else reason_of_death(layout.log("keeper"))
    return errors.OutsideError(f"the stack did not start: {reason}. See {layout.log('keeper')}")
