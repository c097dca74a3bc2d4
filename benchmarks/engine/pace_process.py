"""Sends a load at a steady pace: KAFKA TOPIC NAME UPLOADS DEVICES PARTITIONS UPLOADS_PER_S RESULT_FILE."""

from __future__ import annotations

import json
import sys
import time
from itertools import islice
from pathlib import Path

from benchmarks.engine.course import load_producer
from benchmarks.engine.load import LOADS, Load

SLICES_PER_S = 100
LINGER_MS = 20


def main(
    kafka: str, topic: str, name: str, uploads: str, devices: str, partitions: str, uploads_per_s: str, result_file: str
) -> None:
    """Send everything, then write down how long that took."""
    load = LOADS[name](int(uploads), int(devices), int(partitions))
    seconds = send(load, kafka, topic, float(uploads_per_s))
    Path(result_file).write_text(json.dumps({"seconds": seconds}))


def send(load: Load, kafka: str, topic: str, uploads_per_s: float) -> float:
    """Seconds that it took to hand everything over, in slices of a hundredth of a second.

    Raises:
        BufferError: Kafka does not take uploads at that pace.
    """
    producer = load_producer(kafka, LINGER_MS)
    keys = [device_id.encode() for device_id in load.device_ids()]
    at_once = max(1, int(uploads_per_s / SLICES_PER_S))
    values, sent = load.values(), 0
    began_s = time.monotonic()
    while part := list(islice(values, at_once)):
        time.sleep(max(0.0, began_s + sent / uploads_per_s - time.monotonic()))
        # A call for each upload would cost twice as much of the two cores that the worker needs too.
        messages = [
            {"value": value, "key": keys[device], "partition": load.partition_of(device)} for device, value in part
        ]
        if producer.produce_batch(topic, messages) < len(messages):
            raise BufferError("Kafka does not take uploads at that pace")
        producer.poll(0)
        sent += len(part)
    seconds = time.monotonic() - began_s
    producer.flush()
    return seconds


if __name__ == "__main__":
    main(*sys.argv[1:])
