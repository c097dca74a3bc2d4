"""The line of a server's log that says why it died."""

from __future__ import annotations

import re
from pathlib import Path

TAIL_BYTES = 64 * 1024
LONGEST_REASON = 300
CAUSE = re.compile(r"^(?:Caused by: |Exception in thread \S+ )?(?:[\w$]+\.)+[\w$]*(?:Exception|Error): (?P<reason>.+)")
COMPLAINT = re.compile(r"(?:\b(?:ERROR|FATAL|PANIC)\b:?|^initdb: error:|^Error:)\s+(?P<reason>.+)")


def reason_of_death(*logs: Path) -> str:
    """The last exception or error line of the first log that has one, else the last line of any, without its class.

    Of an exception with causes the innermost is the last, and it is the one that names the disk or the port.
    """
    tails = [_tail(log) for log in logs]
    for pattern in (CAUSE, COMPLAINT):
        for lines in tails:
            for line in reversed(lines):
                found = pattern.search(line)
                if found:
                    return _sentence(found["reason"])
    last_lines = [lines[-1] for lines in tails if lines]
    return _sentence(last_lines[0]) if last_lines else "it wrote nothing"


def _sentence(text: str) -> str:
    """Short, and without the full stop that the message around it sets."""
    return text.strip()[:LONGEST_REASON].rstrip(".")


def _tail(log: Path) -> list[str]:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            return [line for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    except FileNotFoundError:
        return []
