"""Keeps the processes of a pipeline running: starts them, starts them again when they end, stops them."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from deploy.children import Command, start, stop
from schemas.errors import DecisionError, OutsideError, UsageError

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 10.0
CALM_S = 30.0
CRASHES_IN_A_ROW = 6
FINAL = {UsageError.exit_code, DecisionError.exit_code}
"""Exit codes after which starting again cannot help. An outside system that was away may be back."""


@dataclass
class _Child:
    command: Command
    process: subprocess.Popen[bytes]
    started_s: float
    crashes: int = 0
    again_s: float | None = None


@dataclass
class Supervisor:
    """Child processes by name. Crash-only workers are meant to end when in doubt: they are started again, ever later.

    On Linux a child dies with this process, also when it is killed. Use it from the main thread.

    Attributes:
        tell: Gets a line for each child that ended and is started again.
    """

    log_dir: Path
    tell: Callable[[str], None] = lambda _line: None
    children: list[_Child] = field(default_factory=list)
    restarts: int = 0

    def start(self, name: str, *arguments: str) -> None:
        """Start `vaxel ARGUMENTS` as a child.

        Raises:
            OutsideError: its log cannot be written, or it cannot be started.
        """
        command = Command(
            name, (sys.executable, "-m", "vaxel", *arguments), self.log_dir / f"{name}.log", signal.SIGTERM
        )
        self.children.append(_Child(command, _begun(command), time.monotonic()))

    def tend(self) -> None:
        """Start again what has ended. Call it often.

        Raises:
            DecisionError: a child ended because a person has to decide.
            OutsideError: a child ended in another way, or so often, that starting it again cannot help.
        """
        now_s = time.monotonic()
        for child in self.children:
            if child.again_s is not None:
                if now_s >= child.again_s:
                    child.process, child.started_s, child.again_s = _begun(child.command), now_s, None
                    self.restarts += 1
                continue
            code = child.process.poll()
            if code is None:
                continue
            child.crashes = 1 if now_s - child.started_s > CALM_S else child.crashes + 1
            if code in FINAL or child.crashes >= CRASHES_IN_A_ROW:
                kind = DecisionError if code == DecisionError.exit_code else OutsideError
                raise kind(_obituary(child.command, code))
            pause_s = min(FIRST_PAUSE_S * 2**child.crashes, LONGEST_PAUSE_S)
            child.again_s = now_s + pause_s
            self.tell(f"{_obituary(child.command, code)}; it is started again in {pause_s:g} s")

    def stop(self) -> None:
        """Stop all children in good order and wait for them."""
        stop([(child.command, child.process) for child in self.children])
        self.children.clear()


def _begun(command: Command) -> subprocess.Popen[bytes]:
    try:
        command.log.parent.mkdir(parents=True, exist_ok=True)
        return start(command)
    except OSError as error:
        raise OutsideError(f"cannot start {command.name} with its log {command.log}: {error.strerror}") from error


def _obituary(command: Command, code: int) -> str:
    """Who ended, how, and what it said last."""
    how = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
    try:
        lines = command.log.read_text(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    said = lines[-1].removeprefix("vaxel: ") if lines else "it said nothing"
    return f"{command.name} ended with {how}: {said} (log: {command.log})"
