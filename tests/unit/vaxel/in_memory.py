"""The whole way in memory: deliveries, decoder, steps and checkpoints, tables and views, and the truth beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import md5
from pathlib import Path
from random import Random

import duckdb
import pyarrow as pa

from producers.fault_rates import NAMES, FaultRates
from producers.fleet import fleet
from producers.ledger import Ledger
from producers.simulation import deliveries
from producers.truth_folder import TruthFolder, new_truth_folder
from producers.uploads import Delivery, Upload, encode
from schemas.forms import arrow_schema, as_in_lake, duckdb_columns
from schemas.lake import INPUTS, TABLES, Table
from schemas.topics import FAILED_EVENTS, RECEIPTS, TELEMETRY_WASHER
from schemas.truth import TrueRecord, TrueSession, TrueUpload
from schemas.views import VIEWS
from streams.batch import Place
from streams.decode import Decoder
from streams.intake import taken_in
from streams.product import PRODUCTS, Product
from streams.state import State
from streams.step import step
from vaxel.sent import Sent
from vaxel.verification import check, load_truth

START_MS = int(datetime(2026, 5, 4, tzinfo=UTC).timestamp()) * 1000
RATES = FaultRates(**dict.fromkeys(NAMES, 0.01) | {"late": 0.03, "reordered": 0.03, "replayed": 0.03})
SENT = pa.schema(
    [
        ("topic", pa.string()),
        ("partition", pa.int64()),
        ("offset", pa.int64()),
        ("digest", pa.string()),
        ("is_repaired", pa.bool_()),
    ]
)
TABLE_OF = {entry.topic: entry.table for entry in INPUTS}


@cache
def decoder(product: Product) -> Decoder:
    return Decoder(product.versions)


@cache
def simulated() -> list[Delivery]:
    return list(deliveries(fleet(9, 2, 3, START_MS, 6), RATES))


def upload(device_id: str, seq: int, start_ms: int, power_w: list[float]) -> Delivery:
    """Of a washing machine outside any cycle, or of a plug meter: a reading every ten seconds, sent at their end."""
    sent_at_ms = start_ms + 10_000 * len(power_w)
    fields = {
        "device_id": device_id,
        "seq": seq,
        "sent_at_ms": sent_at_ms,
        "material": "WM-1",
        "firmware": "1.0.0",
        "start_ms": start_ms + 10_000,
        "lead_ms": 10_000,
        "offset_ms": [10_000 * step for step in range(len(power_w))],
        "cycle_ended": False,
        "power_w": power_w,
        **dict.fromkeys(("cycle_no", "cycle_started_ms", "programme", "water_l", "temperature_c", "drum_rpm")),
        **dict.fromkeys(("lifetime_cycles", "lifetime_energy_wh", "lifetime_water_l")),
    }
    value = encode(fields)
    made = Upload(TELEMETRY_WASHER, device_id, seq, sent_at_ms, len(power_w), value, None)
    return Delivery(made, value, sent_at_ms, None)


@contextmanager
def empty_lake() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as lake:
        for table in TABLES:
            lake.execute(f'create table "{table.name}" ({duckdb_columns(table.contract)})')
        for view in VIEWS:
            lake.execute(f'create view "{view.name}" as {view.query}')
        yield lake


def cut_off(
    lake: duckdb.DuckDBPyConnection,
    data_dir: Path,
    made: list[Delivery],
    rng: Random | None = None,
    untold: int = 0,
    repaired: int = 0,
) -> None:
    """These deliveries taken in, and the truth of them loaded.

    Args:
        rng: Cuts them into batches of all sizes; without it they come at once.
        untold: So many of the first ones are not in the truth.
        repaired: So many of the last ones came back from the failed events, and are not in the truth either.
    """
    for product in PRODUCTS:
        into_lake(lake, product, arriving(product, made), rng)
    tell(new_truth_folder(data_dir, "simulate"), made, range(untold, len(made) - repaired)).finish()
    load_truth(lake, data_dir, sent_of(made, repaired=repaired))


def tell(truth: TruthFolder, made: list[Delivery], chosen: range) -> TruthFolder:
    """A truth, not yet finished, of some of these deliveries."""
    ledger = Ledger()
    offsets: Counter[str] = Counter()
    for number, delivery in enumerate(made):
        topic = delivery.upload.topic
        if number in chosen:
            ledger.send(delivery)
            if not delivery.is_lost:
                ledger.acknowledge(delivery, 0, offsets[topic])
        offsets[topic] += not delivery.is_lost
    for contract in (TrueUpload, TrueSession, TrueRecord):
        truth.append(contract, ledger.take(contract))
    return truth


def arriving(product: Product, made: list[Delivery]) -> list[Delivery]:
    """What of a product reaches Kafka."""
    return [delivery for delivery in made if _is_of(product, delivery) and not delivery.is_lost]


def _is_of(product: Product, delivery: Delivery) -> bool:
    return delivery.upload.topic == product.telemetry


def reloaded(lake: duckdb.DuckDBPyConnection, data_dir: Path, sent: list[Delivery], low: int = 0) -> dict[str, int]:
    """What is wrong now that the lake, the truth, or what Kafka holds has changed."""
    load_truth(lake, data_dir, sent_of(sent, low))
    return wrong(lake)


def wrong(lake: duckdb.DuckDBPyConnection) -> dict[str, int]:
    return counted(check(lake))


def counted(found: dict[str, list[str]]) -> dict[str, int]:
    return {kind: len(cases) for kind, cases in found.items() if cases}


def into_lake(lake: duckdb.DuckDBPyConnection, product: Product, mine: list[Delivery], rng: Random | None) -> None:
    """Deliveries of one product in batches as they may come, into the lake's tables."""
    state, first = State(product), 0
    while first < len(mine):
        end = min(first + rng.choice([1, 20, 200, 500]), len(mine)) if rng else len(mine)
        records = [
            Record(delivery.upload.device_id.encode(), delivery.value, first + number, delivery.due_ms + 500)
            for number, delivery in enumerate(mine[first:end])
        ]
        batch, refused = taken_in(decoder(product), Place(product.telemetry, 0), records)
        outputs = step(product, state, batch)
        state.tidy()
        insert(lake, TABLE_OF[RECEIPTS], outputs.receipts)
        insert(lake, TABLE_OF[product.readings], outputs.readings)
        insert_rows(lake, TABLE_OF[product.sessions], outputs.sessions)
        insert_rows(lake, TABLE_OF[FAILED_EVENTS], [event.model_dump() for event in refused + outputs.failed])
        first = end


@dataclass(frozen=True)
class Record:
    """As Kafka would hand it over."""

    key: bytes
    value: bytes
    offset: int
    timestamp: int
    headers: Sequence[tuple[str, bytes]] = ()


def insert_rows(lake: duckdb.DuckDBPyConnection, table: Table, rows: list[dict[str, object]]) -> None:
    insert(lake, table, pa.Table.from_pylist(rows, schema=arrow_schema(table.contract)))


def insert(lake: duckdb.DuckDBPyConnection, table: Table, rows: pa.Table) -> None:
    if rows.num_rows:
        lake.register("rows", as_in_lake(rows, table.contract))
        lake.execute(f'insert into "{table.name}" by name select * from rows')


def sent_of(made: list[Delivery], low: int = 0, repaired: int = 0) -> Sent:
    """What Kafka would hold, as `vaxel.sent` tells it, when it has let go of what lies before `low`.

    Args:
        repaired: So many of the last ones came back from the failed events.
    """
    rows, extents = [], []
    came_back = {id(delivery) for delivery in made[len(made) - repaired :]}
    for product in PRODUCTS:
        mine = arriving(product, made)
        rows += [
            {
                "topic": product.telemetry,
                "partition": 0,
                "offset": offset,
                "digest": md5(delivery.value).hexdigest(),
                "is_repaired": id(delivery) in came_back,
            }
            for offset, delivery in enumerate(mine)
            if offset >= low
        ]
        extents.append({"topic": product.telemetry, "partition": 0, "low": min(low, len(mine)), "high": len(mine)})
    return Sent(pa.Table.from_pylist(rows, schema=SENT), pa.Table.from_pylist(extents))
