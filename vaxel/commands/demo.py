"""`vaxel demo`: the whole way once, from device to ledger, with the commands that a user types."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from vaxel.commands.options import DEFAULT_DATA_DIR, DataDir

if TYPE_CHECKING:
    from vaxel.settings import Addresses

QUESTIONS = {
    "How much energy and water does an eco cycle take, by model?": """
select material, count(*) as cycles, round(avg(energy_wh)) as wh_per_cycle, round(avg(water_l), 1) as litres
from wash_cycles where programme = 'eco' and status <> 'open' group by material order by material""",
    "Who runs how far, how fast, by shoe?": """
select material, count(*) as runs, round(sum(distance_m) / 1000) as km,
  round(avg(duration_s / 60 / (distance_m / 1000)), 2) as min_per_km, round(avg(avg_cadence_spm)) as steps_per_min
from runs where distance_m > 0 group by material order by material""",
    "What were people told?": """
select kind, count(*) as told, min(title) filter (language = 'en') as for_example from insights
group by kind order by told desc, kind""",
    "What should the maker look at?": """
select kind, status, count(*) as alerts, min(device_id) as for_example from alerts group by kind, status
order by all""",
    "Has everything arrived that the devices counted?": """
select product, verdict, count(*) as device_months, round(sum(missing)) as missing, any_value(unit) as unit,
  sum(missing_uploads)::bigint as missing_uploads
from completeness group by product, verdict order by product, verdict""",
    "Why were uploads refused?": """
select reason, count(*) as uploads, min(detail) as for_example from failed_events group by reason
order by uploads desc""",
}


def demo(
    *,
    washers: Annotated[int, typer.Option(min=1, help="Washing machines.")] = 300,
    shoes: Annotated[int, typer.Option(min=1, help="Pairs of running shoes.")] = 300,
    days: Annotated[int, typer.Option(min=1, help="Days of life.")] = 14,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same fleet.")] = 7,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Go the whole way once: fleet, stream, lake, ERP, CRM, service and billing, then check it against the truth.

    Starts a local stack of its own in DATA_DIR/demo, made anew each time, and stops it at the end, also when killed.
    Leaves report.md, usage.png and the evidence of an invoice there. Exit code 0 only when the record systems were fed,
    a refusal, a freeze and an undo did what they should, a second run had nothing to write, and verify found nothing
    lost, twice or wrong.
    """
    from deploy.layout import is_locked, layout_of  # noqa: PLC0415
    from deploy.stack import down, up  # noqa: PLC0415
    from schemas.errors import UsageError  # noqa: PLC0415
    from vaxel.commands.demo_gearbox import show_gearbox  # noqa: PLC0415
    from vaxel.settings import addresses  # noqa: PLC0415

    home = data_dir / "demo"
    if is_locked(layout_of(home)):
        raise UsageError(f"a demo runs in {home}. Wait for it, or stop it: vaxel down --data-dir {home}")
    shutil.rmtree(home, ignore_errors=True)
    began_s = time.monotonic()
    fleet = f"--seed {seed} --washers {washers} --shoes {shoes} --days {days}"
    for name in [name for name in os.environ if name.startswith("VAXEL_")]:
        del os.environ[name]  # The demo never touches anybody's real systems.
    os.environ["VAXEL_DATA_DIR"] = str(home)
    with _reporting() as report:
        try:
            _say("the local stack: Apache Kafka and PostgreSQL on loopback")
            up(home, bound=True, say=typer.echo)
            found = addresses(os.environ, home)
            _step("ERP and CRM, as they are before anybody measures usage", f"seed {fleet}")
            _step("record systems tell the stream who has which device, and what they agreed to", "relay --until-idle")
            _step(
                "a fleet lives: lost, late, altered, broken and hostile uploads among the good ones",
                f"simulate {fleet}",
            )
            _step("stream workers, desk and lake sink, until all is in the lake", "run --until-idle")
            for question, query in QUESTIONS.items():
                _step(question, f'sql "{query.strip()}"')
            lacking = show_gearbox(found.records, home, _run, _say)
            _picture(found, home / "usage.png")
            is_true = _check("is it true? every upload and every figure against the ground truth", "verify")
        finally:
            _say("stopping everything the demo started")
            down(home)
            home.mkdir(parents=True, exist_ok=True)
            (home / "report.md").write_text(f"# Demo\n\n![usage per model and day](usage.png)\n\n```\n{report()}```\n")
    typer.echo(f"report: {home / 'report.md'}, picture: {home / 'usage.png'} ({time.monotonic() - began_s:.0f} s)")
    typer.echo(f"look around in its lake: vaxel up --data-dir {home}; vaxel sql --data-dir {home}")
    if not is_true:
        lacking.append("verify found something")
    if lacking:
        typer.echo(f"vaxel: the demo did not show what it should: {'; '.join(lacking)}", err=True)
        raise typer.Exit(1)


def _say(sentence: str) -> None:
    typer.echo(f"\n== {sentence}")


def _step(sentence: str, command: str) -> None:
    """Run a command as a user would type it; the demo ends with it if it fails."""
    if not _check(sentence, command):
        raise typer.Exit(1)


def _check(sentence: str, command: str) -> bool:
    """Run a command that may find something; returns whether it found nothing."""
    code = _run(sentence, command)
    if code not in (0, 1):
        raise typer.Exit(code)
    return code == 0


def _run(sentence: str, command: str) -> int:
    """Run a command as a user would type it; its exit code."""
    from vaxel.__main__ import run  # noqa: PLC0415

    _say(sentence)
    typer.echo(f"$ vaxel {command}")
    return run(shlex.split(command))


def _picture(found: Addresses, path: Path) -> None:
    from sinks.lake.connection import open_reader  # noqa: PLC0415
    from vaxel.picture import draw_usage  # noqa: PLC0415

    _say(f"usage per model and day: {path}")
    with open_reader(found.catalog, found.lake_files) as lake:
        draw_usage(lake, path)


class _Both(io.TextIOBase):
    """Writes to the terminal and keeps a copy."""

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal
        self.copy = io.StringIO()

    def write(self, text: str) -> int:
        self.copy.write(text)
        return self._terminal.write(text)

    def flush(self) -> None:
        self._terminal.flush()

    def fileno(self) -> int:
        return self._terminal.fileno()


@contextlib.contextmanager
def _reporting() -> Iterator[Callable[[], str]]:
    """While it lasts, what goes to stdout is kept as well; yields a function that gives it."""
    both = _Both(sys.stdout)
    with contextlib.redirect_stdout(both):
        yield both.copy.getvalue
