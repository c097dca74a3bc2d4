"""A row's evidence is kept once, and read with each of its changes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sinks.records.gear.whys import kept, told
from tests.unit.records.gear.sales import change

CHANGES = st.lists(st.tuples(st.sampled_from("AB"), st.sampled_from(['{"n":1}', '{"n":2}', "{}"])))


def test_a_row_keeps_its_evidence_with_its_first_change_and_another_row_keeps_its_own() -> None:
    changes = [change(material, why='{"n":1}') for material in "AAB"]
    assert list(kept(changes)) == ['{"n":1}', "", '{"n":1}']


def test_a_row_with_another_evidence_keeps_that_too() -> None:
    changes = [change(why=why) for why in ('{"n":1}', '{"n":2}', '{"n":2}', '{"n":1}')]
    assert list(kept(changes)) == ['{"n":1}', '{"n":2}', "", '{"n":1}']


@given(CHANGES)
def test_what_is_kept_tells_what_there_was(pairs: list[tuple[str, str]]) -> None:
    changes = [change(material, why=why) for material, why in pairs]
    whys = [one.why for one in changes]
    assert list(told(kept(changes))) == whys
    assert list(told(whys)) == whys, "as it was kept before"
