"""The check: what Kafka shows to a reader of committed records, against a model of the uploads that Kafka took.

All of it is compared as lists in the order of each partition, so a record lost, doubled, torn from its transaction or
moved to another place is a difference.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.topics import RECEIPTS, state_topic
from streams.batch import Place
from streams.frames import read_frame
from streams.memory import POSITION_KEY, recall
from tests.integration.streams.conftest import PlacePair, Stream
from tests.unit.streams.model import TOLD_APART, Model, readings_of
from tests.unit.streams.oracle import Oracle, closely

Line = tuple[Any, ...]


@dataclass
class Expected:
    """What the stream has to say of one partition.

    Attributes:
        receipts: Offset, device, number, outcome.
        readings: Device, number, time.
        failed: Offset and whether it is refused as late.
        parts: Bytes of the accepted uploads of each device.
    """

    receipts: list[Line] = field(default_factory=list)
    readings: list[Line] = field(default_factory=list)
    failed: dict[int, bool] = field(default_factory=dict)
    parts: dict[str, list[bytes]] = field(default_factory=dict)


def expected(stream: Stream, partition: int, refused: Collection[PlacePair], model: Model) -> Expected:
    """The model's word on the uploads of a partition."""
    said = Expected()
    for place in sorted(place for place in stream.sent if place[0] == partition):
        if place in refused:
            said.failed[place[1]] = False
            continue
        upload = json.loads(stream.sent[place])
        outcome = model.outcome(upload)
        if outcome == "late":
            said.failed[place[1]] = True
            continue
        said.receipts.append((place[1], upload["device_id"], upload["seq"], outcome))
        if outcome == "accepted":
            said.readings += readings_of(upload)
            said.parts.setdefault(upload["device_id"], []).append(stream.sent[place])
    return said


def assert_accounted_for(stream: Stream, refused: Collection[PlacePair] = ()) -> None:
    """Each upload has one outcome and left what it had to leave, once, in order. All sessions must be over.

    Args:
        refused: Places of the uploads that the contract or their key forbids.
    """
    log = {
        (message.partition(), message.offset()): message.value() for message in stream.read(stream.product.telemetry)
    }
    assert log == stream.sent, "the test knows what Kafka took"
    receipts = _rows(stream, RECEIPTS, ("topic", "offset", "device_id", "seq", "outcome"))
    readings = _rows(stream, stream.product.readings, ("device_id", "seq", "measured_at_ms"))
    failed = stream.failed()
    told = {
        number: [row[1:] for row in rows if row[0] == stream.product.telemetry] for number, rows in receipts.items()
    }
    places = [(number, row[0]) for number, rows in told.items() for row in rows]
    assert sorted([*places, *failed]) == sorted(stream.sent), _accounted_for_once(stream, [*places, *failed])
    sessions = stream.sessions()
    for number in range(stream.partitions):
        model = Model()
        said = expected(stream, number, refused, model)
        _assert_same(f"receipts of partition {number}", told.get(number, []), said.receipts)
        _assert_same(f"readings of partition {number}", readings.get(number, []), said.readings)
        late = {offset: failed[number, offset][0] == "late" for offset in said.failed}
        assert late == said.failed, f"uploads of partition {number} are refused for the right reason"
        for offset in said.failed:
            assert failed[number, offset][1] == stream.sent[number, offset], "failed events keep their bytes"
        for device_id, parts in said.parts.items():
            _assert_sessions(device_id, parts, sessions)
        _assert_remembered(stream, number, model)
    assert not sessions, f"sessions of no upload: {sorted(sessions)[:5]}"
    assert_positions_rise(stream)


def assert_positions_rise(stream: Stream) -> None:
    """Positions committed of a partition never move back, and the last one is its end."""
    ends = dict.fromkeys(range(stream.partitions), 0)
    for number, offset in stream.sent:
        ends[number] = max(ends[number], offset + 1)
    positions: dict[int, list[dict[str, Any]]] = {}
    for message in stream.read(state_topic(stream.settings.app, stream.product.telemetry).name):
        if message.key() == POSITION_KEY:
            positions.setdefault(message.partition() or 0, []).append(json.loads(message.value() or b""))
    for number, kept in positions.items():
        for name in ("next_offset", "checkpoint"):
            values = [position[name] for position in kept]
            assert values == sorted(set(values)), f"{name} of partition {number} only rises"
        assert len({position["topic_id"] for position in kept}) == 1
    assert {number: kept[-1]["next_offset"] for number, kept in positions.items()} == {
        number: end for number, end in ends.items() if end > 0
    }, "the positions are at the ends"


def _assert_sessions(device_id: str, parts: Sequence[bytes], sessions: dict[str, dict[str, Any]]) -> None:
    """The sessions of one device, taken out of all that were found: equal to the oracle's, each part counted once."""
    oracle = Oracle("cycle", [json.loads(part) for part in parts])
    for session_id, session in oracle.sessions().items():
        found = sessions.pop(session_id, None)
        assert found is not None, f"session {session_id} is missing"
        assert found["status"] in ("closed", "corrected"), f"session {session_id} of {device_id} is over"
        assert found["version"] == len(oracle.parts[session_id]) + 1, f"session {session_id} has each part once"
        assert closely(found, session), f"session {session_id}: found {found}, expected {session}"


def _assert_remembered(stream: Stream, number: int, model: Model) -> None:
    """A new owner would know each device by the very numbers that were accepted."""
    state, _ = recall(stream.settings, stream.product, Place(stream.product.telemetry, number))
    rows = state.stores["devices"].values[state.stores["devices"].rows()]
    known = {row["device_id"].decode(): (int(row["newest"]), int(row["window"])) for row in rows}
    expected = {
        device_id: (newest, sum(1 << newest - seq for seq in model.seen[device_id] if newest - seq < TOLD_APART))
        for device_id, newest in model.newest.items()
    }
    assert known == expected, f"the state of partition {number} remembers what was accepted"


def _rows(stream: Stream, topic: str, names: Iterable[str]) -> dict[int, list[Line]]:
    """Rows of all frames of a topic by partition, in order."""
    rows: dict[int, list[Line]] = {}
    for message in stream.read(topic):
        frame = read_frame(message.value() or b"")
        columns = [frame.column(name).to_pylist() for name in names]
        rows.setdefault(message.partition() or 0, []).extend(zip(*columns, strict=True))
    return rows


def _assert_same(what: str, found: Sequence[Line], wanted: Sequence[Line]) -> None:
    if found == wanted:
        return
    at = next((at for at, (one, other) in enumerate(zip(found, wanted, strict=False)) if one != other), len(wanted))
    there = f"found {found[at : at + 3]}, expected {wanted[at : at + 3]}"
    raise AssertionError(f"{what}: {len(found)} found, {len(wanted)} expected; the first difference is {at}: {there}")


def _accounted_for_once(stream: Stream, places: Sequence[PlacePair]) -> str:
    missing = sorted(set(stream.sent) - set(places))
    seen: set[PlacePair] = set()
    twice = sorted({place for place in places if place in seen or seen.add(place)})  # type: ignore[func-returns-value]
    return (
        f"every upload is accounted for once: {len(missing)} are missing {missing[:5]}, "
        f"{len(twice)} are there twice {twice[:5]}"
    )
