"""Up to where the lake holds each partition, and whether that still fits the topics. `decide` is pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from schemas.errors import OutsideError, PositionError
from schemas.lake import SINK_POSITION
from sinks.lake.doubt import Way

Place = tuple[str, int]
"""Topic and partition."""

_COLUMNS = pa.schema(
    [("topic", pa.string()), ("partition", pa.int64()), ("topic_id", pa.string()), ("next_offset", pa.int64())]
)


@dataclass(frozen=True)
class Position:
    """The next offset to read, in the topic with this id."""

    topic_id: str
    next_offset: int


@dataclass(frozen=True)
class Extent:
    """What Kafka holds of one partition: offsets `[start_offset, end_offset)`, of a topic with this id."""

    topic_id: str
    start_offset: int
    end_offset: int


def decide(
    kept: Mapping[Place, Position], found: Mapping[Place, Extent], accepted_topics: Collection[str] = ()
) -> dict[Place, Position]:
    """Where to read on in each partition that Kafka has. A partition never read before begins at its start.

    Args:
        accepted_topics: Topics whose kept positions may be moved to what Kafka still has, with the loss that means.
    Raises:
        PositionError: the topic was created again, or holds no longer, or not yet, what comes next.
    """
    known = {topic: position.topic_id for (topic, _), position in kept.items()}
    return {
        (topic, partition): _next(
            (topic, partition),
            # A partition added to a topic that is known has been read up to 0.
            kept.get((topic, partition), Position(known[topic], 0) if topic in known else None),
            extent,
            topic in accepted_topics,
        )
        for (topic, partition), extent in found.items()
    }


def _next(place: Place, kept: Position | None, extent: Extent, accepted: bool) -> Position:
    start = Position(extent.topic_id, extent.start_offset)
    if kept is None:
        return start
    topic, partition = place
    if kept.topic_id != extent.topic_id:
        if accepted:
            return start
        raise PositionError(
            f"Topic {topic!r} is not the one the lake has read: it was deleted and created again (id "
            f"{extent.topic_id}, the lake's position {kept.next_offset} of partition {partition} belongs to "
            f"{kept.topic_id}). {_choices(topic)}"
        )
    if kept.next_offset < extent.start_offset:
        if accepted:
            return start
        raise PositionError(
            f"Topic {topic!r} partition {partition} begins at offset {extent.start_offset}, the lake comes to "
            f"{kept.next_offset}: retention deleted what the lake had not read. {_choices(topic)}"
        )
    if kept.next_offset > extent.end_offset:
        if accepted:
            return Position(extent.topic_id, extent.end_offset)
        raise PositionError(
            f"Topic {topic!r} partition {partition} ends at offset {extent.end_offset}, the lake has read up to "
            f"{kept.next_offset}: Kafka lost records, or was restored from an older copy. {_choices(topic)}"
        )
    return kept


def _choices(topic: str) -> str:
    return f"Restore the topic, or read on with what it holds, for good: `vaxel sink lake --accept-topic {topic}`."


def read(connection: duckdb.DuckDBPyConnection, topics: Collection[str]) -> dict[Place, Position]:
    """The lake's positions in these topics.

    Raises:
        OutsideError: a partition has two positions.
    """
    rows = connection.execute(
        f'SELECT topic, partition, topic_id, next_offset FROM "{SINK_POSITION.name}" WHERE topic IN (SELECT unnest(?))',
        [list(topics)],
    ).fetchall()
    kept = {(topic, partition): Position(topic_id, offset) for topic, partition, topic_id, offset in rows}
    if len(kept) < len(rows):
        raise OutsideError(f"Table {SINK_POSITION.name!r} holds two positions of one partition of {sorted(topics)}.")
    return kept


def replace(
    connection: duckdb.DuckDBPyConnection,
    kept: Mapping[Place, Position],
    wanted: Mapping[Place, Position],
    way: Way,
) -> None:
    """Sets positions that were absent or are to differ, in one transaction. Call it inside `tables.only_one`.

    Args:
        kept: What `wanted` was decided upon. It may be old by now: another sink at work moves positions meanwhile, and
            a position that it moved stays where it is. To set it back would store that span twice.
        way: Of the connection to the files.
    Raises:
        OutsideError: another sink moved one that is to differ.
    """
    changed = {place: position for place, position in wanted.items() if kept.get(place) != position}
    if not changed:
        return
    with_rows = _rows([(*place, position.topic_id, position.next_offset) for place, position in changed.items()])
    connection.register("wanted_positions", with_rows)
    connection.execute("BEGIN")
    by_now = read(connection, {topic for topic, _ in changed})
    if any(by_now.get(place) != kept.get(place) for place in changed):
        connection.execute("ROLLBACK")
        raise OutsideError(f"Another sink is at work on {sorted({topic for topic, _ in changed})}. Stop it first.")
    connection.execute(
        f'DELETE FROM "{SINK_POSITION.name}" '
        "WHERE (topic, partition) IN (SELECT (topic, partition) FROM wanted_positions)"
    )
    connection.execute(f'INSERT INTO "{SINK_POSITION.name}" BY NAME SELECT * FROM wanted_positions')
    way.commit(connection)
    connection.unregister("wanted_positions")


def move(connection: duckdb.DuckDBPyConnection, starts: Mapping[Place, Position], ends: Mapping[Place, int]) -> int:
    """Number of positions moved from `starts` to `ends`; fewer than `ends` has when another sink moved one before."""
    moves = _rows([(*place, starts[place].topic_id, end) for place, end in ends.items()]).append_column(
        "start_offset", pa.array([starts[place].next_offset for place in ends], pa.int64())
    )
    connection.register("moves", moves)
    row = connection.execute(
        f'UPDATE "{SINK_POSITION.name}" AS kept SET next_offset = moves.next_offset FROM moves '
        "WHERE kept.topic = moves.topic AND kept.partition = moves.partition AND kept.topic_id = moves.topic_id "
        "AND kept.next_offset = moves.start_offset"
    ).fetchone()
    connection.unregister("moves")
    assert row is not None
    return int(row[0])


def _rows(rows: Sequence[tuple[str, int, str, int]]) -> pa.Table:
    return pa.Table.from_arrays(
        [pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), _COLUMNS, strict=True)],
        schema=_COLUMNS,
    )
