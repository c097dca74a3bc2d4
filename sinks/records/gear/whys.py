"""The evidence of a row is kept once and not with each of its fields: of a billed row it is long, and fields are many.

In `gearbox.change` an empty text stands for the evidence of the change before, which is of the same row and set. Sets
kept before this was so have the whole text in each change, which reads the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from sinks.records.gear.changes import Change

WHY: Final = """(SELECT whole.why FROM gearbox.change AS whole
  WHERE whole.change_set_id = change.change_set_id AND whole.change_no <= change.change_no AND whole.why <> ''
  ORDER BY whole.change_no DESC LIMIT 1)"""
"""SQL: the evidence of a row of `gearbox.change`, whichever others are asked for. It is a few rows before at most."""

WHY_OF_SOME: Final = f"""CASE WHEN why = '' AND lag(change_no) OVER (ORDER BY change_no) IS DISTINCT FROM change_no - 1
  THEN {WHY} ELSE why END"""
"""SQL: of some changes of one set by number, what `told` can read."""


def kept(changes: Iterable[Change]) -> Iterator[str]:
    """What is kept of the evidence of each change of a set."""
    key = why = None
    for change in changes:
        yield "" if change.key == key and change.why == why else change.why
        key, why = change.key, change.why


def told(whys: Iterable[str]) -> Iterator[str]:
    """The evidence of each change of a set, from what is kept: all of the set, or as `WHY_OF_SOME` gives it."""
    last = ""
    for why in whys:
        last = why or last
        yield last
