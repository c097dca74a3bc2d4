"""What becomes of a set of which nothing may go: it ends, says why, and is not kept anew each time."""

from __future__ import annotations

import pytest

from schemas.errors import UsageError
from sinks.records.database import session
from sinks.records.gear import sets
from sinks.records.gear.sets import Stored
from tests.conftest import FreshDatabase
from tests.integration.records.gear.engine import Engine, make_engine

pytestmark = pytest.mark.postgres

PERSON = "a person set it since change set 1 wrote it"


@pytest.fixture
def engine(fresh_database: FreshDatabase) -> Engine:
    return make_engine(fresh_database())


def stored(engine: Engine, number: int | None) -> Stored:
    assert number is not None
    with session(engine.places.ledger) as connection:
        return sets.load(connection, number)


def edit_both(engine: Engine) -> None:
    engine.edit("WM-1", "activated_qty", 99)
    engine.edit("WM-1", "in_use_qty", 98)


def test_a_plan_of_which_nothing_may_go_is_refused_and_nobody_can_approve_it(engine: Engine) -> None:
    engine.shift({"WM-1": (10, 5)})
    edit_both(engine)
    planned = engine.plan({"WM-1": (11, 6)})
    assert (planned.is_new, planned.refused_because) == (True, None), "no limit of the whole set refuses it"
    own = stored(engine, planned.change_set_id)
    assert (own.status, own.reason) == ("refused", f"nothing of it may go: {PERSON}, and that is kept")
    with pytest.raises(UsageError, match="is refused"):
        engine.approve(own.change_set_id)
    with pytest.raises(UsageError, match="is refused: nothing of it may go"):
        engine.apply(own.change_set_id)
    again = engine.plan({"WM-1": (11, 6)})
    assert (again.change_set_id, again.is_new) == (own.change_set_id, False), "it was said already"


def test_a_plan_of_which_something_may_go_stays_open(engine: Engine) -> None:
    engine.shift({"WM-1": (10, 5)})
    engine.edit("WM-1", "activated_qty", 99)
    assert stored(engine, engine.plan({"WM-1": (11, 6)}).change_set_id).status == "open"


def test_a_refused_plan_takes_the_place_of_an_open_one(engine: Engine) -> None:
    engine.shift({"WM-1": (10, 5)})
    old = engine.plan({"WM-1": (11, 6)}).change_set_id
    edit_both(engine)
    new = engine.plan({"WM-1": (11, 6)}).change_set_id
    assert (stored(engine, old).status, stored(engine, new).status) == ("superseded", "refused")


def test_a_way_back_of_which_nothing_may_go_is_refused_and_says_what_was_asked(engine: Engine) -> None:
    engine.shift({"WM-1": (10, 5)})
    edit_both(engine)
    planned = engine.undo(1)
    own = stored(engine, planned.change_set_id)
    assert (own.status, own.reason) == ("refused", f"it was wrong; nothing of it may go: {PERSON}")
    assert own.change_set.content_hash() == own.content_hash
    assert (engine.undo(1).change_set_id, engine.undo(1).is_new) == (own.change_set_id, False)


def test_an_approved_way_back_of_which_nothing_may_go_any_more_ends_as_refused(engine: Engine) -> None:
    engine.shift({"WM-1": (10, 5)})
    number = engine.undo(1).change_set_id
    assert number is not None
    engine.approve(number)
    engine.shift({"WM-1": (11, 6)})
    applied = engine.apply(number)
    assert (applied.status, applied.changes, applied.refused) == ("refused", 0, 2)
    own = stored(engine, number)
    assert (own.status, own.reason) == ("refused", "it was wrong; nothing of it may go: change set 3 wrote it since")
    assert engine.audit("closed")[-1]["detail"] == (
        '{"status":"refused","reason":"it was wrong; nothing of it may go: change set 3 wrote it since"}'
    )
    assert own.change_set.content_hash() == own.content_hash


def test_a_set_that_was_written_in_part_ends_as_applied_though_the_rest_is_refused(engine: Engine) -> None:
    engine.shift({"WM-1": (10, 5), "WM-2": (20, 8)})
    number = engine.undo(1).change_set_id
    assert number is not None
    engine.approve(number)
    engine.shift({"WM-1": (10, 5), "WM-2": (21, 9)})
    applied = engine.apply(number)
    assert (applied.status, applied.changes, applied.refused) == ("applied", 2, 2)


def test_a_plan_of_older_facts_does_not_take_the_place_of_an_open_one(engine: Engine) -> None:
    engine.snapshot = 7
    open_one = engine.plan({"WM-1": (10, 5)}).change_set_id
    engine.snapshot = 2
    with pytest.raises(UsageError, match=rf"{open_one} is of lake snapshot 8, .* of snapshot 3 .*reject"):
        engine.plan({"WM-1": (11, 5)})
    (row,) = engine.erp("SELECT change_set_id, status FROM gearbox.change_set")
    assert (row["change_set_id"], row["status"]) == (open_one, "open")


def test_rows_of_which_nothing_was_written_are_not_told_as_written(engine: Engine) -> None:
    number = engine.plan({"WM-1": (10, 5), "WM-2": (20, 8)}).change_set_id
    assert number is not None
    engine.approve(number)
    engine.edit("WM-1", "activated_qty", 77)
    engine.edit("WM-1", "in_use_qty", 78)
    applied = engine.apply(number)
    assert (applied.rows, applied.changes, applied.left_out) == (1, 2, 2)


def test_equal_content_of_older_facts_is_the_set_that_is_open(engine: Engine) -> None:
    engine.snapshot = 7
    open_one = engine.plan({"WM-1": (10, 5)})
    engine.snapshot = 2
    again = engine.plan({"WM-1": (10, 5)})
    assert (again.change_set_id, again.is_new) == (open_one.change_set_id, False)
