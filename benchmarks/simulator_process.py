"""Sends one load, and tells how long that took: KAFKA FOLDER UPLOADS WASHERS SHOES SEED BROKER_PID."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from threading import Event

import numpy as np
import psutil  # type: ignore[import-untyped]

from benchmarks.recovery_process import _peak_bytes
from benchmarks.simulator import Lap
from producers.load import Load
from producers.load_uploads import devices, volleys
from producers.publish import connect
from producers.truth_folder import new_truth_folder

TEMPLATES = 64


def main(kafka: str, folder: str, *numbers: str) -> None:
    upload_count, washers, shoes, seed, broker_pid = map(int, numbers)
    began_s = time.perf_counter()
    counts = (("washer", washers), ("shoe", shoes))
    groups = [devices(product, count, TEMPLATES, seed) for product, count in counts if count]  # type: ignore[arg-type]
    load = Load(groups, connect({"bootstrap.servers": kafka}), new_truth_folder(Path(folder), f"load-{seed}"))
    prepared_s = time.perf_counter() - began_s

    broker = psutil.Process(broker_pid)
    before = _looked(broker)
    load.send(upload_count, stop=Event(), on_progress=lambda _sent: None, per_second=None)
    sent_s, cpu_s, broker_cpu_s, busy_s = np.subtract(_looked(broker), before).tolist()
    peak_bytes = _peak_bytes()

    readings, value_bytes, looked_at = 0, 0, 0
    for volley in volleys(groups, upload_count, 8_192):
        for part in volley:
            readings += int(part.devices.templates.reading_count[part.place].sum())
            value_bytes += int(np.count_nonzero(part.devices.templates.rows, axis=1)[part.place].sum())
            looked_at += part.seq.size
    lap = Lap(
        truth=str(load.folder.path),
        acknowledged=load.acknowledged.count,
        readings=readings,
        value_bytes=value_bytes / looked_at,
        prepared_s=prepared_s,
        sent_s=sent_s,
        cpu_s=cpu_s,
        broker_cpu_s=broker_cpu_s,
        busy_s=busy_s,
        peak_bytes=peak_bytes,
    )
    sys.stdout.write(json.dumps(asdict(lap)))


def _looked(broker: psutil.Process) -> tuple[float, float, float, float]:
    """Now, and the processor time so far of this process, of the broker, and of the machine, in seconds."""
    of_broker = sum(broker.cpu_times()[:2])
    times = psutil.cpu_times()
    return time.perf_counter(), time.process_time(), of_broker, sum(times) - times.idle - getattr(times, "iowait", 0.0)


if __name__ == "__main__":
    main(*sys.argv[1:])
