"""A repair's folder keeps what was repaired and what is back, whatever crashes in between."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from schemas.errors import OutsideError, UsageError
from schemas.forms import arrow_schema
from schemas.repairs import ACKNOWLEDGED_FILE, RULE_FILE, RepairedUpload
from schemas.topics import TELEMETRY_WASHER
from streams.repair import Fit, Held
from streams.repair_folder import ROWS_AT_ONCE, RepairFolder, find_folder


def a_fit(offset: int, before: bytes = b"{}") -> Fit:
    return Fit(Held(TELEMETRY_WASHER, 1, offset, "w-1", "", before), "w-1", offset, b'{"seq": %d}' % offset)


def a_folder(data_dir: Path, name: str = "a-rule-0123456789ab") -> RepairFolder:
    folder = RepairFolder(data_dir / "repairs" / name)
    folder.keep_rule(f'name = "{name}"\n')
    return folder


def test_uploads_come_back_as_they_were_written(tmp_path: Path) -> None:
    folder, fits = a_folder(tmp_path), [a_fit(offset, b"\xff\x00") for offset in range(ROWS_AT_ONCE + 1)]
    assert folder.add(fits) == folder.count() == len(fits)
    assert list(folder.uploads()) == fits
    assert folder.places() == {f"telemetry.washer.v1[1]@{offset}" for offset in range(ROWS_AT_ONCE + 1)}
    (file,) = folder.path.glob("*.parquet")
    assert pq.read_schema(file).remove_metadata() == arrow_schema(RepairedUpload)


def test_what_fails_later_is_added_behind_what_is_there(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    for fits in ([a_fit(5)], [], [a_fit(3), a_fit(4)]):
        folder.add(fits)
    assert [fit.held.offset for fit in folder.uploads()] == [5, 3, 4]
    assert [file.name for file in sorted(folder.path.glob("*"))] == [
        RULE_FILE,
        "uploads-0001.parquet",
        "uploads-0002.parquet",
    ]


def test_a_repair_that_breaks_off_leaves_nothing_that_counts(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)

    def breaks_off() -> Fit:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        folder.add(a_fit(1) if number else a_fit(0) if number == 0 else breaks_off() for number in (0, 1, None))
    assert folder.count() == 0
    assert folder.add([a_fit(7)]) == 1
    assert folder.places() == {"telemetry.washer.v1[1]@7"}


def test_the_rule_stays_as_it_was_written_first(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    folder.keep_rule("# another spelling")
    assert (folder.path / RULE_FILE).read_text() == 'name = "a-rule-0123456789ab"\n'


def test_acknowledgements_are_on_disk_at_once_and_add_up(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    assert folder.acknowledged() == set()
    with folder.acknowledgements() as file:
        file.write(["t[0]@1", "t[0]@2"])
        assert folder.acknowledged() == {"t[0]@1", "t[0]@2"}
    with folder.acknowledgements() as file:
        file.write([])
        file.write(["t[1]@1"])
    assert folder.acknowledged() == {"t[0]@1", "t[0]@2", "t[1]@1"}


def test_a_line_that_a_crash_cut_off_names_no_upload(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    (folder.path / ACKNOWLEDGED_FILE).write_bytes(b"t[0]@1\nt[0]@1")  # of t[0]@123
    assert folder.acknowledged() == {"t[0]@1"}
    with folder.acknowledgements() as file:
        file.write(["t[0]@7"])
    assert folder.acknowledged() == {"t[0]@1", "t[0]@7"}


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "repairs").write_text("a file")
    with pytest.raises(OutsideError, match=r"Cannot read or write '.*repairs/a-rule-0123456789ab'"):
        a_folder(tmp_path)


def test_a_repair_is_found_by_its_name_or_the_beginning_of_its_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no repair 'x' in .*; make one: vaxel failed repair RULE.toml"):
        find_folder(tmp_path, "x")
    for name in ("litres-0123456789ab", "litres-2-0123456789ab", "watts-0123456789ab", "watts-fedcba987654"):
        a_folder(tmp_path, name)
    assert find_folder(tmp_path, "litres").name == "litres-0123456789ab"
    assert find_folder(tmp_path, "watts-0").name == "watts-0123456789ab"
    assert find_folder(tmp_path, "litres-2").name == "litres-2-0123456789ab"
    with pytest.raises(UsageError, match="'watts' may be any of watts-0123456789ab, watts-fedcba987654: say which"):
        find_folder(tmp_path, "watts")
    with pytest.raises(UsageError, match=r"there is no repair 'x' in .*; there are litres-0123456789ab, litres-2"):
        find_folder(tmp_path, "x")
