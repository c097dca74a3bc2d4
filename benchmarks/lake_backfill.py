"""How fast `vaxel backfill` tells sessions anew from the readings of a lake.

In:            uploads of simulated washing machines and shoes, taken in by the stream's own step; receipts, readings
               and sessions are stored as often as it takes, each time under other names; a custody and a contract
               of each device in Kafka.
Out:           readings a second of a dry run: processes started, lake and references read, all compared.
Guarantee:     rules are those of the stream, so that every session must be found as it is; a run that finds another
               number of readings or sessions, or a difference, has no speed.
On failure:    servers are stopped and files are removed, also on Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from confluent_kafka import Producer

from deploy import stack
from deploy.stack import Stack
from producers.fault_rates import FaultRates
from producers.fleet import fleet
from producers.fleet_calendar import FIRST_DAY_MS
from producers.simulation import deliveries
from schemas.errors import OutsideError
from schemas.facts import Run, WashCycle
from schemas.fields import Contract
from schemas.forms import arrow_schema, as_in_lake
from schemas.lake import READINGS_SHOE, READINGS_WASHER, RUN_VERSIONS, TABLES, UPLOADS, WASH_CYCLE_VERSIONS, Table
from schemas.reference import ContractReference, CustodyReference
from schemas.topics import REFERENCE_CONTRACT, REFERENCE_CUSTODY
from sinks.lake.connection import open_writer
from sinks.lake.doubt import Way
from sinks.lake.tables import only_one, prepare
from streams.batch import Outputs, Place
from streams.decode import Decoder
from streams.intake import taken_in
from streams.logs import KAFKA_LOG
from streams.product import PRODUCTS, WASHER, Product
from streams.state import State
from streams.step import step

MACHINES, DAYS, AT_ONCE = 30, 14, 2_000
COPIES_AT_ONCE = 20
"""Copies stored in one transaction: as many rows as a sink stores at once, some millions."""
STOP_S = 30.0
_NAMED = ("device_id", "session_id")


@dataclass(frozen=True)
class Retold:
    """What a dry run of all of a lake did.

    Attributes:
        seconds: Of the whole run, as the command tells it.
        wrong: What it found otherwise than it is; empty if all is right.
    """

    readings: int
    sessions: int
    processes: int
    seconds: float
    wrong: str

    @property
    def readings_per_s(self) -> float | None:
        """None when the answer is wrong."""
        return None if self.wrong else self.readings / self.seconds


@dataclass(frozen=True)
class _Record:
    key: bytes | None
    value: bytes | None
    offset: int
    timestamp: int
    headers: tuple[()] = ()


def measure(readings: int, say: Callable[[str], None] = lambda _line: None) -> Retold:
    """The figures over a lake with about that many readings, half of them of each product."""
    with tempfile.TemporaryDirectory(prefix="vaxel-backfill-bench-") as name:
        folder = Path(name)
        servers = stack.up(folder / "stack", bound=True, say=say)
        try:
            stored, sessions = fill(servers, readings, say)
            say(f"telling {sessions:,} sessions anew from {stored:,} readings")
            return dry_run(servers, stored, sessions)
        finally:
            stack.down(folder / "stack")


def fill(servers: Stack, readings: int, say: Callable[[str], None]) -> tuple[int, int]:
    """Store what so many readings come to; how many readings and sessions there are then."""
    stored = sessions = 0
    with closing(open_writer(servers.catalog, servers.lake_files)) as lake:
        with only_one(servers.catalog):
            prepare(lake, TABLES, Way())
        for product in PRODUCTS:
            rows = _rows(product)
            own = rows[_readings(product)].num_rows
            copies = max(1, round(readings / 2 / own))
            device_ids = sorted(set(rows[UPLOADS].column("device_id").to_pylist()))
            _tell_of(servers, (f"c{copy}-{device_id}" for copy in range(copies) for device_id in device_ids))
            for first in range(0, copies, COPIES_AT_ONCE):
                lake.execute("BEGIN")
                for table, part in rows.items():
                    lake.register("part", part)
                    names = ", ".join(
                        f"'c' || copy || '-' || {name} AS {name}" for name in _NAMED if name in part.column_names
                    )
                    lake.execute(
                        f"INSERT INTO {table.name} BY NAME SELECT part.* REPLACE ({names}) "
                        f"FROM part, range({first}, {min(first + COPIES_AT_ONCE, copies)}) AS made(copy)"
                    )
                    lake.unregister("part")
                lake.execute("COMMIT")
            stored += own * copies
            sessions += copies * len(set(rows[_versions(product)].column("session_id").to_pylist()))
            say(f"{stored:,} readings stored")
    return stored, sessions


def _tell_of(servers: Stack, device_ids: Iterable[str]) -> None:
    """What record systems would have told of these devices, in Kafka."""
    producer = Producer({"bootstrap.servers": servers.kafka, "linger.ms": 20, **KAFKA_LOG})
    for device_id in device_ids:
        for topic, value in references_of(device_id):
            producer.produce(topic, value, device_id.encode())
        producer.poll(0)
    if left := producer.flush(60):
        raise OutsideError(f"Kafka at {servers.kafka} has not taken {left} references after a minute")


def references_of(device_id: str) -> list[tuple[str, bytes]]:
    """Topic and value of what is known of a device: in one pair of hands and under one contract from the beginning."""
    custody = CustodyReference(
        device_id=device_id, revision=1, from_ms=[0], to_ms=[None], kind=["sold"], subject=["p" + "a" * 26],
        country=["SE"], time_zone=["Europe/Stockholm"], language=["sv"], insights_per_week=[1],
        max_heart_rate_bpm=[None], goal=[None], weekly_km=[None], runs_per_week=[None],
    )  # fmt: skip
    contract = ContractReference(
        device_id=device_id, revision=1, from_ms=[0], to_ms=[None], contract_no=["C-1"], kind=["owned"],
        currency=["EUR"], energy_price_per_kwh=[0.3], water_price_per_m3=[4.5],
    )  # fmt: skip
    return [
        (REFERENCE_CUSTODY, custody.model_dump_json().encode()),
        (REFERENCE_CONTRACT, contract.model_dump_json().encode()),
    ]


def dry_run(servers: Stack, readings: int, sessions: int, processes: int | None = None) -> Retold:
    """The command itself, over all that the lake holds.

    Raises:
        OutsideError: it failed.
    """
    count = processes if processes is not None else os.cpu_count() or 1
    words = "backfill --from 2026-01-01 --to 2027-01-01 --dry-run --unsettled --json --processes"
    asked = [sys.executable, "-m", "vaxel", *words.split(), str(count)]
    environment = {**os.environ, **_addresses(servers)}
    with subprocess.Popen(asked, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            printed, complained = process.communicate()
        finally:
            _end(process)
    told = told_by(process.returncode, printed, complained)
    return Retold(readings, sessions, count, told["seconds"], _wrong(told["products"], readings, sessions))


def _end(process: subprocess.Popen[str]) -> None:
    """It has ended when this returns. Killed at once, it would leave its own processes behind."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()


def told_by(exit_code: int, printed: str, complained: str) -> Mapping[str, Any]:
    """What the command told.

    Raises:
        OutsideError: it failed, or told something else than a report.
    """
    with suppress(json.JSONDecodeError):
        if exit_code == 0:
            told: Mapping[str, Any] = json.loads(printed)
            return told
    said = " ".join((complained.strip() or printed.strip() or "nothing").split())[-500:]
    raise OutsideError(f"vaxel backfill ended with exit code {exit_code} and no report; it said: {said}")


def _wrong(products: Mapping[str, Mapping[str, Any]], readings: int, sessions: int) -> str:
    found = sum(own["readings"] for own in products.values())
    same = sum(own["same"] + sum(own["left"].values()) for own in products.values())
    changes = {kind: sum(own[kind] for own in products.values()) for kind in ("changed", "appears", "withdrawn")}
    left = {reason for own in products.values() for reason in own["left"]} - {"open"}
    if found != readings:
        return f"{found} readings found of {readings}"
    if any(changes.values()):
        return f"differences found: {changes}"
    if same != sessions or left:
        return f"{same} of {sessions} sessions are as they are; left: {left or 'none'}"
    return ""


def _rows(product: Product) -> dict[Table, pa.Table]:
    """What the stream says of some machines' uploads, as the lake holds it."""
    washers, shoes = (MACHINES, 0) if product is WASHER else (0, MACHINES)
    records = [
        _Record(delivery.upload.device_id.encode(), delivery.value, offset, delivery.due_ms)
        for offset, delivery in enumerate(deliveries(fleet(1, washers, shoes, FIRST_DAY_MS, DAYS), FaultRates()))
        if not delivery.is_lost
    ]
    said = list(_said(product, records))
    contract: type[Contract] = WashCycle if product is WASHER else Run
    versions = [contract.model_validate(session).model_dump() for outputs in said for session in outputs.sessions]
    found = {
        UPLOADS: pa.concat_tables([outputs.receipts for outputs in said]),
        _readings(product): pa.concat_tables([outputs.readings for outputs in said]),
        _versions(product): pa.Table.from_pylist(versions, schema=arrow_schema(contract)),
    }
    return {table: as_in_lake(rows, table.contract) for table, rows in found.items()}


def _said(product: Product, records: list[_Record]) -> Iterator[Outputs]:
    state, decoder = State(product), Decoder(product.versions)
    for first in range(0, len(records), AT_ONCE):
        batch, refused = taken_in(decoder, Place(product.telemetry, 0), records[first : first + AT_ONCE])
        yield step(product, state, batch, refused)
        state.tidy()


def _readings(product: Product) -> Table:
    return READINGS_WASHER if product is WASHER else READINGS_SHOE


def _versions(product: Product) -> Table:
    return WASH_CYCLE_VERSIONS if product is WASHER else RUN_VERSIONS


def _addresses(servers: Stack) -> dict[str, str]:
    return {
        "VAXEL_KAFKA": servers.kafka,
        "VAXEL_LAKE_CATALOG": servers.catalog,
        "VAXEL_LAKE_FILES": servers.lake_files,
        "VAXEL_RECORDS": servers.records,
    }


def main() -> None:
    """Measure and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readings", type=int, default=10_000_000)
    retold = measure(parser.parse_args().readings, lambda line: print(line, file=sys.stderr))  # noqa: T201
    print(json.dumps({**asdict(retold), "readings_per_s": retold.readings_per_s}))  # noqa: T201


if __name__ == "__main__":
    main()
