"""Which files in the lake's place are the lake's, or were."""

from __future__ import annotations

import pytest

from sinks.lake.check import _is_ours


@pytest.mark.parametrize(
    "name", ["a.parquet", "a.puffin", "a.parquet.damaged", "a.parquet.damaged-2", "a.puffin.stand-in"]
)
def test_what_was_put_aside_more_than_once_is_still_listed(name: str) -> None:
    assert _is_ours(name)


@pytest.mark.parametrize("name", ["a.csv", "a.parquet.damaged-", "notes.damaged-by-hand"])
def test_other_files_are_not_the_lakes(name: str) -> None:
    assert not _is_ours(name)
