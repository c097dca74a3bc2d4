"""A real S3 server for tests: Versity's gateway over a folder, built once from the Go registry and kept.

The gateway keeps each object as a file, so a test can look at what there is, and what was uploaded outlives a kill.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from deploy.jars import default_cache
from deploy.ports import LOOPBACK, choose
from tests.conftest import missing

VERSION = "v1.8.0"
MODULE = f"github.com/versity/versitygw/cmd/versitygw@{VERSION}"
QUICKLY = ("-gcflags=all=-N -l", "-ldflags=-s")
"""Neither optimised nor with symbols: 170 s of a core instead of 235 s, where nothing of it is built yet."""
BUILD_WITHIN_S = 900
START_WITHIN_S = 30
BUCKET = "lake"
KEY_ID = "vaxel-test"
SECRET = "geheim-0815"


@dataclass
class S3Server:
    """One gateway with one bucket; it may be killed and started again, on the same port and folder."""

    folder: Path
    port: int
    certificate: tuple[Path, Path] | None = None
    """Files of the certificate and its key; with them it speaks TLS only."""
    process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What a client has to know."""
        scheme = "http" if self.certificate is None else "https"
        known = {
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL_S3": f"{scheme}://{LOOPBACK}:{self.port}",
        }
        return known if self.certificate is None else {**known, "AWS_CA_BUNDLE": str(self.certificate[0])}

    def start(self) -> None:
        """Runs when this returns."""
        for name in ("objects", "metadata"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "objects" / BUCKET).mkdir(exist_ok=True)
        options = () if self.certificate is None else ("--cert", self.certificate[0], "--key", self.certificate[1])
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                (
                    *(program(), "--quiet", "--port", f"{LOOPBACK}:{self.port}", *options),
                    # Objects' attributes lie in files beside them: not every file system of a test has attributes.
                    *("posix", "--sidecar", self.folder / "metadata", self.folder / "objects"),
                ),
                env={**os.environ, "ROOT_ACCESS_KEY": KEY_ID, "ROOT_SECRET_KEY": SECRET},
                stdout=log,
                stderr=log,
            )
        deadline_s = time.monotonic() + START_WITHIN_S
        while not self._answers():
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline_s
            time.sleep(0.05)

    def kill(self) -> None:
        """Gone in the middle of whatever it did."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((LOOPBACK, self.port)) == 0


def a_server(folder: Path, certificate: tuple[Path, Path] | None = None) -> S3Server:
    """A running server; end it with `kill`."""
    server = S3Server(folder, choose("the S3 server", "", None, None, set()), certificate)
    server.start()
    return server


def program() -> Path:
    """The gateway's program, built if this user has not got it yet: a minute and a half on two cores."""
    kept = default_cache(os.environ).with_name("versitygw") / VERSION / "versitygw"
    if kept.exists():
        return kept
    if shutil.which("go") is None:
        missing("no S3 server: Go, to build it with, is not installed")
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as aside:
        built = subprocess.run(
            ["go", "install", *QUICKLY, MODULE],
            env={**os.environ, "GOBIN": aside, "GOFLAGS": "-buildvcs=false"},
            capture_output=True,
            text=True,
            timeout=BUILD_WITHIN_S,
            check=False,
        )
        if built.returncode != 0:
            missing(f"no S3 server: go install {MODULE}: {built.stderr[-2_000:]}")
        (Path(aside) / "versitygw").replace(kept)
    return kept
