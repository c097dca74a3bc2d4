"""Options that mean the same in every command."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

DEFAULT_DATA_DIR = Path(".vaxel")
_VARIABLE = "VAXEL_DATA_DIR"

DataDir = Annotated[
    Path,
    typer.Option("--data-dir", envvar=_VARIABLE, help="Directory of the local stack: servers' data, lake files, logs."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def command(*words: object, data_dir: Path) -> str:
    """A call of `vaxel` as one can copy it; the data directory is named where it would not be found by itself."""
    is_found = data_dir == Path(os.environ.get(_VARIABLE) or DEFAULT_DATA_DIR)
    return shlex.join(["vaxel", *map(str, words), *([] if is_found else ["--data-dir", str(data_dir)])])


def by_words(by: str | None) -> tuple[str, ...]:
    """The words that name who calls, where they named themselves: so a command to copy is theirs, too.

    >>> by_words("Bea Berg"), by_words(None)
    (('--by', 'Bea Berg'), ())
    """
    return () if by is None else ("--by", by)
