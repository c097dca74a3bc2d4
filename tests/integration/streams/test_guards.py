"""Workers that may not go on: each ends with a sentence and a code that keeps a supervisor from starting it again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from deploy.topics import ensure_topics
from schemas.errors import DecisionError, UsageError
from schemas.topics import BY_NAME, TELEMETRY_WASHER
from tests.integration.streams.conftest import PATIENCE_S, Stream
from tests.integration.streams.test_worker import uploads

MakeStream = Callable[[int], Stream]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "worker.log"


def last_line(log: Path) -> str:
    return log.read_text().strip().splitlines()[-1]


def test_of_two_workers_in_one_slot_one_ends_for_good_and_the_other_goes_on(make_stream: MakeStream, log: Path) -> None:
    stream = make_stream(2)
    sent = [uploads(5, partition, devices=4) for partition in range(2)]
    # No checkpoint in time: the one that is replaced learns it from the group, not from a fenced transaction.
    first = stream.start(log=log, checkpoint_s=600.0, checkpoint_uploads=10)
    stream.produce(sent[0][:50])
    stream.wait_for(10)
    stream.start()
    assert first.wait(PATIENCE_S) == UsageError.exit_code
    assert last_line(log) == (
        f"vaxel: worker stops: slot taken: another worker of {stream.settings.app} has taken slot 0; "
        "each running worker needs a --slot of its own"
    )
    stream.produce(sent[0][50:])
    stream.produce(sent[1], 1)
    stream.assert_exactly_once([*sent[0], *sent[1]])


def test_a_bad_roll_out_is_stopped_before_it_refuses_everything(stream: Stream, log: Path) -> None:
    sent = uploads(6, 0, devices=1)
    stream.produce(sent)
    stream.produce([b"{}"] * 30_000)
    worker = stream.start(log=log, max_refused_share=0.5, session_timeout_s=30.0)
    assert worker.wait(PATIENCE_S) == DecisionError.exit_code
    said = last_line(log)
    assert "were refused, 50% are allowed; most often" in said
    assert "start with a higher --max-refused-share" in said
    assert stream.count() < len(stream.sent), "it stopped on the way"
    stream.start(max_refused_share=1.0)
    stream.assert_exactly_once(sent)


def test_a_topic_created_again_stops_an_idle_worker(stream: Stream, log: Path) -> None:
    stream.produce(uploads(7, 0, devices=1))
    worker = stream.start(log=log)
    stream.wait_for(len(stream.sent))
    admin = AdminClient({"bootstrap.servers": stream.settings.kafka})
    admin.delete_topics([stream.product.telemetry])[stream.product.telemetry].result()
    assert worker.wait(PATIENCE_S) == DecisionError.exit_code, "not one upload comes, and it is noticed"
    assert stream.product.telemetry in last_line(log)
    again = replace(BY_NAME[TELEMETRY_WASHER], name=stream.product.telemetry)
    ensure_topics(stream.settings.kafka, [again], stream.partitions)
    worker = stream.start(log=log)
    assert worker.wait(PATIENCE_S) == DecisionError.exit_code
    assert "was re-created" in last_line(log)
