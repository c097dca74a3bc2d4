"""Reads a topic and does nothing with it: KAFKA GROUP TOPIC PARTITIONS COMMIT_S RESULT_FILE.

What the Python client can fetch at most. Its group position moves twice a second, as the others' do.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

AT_ONCE = 10_000


def main(kafka: str, group: str, topic: str, partitions: str, commit_s: str, result_file: str) -> None:
    """Count records and bytes up to the end of every partition, write them down, and wait to be stopped."""
    settings: dict[str, str | bool] = {
        "bootstrap.servers": kafka,
        "group.id": group,
        "enable.auto.commit": False,
        "enable.partition.eof": True,
    }
    consumer = Consumer(settings)
    places = [TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(int(partitions))]
    consumer.assign(places)
    records = read_bytes = ended = 0
    told_s = time.monotonic()
    while ended < len(places):
        for message in consumer.consume(AT_ONCE, timeout=0.1):
            error = message.error()
            if error is None:
                records += 1
                read_bytes += len(message.value() or b"")
            elif error.code() == KafkaError._PARTITION_EOF:
                ended += 1
            else:
                raise KafkaException(error)
        if time.monotonic() - told_s > float(commit_s) or ended == len(places):
            told_s = time.monotonic()
            # Before the position: who sees that all is done finds the count.
            Path(result_file).write_text(json.dumps({"records": records, "bytes": read_bytes}))
            reached = [place for place in consumer.position(places) if place.offset >= 0]
            if reached:
                consumer.commit(offsets=reached, asynchronous=False)
    consumer.close()
    signal.pause()  # an ended process no longer tells how much it has used


if __name__ == "__main__":
    main(*sys.argv[1:])
