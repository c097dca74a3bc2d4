"""What an HTTP record system refuses: a row for a rule of its own, or all, for a token, a right or a path."""

from __future__ import annotations

import pytest

from schemas.errors import OutcomeUnknownError, OutsideError, RecordRefusedError, UnreachableError
from sinks.records.targets.http import HttpTarget
from sinks.records.targets.target import LeftOut, RowWrite, Written
from tests.integration.records.targets import three_rows
from tests.integration.records.targets.systems_under_test import RestSystem, batch_for, delete, insert, update
from tests.integration.records.targets.three_rows import CUT, three

system, target = three_rows.system, three_rows.target
ADDED, CHANGED, REMOVED = insert("d", note="z"), update("a", qty=(1, 2)), delete("a", qty=1)


def test_a_refused_row_is_left_out_and_the_others_are_written(system: RestSystem, target: HttpTarget) -> None:
    written = target.write(batch_for(system, update("a", qty=(1, -1)), update("b", qty=(1, 2))))
    assert [(item.row, item.field) for item in written.left_out] == [(0, None)]
    assert written.left_out[0].reason.startswith("turned down: ")
    assert (system.rows()["a"]["qty"], system.rows()["b"]["qty"]) == (1, 2)


def test_refused_rows_alone_are_a_refused_batch(system: RestSystem, target: HttpTarget) -> None:
    batch = batch_for(system, update("a", qty=(1, -1)), update("b", qty=(8, 9)))
    with pytest.raises(RecordRefusedError, match="status 422: qty_is_not_negative"):
        target.write(batch)
    assert target.cancel(batch.token) is None


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 407, 409, 413, 415, 422, 426, 451])
def test_what_is_refused_beside_the_write_of_a_row_is_no_rows_fault(
    system: RestSystem, target: HttpTarget, status: int
) -> None:
    batch = three(system)
    system.http.faults.status = status
    for call in (lambda: target.read(system.table, ("qty",)), lambda: target.write(batch)):
        with pytest.raises(OutsideError, match=f"status {status}: as the test ordered. No row is at fault") as told:
            call()
        assert not isinstance(told.value, RecordRefusedError | UnreachableError)
    system.http.faults.status = 0
    assert target.cancel(batch.token) is None


@pytest.mark.parametrize(
    ("write", "status"),
    [(write, status) for write in (ADDED, CHANGED, REMOVED) for status in (401, 403, 405, 413, 415)] + [(ADDED, 404)],
)
def test_a_right_that_the_write_of_a_row_lacks_is_not_the_rows_fault(
    system: RestSystem, target: HttpTarget, monkeypatch: pytest.MonkeyPatch, write: RowWrite, status: int
) -> None:
    batch = batch_for(system, write)
    monkeypatch.setattr(system.http, "_write", lambda *_: (status, {}))
    with pytest.raises(OutcomeUnknownError, match=f"status {status}"):
        target.write(batch)
    assert target.cancel(batch.token) is None
    assert set(system.versions().values()) == {1}


@pytest.mark.parametrize("status", [400, 409, 422])
def test_a_row_is_refused_by_three_statuses(
    system: RestSystem, target: HttpTarget, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr(system.http, "_write", lambda *_: (status, {}))
    with pytest.raises(RecordRefusedError, match=f"status {status}"):
        target.write(three(system))


def test_a_token_that_runs_out_amid_a_batch_turns_no_row_down(system: RestSystem, target: HttpTarget) -> None:
    batch = three(system)

    def run_out() -> None:
        system.http.faults.status = 401

    system.http.faults.before_write = run_out
    with pytest.raises(OutcomeUnknownError, match="status 401"):
        target.write(batch)
    system.http.faults.status = 0
    assert target.cancel(batch.token) == Written((LeftOut(1, None, CUT), LeftOut(2, None, CUT)), {(0, "note"): "y"})
