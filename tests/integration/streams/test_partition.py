"""One partition: what it takes in becomes visible at once with state and position, or not at all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from schemas.errors import PositionError
from schemas.topics import FAILED_EVENTS
from streams.crash_points import VARIABLE
from streams.dedupe import Deduped, dedupe
from streams.memory import Position, recall
from streams.state import State
from tests.integration.streams.conftest import PATIENCE_S, ROOT, Stream
from tests.unit.streams.arrivals import arriving, some_uploads
from tests.unit.streams.building import Upload, a_washer_upload

CRASH_POINTS = ("streams.after-outputs", "streams.before-commit", "streams.after-commit")
"""Between steps 1 and 2, 3 and 4, 4 and 5 of `streams.checkpoint`."""


def uploads(seed: int) -> list[Upload]:
    rng = Random(seed)
    return arriving(rng, some_uploads(rng, "cycle"))


def take_in(stream: Stream, size: int = 10) -> None:
    partition = stream.open()
    for run in stream.runs(partition.applied, size):
        assert partition.apply(run)
        partition.commit()


def content(state: State) -> dict[str, dict[int, Any]]:
    return {
        name: {row: store.values[row].tobytes() for row in store.rows().tolist()}
        for name, store in state.stores.items()
    }


def kept(stream: Stream) -> tuple[State, Position | None]:
    return recall(stream.settings, stream.product, stream.open().place)


def test_outputs_state_and_position_become_visible_together(stream: Stream) -> None:
    stream.produce(uploads(1))
    partition = stream.open()
    for run in stream.runs(0, 20):
        assert partition.apply(run)
    assert (stream.count(), stream.readings(), stream.sessions()) == (0, 0, {})
    assert recall(stream.settings, stream.product, partition.place)[1] is None
    assert partition.commit() == len(stream.sent)
    assert partition.commit() is None, "there is nothing to commit"
    stream.assert_exactly_once(uploads(1))
    state, position = recall(stream.settings, stream.product, partition.place)
    assert position == partition.position
    assert content(state) == content(partition._state)


def test_a_reopened_partition_goes_on_where_the_last_one_committed(stream: Stream) -> None:
    sent = uploads(2)
    for first in range(0, len(sent), 7):
        stream.produce(sent[first : first + 7])
        take_in(stream, 3)
    stream.assert_exactly_once(sent)


def test_what_was_not_committed_is_taken_in_again(stream: Stream) -> None:
    stream.produce(uploads(3))
    lost = stream.open()
    for run in stream.runs(0, 10):
        lost.apply(run)
    take_in(stream)
    stream.assert_exactly_once(uploads(3))


def test_the_second_owner_of_a_partition_fences_the_first(stream: Stream) -> None:
    stream.produce(uploads(4))
    first = stream.open()
    (run,) = stream.runs(0, 1_000)
    first.apply(run)
    second = stream.open()
    with pytest.raises(KafkaException, match=r"(?i)fenced|epoch"):
        first.commit()
    assert stream.count() == 0
    second.apply(run)
    second.commit()
    stream.assert_exactly_once(uploads(4))


def test_a_run_that_does_not_follow_is_not_taken_in(stream: Stream) -> None:
    stream.produce(uploads(5))
    partition = stream.open()
    runs = list(stream.runs(0, 10))
    assert partition.apply(runs[0])
    assert not partition.apply(runs[0]), "the same again"
    assert not partition.apply(runs[2]), "one is missing in between"
    assert partition.applied == 10
    assert partition.apply(runs[1])
    partition.commit()
    stream.wait_for(20)
    assert stream.count() == 20


def run_process(stream: Stream, crash_at: str = "") -> int:
    program = Path(__file__).with_name("partition_process.py")
    topics = [stream.product.telemetry, stream.product.readings, stream.product.sessions]
    return subprocess.run(
        [sys.executable, str(program), "5", stream.settings.kafka, stream.settings.app, *topics],
        env={**os.environ, "PYTHONPATH": str(ROOT), VARIABLE: crash_at},
        timeout=PATIENCE_S,
        check=False,
    ).returncode


def test_a_kill_between_any_two_steps_loses_nothing_and_doubles_nothing(stream: Stream) -> None:
    sent = uploads(6)
    stream.produce(sent)
    before = 0
    for point in CRASH_POINTS:
        assert run_process(stream, f"{point}@2") == -signal.SIGKILL
        after = stream.open().applied
        assert after >= before
        assert after == stream.count(), "what is visible is what the position says"
        before = after
    assert before > 0, "some checkpoints succeeded before the kills"
    assert run_process(stream) == 0
    stream.assert_exactly_once(sent)


def test_the_check_notices_that_dedup_is_off(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    def blind(*columns: Any) -> Deduped:
        judged = dedupe(*columns)
        judged.verdict[:] = 0
        return judged

    monkeypatch.setattr("streams.devices.dedupe", blind)
    stream.produce(uploads(7))
    take_in(stream)
    with pytest.raises(AssertionError, match="accepted once"):
        stream.assert_exactly_once(uploads(7))


def test_the_check_notices_a_position_that_lags_behind_the_outputs(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lagging(*asked: Any) -> tuple[State, Position | None]:
        state, position = recall(*asked)
        assert position is not None
        return state, Position(position.topic_id, position.next_offset - 1, position.checkpoint)

    stream.produce(uploads(8))
    take_in(stream)
    monkeypatch.setattr("streams.checkpoint.recall", lagging)
    take_in(stream)
    with pytest.raises(AssertionError, match="accounted for once"):
        stream.assert_exactly_once(uploads(8))


def test_a_flood_of_refused_uploads_comes_out_as_failed_events(stream: Stream) -> None:
    poison = [b"", b"\xff\xfe", b"{", b"[" * 5_000, b'{"seq": 1}', json.dumps(a_washer_upload(seq=1.5)).encode()] * 300
    stream.produce(poison, key=b"\xff")
    stream.produce([json.dumps(a_washer_upload()).encode()], key=b"k" * 900_000)
    stream.produce([a_washer_upload()])
    take_in(stream, 400)
    stream.assert_exactly_once([a_washer_upload()])
    reasons = [reason for _, (reason, _) in sorted(stream.failed().items())]
    assert set(reasons[:-1]) == {"empty", "not_utf8", "not_json", "missing_field", "wrong_type"}
    assert reasons[-1] == "wrong_key"
    keys = {message.key() for message in stream.read(FAILED_EVENTS) if message.value() == b"{"}
    assert keys == {None}, "a key that is no text is not passed on"


def test_a_recreated_topic_stops_the_partition(stream: Stream) -> None:
    stream.produce(uploads(9))
    take_in(stream)
    stream.remake()
    with pytest.raises(PositionError, match=r"was re-created: id \S+ expected, \S+ found. Choose"):
        stream.open()


def test_a_position_that_retention_has_passed_stops_the_partition(stream: Stream) -> None:
    stream.produce(uploads(10))
    take_in(stream)
    stream.produce(uploads(11))
    admin = AdminClient({"bootstrap.servers": stream.settings.kafka})
    end = TopicPartition(stream.product.telemetry, 0, len(stream.sent))
    for done in admin.delete_records([end]).values():
        done.result()
    with pytest.raises(PositionError, match=f"holds offsets {end.offset} to {end.offset}, the position is"):
        stream.open()
