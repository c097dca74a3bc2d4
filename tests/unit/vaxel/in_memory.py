"""The whole way in memory: deliveries, decoder, steps and checkpoints, tables and views, and the truth beside them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import md5
from pathlib import Path
from random import Random

import duckdb
import pyarrow as pa

from producers.faults import FaultRates
from producers.fleet import fleet
from producers.ledger import Ledger
from producers.simulation import deliveries
from producers.truth_folder import new_truth_folder
from producers.uploads import Delivery
from schemas.forms import arrow_schema, duckdb_columns, lake_types
from schemas.lake import INPUTS, TABLES, VIEWS, Table
from schemas.topics import FAILED_EVENTS, RECEIPTS
from streams.batch import Place
from streams.decode import Decoder
from streams.intake import taken_in
from streams.product import PRODUCTS, Product
from streams.step import State, step
from vaxel.sent import Sent
from vaxel.verification import check, load_truth

START_MS = int(datetime(2026, 5, 4, tzinfo=UTC).timestamp()) * 1000
RATES = FaultRates(duplicated=0.03, late=0.03, reordered=0.03, corrupt=0.05)
DECODERS = {product: Decoder(product.upload) for product in PRODUCTS}
TABLE_OF = {entry.topic: entry.table for entry in INPUTS}


@cache
def simulated() -> list[Delivery]:
    return list(deliveries(fleet(11, 20, 40, START_MS, 1), RATES))


@contextmanager
def empty_lake() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as lake:
        for table in TABLES:
            lake.execute(f'create table "{table.name}" ({duckdb_columns(table.contract)})')
        for view in VIEWS:
            lake.execute(f'create view "{view.name}" as {view.query}')
        yield lake


def cut_off(
    lake: duckdb.DuckDBPyConnection, data_dir: Path, sent: list[Delivery], rng: Random, untold: int = 0
) -> None:
    """These deliveries taken in, and the truth of them loaded, except for the first `untold` ones."""
    ledger = Ledger()
    for product in PRODUCTS:
        mine = [(number, delivery) for number, delivery in enumerate(sent) if _is_of(product, delivery)]
        for offset, (number, delivery) in enumerate(mine):
            if number >= untold:
                ledger.send(delivery)
                ledger.acknowledge(delivery, 0, offset)
        into_lake(lake, product, [delivery for _, delivery in mine], rng)
    truth = new_truth_folder(data_dir, "simulate")
    truth.write_records(ledger.take_records())
    truth.finish(ledger.sessions(), [])
    load_truth(lake, data_dir, sent_of(sent))


def _is_of(product: Product, delivery: Delivery) -> bool:
    return delivery.upload.topic == product.telemetry


def reloaded(lake: duckdb.DuckDBPyConnection, data_dir: Path, sent: list[Delivery], low: int = 0) -> dict[str, int]:
    """What is wrong now that the lake, the truth, or what Kafka holds has changed."""
    load_truth(lake, data_dir, sent_of(sent, low))
    return wrong(lake)


def wrong(lake: duckdb.DuckDBPyConnection) -> dict[str, int]:
    return {kind: len(cases) for kind, cases in check(lake).items() if cases}


def into_lake(lake: duckdb.DuckDBPyConnection, product: Product, mine: list[Delivery], rng: Random) -> None:
    """Deliveries of one product in batches as they may come, into the lake's tables."""
    state, first = State(product), 0
    while first < len(mine):
        end = min(first + rng.choice([1, 3, 20, 200]), len(mine))
        records = [
            Record(delivery.upload.device_id.encode(), delivery.value, first + number, delivery.due_ms + 500)
            for number, delivery in enumerate(mine[first:end])
        ]
        batch, refused = taken_in(DECODERS[product], Place(product.telemetry, 0), records)
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


def insert_rows(lake: duckdb.DuckDBPyConnection, table: Table, rows: list[dict[str, object]]) -> None:
    insert(lake, table, pa.Table.from_pylist(rows, schema=arrow_schema(table.contract)))


def insert(lake: duckdb.DuckDBPyConnection, table: Table, rows: pa.Table) -> None:
    if rows.num_rows:
        types = lake_types(table.contract)
        lake.register("rows", rows.rename_columns(types.names).cast(types))
        lake.execute(f'insert into "{table.name}" by name select * from rows')


def sent_of(deliveries_sent: list[Delivery], low: int = 0) -> Sent:
    """What Kafka would hold, as `vaxel.sent` tells it, when it has let go of what lies before `low`."""
    found, extents = [], []
    for product in PRODUCTS:
        mine = [delivery.value for delivery in deliveries_sent if _is_of(product, delivery)]
        found += [(product.telemetry, offset, md5(value).hexdigest()) for offset, value in enumerate(mine)]
        extents.append({"topic": product.telemetry, "partition": 0, "low": min(low, len(mine)), "high": len(mine)})
    kept = [place for place in found if place[1] >= low]
    return Sent(
        pa.table(
            {
                "topic": pa.array([topic for topic, _, _ in kept], pa.string()),
                "partition": pa.array([0] * len(kept), pa.int64()),
                "offset": pa.array([offset for _, offset, _ in kept], pa.int64()),
                "digest": pa.array([digest for _, _, digest in kept], pa.string()),
            }
        ),
        pa.Table.from_pylist(extents),
    )
