"""Workers as processes: killed, stopped, joined, flooded; every upload is accounted for exactly once."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from random import Random

from confluent_kafka import Producer

from tests.integration.streams.conftest import PATIENCE_S, Stream
from tests.unit.streams.arrivals import arriving, some_uploads
from tests.unit.streams.building import Upload, a_washer_upload, encoded

MakeStream = Callable[[int], Stream]


def uploads(seed: int, partition: int, devices: int = 8) -> list[Upload]:
    """Uploads of devices that nobody else has."""
    rng = Random(seed + partition)
    renamed = [
        dict(upload) | {"device_id": f"{upload['device_id']}-{partition}"}
        for upload in some_uploads(rng, "cycle", devices, sessions=12)
    ]
    return arriving(rng, renamed)


def test_a_killed_worker_starts_again_and_accounts_for_every_upload_once(make_stream: MakeStream) -> None:
    stream = make_stream(2)
    sent = [uploads(1, partition) for partition in range(2)]
    for partition in range(2):
        stream.produce(sent[partition][:150], partition)
    # Two partitions make two checkpoints at least, so one of them is cut short.
    assert stream.start(crash_at="streams.before-commit@2").wait(PATIENCE_S) == -signal.SIGKILL
    assert stream.count() < len(stream.sent)
    worker = stream.start()
    stream.wait_for(1)
    for partition in range(2):
        stream.produce([b"no upload", *sent[partition][150:]], partition, key=b"w-x")
    worker.send_signal(signal.SIGKILL)
    assert worker.wait() == -signal.SIGKILL
    worker = stream.start()
    stream.assert_exactly_once([*sent[0], *sent[1]])
    _until(lambda: stream.shown_lag() == 0, "the group's offset is shown")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(PATIENCE_S) == 0


def test_a_worker_that_is_interrupted_commits_and_exits_with_0(stream: Stream) -> None:
    sent = uploads(2, 0)
    stream.produce(sent[:200])
    worker = stream.start()
    stream.wait_for(200)
    stream.produce(sent[200:])
    worker.send_signal(signal.SIGINT)
    assert worker.wait(PATIENCE_S) == 0
    partition = stream.open()
    assert stream.count() == partition.applied >= 200, "what was taken in is committed"
    for run in stream.runs(partition.applied, 100):
        partition.apply(run)
    partition.commit()
    stream.assert_exactly_once(sent)


def test_a_worker_takes_over_what_a_killed_one_had(make_stream: MakeStream) -> None:
    stream = make_stream(4)
    sent = [uploads(3, partition, devices=4) for partition in range(4)]
    first = stream.start(slot=0)
    stream.produce(sent[0][:1])
    stream.wait_for(1)
    stream.start(slot=1)
    for cut in range(0, 200, 50):
        for partition in range(4):
            stream.produce(sent[partition][cut:][: 50 if cut < 150 else None][cut == 0 and partition == 0 :], partition)
        if cut == 100:
            first.send_signal(signal.SIGKILL)
            first.wait()
    stream.assert_exactly_once([upload for part in sent for upload in part])


def test_a_flood_of_refused_uploads_does_not_stop_a_worker(stream: Stream) -> None:
    stream.produce([f'{{"seq": {number}'.encode() for number in range(20_000)])
    sent = uploads(4, 0, devices=1)
    stream.produce(sent)
    stream.start()
    stream.assert_exactly_once(sent)


def test_an_input_that_ends_in_what_was_aborted_is_taken_in_to_its_end(stream: Stream) -> None:
    """Its position would stay behind for ever: red health, and one day before the beginning of the log."""
    producer = Producer({"bootstrap.servers": stream.settings.kafka, "transactional.id": stream.settings.app})
    producer.init_transactions()
    for end in (producer.commit_transaction, producer.abort_transaction):
        producer.begin_transaction()
        for seq in range(3):
            upload = a_washer_upload(seq=seq)
            producer.produce(stream.product.telemetry, encoded(upload), upload["device_id"].encode(), 0)
        producer.flush()
        end()
    stream.start()
    _until(lambda: stream.shown_lag() == 0, "the position is at the end")
    assert [(row["seq"], row["outcome"]) for row in stream.receipts()] == [(seq, "accepted") for seq in range(3)]


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s, f"not within {PATIENCE_S} s: {what}"
        time.sleep(0.1)
