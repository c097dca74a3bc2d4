"""`vaxel state`: what it shows is what the partition holds, and the two decisions do what they say, at once or not."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from deploy.topics import ensure_topics
from schemas.errors import PositionError, UsageError
from schemas.topics import state_topic
from streams import decision
from streams.batch import Place
from streams.checkpoint import Partition, Run
from streams.inspection import inspected
from streams.memory import recall
from streams.state import State
from streams.store import PAGES, SCHEMA_VERSION
from tests.integration.streams.conftest import Stream
from tests.unit.streams.arrivals import arriving, some_uploads
from tests.unit.streams.building import Upload, a_washer_upload
from vaxel.__main__ import run

MakeStream = Callable[[int], Stream]


def uploads(seed: int, partition: int = 0, devices: int = 3) -> list[Upload]:
    rng = Random(seed)
    made = some_uploads(rng, "cycle", devices)
    return arriving(rng, [dict(upload) | {"device_id": f"{upload['device_id']}-{partition}"} for upload in made])


def take_in(stream: Stream, size: int = 10, partition: int = 0) -> Partition:
    opened = stream.open(partition)
    for taken in stream.runs(opened.applied, size, partition):
        assert opened.apply(taken)
        opened.commit()
    stream.quiet()
    return opened


def take_in_one(owner: Partition, taken: Run) -> None:
    owner.apply(taken)
    owner.commit()


@pytest.fixture
def streams(make_stream: MakeStream, monkeypatch: pytest.MonkeyPatch) -> MakeStream:
    """Streams as the command line knows them: those of app `vaxel`, their product the only one."""

    def make(partitions: int) -> Stream:
        stream = make_stream(partitions)
        stream.settings = replace(stream.settings, app="vaxel")
        ensure_topics(stream.settings.kafka, [state_topic("vaxel", stream.product.telemetry)], partitions)
        monkeypatch.setattr("streams.product.PRODUCTS", (stream.product,))
        monkeypatch.setenv("VAXEL_KAFKA", stream.settings.kafka)
        return stream

    return make


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    assert run(["state", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def said(capsys: pytest.CaptureFixture[str], code: int, *arguments: str) -> str:
    capsys.readouterr()
    assert run(["state", *arguments]) == code
    out, err = capsys.readouterr()
    assert err.count("\n") == (code != 0), "wrong use gets one line"
    return out + err


def kept(stream: Stream) -> tuple[State, Any]:
    stream.quiet()
    return recall(stream.settings, stream.product, Place(stream.product.telemetry, 0))


def content(state: State) -> dict[str, dict[int, Any]]:
    return {
        name: {row: store.values[row].tobytes() for row in store.rows().tolist()}
        for name, store in state.stores.items()
    }


def lose_all(stream: Stream) -> int:
    """Retention deletes all that the topic holds; returns where it ends."""
    admin = AdminClient({"bootstrap.servers": stream.settings.kafka})
    end = TopicPartition(stream.product.telemetry, 0, len(stream.sent))
    for done in admin.delete_records([end]).values():
        done.result()
    return end.offset


def test_what_is_shown_is_what_the_partitions_hold(streams: MakeStream, capsys: pytest.CaptureFixture[str]) -> None:
    stream = streams(3)
    opened = []
    for partition in range(2):
        stream.produce(uploads(1, partition, 2 + partition), partition)
        opened.append(take_in(stream, 15, partition))
    stream.produce([a_washer_upload()] * 7, 1)
    found = shown(capsys, "show", stream.product.telemetry)
    assert [state["rows"] for state in found["partitions"][:2]] == [
        {name: len(store) for name, store in partition._state.stores.items()} for partition in opened
    ]
    assert [state["position"]["next_offset"] for state in found["partitions"][:2]] == [one.applied for one in opened]
    assert [state["lag"] for state in found["partitions"]] == [0, 7, 0]
    assert [state["schema_versions"] for state in found["partitions"]] == [[SCHEMA_VERSION], [SCHEMA_VERSION], []]
    assert found["partitions"][2]["position"] is None
    assert all(0 <= state["age_s"] < 300 for state in found["partitions"][:2])
    assert found["total"]["rows"]["devices"] == 5
    assert found["total"]["kafka_bytes"] == sum(state["kafka_bytes"] for state in found["partitions"]) > 0
    stream.produce(uploads(2, 1), 1)
    for taken in stream.runs(opened[1].applied, 50, 1):
        assert opened[1].apply(taken), "nobody was fenced"
        opened[1].commit()
    text = said(capsys, 0, "show")
    assert [line.split()[0] for line in text.splitlines()] == [
        "partition", *(f"{stream.product.telemetry}[{number}]" for number in range(3)), "total"
    ]  # fmt: skip


def test_one_device_is_shown_as_it_is_known(streams: MakeStream, capsys: pytest.CaptureFixture[str]) -> None:
    stream = streams(2)
    stream.produce([a_washer_upload(seq=seq) for seq in (1, 2, 4)], 1)
    take_in(stream, 2, 1)
    (view,) = shown(capsys, "device", "w-1")
    assert (view["topic"], view["partition"]) == (stream.product.telemetry, 1)
    assert (view["newest_seq"], view["seen_seq"], view["unseen_seq"]) == (4, [1, 2, 4], [0, 3])
    (session,) = view["sessions"]
    assert (session["status"], session["reading_count"], session["source"]) == ("open", 6, "reported")
    text = said(capsys, 0, "device", "w-1")
    assert "newest upload 4; of the last 64 numbers seen: 1-2, 4, not 0, 3" in text
    assert "w-1:" in text
    assert "open: 2026-01-01 10:59:59 to 2026-01-01 11:00:01" in text
    assert "no partition knows device 'w-2'" in said(capsys, 1, "device", "w-2")


def test_after_a_recreated_topic_continue_goes_on_and_still_knows_what_was_taken_in(
    streams: MakeStream, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = streams(1)
    topic = stream.product.telemetry
    first = uploads(3)
    stream.produce(first)
    before = take_in(stream)
    stream.remake()
    with pytest.raises(PositionError, match=rf"vaxel state continue {topic} 0\).*vaxel state reset {topic} 0\)"):
        stream.open()
    (state,) = inspected(stream.settings, stream.product)
    assert state.lag is None
    assert f"vaxel state continue {topic} 0" in said(capsys, 0, "show")
    done = said(capsys, 0, "continue", topic, "0", "--yes")
    assert done == f"{topic}[0] goes on at offset 0 and remembers {_rows(before._state)}\n"
    after, position = kept(stream)
    assert content(after) == content(before._state)
    assert (position.next_offset, position.checkpoint) == (0, before.position.checkpoint)
    stream.sent.clear()
    stream.produce([*first, a_washer_upload(device_id="new-1")])
    accepted = len([row for row in stream.receipts() if row["outcome"] == "accepted"])
    before_all = stream.count()
    take_in(stream)
    stream.wait_for(before_all + len(stream.sent))
    again = [row for row in stream.receipts() if row["outcome"] == "accepted"][accepted:]
    assert [row["device_id"] for row in again] == ["new-1"], "dedup still knows the others"


def test_reset_forgets_all_and_what_the_topic_holds_counts_again(
    streams: MakeStream, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = streams(1)
    topic = stream.product.telemetry
    stream.produce(uploads(4))
    owner = take_in(stream, 3)
    assert owner.position.checkpoint > 10
    done = said(capsys, 0, "reset", topic, "0", "--yes")
    assert done == f"{topic}[0] begins anew at offset 0; forgotten: {_rows(owner._state)}\n"
    state, position = kept(stream)
    assert all(len(store) == 0 for store in state.stores.values())
    assert position.next_offset == 0
    stream.produce([a_washer_upload()])
    (late,) = stream.runs(owner.applied, 1)
    with pytest.raises(KafkaException, match=r"(?i)fenced|epoch"):
        take_in_one(owner, late)
    again = take_in(stream, 3)
    assert content(kept(stream)[0]) == content(again._state)


def test_state_after_a_reset_is_never_mixed_with_older_records(streams: MakeStream) -> None:
    stream = streams(1)
    place = Place(stream.product.telemetry, 0)
    stream.produce(uploads(5, 0, devices=6))
    take_in(stream, 3)
    decision.begin_anew(stream.settings, stream.product, place)
    stream.produce([a_washer_upload(device_id="x-1", seq=seq) for seq in range(PAGES + 9)])
    partition = stream.open()
    partition._applied = len(stream.sent) - (PAGES + 9)  # as if the topic began here
    for number, taken in enumerate(stream.runs(partition.applied, 1)):
        assert partition.apply(taken)
        partition.commit()
        if number % 12 == 0:
            assert content(kept(stream)[0]) == content(partition._state)
    assert content(kept(stream)[0]) == content(partition._state)


def test_continue_leaves_no_page_out_of_its_turn(streams: MakeStream) -> None:
    stream = streams(1)
    stream.produce([a_washer_upload(device_id="x-1", seq=seq) for seq in range(PAGES - 1)])
    assert take_in(stream, 1).position.checkpoint == PAGES - 1, "the next one saves page 0, on which x-1 lies"
    stream.produce([a_washer_upload(device_id="x-1", seq=PAGES)])
    lost = lose_all(stream)
    stream.produce([a_washer_upload(device_id="x-2", seq=seq) for seq in range(PAGES - 1)])
    found = decision.go_on(stream.settings, stream.product, Place(stream.product.telemetry, 0))
    assert found.first_offset == lost
    partition = take_in(stream, 1)
    assert content(kept(stream)[0]) == content(partition._state), "though all deltas of before are written over"


def test_wrong_use_of_the_decisions_gets_one_line(streams: MakeStream, capsys: pytest.CaptureFixture[str]) -> None:
    stream = streams(1)
    topic = stream.product.telemetry
    assert "nothing to decide" in said(capsys, 2, "continue", topic, "0", "--yes")
    assert "nothing to forget" in said(capsys, 2, "reset", topic, "0", "--yes")
    stream.produce(uploads(7))
    owner = take_in(stream)
    assert "fits" in said(capsys, 2, "continue", topic, "0", "--yes")
    assert "There are: 0 to 0" in said(capsys, 2, "reset", topic, "1", "--yes")
    assert f"There are: {topic}" in said(capsys, 2, "show", "telemetry.kettle.v1")
    asked = said(capsys, 2, "reset", topic, "0")
    assert "add --yes" in asked
    assert _rows(owner._state) in asked
    stream.produce([a_washer_upload(device_id="x-1")])
    (taken,) = stream.runs(owner.applied, 1)
    assert owner.apply(taken)
    assert owner.commit() is not None, "a refused decision fences nobody"


def test_a_decision_is_refused_when_another_owner_has_made_it_needless(streams: MakeStream) -> None:
    stream = streams(1)
    stream.produce(uploads(8))
    take_in(stream)
    end = lose_all(stream)
    with pytest.raises(UsageError, match=f"holds offsets {end} to {end}, the position {end} fits"):
        decision.go_on(stream.settings, stream.product, Place(stream.product.telemetry, 0))


def _rows(state: State) -> str:
    counted: Sequence[tuple[str, int]] = [(name, len(store)) for name, store in state.stores.items()]
    return ", ".join(f"{rows:,} {name}" for name, rows in counted)
