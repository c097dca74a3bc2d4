"""How a worker ends when it is in doubt: at once."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from schemas.errors import DecisionError, UsageError
from streams.logs import last_words, words_of

EXIT_CRASHED = 70
"""sysexits.h EX_SOFTWARE: the supervisor starts the worker again. Not so where a person has to decide first."""


def die(what: str, because: BaseException | None = None) -> NoReturn:
    """End the process at once, so that nothing half-done can become visible."""
    why = f": {words_of(because)}" if because is not None else ""
    print(last_words(f"{what}{why}"), file=sys.stderr, flush=True)  # noqa: T201
    os._exit(because.exit_code if isinstance(because, DecisionError | UsageError) else EXIT_CRASHED)
