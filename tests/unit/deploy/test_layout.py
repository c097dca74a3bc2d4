from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy.layout import create, holds, is_locked, layout_of, read_json, take_lock, write_json
from schemas.errors import OutsideError


def test_full_disk_is_named_with_what_is_free_and_what_is_needed(tmp_path: Path) -> None:
    with pytest.raises(OutsideError, match=rf"{tmp_path}/data has [\d,]+ MiB free, 1,073,741,824 MiB are needed"):
        create(layout_of(tmp_path / "data"), least_free_bytes=1 << 50)


def test_place_that_cannot_be_written_is_named_with_what_to_choose(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        OutsideError, match=r"cannot write to .*/file/data: Not a directory\. To go on, choose .*--data-dir"
    ):
        create(layout_of(tmp_path / "file" / "data"))


def test_data_directory_is_private(tmp_path: Path) -> None:
    create(layout_of(tmp_path / "data"), least_free_bytes=0)
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_lock_has_one_holder_and_ends_with_it(tmp_path: Path) -> None:
    layout = layout_of(tmp_path)
    assert not is_locked(layout)
    handle = take_lock(layout)
    assert handle is not None
    assert is_locked(layout)
    assert take_lock(layout) is None
    os.close(handle)
    assert not is_locked(layout)


def test_holder_notices_that_its_directory_was_removed(tmp_path: Path) -> None:
    layout = layout_of(tmp_path)
    handle = take_lock(layout)
    assert handle is not None
    assert holds(layout, handle)
    layout.lock.unlink()
    assert not holds(layout, handle)
    os.close(take_lock(layout) or 0)
    assert not holds(layout, handle)
    os.close(handle)


def test_json_files_are_the_owners_only_and_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "stack.json"
    assert read_json(path) is None
    write_json(path, {"a": 1})
    write_json(path, {"a": 2})
    assert read_json(path) == {"a": 2}
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_broken_json_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text("{")
    with pytest.raises(OutsideError, match=r"cannot read .*stack\.json"):
        read_json(tmp_path / "stack.json")
