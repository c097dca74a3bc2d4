"""Back from a value to what put it there; and the audit with its filters."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from schemas.errors import OutsideError, UsageError
from schemas.records import BY_NAME
from sinks.records.database import Connection, session
from sinks.records.gear import explain
from sinks.records.gear.log import Filters, LogRow, key_of, rows
from sinks.records.gear.names import folded
from sinks.records.gear.reading import looking, one_set, sets
from tests.integration.records.gear.conftest import Ledger
from tests.integration.records.gear.filling import NOW, Filler, Wanted, ago

pytestmark = pytest.mark.postgres

TABLE = BY_NAME["erp.monthly_sales"]
KEY = ("WM-8030", date(2026, 3, 1))
OTHER = ("SH-220", date(2026, 4, 1))
IN_USE, DORMANT = "in_use_qty", "dormant_qty"


@pytest.fixture
def fill(ledger: Ledger) -> Filler:
    return Filler(ledger.owner)


@pytest.fixture
def look(ledger: Ledger) -> Iterator[Connection]:
    """Looks at the ledger with the rights of its role; each question sees what was filled in so far."""
    with session(ledger.dsn) as connection:
        yield connection


def the_one(look: Connection, field: str, held: int | None) -> explain.Explanation:
    (found,) = explain.why(look, TABLE, KEY, [field], {field: held})
    return found


def test_a_value_that_we_wrote_leads_to_its_set_approval_snapshot_and_evidence(fill: Filler, look: Connection) -> None:
    evidence = {"session_count": 7, "session_sample": ["wm-1@1", "wm-1@2"]}
    number = fill.add_set(
        Wanted(KEY, IN_USE, None, 7, decision="needs_approval", reason="over the free size", why=evidence),
        status="applied",
        snapshot=41,
        planned_at=ago(hours=3),
    )
    fill.approve(number, "Bert Ek", "sales_lead", ago(hours=2))
    fill.carry(number, [1], ago(hours=1))
    found = the_one(look, IN_USE, 7)
    assert (found.standing, found.held, found.older) == ("ours", "7", 0)
    (event,) = found.events
    assert event.head is not None
    assert (event.head.change_set_id, event.head.flow, event.head.flow_version) == (number, "erp.sales_usage", "1-abc")
    assert (event.head.lake_snapshot, event.head.planned_by) == (41, "anna")
    assert [(word.person, word.role) for word in event.approvals] == [("Bert Ek", "sales_lead")]
    assert event.rule is None
    assert event.why == evidence
    assert event.sessions == ("wm-1@1", "wm-1@2")
    assert (event.names_a_sample, event.session_count) == (True, 7)


def test_a_change_that_nobody_approved_names_the_rule_that_let_it_through(fill: Filler, look: Connection) -> None:
    number = fill.add_set(Wanted(KEY, IN_USE, None, 7), status="applied")
    fill.approve(number, "Bert Ek", "sales_lead", NOW, content_hash="of something else")
    fill.carry(number, [1], NOW)
    (event,) = the_one(look, IN_USE, 7).events
    assert event.rule == "3 of 117 rows, within the flow's free size"
    assert not event.approvals


def test_a_value_is_ours_also_where_the_system_keeps_it_in_a_form_of_its_own(fill: Filler, look: Connection) -> None:
    number = fill.add_set(Wanted(KEY, IN_USE, None, 12), status="applied")
    fill.carry(number, [1], NOW, stored={1: 10})
    assert the_one(look, IN_USE, 10).standing == "ours"
    assert the_one(look, IN_USE, 11).standing == "edited"


def test_a_value_that_somebody_set_after_us_is_edited_and_one_before_any_write_never_ours(
    fill: Filler, look: Connection
) -> None:
    number = fill.add_set(Wanted(KEY, IN_USE, None, 7), status="applied")
    fill.carry(number, [1], NOW)
    assert the_one(look, IN_USE, 8).standing == "edited"
    assert the_one(look, IN_USE, None).standing == "edited"
    assert the_one(look, DORMANT, 8).standing == "never_written"


def test_a_value_lost_with_a_restored_system_is_not_said_to_be_edited(fill: Filler, look: Connection) -> None:
    number = fill.add_set(Wanted(KEY, IN_USE, 5, 7), status="applied")
    fill.carry(number, [1], ago(hours=2))
    fill.put_back("crm", ago(hours=1))
    assert the_one(look, IN_USE, 5).standing == "edited"
    fill.put_back("erp", ago(hours=1))
    found = the_one(look, IN_USE, 5)
    assert found.standing == "put_back"
    assert [(one.at, one.who, one.reason) for one in found.put_backs] == [(ago(hours=1), "bert", "disk")]


def test_a_value_counts_as_ours_no_longer_after_a_restore_though_it_is_there_still(
    fill: Filler, look: Connection
) -> None:
    number = fill.add_set(Wanted(KEY, IN_USE, 5, 7), status="applied")
    fill.put_back("erp", ago(hours=3))
    fill.carry(number, [1], ago(hours=2))
    assert the_one(look, IN_USE, 7).standing == "ours"
    assert not the_one(look, IN_USE, 7).put_backs
    fill.put_back("erp", ago(hours=2))  # of the very instant: the write lies before
    assert the_one(look, IN_USE, 7).standing == "put_back"
    again = fill.add_set(Wanted(KEY, IN_USE, 7, 8), status="applied")
    fill.carry(again, [1], ago(hours=1))
    found = the_one(look, IN_USE, 8)
    assert (found.standing, [one.at for one in found.put_backs]) == ("ours", [ago(hours=2)])


def test_without_the_row_the_history_is_told_all_the_same(fill: Filler, look: Connection) -> None:
    number = fill.add_set(Wanted(KEY, IN_USE, None, 7), status="applied")
    fill.carry(number, [1], NOW)
    (found,) = explain.why(look, TABLE, KEY, [IN_USE], None)
    assert (found.standing, found.held, len(found.events)) == ("no_row", None, 1)


def test_a_row_that_we_never_wrote_is_told_so_with_what_is_to_come(fill: Filler, look: Connection) -> None:
    number = fill.add_set(*(Wanted(KEY, field, None, 1, op="insert") for field in (IN_USE, DORMANT)))
    fill.carry(fill.add_set(Wanted(OTHER, IN_USE, 1, 2), status="applied"), [1], NOW)
    found = explain.gone(look, TABLE, KEY)
    assert (found.standing, found.last, found.head) == ("never_written", None, None)
    assert {(one.change_set_id, one.field) for one in found.open} == {(number, IN_USE), (number, DORMANT)}


def test_a_row_that_is_gone_was_removed_by_others_by_us_or_with_a_restored_system(
    fill: Filler, look: Connection
) -> None:
    added = fill.add_set(Wanted(KEY, IN_USE, None, 7, op="insert"), status="applied")
    fill.carry(added, [1], ago(hours=5))
    found = explain.gone(look, TABLE, KEY)
    assert found.head is not None
    assert (found.standing, found.head.change_set_id) == ("removed", added)
    back = fill.add_set(Wanted(KEY, IN_USE, 7, None, op="delete"), kind="undo", undoes=added, status="applied")
    fill.carry(back, [1], ago(hours=4))
    found = explain.gone(look, TABLE, KEY)
    assert found.head is not None
    assert (found.standing, found.head.change_set_id, found.head.undoes) == ("deleted", back, added)
    fill.put_back("crm", ago(hours=3))
    assert explain.gone(look, TABLE, KEY).standing == "deleted"
    fill.put_back("erp", ago(hours=3))
    found = explain.gone(look, TABLE, KEY)
    assert found.put_back is not None
    assert (found.standing, found.put_back.reason) == ("put_back", "disk")


def test_conflicts_are_told_with_their_reason_and_the_last_write_is_always_among_what_is_shown(
    fill: Filler, look: Connection
) -> None:
    first = fill.add_set(Wanted(KEY, IN_USE, None, 1), status="applied")
    fill.carry(first, [1], ago(hours=9))
    for hours in range(8, 0, -1):
        number = fill.add_set(Wanted(KEY, IN_USE, 1, 1 + hours), status="applied")
        fill.carry(number, [1], ago(hours=hours), left_out={1: ("conflict", 'holds "9", "1" was planned upon')})
    found = the_one(look, IN_USE, 9)
    assert [event.row.event for event in found.events] == ["conflict"] * 4 + ["written"]
    assert found.events[0].told == 'holds "9", "1" was planned upon'
    assert found.older == 4
    assert found.written is not None
    assert found.written.row.change_set_id == first


def test_what_is_still_to_come_is_told_and_what_was_sent_or_closed_is_not(fill: Filler, look: Connection) -> None:
    fill.add_set(Wanted(KEY, IN_USE, 1, 2), status="superseded")
    sent = fill.add_set(Wanted(KEY, IN_USE, 1, 3))
    fill.carry(sent, [1], NOW, state="sent")
    cancelled = fill.add_set(Wanted(KEY, IN_USE, 1, 4, decision="wait", reason="gear nightly", not_before=NOW))
    fill.carry(cancelled, [1], NOW, state="cancelled")
    (waiting,) = the_one(look, IN_USE, 1).open
    assert (waiting.change_set_id, waiting.after, waiting.reason) == (cancelled, "4", "gear nightly")


def test_other_rows_and_fields_are_left_out_of_it(fill: Filler, look: Connection) -> None:
    number = fill.add_set(Wanted(OTHER, IN_USE, 1, 2), Wanted(KEY, DORMANT, 1, 3), status="applied")
    fill.carry(number, [1, 2], NOW)
    assert the_one(look, IN_USE, 1).standing == "never_written"
    assert explain.touched(look, TABLE, KEY) == [DORMANT]


def test_a_change_is_written_left_out_sent_open_or_never_went(fill: Filler, look: Connection) -> None:
    changes = [Wanted((f"M{index}", date(2026, 3, 1)), IN_USE, 1, 2) for index in range(6)]
    number = fill.add_set(*changes)
    fill.carry(number, [1, 2], NOW, state="cancelled")
    fill.carry(number, [1, 2, 3], NOW, left_out={2: ("conflict", "was changed"), 3: ("turned_down", "is locked")})
    fill.carry(number, [4], NOW, state="sent")
    fill.carry(number, [5], NOW, state="cancelled")
    view = one_set(look, number)
    assert [change.outcome for change in view.changes] == ["written", "conflict", "turned_down", "sent", "open", "open"]
    assert (view.head.written, view.head.left_out) == (1, 2)
    assert {tally.outcome: tally.changes for tally in view.tallies} == {
        "written": 1, "conflict": 1, "turned_down": 1, "sent": 1, "open": 2
    }  # fmt: skip
    closed = fill.add_set(*changes, status="expired")
    assert {change.outcome for change in one_set(look, closed).changes} == {"never"}


def test_a_row_that_is_added_comes_whole_and_counts_as_one_change(fill: Filler, look: Connection) -> None:
    added = [Wanted(OTHER, field, None, 1, op="insert") for field in (IN_USE, DORMANT)]
    number = fill.add_set(*added, Wanted(KEY, IN_USE, 1, 2), Wanted(KEY, DORMANT, 1, 2))
    assert [change.change_no for change in one_set(look, number, 2).changes] == [1, 2, 3]
    assert len(one_set(look, number).changes) == 4


def test_sets_are_listed_newest_first_and_open_ones_alone_when_asked(fill: Filler, look: Connection) -> None:
    old, new = fill.add_set(Wanted(KEY, IN_USE, 1, 2), status="applied"), fill.add_set(Wanted(KEY, IN_USE, 1, 2))
    fill.approve(new, "bert", "sales_lead", NOW)
    assert [head.change_set_id for head in sets(look)] == [new, old]
    assert [(head.change_set_id, head.is_approved) for head in sets(look, is_open=True)] == [(new, True)]
    assert sets(look, flow="crm.customer_usage") == []
    fill.approve(new, "carla", "sales_lead", NOW, is_approved=False)
    assert not sets(look, limit=1)[0].is_approved
    with pytest.raises(UsageError, match=f"There is no change set 99; the newest is {new}"):
        one_set(look, 99)


def test_who_looks_sees_one_moment_and_can_write_nothing(fill: Filler, ledger: Ledger) -> None:
    with looking(ledger.dsn) as connection:
        assert sets(connection) == []
        fill.add_set(Wanted(KEY, IN_USE, 1, 2))
        assert sets(connection) == []
    with pytest.raises(OutsideError, match="read-only"), looking(ledger.dsn) as connection:
        connection.execute("UPDATE gearbox.change_set SET status = 'applied'")


def logged(look: Connection, **wanted: object) -> list[LogRow]:
    return rows(look, Filters(**wanted), 50, folded)  # type: ignore[arg-type]


def test_the_log_is_filtered_by_row_field_person_set_and_time(fill: Filler, look: Connection) -> None:
    one = fill.add_set(Wanted(KEY, IN_USE, 1, 2), Wanted(OTHER, IN_USE, 1, 2), status="applied")
    fill.carry(one, [1, 2], ago(hours=5), who="Anna Åberg")
    two = fill.add_set(Wanted(("cu-1",), "engagement", None, "daily"), table="crm.customer", status="applied")
    fill.carry(two, [1], ago(hours=1), left_out={})
    fill.tell("frozen", "bert", NOW, system="erp")
    assert [row.audit_no for row in logged(look)] == [3, 2, 1]
    assert [row.event for row in logged(look, is_any_event=True)] == ["frozen", "written", "written", "written"]
    assert [row.audit_no for row in logged(look, table="erp.monthly_sales")] == [2, 1]
    full = {"material": "WM-8030", "month": "2026-03-01"}
    assert [row.audit_no for row in logged(look, table="erp.monthly_sales", key=full)] == [1]
    assert [row.audit_no for row in logged(look, key={"material": "SH-220"})] == [2]
    assert [row.audit_no for row in logged(look, field="engagement")] == [3]
    assert [row.audit_no for row in logged(look, who="anna  ÅBERG")] == [2, 1]
    assert [row.audit_no for row in logged(look, flow="crm.customer_usage")] == [3]
    assert [row.audit_no for row in logged(look, change_set_id=one)] == [2, 1]
    assert [row.audit_no for row in logged(look, since=ago(hours=2))] == [3]
    assert [row.audit_no for row in rows(look, Filters(), 1, folded)] == [3]


def test_a_key_is_read_as_its_columns_are_and_a_wrong_one_lists_what_there_is() -> None:
    assert key_of(TABLE, {"month": "2026-03-01", "material": "WM-8030"}) == KEY
    with pytest.raises(UsageError, match="month 'May' is not a date, 2026-05-01"):
        key_of(TABLE, {"material": "WM-8030", "month": "May"})
    with pytest.raises(UsageError, match="is material month; month is not given"):
        key_of(TABLE, {"material": "WM-8030"})
    with pytest.raises(UsageError, match=r"has no column year; it is material month"):
        key_of(TABLE, {"material": "WM-8030", "month": "2026-03-01", "year": "2026"})
