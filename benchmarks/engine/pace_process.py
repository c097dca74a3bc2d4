"""Sends a load at a steady pace: KAFKA TOPIC NAME UPLOADS DEVICES PARTITIONS UPLOADS_PER_S RESULT_FILE."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from benchmarks.engine.course import load_producer
from benchmarks.engine.load import LOADS, Load

SLICES_PER_S = 200
LINGER_MS = 5


def main(
    kafka: str, topic: str, name: str, uploads: str, devices: str, partitions: str, uploads_per_s: str, result_file: str
) -> None:
    """Send everything, then write down how long that took."""
    load = LOADS[name](int(uploads), int(devices), int(partitions))
    seconds = send(load, kafka, topic, float(uploads_per_s))
    Path(result_file).write_text(json.dumps({"seconds": seconds}))


def send(load: Load, kafka: str, topic: str, uploads_per_s: float) -> float:
    """Seconds that it took to hand everything over, in slices of a two-hundredth of a second."""
    producer = load_producer(kafka, LINGER_MS)
    keys = [device_id.encode() for device_id in load.device_ids()]
    at_once = max(1, int(uploads_per_s / SLICES_PER_S))
    began_s = time.monotonic()
    for number, (device, value) in enumerate(load.values()):
        if number % at_once == 0:
            producer.poll(0)
            time.sleep(max(0.0, began_s + number / uploads_per_s - time.monotonic()))
        producer.produce(topic, value, keys[device], load.partition_of(device))
    seconds = time.monotonic() - began_s
    producer.flush()
    return seconds


if __name__ == "__main__":
    main(*sys.argv[1:])
