"""Python's cycle collector, kept from looking through what is known to stay."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TypeVar

Made = TypeVar("Made")


class _Counted:
    """Something of the process that the first who asks switches on, and the last who is done switches off."""

    def __init__(self, on: Callable[[], object], off: Callable[[], object]) -> None:
        self._on, self._off, self._count, self._lock = on, off, 0, Lock()

    def __enter__(self) -> None:
        with self._lock:
            self._count += 1
            self._on()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._count -= 1
            if self._count == 0:
                self._off()


_stopped = _Counted(gc.disable, gc.enable)
_frozen = _Counted(gc.freeze, gc.unfreeze)


@contextmanager
def set_aside(make: Callable[[], Made]) -> Iterator[Made]:
    """What `make` gives; until the end the collector does not look through it, nor through anything that was before.

    Of 100,000 changes there are half a million objects, none of them in a cycle, and the collector would look through
    all of them again and again: a fifth of the time that a set takes. What is made afterwards, it collects as ever.
    """
    with _stopped:
        made = make()
    with _frozen:
        yield made
