"""Every contender starts on a real broker and answers rightly; how fast is not asked here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

pytestmark = [pytest.mark.kafka, pytest.mark.bench]

SIZES = ("--single", "6000", "--packed", "3000", "--faust", "1500", "--devices", "300", "--runs", "1")
PATIENCE_S = 60.0
VAXEL = (sys.executable, "-m", "vaxel")


def started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """The benchmark, with everything it leaves behind in a folder."""
    environment = {**os.environ, "TMPDIR": str(folder)}
    pipe = subprocess.PIPE
    program = [*VAXEL, "bench", "engine", *SIZES, *arguments]
    return subprocess.Popen(program, env=environment, stdout=pipe, stderr=pipe, text=True)


def test_every_contender_answers_rightly_and_nothing_is_left(tmp_path: Path) -> None:
    bench = started(tmp_path, "--json")
    told, complaint = bench.communicate(timeout=240)
    assert bench.returncode == 0, complaint
    found = json.loads(told)
    assert found["is_right"]
    names = {"Växel", "Kafka Streams, 1 thread", "Kafka Streams, 2 threads", "read only"}
    for load in ("single", "packed"):
        assert {row["contender"] for row in found["rows"] if row["load"] == load} == {*names, "stock Faust"}
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_benchmark_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    bench = started(tmp_path)
    deadline_s = time.monotonic() + PATIENCE_S
    while not any("benchmarks.engine" in word for child in children_of(bench) for word in words_of(child)):
        assert time.monotonic() < deadline_s, "no contender is started"
        time.sleep(0.1)
    children = children_of(bench)
    bench.send_signal(signal.SIGTERM)
    bench.communicate(timeout=PATIENCE_S)
    assert bench.returncode == 130
    assert psutil.wait_procs(children, timeout=PATIENCE_S)[1] == []
    assert list(tmp_path.iterdir()) == []


def words_of(child: psutil.Process) -> list[str]:
    try:
        return list(child.cmdline())
    except psutil.Error:  # it has just ended
        return []


def children_of(bench: subprocess.Popen[str]) -> list[psutil.Process]:
    return list(psutil.Process(bench.pid).children())
