"""What holds for whatever is judged."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from schemas.gearbox_ledger import Decision
from sinks.records.gear.changes import PENDING, ChangeSet
from sinks.records.gear.flow import Approval, Completeness, Flow
from sinks.records.gear.judge import Judged, judge
from sinks.records.gear.judge_rules import Situation
from tests.unit.records.gear.judging import FLOW, HOUR, IN_USE, a_set, freeze
from tests.unit.records.gear.sales import NOON, change, key, last_write, sales, situation

FIELDS = tuple(FLOW.fields)
small = st.integers(1, 9).map(str)
gear_names = st.sampled_from(["live", "hourly", "nightly", "change_window"])
shares = st.sampled_from([0.5, 1.0])
flows = st.builds(
    lambda wins, gears, approval, completeness, limits: sales(
        fields={name: {"person_wins": win, "gear": gear} for name, win, gear in zip(FIELDS, wins, gears, strict=True)}
        | {IN_USE: {"purpose": ("care",), "person_wins": wins[1], "gear": gears[1]}},
        consent_subject="why_customer",
        money_field="usage_per_session",
        approval=approval,
        completeness=completeness,
        limits=limits,
    ),
    st.tuples(*[st.sampled_from(["keep", "ask", "overwrite"])] * 3),
    st.tuples(*[gear_names] * 3),
    st.none() | st.builds(Approval, role=st.just("boss"), free_rows=st.integers(0, 4), free_money=st.integers(0, 9)),
    st.none() | st.builds(Completeness, min_share=shares),
    st.fixed_dictionaries(
        {
            "max_rows": st.integers(1, 9),
            "max_rows_per_day": st.integers(1, 6),
            "max_share_of_rows": shares,
            "max_money": st.integers(5, 40).map(Decimal),
            "max_money_per_day": st.integers(1, 20).map(Decimal),
        }
    ),
)
gates = st.builds(
    lambda subject, share: json.dumps({"subject": subject, "complete_share": share}),
    st.sampled_from([None, "cu-1", "cu-2"]),
    st.sampled_from([None, 0.4, 0.9, 1.0]),
)
materials = st.sampled_from(["A", "B", "C", "D"])
changes_of_rows = st.lists(
    st.tuples(materials, st.sampled_from(FIELDS), small, small | st.just("null"), gates),
    max_size=10,
    unique_by=lambda one: one[:2],
)


@st.composite
def sets(draw: st.DrawFn) -> ChangeSet:
    ops = draw(
        st.fixed_dictionaries({material: st.sampled_from(["insert", "update", "delete"]) for material in "ABCD"})
    )
    found = [
        change(material, op=ops[material], field=field, before=before, after=after, gates=gate)
        for material, field, before, after, gate in sorted(draw(changes_of_rows))
    ]
    kind = draw(st.sampled_from(["plan", "undo", "compensate"]))
    money = Decimal(draw(st.integers(0, 30)))
    return a_set(
        *found, kind=kind, undoes=None if kind == "plan" else 12, money=money, target_rows=draw(st.integers(0, 9))
    )


lasts = st.dictionaries(
    st.tuples(materials.map(key), st.sampled_from(FIELDS)),
    st.builds(
        last_write,
        change_set_id=st.sampled_from([11, 12]),
        kind=st.sampled_from(["plan", "undo"]),
        before=small,
        after=small,
        stored=st.none() | small,
        lake_snapshot=st.integers(39, 41),
    ),
)
freezes = st.lists(
    st.builds(
        lambda start, length, excepted: freeze(start, start + length, excepted=excepted),
        st.integers(-4, 4),
        st.integers(1, 4),
        st.sampled_from([frozenset(), frozenset(["sales"])]),
    ),
    max_size=2,
).map(tuple)
situations = st.builds(
    situation,
    now=st.integers(0, 200).map(lambda hours: NOON + hours * HOUR),
    freezes=freezes,
    last=lasts,
    consenting=st.fixed_dictionaries({"care": st.sampled_from([frozenset(), frozenset(["cu-1"])])}),
    is_approved=st.booleans(),
    rows_today=st.integers(0, 4),
    money_today=st.integers(0, 9).map(lambda amount: {"": Decimal(amount)}),
)


def decided(judged: Judged) -> list[Decision]:
    return [one.verdict.decision for one in judged.change_set.changes]


@given(flows, sets(), situations)
def test_every_change_gets_one_verdict_and_stays_as_it_was_planned(
    flow: Flow, change_set: ChangeSet, known: Situation
) -> None:
    judged = judge(flow, change_set, known)
    found = judged.change_set.changes
    assert tuple(one.judged(PENDING) for one in found) == change_set.changes
    assert replace(judged.change_set, changes=change_set.changes) == change_set
    for one in found:
        assert one.verdict.reason not in ("", PENDING.reason)
        assert (one.verdict.decision == "wait") == (one.verdict.not_before is not None)
        assert one.verdict.not_before is None or one.verdict.not_before > known.now
    assert judged.refused_because is None or set(decided(judged)) <= {"refused"}


ALLOWED: Sequence[Decision] = ("refused", "needs_approval", "wait", "go")


@given(flows, sets(), situations)
def test_an_approval_never_makes_anything_less_allowed(flow: Flow, change_set: ChangeSet, known: Situation) -> None:
    steps = [
        replace(known, is_approved=False, approved_now_at=None),
        replace(known, is_approved=True, approved_now_at=None),
        replace(known, is_approved=True, approved_now_at=NOON),
    ]
    judged = [decided(judge(flow, change_set, step)) for step in steps]
    for one in zip(*judged, strict=True):
        allowed = [ALLOWED.index(decision) for decision in one]
        assert allowed == sorted(allowed)
        assert one[0] != "refused" or set(one) == {"refused"}, "an approval changes nothing of a refusal"
        assert "needs_approval" not in one[1:]


@given(flows, sets(), situations, st.booleans())
def test_nothing_goes_against_a_person_a_consent_a_freeze_or_newer_facts(
    flow: Flow, change_set: ChangeSet, known: Situation, is_immediate: bool
) -> None:
    """Each of the promises told by itself, without the judge's help."""
    known = replace(known, is_approved=True, approved_now_at=NOON if is_immediate else None)
    judged = judge(flow, change_set, known)
    is_frozen = any(one.starts_at <= known.now < one.ends_at and "sales" not in one.excepted for one in known.freezes)
    for one in judged.change_set.changes:
        if one.verdict.decision != "go":
            continue
        assert not is_frozen
        last = known.last.get((one.key, one.field))
        edited = last is not None and one.before not in (last.after, last.stored)
        if change_set.kind == "plan":
            assert not (edited and flow.fields[one.field].person_wins == "keep")
            assert last is None or last.lake_snapshot <= change_set.lake_snapshot
            if one.field == IN_USE and one.after != "null":
                assert json.loads(one.gates)["subject"] in known.consenting["care"]
        else:
            assert not edited
            assert last is None or last.change_set_id == 12


@given(flows, sets(), situations)
def test_no_more_goes_than_the_set_and_the_day_may_move_and_no_half_row(
    flow: Flow, change_set: ChangeSet, known: Situation
) -> None:
    going = [one for one in judge(flow, change_set, known).change_set.changes if one.verdict.decision == "go"]
    whole = {one.key for one in change_set.changes if one.op != "update"}
    for row in whole & {one.key for one in going}:
        assert [one for one in going if one.key == row] == [
            one for one in judge(flow, change_set, known).change_set.changes if one.key == row
        ]
    if change_set.kind != "plan" or not going:
        return
    touched = {one.key for one in going}
    moved = sum(
        abs(Decimal(json.loads(one.after) or 0) - Decimal(json.loads(one.before) or 0))
        for one in going
        if one.field == "usage_per_session"
    )
    limits = flow.limits
    assert change_set.changed_rows <= limits.max_rows
    assert known.rows_today + len(touched) <= limits.max_rows_per_day
    assert limits.max_money_per_day is not None
    assert known.money_today[""] + moved <= limits.max_money_per_day or moved == 0
