"""A rule for a repair says what it means, or is refused in one line."""

from __future__ import annotations

import pytest

from schemas.errors import UsageError
from schemas.units import CONVERSIONS
from streams.repair_rule import KNOWN, Convert, Drop, Rename, Rule, Selection, Set, conversion
from streams.repair_toml import read_rule, selection

RULE = """
name = "water-in-ml"
why = "firmware 2.4.0 measures in millilitres"

[select]
reason = "out_of_range"
material = "WM-6010"
since = 2026-01-01T02:00:00+02:00
until = 2026-02-01

[[rewrite]]
step = "rename"
from = "water_ml"
to = "water_l"

[[rewrite]]
step = "convert"
field = "water_l"
from = "ml"
to = "l"

[[rewrite]]
step = "set"
field = "programme"
value = "eco"

[[rewrite]]
step = "set"
field = "drum_rpm"
null = true

[[rewrite]]
step = "drop"
field = "colour"
"""


def a_rule(before: str = "", after: str = "") -> Rule:
    assert before in RULE
    return read_rule(RULE.replace(before, after) if before else RULE, "'rule.toml'")


def test_a_rule_is_read_as_it_is_written() -> None:
    rule = a_rule()
    assert [type(step) for step in rule.rewrite] == [Rename, Convert, Set, Set, Drop]
    assert (rule.select.reason, rule.select.material, rule.select.firmware) == ("out_of_range", "WM-6010", None)


def test_instants_are_utc_whatever_zone_they_are_told_in() -> None:
    select = a_rule().select
    assert [str(at) for at in (select.since, select.until)] == [
        "2026-01-01 00:00:00+00:00",
        "2026-02-01 00:00:00+00:00",
    ]


REFUSED = [
    ('from = "ml"', 'from = "pints"', "rewrite.2.convert: from 'pints' to 'l' is not known; there are ml, cl, gal"),
    ('to = "l"', 'to = "W"', "water_l is in 'l', so that is what it is converted to, not 'W'"),
    ('field = "programme"', 'field = "device_id"', "device_id is an upload's identity"),
    ('field = "programme"', 'field = "seq"', "seq is an upload's identity"),
    ('to = "water_l"', 'to = "seq"', "seq is an upload's identity"),
    ('from = "water_ml"', 'from = "device_id"', "device_id is an upload's identity"),
    ('field = "colour"', 'field = "seq"', "seq is an upload's identity"),
    ('field = "programme"', 'field = "program"', "no upload has a field 'program'; there are device_id, seq"),
    ('step = "drop"', 'step = "boil"', "rewrite.5: step is one of set, rename, convert, drop"),
    ('step = "drop"', "", "rewrite.5: step is one of set, rename, convert, drop"),
    ('field = "colour"', "", "rewrite.5.drop.field is missing"),
    ('field = "colour"', 'field = "x"\nvalue = 1', "rewrite.5.drop.value is not known"),
    ("null = true", "", "either value = ... or null = true"),
    ("null = true", "null = true\nvalue = 1", "either value = ... or null = true"),
    ("null = true", "value = 2026-01-01", "a text, a number, true, false, or a list of them is accepted"),
    ("null = true", "value = [1, nan]", "found nan"),
    ("null = true", "value = {a = 1}", "a text, a number, true, false, or a list of them is accepted"),
    ("why =", "because =", "why is missing (and 1 more)"),
    ('why = "firmware 2.4.0 measures in millilitres"', 'why = ""', "why: "),
    ('name = "water-in-ml"', 'name = "../x"', "name: "),
    ('name = "water-in-ml"', 'name = "as-is"', "'as-is' is what comes back unchanged"),
    ('reason = "out_of_range"', 'reason = "because"', "select.reason: Input should be 'empty'"),
    ("material =", "model =", "select.model is not known"),
    ('reason = "out_of_range"\nmaterial = "WM-6010"\nsince = 2026-01-01T02:00:00+02:00\nuntil = 2026-02-01', "",
     "select: needs at least one of reason, material, firmware, field, device, since, until"),
    ("[select]", "[select", "is not TOML: "),
    ("null = true", "value = " + "1" * 5_000, "a whole number beyond 64 bits"),
    ("null = true", "value = 0x" + "f" * 5_000, "a whole number beyond 64 bits"),
    ("null = true", "value = [1, -9223372036854775809]", "a whole number beyond 64 bits"),
    ("null = true", "value = [[0x" + "f" * 5_000 + "]]", "a whole number beyond 64 bits"),
    ("null = true", "null = 0x" + "f" * 5_000, "a whole number beyond 64 bits"),
    ('step = "drop"', "step = 0x" + "f" * 5_000, "a whole number beyond 64 bits"),
    ("null = true", "value = " + "[" * 20_000 + "]" * 20_000, "nested too deeply"),
    ("null = true", "value = " + "[" * 60 + "]" * 60, "found a list"),
    ("since = 2026-01-01T02:00:00+02:00", "since = 0001-01-01T00:00:00+14:00", "select.since: in UTC it is outside"),
    ("until = 2026-02-01", "until = 9999-12-31T23:59:59-14:00", "select.until: in UTC it is outside the years 1 to"),
    ("until = 2026-02-01", "until = 0x" + "f" * 5_000, "a whole number beyond 64 bits"),
    ("[select]", ".".join("a" * 2_000) + " = 1\n[select]", "a is not known"),
    ("[select]", "again = 2\n[select]", "again: "),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "told"), REFUSED)
def test_a_rule_that_means_nothing_is_refused_in_one_line(before: str, after: str, told: str) -> None:
    with pytest.raises(UsageError) as raised:
        a_rule(before, after)
    assert told in str(raised.value)
    assert str(raised.value).startswith("'rule.toml' is ")
    assert "\n" not in str(raised.value)


def test_a_rule_without_steps_is_refused() -> None:
    with pytest.raises(UsageError, match="rewrite is missing"):
        read_rule(RULE[: RULE.index("[[rewrite]]")], "x")


def test_another_rule_of_that_name_has_another_folder_and_another_spelling_has_not() -> None:
    name = a_rule().folder_name
    assert name.startswith("water-in-ml-")
    assert a_rule("until = 2026-02-01", "until   = 2026-02-01T00:00:00Z  # midnight").folder_name == name
    assert a_rule('from = "ml"', 'from = "cl"').folder_name != name
    assert a_rule("2026-02-01", "2026-02-02").folder_name != name
    assert a_rule("[select]", "again = false\n[select]").folder_name == name
    assert a_rule("[select]", "again = true\n[select]").folder_name != name


def test_the_folder_of_a_rule_keeps_its_name_from_version_to_version() -> None:
    assert a_rule().folder_name == "water-in-ml-71bea442a431"


def test_every_unit_that_a_field_has_and_that_is_converted_is_one_of_the_contract() -> None:
    assert {column.unit for column in KNOWN.values()} & CONVERSIONS.keys() >= {"l", "W", "°C", "m", "1/min"}


@pytest.mark.parametrize(("unit", "told"), [("factor 4", 4.0), ("factor 3.1", 3.1), ("factor 1e-3", 0.001)])
def test_a_scale_without_a_name_is_turned_back_by_its_factor(unit: str, told: float) -> None:
    known = conversion(unit, "W")
    assert known is not None
    assert known.to_ours(100.0 * told) == pytest.approx(100.0)


@pytest.mark.parametrize("unit", ["factor 0", "factor -1", "factor", "factor 1e999", "factor nan", "W", ""])
def test_what_is_no_unit_has_no_conversion(unit: str) -> None:
    assert conversion(unit, "W") is None


def test_a_selection_of_a_reason_that_there_is_not_is_refused() -> None:
    assert selection(reason=None, material="WM-6010") == Selection(material="WM-6010")
    with pytest.raises(UsageError, match="reason: Input should be 'empty'"):
        selection(reason="because")
    for since in ("yesterday", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9" * 5_000):
        with pytest.raises(UsageError, match="since: ") as refused:
            selection(since=since)
        assert len(str(refused.value)) < 200
    with pytest.raises(
        UsageError, match=r"since: 'yesterday' is no time; 2026-05-03 and 2026-05-03T07:00Z are accepted"
    ):
        selection(since="yesterday")


def test_a_text_that_no_upload_can_hold_is_refused() -> None:
    """A terminal hands over bytes that are no UTF-8 as halves of surrogate pairs."""
    for text in ("w\udcff", "w\x00"):
        with pytest.raises(UsageError, match="device: "):
            selection(device=text)
