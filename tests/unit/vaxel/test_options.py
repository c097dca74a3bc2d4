"""Commands that messages name can be copied as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from vaxel.commands.options import DEFAULT_DATA_DIR, command


@pytest.mark.parametrize(
    ("variable", "data_dir", "expected"),
    [
        ("", DEFAULT_DATA_DIR, "vaxel replay 'a day.parquet'"),
        ("", Path("/tmp/b b"), "vaxel replay 'a day.parquet' --data-dir '/tmp/b b'"),
        ("/data", Path("/data"), "vaxel replay 'a day.parquet'"),
        ("/data", DEFAULT_DATA_DIR, "vaxel replay 'a day.parquet' --data-dir .vaxel"),
    ],
)
def test_the_data_directory_is_named_where_it_is_not_found_by_itself(
    monkeypatch: pytest.MonkeyPatch, variable: str, data_dir: Path, expected: str
) -> None:
    monkeypatch.setenv("VAXEL_DATA_DIR", variable)
    assert command("replay", Path("a day.parquet"), data_dir=data_dir) == expected
