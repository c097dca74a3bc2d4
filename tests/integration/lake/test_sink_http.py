"""`vaxel sink lake --port` as an operator asks it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection

import pytest
from confluent_kafka import Producer
from prometheus_client.parser import text_string_to_metric_families

from deploy.topics import ensure_topics
from schemas.errors import OutsideError
from schemas.topics import LAKE_INPUTS, SESSIONS_WASHER, TOPICS
from tests.integration.lake.conftest import ROOT, Lake, a_cycle, wait_for
from vaxel.observed import Health, observed

HOST = "127.0.0.1"


def free_port() -> int:
    with socket.create_server((HOST, 0)) as server:
        return int(server.getsockname()[1])


def asked(port: int, path: str) -> tuple[int, str]:
    connection = HTTPConnection(HOST, port, timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


@contextmanager
def sink_command(lake: Lake, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    addresses = {
        "VAXEL_KAFKA": lake.kafka,
        "VAXEL_LAKE_CATALOG": lake.catalog,
        "VAXEL_LAKE_FILES": lake.files,
        "VAXEL_RECORDS": lake.catalog,
    }
    command = [sys.executable, "-m", "vaxel", "sink", "lake", *options]
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, **addresses}, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.terminate()


@pytest.mark.kafka
@pytest.mark.postgres
def test_a_sink_at_work_tells_its_health_and_its_numbers(lake: Lake) -> None:
    ensure_topics(lake.kafka, TOPICS, 4)
    producer = Producer({"bootstrap.servers": lake.kafka})
    producer.produce(SESSIONS_WASHER, a_cycle("w-9:1", 1), partition=2)
    producer.flush()
    port = free_port()

    def numbers() -> dict[str, float]:
        _, text = asked(port, "/metrics")
        families = text_string_to_metric_families(text)
        return {",".join([s.name, *s.labels.values()]): s.value for family in families for s in family.samples}

    def is_caught_up() -> bool:
        with suppress(OSError):
            return numbers()["vaxel_lake_sink_caught_up"] == 1
        return False

    with sink_command(lake, "--port", str(port), "--share", "3/4") as process:
        wait_for(is_caught_up)
        told = numbers()
        assert told["vaxel_lake_sink_rows_total,wash_cycle_versions"] >= 1
        assert told["vaxel_lake_sink_transaction_seconds_count"] >= 1
        assert told[f"vaxel_lake_sink_lag_records,{SESSIONS_WASHER}"] == 0
        assert told["process_resident_memory_bytes"] > 0
        status, body = asked(port, "/health")
        assert (status, json.loads(body)["status"], json.loads(body)["sink"]["share"]) == (200, "green", "3/4")
        # One partition of each topic; at its end, every one of them lags by nothing.
        lag = json.loads(body)["lag_records"]
        assert lag.keys() == set(LAKE_INPUTS)
        assert lag[SESSIONS_WASHER] == 0
        assert json.loads(body)["partitions"] == len(LAKE_INPUTS)
        process.terminate()
        assert process.wait(60) == 0
        assert process.stderr is not None
        started = process.stderr.readline().decode()
        assert started.startswith("sink: share 3/4 of the partitions of ")
        assert started.endswith(f"; serves http://{HOST}:{port}/metrics and /health\n")


@pytest.fixture
def port_of() -> Iterator[Callable[[Callable[[], bytes], Callable[[], Health]], int]]:
    """`port_of(metrics, health)`: port of a server that answers with these."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def serve(metrics: Callable[[], bytes], health: Callable[[], Health]) -> int:
            port = free_port()
            stack.enter_context(observed(HOST, port, metrics, health))
            return port

        yield serve


def test_red_is_503_with_the_problems_and_what_else_is_known(
    port_of: Callable[[Callable[[], bytes], Callable[[], Health]], int],
) -> None:
    port = port_of(lambda: b"x 1\n", lambda: Health(("it stands still",), {"silent_s": 61.0}))
    assert asked(port, "/metrics?name=x") == (200, "x 1\n")
    status, body = asked(port, "/health")
    assert status == 503
    assert json.loads(body) == {"status": "red", "problems": ["it stands still"], "silent_s": 61.0}
    status, body = asked(port, "/")
    assert (status, "/metrics and /health" in body) == (404, True)


def test_a_fault_while_answering_is_told_to_who_asked_and_the_next_answer_comes(
    port_of: Callable[[Callable[[], bytes], Callable[[], Health]], int],
) -> None:
    answers = [b"x 2\n"]

    def metrics() -> bytes:
        if len(answers) == 1:
            answers.append(b"")
            raise RuntimeError("changed while it was counted")
        return answers[0]

    port = port_of(metrics, Health)
    status, body = asked(port, "/metrics")
    assert (status, "changed while it was counted" in body) == (500, True)
    assert asked(port, "/metrics") == (200, "x 2\n")
    assert asked(port, "/health")[0] == 200


def test_a_port_that_is_taken_is_an_error_before_anything_begins() -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        served = observed(HOST, port, bytes, Health)
        with pytest.raises(OutsideError, match=r"cannot serve HTTP on 127.0.0.1:\d+: .* Choose another --port"):
            served.__enter__()
