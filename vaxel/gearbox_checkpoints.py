"""Signs the audit's head every so often, beside whatever else runs: little of it is ever without a signature."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from schemas.errors import VaxelError
from sinks.records.database import session
from sinks.records.gear.checkpoints import Signer, write_checkpoint
from sinks.records.gear.places import Clock, Places
from vaxel.signing import checkpoint_file, signer

EVERY_S = 60.0


@contextmanager
def checkpointing(
    known: Places, data_dir: Path, tell: Callable[[str], None], every_s: float = EVERY_S
) -> Iterator[None]:
    """Signs every `every_s` seconds, and once more at the end. What fails is told, and tried again the next time.

    Raises:
        UsageError: There is no key to sign with.
    """
    own, file, is_over = signer(os.environ, data_dir), checkpoint_file(os.environ, data_dir), Event()

    def work() -> None:
        said = ""
        while True:
            is_last = is_over.wait(every_s)
            fault = _signed(known.ledger, own, file)
            if fault and fault != said:
                tell(f"the audit is not signed: {fault}")
            said = fault
            if is_last:
                return

    thread = Thread(target=work, name="checkpoints", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _signed(ledger: str, own: Signer, file: Path) -> str:
    """What went wrong, in a line; empty: nothing."""
    try:
        with session(ledger) as connection:
            write_checkpoint(connection, own, Clock().now(), file)
    except VaxelError as error:
        return " ".join(str(error).split())
    return ""
