"""A lake that moves to S3, and tables made anew there."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from pyarrow.fs import LocalFileSystem, S3FileSystem, copy_files

from schemas.errors import OutsideError
from tests.integration.lake.conftest import ROWS_IN_A_FRAME, Lake
from tests.integration.lake.rebuilding import assert_same, page, rebuilt, restored, rows_of
from tests.integration.lake.test_check import checked, files_of
from tests.integration.lake.test_s3 import remote, server
from tests.s3 import KEY_ID, SECRET, S3Server

__all__ = ["remote", "server"]

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

FRAMES = 4


def test_a_lake_moves_to_s3_with_its_digests_and_sinks_read_on(lake: Lake, remote: Lake, server: S3Server) -> None:
    lake.produce(range(FRAMES))
    lake.sink(FRAMES * ROWS_IN_A_FRAME)
    before = rows_of(lake)
    bucket = S3FileSystem(
        access_key=KEY_ID, secret_key=SECRET, endpoint_override=f"127.0.0.1:{server.port}", scheme="http"
    )
    copy_files(
        lake.files,
        remote.files.removeprefix("s3://"),
        source_filesystem=LocalFileSystem(),
        destination_filesystem=bucket,
    )
    with psycopg.connect(lake.catalog) as catalogue:
        for statement in MOVE:
            moved = catalogue.execute(statement, {"old": f"{lake.files}/", "new": f"{remote.files}/"})
            assert moved.rowcount > 0
    assert_same(rows_of(remote), before)
    with pytest.raises(OutsideError, match="The lake's files are in 's3://"):
        rows_of(lake)
    report = checked(remote)
    assert (report.is_whole, report.recorded, report.orphans) == (True, 0, [])
    remote.produce(range(FRAMES, FRAMES + 1))
    assert remote.sink(ROWS_IN_A_FRAME) == ROWS_IN_A_FRAME
    assert checked(remote).is_whole


MOVE = (
    "UPDATE vaxel_file_digest SET path = %(new)s || substr(path, length(%(old)s) + 1) WHERE starts_with(path, %(old)s)",
    "UPDATE ducklake_metadata SET value = %(new)s WHERE key = 'data_path' AND value = %(old)s",
)
"""As docs/lake-elsewhere.md has it."""


def test_a_table_is_made_anew_on_s3_and_a_damaged_object_is_named_with_what_to_do(
    remote: Lake, server: S3Server
) -> None:
    remote.produce(range(FRAMES))
    remote.sink(FRAMES * ROWS_IN_A_FRAME)
    before = rows_of(remote)
    made = rebuilt(remote)
    assert made.removed == made.added == FRAMES * ROWS_IN_A_FRAME
    assert_same(rows_of(remote), before)
    assert checked(remote).is_whole
    file = files_of(remote)[-1]
    on_disk: Path = server.folder / "objects" / file.path.removeprefix("s3://")
    content = on_disk.read_bytes()
    page(on_disk)
    (fault,) = checked(remote).faults
    assert fault.file.path == file.path
    for attempt in (restored, rebuilt):
        with pytest.raises(OutsideError, match="Restore the object: in a bucket with versions"):
            attempt(remote)
    with on_disk.open("r+b") as opened:
        opened.write(content)
    assert checked(remote).is_whole
    assert_same(rows_of(remote), before)
