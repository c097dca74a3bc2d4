"""A repair's folder keeps what was repaired and what is back, whatever crashes in between."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pyarrow.parquet as pq
import pytest

from schemas.errors import OutsideError, UsageError
from schemas.forms import arrow_schema
from schemas.repairs import ACKNOWLEDGED_FILE, RULE_FILE, RepairedUpload
from schemas.topics import TELEMETRY_WASHER
from streams.repair import Fit, Held
from streams.repair_folder import ROWS_AT_ONCE, RepairFolder, acknowledged_by_any, find_folder, folder_as_is

KEY = bytes(range(32))


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


def test_what_uploads_hold_is_sealed_and_comes_back_with_its_key_alone(tmp_path: Path) -> None:
    path, fits = tmp_path / "repairs" / "a-rule-0123456789ab", [a_fit(7, b'{"runner": "Ingrid Planted"}')]
    folder = RepairFolder(path, KEY)
    folder.keep_rule('name = "a-rule"\n')
    assert folder.add(fits) == 1
    (file,) = path.glob("*.parquet")
    for row in pq.read_table(file).to_pylist():
        assert b"Planted" not in row["before"]
        assert b"seq" not in row["after"]
    assert list(find_folder(tmp_path, "a-rule", KEY).uploads()) == fits
    for other in (None, bytes(32)):
        with pytest.raises(UsageError, match="cannot open the uploads of repair a-rule-0123456789ab"):
            list(RepairFolder(path, other).uploads())
    older = a_folder(tmp_path, "older-0123456789ab")
    older.add(fits)
    assert list(RepairFolder(older.path, KEY).uploads()) == fits


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


def test_two_repairs_of_one_rule_at_once_repair_each_upload_once(tmp_path: Path) -> None:
    fits = [a_fit(offset) for offset in range(20)]
    together = Barrier(2, timeout=20)

    def repair() -> int:
        folder = RepairFolder(tmp_path / "repairs" / "a-rule-0123456789ab")
        together.wait()
        with folder.alone():
            there = folder.places()
            folder.keep_rule("x")
            return folder.add(fit for fit in slowly(fits) if fit.held.place not in there)

    with ThreadPoolExecutor(2) as pool:
        added = [future.result(60) for future in [pool.submit(repair) for _ in range(2)]]
    assert sorted(added) == [0, 20]
    assert [fit.held.offset for fit in a_folder(tmp_path).uploads()] == list(range(20))


def slowly(fits: list[Fit]) -> Iterator[Fit]:
    for fit in fits:
        time.sleep(0.005)
        yield fit


def test_a_file_that_somebody_took_away_makes_none_of_the_others_vanish(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    for offset in range(3):
        folder.add([a_fit(offset)])
    (folder.path / "uploads-0001.parquet").unlink()
    folder.add([a_fit(3)])
    assert [fit.held.offset for fit in folder.uploads()] == [1, 2, 3]


def test_a_repair_is_brought_back_by_one_process_at_a_time(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    again = r"another vaxel failed replay brings back a-rule-0123456789ab.*wait until it is done, or stop it"
    with folder.acknowledgements(), pytest.raises(UsageError, match=again), folder.acknowledgements():
        pass
    with folder.acknowledgements(), a_folder(tmp_path, "another-0123456789ab").acknowledgements(), folder.alone():
        pass


def test_what_any_repair_has_brought_back_is_known_by_its_repair(tmp_path: Path) -> None:
    assert acknowledged_by_any(tmp_path) == {}
    for folder, places in ((folder_as_is(tmp_path), ["t[0]@1"]), (a_folder(tmp_path), ["t[0]@1", "t[0]@2"])):
        with folder.acknowledgements() as file:
            file.write(places)
    assert acknowledged_by_any(tmp_path) == {
        "t[0]@1": {"as-is", "a-rule-0123456789ab"},
        "t[0]@2": {"a-rule-0123456789ab"},
    }


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
