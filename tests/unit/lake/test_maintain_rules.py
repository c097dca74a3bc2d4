"""Rules of `vaxel lake maintain`, from a file and from options: a plan, or one line that says what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import UsageError
from schemas.retention import AGEING, CLASSES, DAY_MS, HOUR_MS, STRICTER, removals
from sinks.lake.care_plan import Plan
from sinks.lake.retention import condition_of, instant
from sinks.lake.roll_up import before_ms
from vaxel.commands.lake_maintain_rules import SETTINGS, plan_of, rules_of

NOW_MS = 1_767_225_600_000


def planned(text: str, *keep: str) -> Plan:
    return plan_of(rules_of(text.encode(), "rules.toml"), list(keep), None, None, None)


def test_a_file_says_all_that_options_can_and_options_win() -> None:
    text = 'roll_up_after_days = 90\nsnapshots_for = "2w"\ngrace = "6h"\n'
    text += '[keep]\nhealth = "30d"\nreadings_shoe.location = "12h"\n'
    plan = planned(text, "health=7d", "readings_shoe.usage=1y")
    assert plan.policy.keep_ms == {"health": 7 * DAY_MS}
    assert plan.policy.by_table == {"readings_shoe": {"location": 12 * HOUR_MS, "usage": 365 * DAY_MS}}
    assert (plan.roll_up_after_days, plan.snapshots_for_ms, plan.grace_ms) == (90, 14 * DAY_MS, 6 * HOUR_MS)
    assert planned("") == Plan()


@pytest.mark.parametrize(
    ("text", "keep", "told"),
    [
        ('keep = "30d"', [], "keep is '30d'"),
        ('keep = "30d"', ["health=1d"], "keep is '30d'"),
        ("keep = [1]", [], "keep is [1]"),
        ("[[keep]]\nhealth = '1d'", [], "keep is [{'health': '1d'}]"),
        ('[keep]\nreadings_shoe = "30d"', [], "'readings_shoe' is a table"),
        ('[keep]\nreadings_shoe = "30d"', ["readings_shoe.usage=3d"], "'readings_shoe' is '30d'"),
        ('[keep]\nusage.health = "30d"', [], "Unknown table 'usage'"),
        ('[keep]\nusage = "9999y"', [], "'9999y' is longer than 1000y"),
        ('snapshots_for = "999999y"', [], "'999999y' is longer than 1000y"),
        ("roll_up_after_days = 365001", [], "roll_up_after_days is 365001"),
        ("roll_up_after_days = true", [], "roll_up_after_days is True"),
        ('[keep]\nusage = "0d"', [], "'0d' keeps nothing"),
        ("", ["usage=0d"], "'0d' keeps nothing"),
        ("", ["readings_shoe.health=0h"], "'0h' keeps nothing"),
        ("", ["usage=1d", "usage=30d"], "--keep 'usage' is told twice"),
        ("", [".usage=1d"], "Unknown table ''"),
        ("", ["=1d"], "Unknown data class ''"),
        ('snapshots_for = "0h"', [], "snapshots_for is '0h': at least 1h"),
        ("grace = [1]", [], "grace is [1]"),
        ("grace = 1979-05-27", [], "grace is datetime.date(1979, 5, 27)"),
        ('kept = 1\n"a\\nb" = 2', [], "Unknown settings 'a\\nb', 'kept' in the rules"),
        ("==", [], "Cannot read the rules in 'rules.toml': Invalid statement (at line 1, column 1)"),
        ("grace = " + "9" * 5_000, [], "Cannot read the rules in 'rules.toml': Exceeds the limit"),
        ("grace = 0x" + "f" * 5_000, [], "Cannot read the rules in 'rules.toml': Exceeds the limit"),
        ("grace = " + "[" * 100_000, [], "Cannot read the rules in 'rules.toml': "),
    ],
)
def test_what_is_no_rule_is_one_line_that_says_where_and_what_is_accepted(
    text: str, keep: list[str], told: str
) -> None:
    with pytest.raises(UsageError) as refused:
        planned(text, *keep)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_is_not_utf_8_is_told_with_its_place() -> None:
    with pytest.raises(UsageError, match=r"'rules\.toml': not UTF-8 from byte 5 on"):
        rules_of(b"grace\xff", "rules.toml")


names = st.sampled_from([*SETTINGS, *CLASSES, *AGEING, "keep.readings_shoe", "keep.health", "healht"])
durations = st.builds(
    "{}{}{}".format, st.integers(0, 10**7), st.sampled_from(["", " ", "\n"]), st.sampled_from("hdwym")
)
values = st.recursive(
    durations.map(json.dumps)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5).map(json.dumps)
    | st.integers().map(str)
    | st.sampled_from(["true", "1.5", "nan", "1979-05-27", "07:32:00", "9" * 5_000, "0x" + "f" * 5_000]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.builds("{{{} = {}}}".format, names, inner)
    ),
    max_leaves=4,
)
lines = st.builds("{} = {}".format, names, values) | st.builds("[{}]".format, names) | st.text(max_size=10)
likely = st.builds("{} = {}".format, st.sampled_from(["usage", *STRICTER]), durations.map(json.dumps))
files = st.lists(lines, max_size=6).map("\n".join) | st.lists(likely, max_size=3).map(
    lambda told: "\n".join(["[keep]", *told])
)


@given(
    files.map(lambda text: text.encode(errors="surrogatepass")) | st.binary(max_size=40),
    st.lists(
        st.builds("{}{}{}".format, names, st.sampled_from(["=", "", ".health="]), durations) | st.text(), max_size=3
    ),
)
def test_whatever_the_rules_say_they_are_a_plan_that_can_be_carried_out_or_a_line(
    content: bytes, keep: list[str]
) -> None:
    try:
        plan = plan_of(rules_of(content, "rules.toml"), keep, None, None, None)
    except UsageError as error:
        told = str(error)
    else:
        told = ""
        can_be_carried_out(plan)
    assert len(told.splitlines()) <= 1


def can_be_carried_out(plan: Plan) -> None:
    for removal in removals(plan.policy, NOW_MS):
        assert condition_of(removal)
        assert removal.before_ms < NOW_MS
    for span_ms in (plan.snapshots_for_ms, plan.grace_ms):
        assert instant(NOW_MS - span_ms) < instant(NOW_MS)
    if plan.roll_up_after_days is not None:
        assert instant(before_ms(NOW_MS, plan.roll_up_after_days)) < instant(NOW_MS)


def test_the_rules_in_the_documentation_are_rules() -> None:
    page = (Path(__file__).parents[3] / "docs" / "lake-care.md").read_text()
    plan = planned(page.split("```toml\n")[1].split("```")[0])
    assert plan.policy.by_table == {"readings_shoe": {"location": 12 * HOUR_MS}}
    assert (plan.roll_up_after_days, plan.snapshots_for_ms, plan.grace_ms) == (365, 7 * DAY_MS, DAY_MS)
