"""The lines that `vaxel lake attach` prints for a lake whose files lie on S3."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.integration.lake.conftest import ROWS_IN_A_FRAME, Lake
from tests.integration.lake.test_attach import elsewhere, in_python, packages, printed
from tests.integration.lake.test_s3 import remote, server
from tests.integration.lake.test_sql_command import variables
from tests.s3 import SECRET

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

__all__ = ["elsewhere", "packages", "remote", "server"]

COUNT = "print(lake.execute('select count(*) from readings_washer').fetchall())"


@pytest.fixture
def asked(remote: Lake, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake with a frame of readings in the bucket, that the command finds."""
    remote.produce(range(1))
    remote.sink(ROWS_IN_A_FRAME)
    for name, value in variables(remote).items():
        monkeypatch.setenv(name, value)
    return remote


@pytest.mark.parametrize("with_password", [False, True])
def test_printed_lines_read_a_lake_on_s3(
    asked: Lake,
    elsewhere: dict[str, str],
    packages: Path,
    capsys: pytest.CaptureFixture[str],
    with_password: bool,
) -> None:
    lines = printed(capsys, "--python", "--offline", *(["--with-password"] if with_password else []))
    assert (SECRET in lines) == with_password
    if not with_password:
        elsewhere |= {name: os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    answer = in_python(lines + COUNT, packages, elsewhere)
    assert (answer.stdout.strip(), answer.stderr) == (f"[({ROWS_IN_A_FRAME},)]", "")
