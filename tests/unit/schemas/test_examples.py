"""Golden messages, good and bad: each is read as its name says, by the decoder and by its explaining twin."""

from __future__ import annotations

import base64
import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pytest

import schemas
from schemas.errors import OutsideError
from schemas.failures import Reason
from schemas.forms import columns
from schemas.topics import BY_NAME, TELEMETRY, TOPICS
from schemas.uploads import Upload
from schemas.versions import contracts_of
from sinks.lake.decode import Record, failed_rows, frame_batches, frame_rows, json_rows
from streams.batch import Batch, Place
from streams.decode import Decoded, Decoder
from streams.product import PRODUCTS
from streams.refusal import Refused, examine
from streams.state import State
from streams.step import step

EXAMPLES = Path(schemas.__path__[0]) / "examples"
PATHS = sorted(path for path in EXAMPLES.glob("*/*/*") if path.is_file())

BEYOND_ONE_UPLOAD = {
    "wrong_key": "the record's key",
    "counter_fell": "the device's earlier uploads",
    "number_reused": "the device's earlier uploads",
    "cohort_differs": "other devices' uploads",
    "late": "the device's earlier uploads",
}
"""Reasons that the bytes of one upload do not give, and what it takes to find them."""


def message(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def named(path: Path) -> tuple[bool, str]:
    """Whether it is good, and the first word of what its name says."""
    kind, word, *_ = path.name.split(".", 1)[0].split("-")
    return kind == "good", word


def of(*topics: str, good: bool) -> list[Any]:
    return [
        pytest.param(path, id=str(path.relative_to(EXAMPLES)))
        for path in PATHS
        if path.parts[-3] in topics and named(path)[0] is good
    ]


def versions_of(path: Path) -> tuple[type[Upload], ...]:
    return next(product.versions for product in PRODUCTS if product.telemetry == path.parts[-3])


@cache
def decoder(versions: tuple[type[Upload], ...]) -> Decoder:
    return Decoder(versions)


@cache
def decoded_alone(path: Path) -> Decoded:
    return decoder(versions_of(path)).decode([message(path)])


@cache
def explained(path: Path) -> Upload | Refused:
    return examine(message(path), versions_of(path))


def outcome(path: Path) -> str:
    """What the stream makes of it as a device's first upload, received a second after it was sent: word or reason."""
    product = next(product for product in PRODUCTS if product.telemetry == path.parts[-3])
    decoded = decoded_alone(path)
    if decoded.refused:
        return decoded.refused[0][1].reason
    (upload,) = decoded.uploads.to_pylist()
    said = step(
        product,
        State(product),
        Batch(
            Place(product.telemetry, 0),
            decoded.uploads,
            pa.array([upload["device_id"]], pa.string()),
            np.array([0], dtype=np.int64),
            np.array([upload["sent_at_ms"] + 1_000], dtype=np.int64),
            [message(path)],
        ),
    )
    return said.failed[0].reason if said.failed else str(said.receipts.column("outcome")[0])


JSON_TOPICS = [topic.name for topic in TOPICS if topic.form == "json" and topic.name not in TELEMETRY]
ARROW_TOPICS = [topic.name for topic in TOPICS if topic.form == "arrow"]
ORIGINAL_TOPICS = [topic.name for topic in TOPICS if topic.form == "original"]


def test_every_version_of_every_topic_has_good_and_bad_examples() -> None:
    wanted = {
        (topic.name, f"v{number}", good)
        for topic in TOPICS
        for number in range(1, len(contracts_of(topic)) + 1)
        for good in (True, False)
    }
    assert {(path.parts[-3], path.parts[-2], named(path)[0]) for path in PATHS} == wanted


def test_every_reason_that_one_upload_s_bytes_can_give_has_an_example() -> None:
    shown = {named(path)[1] for path in PATHS if path.parts[-3] in TELEMETRY and not named(path)[0]}
    assert shown == set(get_args(Reason)) - BEYOND_ONE_UPLOAD.keys()


@pytest.mark.parametrize("path", of(*TELEMETRY, good=True))
def test_a_good_upload_is_read_as_its_version_and_every_field_of_it_comes_through(path: Path) -> None:
    upload, decoded = explained(path), decoded_alone(path)
    assert not isinstance(upload, Refused), upload
    assert f"v{type(upload).version}" == path.parts[-2]
    assert (decoded.rows.to_pylist(), decoded.refused) == ([0], [])
    (row,) = decoded.uploads.to_pylist()
    assert {name: value for name, value in upload.model_dump().items() if name in row} == {
        name: value for name, value in row.items() if name in type(upload).model_fields
    }
    assert set(row) == {column.name for column in columns(versions_of(path)[-1])}


@pytest.mark.parametrize("path", of(*TELEMETRY, good=False))
def test_a_bad_upload_is_refused_with_the_reason_in_its_name(path: Path) -> None:
    assert outcome(path) == named(path)[1]


@pytest.mark.parametrize("path", of(*TELEMETRY, good=False))
def test_a_bad_upload_is_told_by_the_explaining_twin_as_the_decoder_tells_it(path: Path) -> None:
    decoded, why = decoded_alone(path), explained(path)
    if isinstance(why, Refused):
        assert why.detail
        assert (len(decoded.uploads), decoded.refused) == (0, [(0, why)])
    else:  # well-formed, and refused for what it means
        assert (len(decoded.uploads), decoded.refused) == (1, [])


@pytest.mark.parametrize("path", of(*TELEMETRY, good=True))
def test_a_good_upload_is_accepted_by_the_stream(path: Path) -> None:
    assert outcome(path) == "accepted"


@pytest.mark.parametrize("topic", TELEMETRY)
def test_all_examples_in_one_batch_are_judged_as_each_alone(topic: str) -> None:
    paths = [path for path in PATHS if path.parts[-3] == topic]
    decoded = decoder(versions_of(paths[0])).decode([message(path) for path in paths])
    alone = [explained(path) for path in paths]
    assert decoded.rows.to_pylist() == [row for row, one in enumerate(alone) if not isinstance(one, Refused)]
    assert decoded.refused == [(row, one) for row, one in enumerate(alone) if isinstance(one, Refused)]


def a_record(path: Path) -> Record:
    topic, value = path.parts[-3], message(path)
    if topic not in ORIGINAL_TOPICS:
        return Record(topic, 0, 0, None, value)
    told = json.loads(value)
    headers = tuple((name, text.encode()) for name, text in told["headers"].items())
    key = None if told["key"] is None else told["key"].encode()
    return Record(topic, 0, 0, key, base64.b64decode(told["value_base64"]), headers)


def rows_of(path: Path) -> int:
    """How many rows the lake makes of it."""
    record, topic = a_record(path), BY_NAME[path.parts[-3]]
    if topic.form == "original":
        return int(failed_rows([record]).num_rows)
    assert topic.contract is not None
    if topic.form == "arrow":
        return int(frame_rows(frame_batches(record, topic.contract), topic.contract).num_rows)
    return int(json_rows([record], topic.contract).num_rows)


@pytest.mark.parametrize("path", of(*JSON_TOPICS, *ARROW_TOPICS, *ORIGINAL_TOPICS, good=True))
def test_a_good_message_becomes_its_rows(path: Path) -> None:
    rows = {"two_rows": 2, "no_rows": 0}.get(named(path)[1], 1)
    assert rows_of(path) == rows


@pytest.mark.parametrize("path", of(*JSON_TOPICS, *ARROW_TOPICS, *ORIGINAL_TOPICS, good=False))
def test_a_bad_message_of_our_own_stops_the_lake_at_its_place(path: Path) -> None:
    with pytest.raises(OutsideError, match=f"Cannot read record '{path.parts[-3]}' partition 0 offset 0"):
        rows_of(path)
