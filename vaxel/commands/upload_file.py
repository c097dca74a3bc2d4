"""`vaxel simulate --to`: uploads into a file, for whoever wants to look at them or to feed them elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.errors import OutsideError, UsageError

if TYPE_CHECKING:
    from producers.uploads import Delivery

_SHOW_EVERY = 100


def require_new(path: Path) -> None:
    """Raise UsageError if the file holds something; `/dev/stdout` is none of these, unless something is added to."""
    if path.is_file() and path.stat().st_size > 0:
        raise UsageError(f"{str(path)!r} is there already: another name, or --overwrite, is accepted")


def write(path: Path, stream: Iterator[Delivery], on_progress: Callable[[Delivery, int], None]) -> dict[str, Any]:
    """Write one upload a line, and sum up.

    Raises:
        OutsideError: The file cannot be written.
    """
    started_s = time.monotonic()
    faults: Counter[str] = Counter()
    sent = 0
    try:
        with path.open("wb") as lines:
            for number, delivery in enumerate(stream):
                if delivery.fault is not None:
                    faults[delivery.fault] += 1
                if not delivery.is_lost:
                    lines.write(delivery.value.replace(b"\n", b" ") + b"\n")
                    sent += 1
                if number % _SHOW_EVERY == 0:
                    on_progress(delivery, sent)
    except OSError as error:
        raise OutsideError(f"Cannot write {str(path)!r}: {error.strerror}") from error
    seconds = round(time.monotonic() - started_s, 1)
    return {"sent": sent, "faults": dict(sorted(faults.items())), "seconds": seconds, "file": str(path)}
