"""A stream and a lake in memory: what steps say of uploads becomes the lake's tables, and is read back out of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from producers.fault_rates import FaultRates
from producers.fleet import fleet
from producers.fleet_calendar import FIRST_DAY_MS
from producers.simulation import deliveries
from producers.uploads import Delivery
from schemas.catalogue import PLUG_METER
from schemas.facts import Run, WashCycle
from schemas.fields import Contract
from schemas.forms import arrow_schema, as_in_lake
from schemas.lake import READINGS_SHOE, READINGS_WASHER, RUN_VERSIONS, UPLOADS, WASH_CYCLE_VERSIONS, Table
from schemas.topics import TELEMETRY_SHOE, TELEMETRY_WASHER
from sinks.lake import history as lake
from streams.batch import Outputs, Place
from streams.decode import Decoder
from streams.desk.register import Register
from streams.history import Past, Retold, channels_of, retold
from streams.history_compare import Bounds, Compared, compare
from streams.intake import taken_in
from streams.product import WASHER, Product
from streams.state import State
from streams.step import step

DAY_MS = 86_400_000
FAR_MS = 2**52
TABLES: dict[str, tuple[Table, Table]] = {
    TELEMETRY_WASHER: (READINGS_WASHER, WASH_CYCLE_VERSIONS),
    TELEMETRY_SHOE: (READINGS_SHOE, RUN_VERSIONS),
}
SESSIONS: dict[str, type[Contract]] = {TELEMETRY_WASHER: WashCycle, TELEMETRY_SHOE: Run}
SETTLING = lake.Settling(window=64, waits_ms=7 * DAY_MS, curve_uploads=322)


class Record(NamedTuple):
    """A record of telemetry."""

    key: bytes | None
    value: bytes | None
    offset: int
    timestamp: int
    headers: Sequence[tuple[str, bytes | None]] = ()


@dataclass
class Kept:
    """One product's stream of one partition, and its lake.

    Attributes:
        said: What each step said.
    """

    product: Product
    register: Register = field(default_factory=Register)
    said: list[Outputs] = field(default_factory=list)
    connection: duckdb.DuckDBPyConnection = field(default_factory=duckdb.connect)

    def __post_init__(self) -> None:
        self.state = State(self.product)
        self.decoder = Decoder(self.product.versions)
        self.next_offset = 0
        self.connection.execute("SET TimeZone = 'UTC'")
        for table in (UPLOADS, *TABLES[self.product.telemetry]):
            self._insert(table, arrow_schema(table.contract).empty_table(), is_new=True)

    def take(self, uploads: Sequence[tuple[str, bytes, int]], at_once: int = 200) -> Kept:
        """Take uploads in (device, bytes, when Kafka took it in), checkpoint by checkpoint, and store what comes."""
        for first in range(0, len(uploads), at_once):
            records = [
                Record(device.encode(), value, self.next_offset + number, received_ms)
                for number, (device, value, received_ms) in enumerate(uploads[first : first + at_once])
            ]
            self.next_offset += len(records)
            batch, refused = taken_in(self.decoder, Place(self.product.telemetry, 0), records)
            outputs = step(self.product, self.state, batch, refused, frozenset(), self.register)
            self.state.tidy()
            self.said.append(outputs)
            readings = TABLES[self.product.telemetry][0]
            self._insert(UPLOADS, outputs.receipts)
            self._insert(readings, outputs.readings)
            self.write(outputs.sessions)
        return self

    def write(self, sessions: Sequence[dict[str, Any]]) -> None:
        """Store versions of sessions, checked against their contract."""
        self.insert(TABLES[self.product.telemetry][1], *sessions)

    def insert(self, table: Table, *facts: dict[str, Any]) -> None:
        """Store rows of a table, checked against its contract."""
        rows = [table.contract.model_validate(fact).model_dump() for fact in facts]
        self._insert(table, pa.Table.from_pylist(rows, schema=arrow_schema(table.contract)))

    def retold(self, product: Product, part: lake.Part) -> Retold:
        uploads = lake.uploads(self.connection, part)
        readings = lake.readings(self.connection, TABLES[product.telemetry][0], part, uploads, channels_of(product))
        return retold(product, Past(uploads, readings), self.register)

    def compared(
        self, product: Product | None = None, from_ms: int = 0, to_ms: int = FAR_MS, **bounds: Any
    ) -> Compared:
        """What a backfill of the period finds; all of it and unsettled sessions too unless told otherwise."""
        product = product or self.product
        from_ms = max(from_ms, 10 * DAY_MS)
        part = lake.Part(product.telemetry, "", "~", from_ms, to_ms)
        known = lake.newest(self.connection, TABLES[product.telemetry][1], part)
        newest_ms = lake.newest_received_ms(self.connection, product.telemetry)
        settled = lake.settled(self.connection, part, SETTLING, newest_ms).to_pylist()
        found = Bounds(
            from_ms, to_ms,
            {row["device_id"]: row["received_ms"] for row in settled if row["received_ms"] is not None},
            {row["device_id"]: row["measured_ms"] for row in settled if row["measured_ms"] is not None},
            newest_ms={row["device_id"]: row["newest_ms"] for row in settled},
            **{"pause_ms": 900_000, "unsettled": True} | bounds,
        )  # fmt: skip
        return compare(self.retold(product, part), known, amount_of(product), found)

    def newest(self) -> dict[str, dict[str, Any]]:
        """The newest version of each session."""
        part = lake.Part(self.product.telemetry, "", "~", 10 * DAY_MS, FAR_MS)
        rows = lake.newest(self.connection, TABLES[self.product.telemetry][1], part).to_pylist()
        return {row["session_id"]: row for row in rows}

    def _insert(self, table: Table, rows: pa.Table, *, is_new: bool = False) -> None:
        stored = as_in_lake(rows, table.contract)  # noqa: F841  (DuckDB finds it by its name)
        how = f"CREATE TABLE {table.name} AS" if is_new else f"INSERT INTO {table.name}"
        self.connection.execute(f"{how} SELECT * FROM stored")


def amount_of(product: Product) -> str:
    return "energy_wh" if product is WASHER or product.detects else "distance_m"


def simulated(product: str, count: int, days: int, seed: int = 7) -> list[tuple[str, bytes, int]]:
    """What a fleet with the usual faults sends, in the order in which it comes."""
    washers, shoes = (count, 0) if product == "washer" else (0, count)
    made = fleet(seed, washers, shoes, FIRST_DAY_MS, days)
    return [told(delivery) for delivery in deliveries(made, FaultRates()) if not delivery.is_lost]


def told(delivery: Delivery) -> tuple[str, bytes, int]:
    return delivery.upload.device_id, delivery.value, delivery.due_ms


def as_plug_meters(uploads: Iterable[tuple[str, bytes, int]]) -> list[tuple[str, bytes, int]]:
    """The same machines as a plug meter in front of each sees them: power alone. Broken uploads are left out."""
    made = []
    for device_id, value, received_ms in uploads:
        try:
            fields = json.loads(value)
            kept = {
                name: fields[name] for name in ("device_id", "seq", "sent_at_ms", "firmware", "start_ms", "lead_ms")
            }
            kept |= {"offset_ms": fields["offset_ms"], "power_w": fields["power_w"], "material": PLUG_METER}
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        unknown = dict.fromkeys(
            ("cycle_no", "cycle_started_ms", "programme", "lifetime_cycles", "lifetime_energy_wh", "lifetime_water_l",
             "water_l", "temperature_c", "drum_rpm")
        )  # fmt: skip
        made.append((device_id, json.dumps({**kept, **unknown, "cycle_ended": False}).encode(), received_ms))
    return made
