"""A PostgreSQL of a test's own, to stop, start and kill as it likes; the shared one has others' databases."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from deploy import children
from deploy.layout import create, layout_of
from deploy.ports import choose
from deploy.postgres import Postgres

START_WITHIN_S = 120


@dataclass
class OwnPostgres:
    """One server in a folder; `dsn` stays the same over restarts."""

    server: Postgres
    settings: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None

    @property
    def dsn(self) -> str:
        """Address of an empty database."""
        return self.server.dsn("lake_catalog")

    def start(self) -> None:
        """Answers when this returns."""
        command = self.server.command()
        options = [part for name, value in self.settings.items() for part in ("-c", f"{name}={value}")]
        self.process = children.start(replace(command, arguments=(*command.arguments, *options)))
        deadline_s = time.monotonic() + START_WITHIN_S
        while not self.server.answers():
            assert self.process.poll() is None, self.server.layout.log("postgres").read_text()
            assert time.monotonic() < deadline_s
            time.sleep(0.05)

    def stop(self) -> None:
        """Gone in good order, its clients cut off."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)
            self.process = None


@contextmanager
def own_postgres(folder: Path, **settings: str) -> Iterator[OwnPostgres]:
    """A running server with these settings beside the local stack's; stopped when left."""
    layout = layout_of(folder)
    create(layout)
    own = OwnPostgres(Postgres(layout, choose("PostgreSQL", "", None, None, set())), settings)
    preparation = own.server.preparation()
    assert preparation is not None
    assert children.start(preparation).wait(START_WITHIN_S) == 0, layout.log("initdb").read_text()
    own.server.adopt()
    own.start()
    try:
        yield own
    finally:
        own.stop()
