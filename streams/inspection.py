"""What the state topics hold, read beside the workers: size and age of each partition, and one device's row.

In:            state topics (read_committed), ids and ends of telemetry topics.
Out:           nothing; no transaction is begun, so no worker is fenced.
Guarantee:     each partition as of one checkpoint.
On failure:    one error; call again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.errors import PositionError
from schemas.topics import state_topic
from streams.batch import Place
from streams.device_view import DeviceView, device_view
from streams.frames import read_columns
from streams.memory import POSITION_KEY, Position, position_of, restored
from streams.positions import Topics, misfit
from streams.product import Product
from streams.settings import EngineSettings
from streams.state import State
from streams.state_topic import Records, live_records
from streams.store import heading_of


@dataclass(frozen=True)
class PartitionState:
    """The state of one partition, and how it fits the topic it was made from.

    Attributes:
        position: None for a partition that never had a checkpoint.
        first_offset, end_offset: What the input topic holds: offsets [first, end).
        topic_id: Kafka's id of the input topic as it is.
        written_ms: When the last checkpoint was written.
        rows: Rows in use by store.
        kafka_bytes: Keys and values of the live records.
        memory_bytes: Rows as a worker holds them, those given back included; without room to grow and indices.
        schema_versions: Of the live records, ascending.
    """

    place: Place
    position: Position | None
    first_offset: int
    end_offset: int
    topic_id: str
    written_ms: int | None
    rows: dict[str, int]
    kafka_bytes: int
    memory_bytes: int
    schema_versions: tuple[int, ...]

    @property
    def misfit(self) -> str | None:
        """Why the position does not fit the topic, so that a person has to decide; None if it does."""
        if self.position is None:
            return None
        return misfit(self.position, self.topic_id, self.first_offset, self.end_offset)

    @property
    def lag(self) -> int | None:
        """Offsets of the topic not taken in; None where the position says nothing about them."""
        if self.misfit is not None:
            return None
        return self.end_offset - (self.first_offset if self.position is None else self.position.next_offset)


def inspected(
    settings: EngineSettings, product: Product, partitions: Iterable[int] | None = None
) -> list[PartitionState]:
    """The state of all partitions of a product's topic, or of some.

    Raises:
        UnreachableError: the broker does not answer, or there is no state topic.
        PositionError: the input topic does not exist, or a record is not of a state.
    """
    topics = Topics(settings.kafka)
    numbers = list(range(topics.partitions(product.telemetry)) if partitions is None else partitions)
    records = live_records(settings, state_topic(settings.app, product.telemetry).name, numbers)
    return [measured(topics, product, Place(product.telemetry, number), records[number]) for number in numbers]


def measured(topics: Topics, product: Product, place: Place, records: Records) -> PartitionState:
    """Size, age and position of one partition with those live records. Only numbers of rows are unpacked."""
    stores = State(product).stores
    frames: dict[str, list[pa.Table]] = {name: [] for name in stores}
    kept = records.get(POSITION_KEY)
    try:
        position = position_of(kept.value) if kept is not None else None
        for key, record in records.items():
            name = key.decode().partition("/")[0]
            if name in frames:
                frames[name].append(read_columns(record.value, 2))
    except ValueError as error:
        raise PositionError(f"cannot read the state of {place.topic}[{place.partition}]: {error}") from error
    used = {name: _used(tables) for name, tables in frames.items()}
    headings = [heading_of(table.schema) for tables in frames.values() for table in tables]
    first_offset, end_offset = topics.ends(place)
    return PartitionState(
        place=place,
        position=position,
        first_offset=first_offset,
        end_offset=end_offset,
        topic_id=topics.topic_id(place.topic),
        written_ms=kept.written_ms if kept is not None else None,
        rows={name: int(rows.sum()) for name, rows in used.items()},
        kafka_bytes=sum(len(key) + len(record.value) for key, record in records.items()),
        memory_bytes=sum(len(rows) * stores[name].row_bytes for name, rows in used.items()),
        schema_versions=tuple(sorted({heading.schema_version for heading in headings})),
    )


def known_device(
    settings: EngineSettings, products: Iterable[Product], device_id: str
) -> Iterator[tuple[Place, DeviceView]]:
    """What each partition that knows a device knows of it. Only those are rebuilt.

    Raises:
        UnreachableError, PositionError: as `inspected`.
    """
    topics = Topics(settings.kafka)
    for product in products:
        numbers = range(topics.partitions(product.telemetry))
        found = live_records(settings, state_topic(settings.app, product.telemetry).name, numbers)
        for number, records in found.items():
            place = Place(product.telemetry, number)
            try:
                view = _view(product, records, device_id)
            except ValueError as error:
                raise PositionError(f"cannot read the state of {place.topic}[{number}]: {error}") from error
            if view is not None:
                yield place, view


def _view(product: Product, records: Records, device_id: str) -> DeviceView | None:
    frames = (record.value for key, record in records.items() if key.startswith(b"devices/"))
    wanted = pa.scalar(device_id.encode(), pa.binary())
    if not any(pc.any(pc.equal(read_columns(frame, 3).column("device_id"), wanted)).as_py() for frame in frames):
        return None
    state, _ = restored(product, {key: record.value for key, record in records.items()})
    return device_view(product, state, device_id)


def _used(tables: Iterable[pa.Table]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which rows are in use, from the first two columns of a store's frames."""
    tables = sorted(
        (table for table in tables if table.num_rows), key=lambda table: heading_of(table.schema).checkpoint
    )
    used = np.zeros(max((pc.max(table.column("row")).as_py() + 1 for table in tables), default=0), dtype=bool)
    for table in tables:
        used[table.column("row").to_numpy()] = table.column("used").to_numpy()
    return used
