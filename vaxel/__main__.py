"""The command `vaxel`: registers every command and turns errors into one line and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import cache
from typing import Any

import typer

from schemas.errors import VaxelError
from vaxel.commands import (
    answer,
    backfill,
    bench,
    billing,
    capture,
    demo,
    desk,
    evidence,
    failed,
    gearbox,
    humans,
    lake,
    plot,
    relay,
    replay,
    schema,
    seed,
    simulate,
    sink,
    sql,
    stack,
    state,
    verify,
    worker,
)
from vaxel.commands import run as pipeline

INTERRUPTED = 130
QUERY_INTERRUPTED = "Query interrupted"
"""What DuckDB raises where Ctrl-C ends a query, as a bare RuntimeError."""
CLI_ERRORS: Any = typer.BadParameter.__mro__[2]
"""Base of what typer raises for a wrong call (click's ClickException, which typer carries but does not name)."""

app = typer.Typer(
    name="vaxel",
    help="The gearbox between connected products and the systems of record of the company that makes them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

for command in (stack.up, stack.down, stack.status):
    app.command(rich_help_panel="Local stack")(command)
for command in (demo.demo, pipeline.run, worker.worker, desk.desk, verify.verify):
    app.command(rich_help_panel="Pipeline")(command)
app.add_typer(state.app, name="state", rich_help_panel="Pipeline")
app.command(rich_help_panel="Devices")(simulate.simulate)
app.command(rich_help_panel="Devices")(answer.answer)
app.command(rich_help_panel="Devices")(replay.replay)
app.command(rich_help_panel="Devices")(capture.capture)
app.add_typer(bench.app, name="bench", rich_help_panel="Pipeline")
app.add_typer(schema.app, name="schema", rich_help_panel="Pipeline")
app.add_typer(failed.app, name="failed", rich_help_panel="Pipeline")
app.add_typer(sink.app, name="sink", rich_help_panel="Lake")
app.command(rich_help_panel="Lake")(sql.sql)
app.command(rich_help_panel="Lake")(backfill.backfill)
app.command(rich_help_panel="Lake")(plot.plot)
app.add_typer(lake.app, name="lake", rich_help_panel="Lake")
app.command(rich_help_panel="Record systems")(seed.seed)
app.command(rich_help_panel="Record systems")(humans.humans)
app.command(rich_help_panel="Record systems")(relay.relay)
app.add_typer(gearbox.app, name="gearbox", rich_help_panel="Record systems")
app.add_typer(billing.app, name="billing", rich_help_panel="Record systems")
app.add_typer(evidence.app, name="evidence", rich_help_panel="Record systems")


def run(arguments: Sequence[str]) -> int:
    """Exit code of the call; whatever stands in the way is told in one line on stderr."""
    try:
        code = _command(app).main(list(arguments), prog_name="vaxel", standalone_mode=False)
        sys.stdout.flush()
    except VaxelError as error:
        return _complain(str(error), error.exit_code)
    except CLI_ERRORS as error:
        message = error.format_message()
        return _complain(message, error.exit_code) if message else error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return _complain("interrupted", INTERRUPTED)
    except RuntimeError as error:
        if str(error) != QUERY_INTERRUPTED:
            raise
        return _complain("interrupted", INTERRUPTED)
    except BrokenPipeError:
        return _unread()
    except SystemExit as error:
        if not isinstance(error.__context__, BrokenPipeError):
            raise
        return _unread()  # typer ends with 1 for it, whatever it is asked
    return code if isinstance(code, int) else 0


def _unread() -> int:
    """Ends quietly: the reader of our output, `head` say, has had enough."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


@cache
def _command(of: typer.Typer) -> Any:
    """What parses a call, made once: typer reads the signature of every command for it, which takes 30 ms."""
    return typer.main.get_command(of)


def _complain(message: str, exit_code: int) -> int:
    plain = message.replace(": Value error, ", ": ")  # pydantic's words for what a check of ours says
    print("vaxel:", " ".join(plain.split()), file=sys.stderr)  # noqa: T201
    return exit_code


def main() -> None:
    """Entry point of the installed command."""
    from streams.logs import tell_of_bug  # noqa: PLC0415

    sys.excepthook = tell_of_bug  # stderr of workers and sinks is their log
    os.umask(0o077)  # lake, truth and logs hold what people did: nobody but the owner reads them
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
