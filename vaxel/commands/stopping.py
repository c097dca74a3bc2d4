"""Ctrl-C and a polite kill as something to look at, instead of an exception in the middle of a write."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

INTERRUPTED = 130


@contextmanager
def until_interrupted() -> Iterator[Event]:
    """An event that SIGINT and SIGTERM set."""
    stop = Event()
    previous = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
