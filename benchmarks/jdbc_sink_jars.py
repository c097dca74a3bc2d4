"""Jars of Kafka Connect and of Debezium's JDBC sink, which the gearbox is measured beside.

`python -m benchmarks.jdbc_sink_jars` resolves anew and writes the lock. Everything else takes only what the lock names.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from deploy.jars import default_cache, fetch_jars, read_lock, resolve, write_lock

LOCK_FILE = Path(__file__).with_name("jdbc_sink.lock.json")
CONNECT_VERSION = "4.1.1"
SINK_VERSION = "3.5.0.Final"
ROOTS = (
    ("org.apache.kafka", "connect-runtime", CONNECT_VERSION),
    ("org.apache.kafka", "connect-json", CONNECT_VERSION),
    ("io.debezium", "debezium-connector-jdbc", SINK_VERSION),
    ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.24.3"),
)


def jdbc_sink_jars(say: Callable[[str], None]) -> tuple[Path, ...]:
    """Paths of the locked jars, downloaded where they are missing.

    Raises:
        UnreachableError, OutsideError: they cannot be had.
    """
    return tuple(fetch_jars(default_cache(os.environ), jars=read_lock(LOCK_FILE), say=say))


if __name__ == "__main__":
    write_lock(resolve(ROOTS), LOCK_FILE, "python -m benchmarks.jdbc_sink_jars")
