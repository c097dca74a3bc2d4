"""Python's cycle collector, kept from looking through what is known to stay."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Made = TypeVar("Made")


@contextmanager
def set_aside(make: Callable[[], Made]) -> Iterator[Made]:
    """What `make` gives; until the end the collector does not look through it, nor through anything that was before.

    Of 100,000 changes there are half a million objects, none of them in a cycle, and the collector would look through
    all of them again and again: a fifth of the time that a set takes. What is made afterwards, it collects as ever.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        made = make()
    finally:
        if was_enabled:
            gc.enable()
    gc.freeze()
    try:
        yield made
    finally:
        gc.unfreeze()
