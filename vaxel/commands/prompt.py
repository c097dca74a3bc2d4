"""The prompt of `vaxel sql`: statements over several lines until `;`, with history, and a few words of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import typer

from schemas.errors import VaxelError

ASK, ASK_MORE = "vaxel> ", "   ... "
HISTORY_LINES = 1_000
WORDS = (".tables", ".columns", ".describe")
"""What the prompt knows beside SQL; `vaxel.described` answers."""
HELP = "SQL until `;`   .tables what there is   .columns [NAME] what columns mean   .quit or Ctrl-D to leave"


def converse(answer: Callable[[str], None], history: Path) -> None:
    """Asks until the person leaves; an error is told in one line and the prompt comes back."""
    with _remembered(history):
        typer.echo(HELP)
        lines: list[str] = []
        while True:
            try:
                lines.append(input(ASK_MORE if lines else ASK))
            except EOFError:
                typer.echo("")
                return
            except KeyboardInterrupt:  # drops what was begun
                typer.echo("")
                lines = []
                continue
            text = "\n".join(lines).strip()
            if text in (".quit", ".exit"):
                return
            if text.startswith(".") or is_whole(text):
                lines = []
                _tell(answer, text)


def is_whole(text: str) -> bool:
    """Whether the text ends a statement: with a `;` that is in no quotes and no comment. Nothing at all is whole too.

    >>> is_whole("select 1;"), is_whole("select ';"), is_whole("select 1 -- one;"), is_whole("")
    (True, False, False, True)
    """
    quote = ""
    rest = text
    ended = True
    while rest:
        if quote:
            _, found, rest = rest.partition(quote)
            quote = "" if found else quote
        elif rest.startswith("--"):
            rest = rest.partition("\n")[2]
        elif rest.startswith("/*"):
            quote, rest = "*/", rest[2:]
        else:
            quote = rest[0] if rest[0] in "'\"" else ""
            ended = rest[0] == ";" or (ended and rest[0].isspace())
            rest = rest[1:]
    return ended and not quote


def _tell(answer: Callable[[str], None], text: str) -> None:
    if not text:
        return
    if text.startswith(".") and text.strip(";").split()[0] not in WORDS:
        typer.echo(HELP)
        return
    try:
        answer(text)
    except VaxelError as error:
        typer.echo(str(error), err=True)
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)


@contextlib.contextmanager
def _remembered(history: Path) -> Iterator[None]:
    """Line editing, and a history that the next session finds, where the system has readline."""
    try:
        import readline  # noqa: PLC0415
    except ImportError:
        yield
        return
    with contextlib.suppress(OSError):
        readline.read_history_file(history)
    readline.set_history_length(HISTORY_LINES)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            readline.write_history_file(history)
