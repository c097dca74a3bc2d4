"""A fleet lives, its uploads become facts, the facts reach ERP and CRM, and every figure is held against the truth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from producers.fault_rates import NAMES
from schemas.truth import INTACT_FAULTS, Fault
from tests.conftest import missing
from tests.integration.pipeline.carrying import carry
from tests.integration.pipeline.terminal import Terminal, faults, has_ended

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

FLEET = ("--seed", "11", "--washers", "12", "--shoes", "12", "--days", "8")
FAULTS = tuple(word for name in NAMES for word in ("--fault", f"{name}=0.01"))
DOCUMENTED = (
    "sent",
    "accepted",
    "lost",
    "lost_before",
    "twice",
    "sessions_wrong",
    "record_rows_wrong",
)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path)
    try:
        yield terminal
    finally:
        terminal.types("down")


def test_what_devices_did_is_what_erp_and_crm_say(terminal: Terminal) -> None:
    up = terminal.types("up", "--json")
    if up.code == 3:
        missing(up.err)
    assert up.code == 0, up
    servers = _servers(terminal)
    assert len(servers) > 3  # the keeper, Kafka, PostgreSQL and its children

    seeded = terminal.reports("seed", *FLEET)
    assert seeded["erp.serial_number"] == 24
    sent = terminal.reports("simulate", *FLEET, *FAULTS)
    assert sent["acknowledged"] == sent["sent"] > 2_000
    met: dict[Fault, int] = sent["faults"]
    assert set(met) == set(NAMES)
    broken = sum(count for fault, count in met.items() if fault not in (*INTACT_FAULTS, "lost"))
    again = met["duplicated"] + met["replayed"]

    ran = terminal.reports("run", "--until-idle")
    assert ran["accepted"] == sent["intact_uploads"]
    assert ran["failed"] + ran["duplicates"] == broken + again  # what is replayed is late, or a duplicate
    assert ran["failed"] >= broken
    assert ran["duplicates"] >= met["duplicated"]
    assert ran["restarts"] == 0

    applied = carry(terminal)
    assert {"crm.customer_usage", "erp.sales_usage"} <= {change_set["flow"] for change_set in applied}
    assert all(change_set["rows"] > 0 for change_set in applied)

    verdict = terminal.reports("verify")
    assert {name: verdict[name] for name in DOCUMENTED} == {
        "sent": sent["acknowledged"],
        "accepted": sent["intact_uploads"],
        "lost": 0,
        "lost_before": met["lost"],
        "twice": 0,
        "sessions_wrong": 0,
        "record_rows_wrong": 0,
    }
    assert 0.9 * sent["sessions"] < verdict["sessions_expected"] <= sent["sessions"]
    assert verdict["record_rows_checked"] > 24
    refused = sum(change_set["refused"] for change_set in applied)  # whom they are about has not agreed
    assert verdict["record_changes_waiting"] == refused
    assert not faults(verdict)

    terminal.reports("gearbox", "plan")
    assert [change_set["rows"] for change_set in terminal.reports("gearbox", "apply", "--all")] in ([], [0])

    terminal.does("down")
    assert [server for server in servers if not has_ended(server)] == []
    assert _servers(terminal) == []


def _servers(terminal: Terminal) -> list[psutil.Process]:
    """Every process that has the data directory on its command line or as its folder, and their children."""
    where = str(terminal.data_dir)
    found = set()
    for process in psutil.process_iter():
        try:
            if where in " ".join(process.cmdline()):
                found |= {process, *process.children(recursive=True)}
        except psutil.Error:
            continue
    return sorted(found, key=lambda process: process.pid)
