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
    "How much of the label's energy do eco cycles need, by model?": """
select material, count(*) as cycles, round(avg(energy_wh)) as wh_per_cycle, round(avg(water_l), 1) as litres
from wash_cycles where programme = 'eco' and status <> 'open' group by material order by material""",
    "Who runs how far, how fast, by shoe?": """
select material, count(*) as runs, round(sum(distance_m) / 1000) as km,
  round(avg(duration_s / 60 / (distance_m / 1000)), 2) as min_per_km, round(avg(avg_cadence_spm)) as steps_per_min
from runs where distance_m > 0 group by material order by material""",
    "Why were uploads refused?": """
select reason, count(*) as uploads, min(detail) as for_example from failed_events group by reason
order by uploads desc""",
}

SALES = """
select s.material, m.description, sum(sold_qty)::bigint as sold, sum(activated_qty)::bigint as activated,
  sum(in_use_qty)::bigint as in_use, sum(dormant_qty)::bigint as dormant,
  round(avg(usage_per_session))::bigint as wh_or_m_per_session, round(avg(label_deviation_pct), 1) as label_pct
from erp.monthly_sales s join erp.material m using (material) group by all_columns order by s.material
""".replace("all_columns", "s.material, m.description")
CUSTOMERS = """
select coalesce(engagement, '-') as engagement, count(*) as customers, sum(products_in_use)::bigint as products_in_use,
  count(next_best_action) as with_next_best_action
from crm.customer group by 1 order by 2 desc
"""


def demo(
    *,
    washers: Annotated[int, typer.Option(min=1, help="Washing machines.")] = 300,
    shoes: Annotated[int, typer.Option(min=1, help="Pairs of running shoes.")] = 300,
    days: Annotated[int, typer.Option(min=1, help="Days of life.")] = 14,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same fleet.")] = 7,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Go the whole way once: fleet, stream, lake, ERP and CRM, then check it against the truth.

    Starts a local stack of its own in DATA_DIR/demo, made anew each time, and stops it at the end, also when killed.
    Leaves report.md and usage.png there. Exit code 0 only when verify found nothing lost, twice or wrong.
    """
    from deploy.layout import is_locked, layout_of  # noqa: PLC0415
    from deploy.stack import down, up  # noqa: PLC0415
    from schemas.errors import UsageError  # noqa: PLC0415
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
            _step(
                "a fleet lives: duplicated, late, reordered and corrupt uploads among the good ones",
                f"simulate {fleet}",
            )
            _step("stream workers and lake sink, until all is in the lake", "run --until-idle")
            for question, query in QUESTIONS.items():
                _step(question, f"sql {shlex.quote(query.strip())}")
            _records("ERP sales figures and CRM before", found)
            _step("usage goes into ERP and CRM, differences only, each with an audit row", "gearbox apply --all")
            _records("ERP sales figures and CRM after", found)
            _step("a second run finds nothing to write", "gearbox apply --all")
            _picture(found, home / "usage.png")
            clean = _step("is it true? every upload and every figure against the ground truth", "verify") == 0
        finally:
            _say("stopping everything the demo started")
            down(home)
            home.mkdir(parents=True, exist_ok=True)
            (home / "report.md").write_text(f"# Demo\n\n![usage per model and day](usage.png)\n\n```\n{report()}```\n")
    typer.echo(f"report: {home / 'report.md'}, picture: {home / 'usage.png'} ({time.monotonic() - began_s:.0f} s)")
    typer.echo(f"look around in its lake: vaxel up --data-dir {home}; vaxel sql --data-dir {home}")
    if not clean:
        raise typer.Exit(1)


def _say(sentence: str) -> None:
    typer.echo(f"\n== {sentence}")


def _step(sentence: str, command: str) -> int:
    """Run a command as a user would type it; returns its exit code."""
    from vaxel.__main__ import run  # noqa: PLC0415

    _say(sentence)
    typer.echo(f"$ vaxel {command}")
    code = run(shlex.split(command))
    if code not in (0, 1):
        raise typer.Exit(code)
    return code


def _records(sentence: str, found: Addresses) -> None:
    import psycopg  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    _say(sentence)
    with psycopg.connect(found.records) as connection:
        for query in (SALES, CUSTOMERS):
            cursor = connection.execute(query.encode())
            table = Table(*[column.name for column in cursor.description or ()], box=None, pad_edge=False)
            for row in cursor:
                table.add_row(*["-" if value is None else str(value) for value in row])
            Console(file=sys.stdout, width=110, highlight=False).print(table)


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
