"""One chunk is written down while the next is written: whatever happens between them, each change is written once."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import timedelta
from typing import Any

import pytest

from schemas.errors import OutcomeUnknownError, OutsideError, RecordRefusedError, UnreachableError
from sinks.records.gear import batches
from sinks.records.gear.applying import apply_set
from sinks.records.gear.batches import Row
from sinks.records.gear.changes import Verdict
from sinks.records.gear.judging import Judgement
from sinks.records.gear.places import Clock
from sinks.records.targets.target import Written
from tests.conftest import FreshDatabase
from tests.integration.records.gear.engine import (
    AUTHOR,
    MATERIALS,
    Engine,
    make_engine,
)
from tests.integration.records.gear.row_by_row import (
    approved,
    assert_each_is_written_once,
    by_the_row,
    scripted,
    states,
)

# A process that dies at the n-th time it comes to a point, each chunk being one row.
DYING = """
import os, signal, sys
from sinks.records.gear import carrying
from tests.integration.records.gear.row_by_row import by_the_row
from tests.integration.records.gear.engine import Engine

def crash_point(point, met=[]):
    met.append(point)
    if met.count(sys.argv[3]) == int(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)

carrying.crash_point = crash_point
by_the_row(Engine(sys.argv[1]), int(sys.argv[2]))
"""


@pytest.fixture
def engine(fresh_database: FreshDatabase) -> Engine:
    return make_engine(fresh_database())


@pytest.mark.parametrize("nth", [1, 2, 4])
@pytest.mark.parametrize("point", ["gear.sent", "gear.written", "gear.settled"])
def test_killed_in_any_chunk_and_applied_again_each_change_is_written_once(
    engine: Engine, point: str, nth: int
) -> None:
    number = approved(engine)
    ended = subprocess.run(
        [sys.executable, "-c", DYING, engine.dsn, str(number), point, str(nth)], check=False, capture_output=True
    )
    assert ended.returncode == -9, ended.stderr.decode()
    assert by_the_row(engine, number).status == "applied"
    assert_each_is_written_once(engine)


def test_killed_when_the_next_is_sent_two_chunks_are_settled_in_their_order(engine: Engine) -> None:
    number = approved(engine)
    subprocess.run([sys.executable, "-c", DYING, engine.dsn, str(number), "gear.sent", "3"], check=False)
    assert states(engine) == ["applied", "sent", "sent"]
    by_the_row(engine, number)
    assert states(engine) == ["applied", "applied", "cancelled", "applied", "applied"]
    assert_each_is_written_once(engine)


@pytest.mark.parametrize("error", [UnreachableError, OutcomeUnknownError])
@pytest.mark.parametrize("nth", [1, 2, 4])
def test_erp_fails_at_any_chunk_and_what_went_before_is_written_down(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, nth: int, error: type[OutsideError]
) -> None:
    def fail_once(count: int, write: Callable[[], Written]) -> Written:
        if count == nth:
            if error is OutcomeUnknownError:
                write()
            raise error("erp went away")
        return write()

    number = approved(engine)
    scripted(engine, monkeypatch, fail_once)
    with pytest.raises(error):
        by_the_row(engine, number)
    last = "cancelled" if error is UnreachableError else "sent"
    assert states(engine) == ["applied"] * (nth - 1) + [last]
    monkeypatch.undo()
    by_the_row(engine, number)
    assert_each_is_written_once(engine)


def test_of_a_chunk_that_erp_refuses_the_others_are_written_and_so_is_what_comes_after(engine: Engine) -> None:
    engine.erp("ALTER TABLE erp.monthly_sales ADD CONSTRAINT little CHECK (activated_qty < 20 OR material <> 'WM-2')")
    wanted = dict.fromkeys(MATERIALS, (30, 5))
    number = engine.plan(wanted).change_set_id
    assert number is not None
    engine.approve(number)
    places = engine.slowed(rows_per_s=1000, chunk_rows=3)
    applied = apply_set(number, engine.flow, places, AUTHOR, engine.clock)
    assert (applied.status, applied.changes, applied.left_out) == ("applied", 6, 2)
    assert [json.loads(row["key"])["material"] for row in engine.audit("turned_down")] == ["WM-2", "WM-2"]
    assert len(engine.audit()) == 6


def test_limits_of_the_day_take_the_first_rows_and_leave_the_rest_for_tomorrow(engine: Engine) -> None:
    limits = engine.flow.limits.model_copy(update={"max_rows_per_day": 3})
    engine.flow = engine.flow.model_copy(update={"limits": limits})
    applied = by_the_row(engine, approved(engine))
    assert (applied.status, applied.rows, applied.waiting) == ("open", 3, 2)
    assert "3 rows a day" in applied.reasons[0]


def test_the_rate_is_kept_by_who_waits_and_by_who_does_not(engine: Engine) -> None:
    number = approved(engine)
    places = engine.slowed(rows_per_s=2, chunk_rows=1)
    first = apply_set(number, engine.flow, places, AUTHOR, engine.clock, is_patient=False)
    assert (first.rows, first.waiting, first.not_before) == (2, 4, None)
    assert apply_set(number, engine.flow, places, AUTHOR, engine.clock).status == "applied"
    sent = [row["sent_at"] for row in engine.erp("SELECT sent_at FROM gearbox.chunk ORDER BY sent_at")]
    assert all(later - earlier >= timedelta(seconds=1) for earlier, later in zip(sent, sent[2:], strict=False))


def test_the_rate_is_kept_where_parts_of_a_refused_chunk_go_again(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused late, the first chunk no longer counts when the second is given leave; its parts do."""
    times = [engine.clock.now()]

    def pass_s(seconds: float) -> None:
        times[0] += timedelta(seconds=seconds)

    def refuse_the_first_late(count: int, write: Callable[[], Written]) -> Written:
        if count == 1:
            pass_s(1.1)
            time.sleep(0.5)  # until the next chunk is ready to go
            raise RecordRefusedError("one of them")
        return write()

    number = approved(engine)
    engine.clock = Clock(lambda: times[0], pass_s)
    scripted(engine, monkeypatch, refuse_the_first_late)
    places = engine.slowed(rows_per_s=2, chunk_rows=2)
    assert apply_set(number, engine.flow, places, AUTHOR, engine.clock).status == "applied"
    rows = engine.erp("SELECT sent_at, written_rows FROM gearbox.chunk WHERE state = 'applied' ORDER BY sent_at")
    assert [row["written_rows"] for row in rows[:2]] == [1, 1]
    for row in rows:
        second = [other for other in rows if timedelta() <= other["sent_at"] - row["sent_at"] < timedelta(seconds=1)]
        assert sum(other["written_rows"] for other in second) <= 2
    assert_each_is_written_once(engine)


def test_a_chunk_whose_turn_comes_late_goes_all_the_same(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    number = approved(engine)
    times = [engine.clock.now()]
    engine.clock = Clock(lambda: times[0], lambda _seconds: None)

    def take_long(count: int, write: Callable[[], Written]) -> Written:
        if count == 2:
            times[0] += timedelta(seconds=2)
        return write()

    scripted(engine, monkeypatch, take_long)
    assert by_the_row(engine, number).status == "applied"
    assert_each_is_written_once(engine)


def test_where_the_ledger_is_slow_a_chunk_goes_all_the_same(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes long each time is not waited for again and again."""
    number = approved(engine)
    times = [engine.clock.now()]
    engine.clock = Clock(lambda: times[0], lambda _seconds: None)
    made = batches.writes

    def slow(*args: Any, **named: Any) -> Any:
        times[0] += timedelta(seconds=1.5)
        return made(*args, **named)

    monkeypatch.setattr(batches, "writes", slow)
    assert by_the_row(engine, number).status == "applied"
    assert_each_is_written_once(engine)


def test_an_error_elsewhere_leaves_no_written_chunk_untold(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    number = approved(engine)
    verdicts, pieces = Judgement.verdicts, []

    def crm_is_away_at_the_third(judgement: Judgement, rows: Sequence[Row]) -> list[Verdict]:
        pieces.append(rows)
        if len(pieces) == 3:
            raise UnreachableError("crm does not answer")
        return verdicts(judgement, rows)

    monkeypatch.setattr(Judgement, "verdicts", crm_is_away_at_the_third)
    with pytest.raises(UnreachableError, match="crm"):
        by_the_row(engine, number)
    assert states(engine) == ["applied", "applied"]
    assert len(engine.audit()) == 4
    assert sum(value is not None for value in engine.held().values()) == 4


def test_ctrl_c_while_a_chunk_is_waited_for_leaves_none_untold(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    number = approved(engine)
    result, waits = Future.result, []

    def interrupted(future: Future[Any], timeout: float | None = None) -> Any:
        waits.append(future)
        if len(waits) == 3:  # each chunk is waited for, and then told
            raise KeyboardInterrupt
        return result(future, timeout)

    monkeypatch.setattr(Future, "result", interrupted)
    with pytest.raises(KeyboardInterrupt):
        by_the_row(engine, number)
    assert states(engine) == ["applied", "applied"]
    assert len(engine.audit()) == 4
