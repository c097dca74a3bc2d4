"""What a worker tells of itself over HTTP and in its log, on a real broker: numbers, health, devices."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from deploy.stack import Stack
from streams.routing import partition_of
from tests.integration.streams.conftest import PATIENCE_S, Stream
from tests.integration.streams.test_worker import uploads
from tests.integration.streams.watched import Reply, Stalls, Watched
from tests.integration.streams.watched_process import HOLD
from tests.unit.streams.building import a_washer_upload

MakeStream = Callable[[int], Stream]
ANSWER_S = 1.0
FLOOD = 10_000


Start = Callable[..., Watched]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """`start(stream, slot=0, **settings)`: a worker with a server."""

    def begin(stream: Stream, slot: int = 0, **differing: Any) -> Watched:
        stream.program = (str(Path(__file__).with_name("watched_process.py")),)
        port = free_port()
        log = tmp_path / f"worker-{slot}.log"
        url = f"http://127.0.0.1:{port}"
        process = stream.start(slot, log=log, http_port=port, advertise=url, **differing)
        return Watched(process, port, log)

    return begin


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], bool], what: str) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s, f"not within {PATIENCE_S} s: {what}"
        time.sleep(0.1)


def settled(*workers: Watched) -> None:
    """Wait until the workers hold partitions, each of them known to its end."""

    def all_known() -> bool:
        bodies = [worker.ask("/health").body for worker in workers]
        return all(
            body is not None and body["partitions"] and all(found["end"] is not None for found in body["partitions"])
            for body in bodies
        )

    until(all_known, "each worker holds partitions")


def test_the_numbers_add_up_to_what_was_sent(make_stream: MakeStream, start: Start) -> None:
    stream = make_stream(2)
    worker = start(stream, session_timeout_s=30.0)
    settled(worker)
    sent = [uploads(21, partition) for partition in range(2)]
    for partition in range(2):
        stream.produce([*sent[partition], b"no upload", b"{"], partition, key=b"w-x")
    stream.produce([b"{"] * FLOOD, 1, key=b"w-x")
    with Stalls() as stalls:
        replies = answers_until_done(worker, len(stream.sent))
    slow = [own_s for reply in replies if (own_s := reply.seconds - stalls.within_s(reply)) > ANSWER_S]
    assert len(slow) <= len(replies) / 10, f"it answers within a second while it works, but took {slow}"
    stream.assert_exactly_once([*sent[0], *sent[1]])

    topic = stream.product.telemetry
    receipts = stream.receipts()
    for outcome in ("accepted", "duplicate"):
        count = sum(row["outcome"] == outcome for row in receipts)
        assert count == sum(worker.values("vaxel_uploads_total")[outcome, str(n), topic] for n in range(2))
    assert worker.values("vaxel_refused_total") == {("not_json", topic): FLOOD + 4.0}
    assert worker.values("vaxel_readings_total") == {(topic,): float(stream.readings())}
    assert worker.values("vaxel_recovery_seconds_count") == {(topic,): 2.0}
    assert worker.values("vaxel_devices") == {(str(n), topic): 8.0 for n in range(2)}
    assert worker.values("vaxel_position") == {
        (str(n), topic): max(offset for partition, offset in stream.sent if partition == n) + 1.0 for n in range(2)
    }
    until(lambda: set(worker.values("vaxel_lag_records").values()) == {0.0}, "nothing waits")
    assert set(worker.values("vaxel_lag_seconds").values()) == {0.0}
    assert worker.values("vaxel_observation_faults_total") == {(): 0.0}

    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(PATIENCE_S) == 0
    log = worker.events()
    told = [event["event"] for event in log]
    assert told[0] == "worker starts"
    assert told[-1] == "worker stopped"
    assert {"partitions assigned", "taken over", "checkpoint"} <= set(told)
    refused = [event for event in log if event["event"] == "uploads refused"]
    assert sum(event["count"] for event in refused) <= FLOOD + 4
    assert len(refused) <= 1 + PATIENCE_S / 10
    assert refused[0]["reason"] == "not_json"
    assert refused[0]["example"].startswith(topic)


def answers_until_done(worker: Watched, uploads: int) -> list[Reply]:
    """Answers to a question each tenth of a second, until all uploads are counted."""
    replies: list[Reply] = []

    def is_done() -> bool:
        replies.append(worker.ask("/health"))
        return sum(worker.values("vaxel_uploads_total").values()) == uploads

    until(is_done, f"{uploads} uploads counted")
    return replies


def test_health_turns_red_while_a_partition_stands_still_and_green_again(
    stream: Stream, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = tmp_path / "hold"
    monkeypatch.setenv(HOLD, str(hold))
    worker = start(stream, stuck_s=1.0, session_timeout_s=30.0)
    settled(worker)
    assert worker.ask("/health").status == 200, "nothing to do"
    hold.touch()
    stream.produce(uploads(22, 0)[:50])
    until(lambda: worker.ask("/health").status == 503, "health is red")
    reply = worker.ask("/health")
    (problem,) = reply.body["problems"]
    assert problem.startswith(f"{stream.product.telemetry}[0] stands at 0 for ")
    assert problem.endswith("while input waits up to 50")
    assert reply.body["partitions"][0]["waiting"] == 50
    assert worker.values("vaxel_healthy") == {(): 0.0}
    device = worker.ask("/devices/d-0-0")
    assert device.status == 503, "its partition is at work, and nobody waits for that for long"
    hold.unlink()
    until(lambda: worker.ask("/health").status == 200, "health is green again")
    until(lambda: worker.values("vaxel_lag_records") == {("0", stream.product.telemetry): 0.0}, "all is taken in")


def test_a_device_is_found_whichever_worker_is_asked(make_stream: MakeStream, start: Start) -> None:
    stream = make_stream(4)
    workers = [start(stream, 0), start(stream, 1)]
    settled(*workers)
    ids = [f"w-{number}" for number in range(12)]
    for number in range(4):
        own = [device_id for device_id in ids if partition_of(device_id, 4) == number]
        stream.produce([a_washer_upload(device_id=device_id, seq=7) for device_id in own], number)
    stream.wait_for(len(ids))
    by_port = {worker.port: worker for worker in workers}
    until(
        lambda: all(
            worker.ask(f"/devices/{device_id}").status in (200, 307) for worker in workers for device_id in ids
        ),
        "each worker has shown where it answers",
    )
    redirects = 0
    for device_id in ids:
        for worker in workers:
            reply = worker.ask(f"/devices/{device_id}")
            if reply.status == 307:
                redirects += 1
                url = urlsplit(reply.location or "")
                reply = by_port[url.port or 0].ask(f"{url.path}?{url.query}")
            assert reply.status == 200, reply.body
            facts = reply.body["products"][stream.product.telemetry]
            assert (facts["partition"], facts["newest_seq"]) == (partition_of(device_id, 4), 7)
            assert facts["sessions"][0]["device_id"] == device_id
    assert redirects == len(ids), "each device is held by one of two"
    unknown = [worker.ask("/devices/nobody") for worker in workers]
    assert sorted(reply.status for reply in unknown) == [307, 404]
    assert workers[0].ask("/devices/-").status == 400
    assert workers[0].ask("/devices/w-1?topic=other").status == 400

    first, second = workers
    theirs = next(device_id for device_id in ids if first.ask(f"/devices/{device_id}").status == 307)
    second.process.send_signal(signal.SIGTERM)
    replies: list[Reply] = []

    def is_taken_over() -> bool:
        replies.append(first.ask(f"/devices/{theirs}"))
        return replies[-1].status == 200

    until(is_taken_over, "the other has taken it over")
    assert second.process.wait(PATIENCE_S) == 0
    statuses = [status for status, _ in groupby(reply.status for reply in replies)]
    assert statuses in ([307, 503, 200], [503, 200]), "for a while nobody holds it"
    assert any("no worker says that it holds" in reply.body["error"] for reply in replies if reply.status == 503)


def test_a_worker_without_partitions_is_well_and_one_that_lost_its_own_says_so(stream: Stream, start: Start) -> None:
    """Also one that was silent for too long, and comes back to find that others have what it had."""
    first = start(stream, 0)
    settled(first)
    second = start(stream, 1)
    until(lambda: has_nothing_to_do(second), "the second is in the group, with nothing to do")
    stream.produce([a_washer_upload(device_id="w-1")])
    stream.wait_for(1)  # in a transaction under way it would be fenced, and end
    os.kill(first.process.pid, signal.SIGSTOP)
    until(lambda: second.ask("/devices/w-1").status == 200, "the second has what the first had")
    os.kill(first.process.pid, signal.SIGCONT)
    # The group may give it back what it had.
    until(lambda: has_nothing_to_do(first) or has_nothing_to_do(second), "one of them has nothing any more")
    idle, holder = (first, second) if has_nothing_to_do(first) else (second, first)
    until(lambda: holder.ask("/devices/w-1").status == 200, "the other answers")
    until(
        lambda: idle.ask("/devices/w-1").location == f"{holder.url}/devices/w-1?topic={stream.product.telemetry}",
        "this one says who does",
    )
    assert idle.values("vaxel_position") == {}


def has_nothing_to_do(worker: Watched) -> bool:
    body = worker.ask("/health").body
    return body is not None and not body["partitions"] and not body["taking_over"] and body["rebalancing_s"] is None


def test_a_port_in_use_is_one_clear_line_before_the_stream_begins(local_stack: Stack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "vaxel", "worker", "--slot", "63", "--http-port", str(port)],
            env={**os.environ, "VAXEL_KAFKA": local_stack.kafka},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    assert done.returncode == 3
    assert done.stderr == (
        f"vaxel: cannot serve HTTP on 127.0.0.1:{port}: Address already in use. Choose another --http-port\n"
    )
