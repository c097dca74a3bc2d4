"""An HTTP record system that is slow, cuts links or talks nonsense: what it wrote is known, and once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from schemas.errors import OutcomeUnknownError, OutsideError, UnreachableError, UsageError
from sinks.records.gear.systems import System
from sinks.records.targets import http_link
from sinks.records.targets.clock import now_utc
from sinks.records.targets.http import HttpTarget
from sinks.records.targets.http_plan import to_plan
from sinks.records.targets.opening import open_target
from sinks.records.targets.target import LeftOut, Written
from sinks.records.values import Value
from tests.integration.records.targets import three_rows
from tests.integration.records.targets.systems_under_test import RestSystem, batch_for, delete, insert, update
from tests.integration.records.targets.three_rows import CUT, three

system, target = three_rows.system, three_rows.target


@pytest.mark.parametrize(("fault", "done"), [("drop_before_write", 1), ("drop_after_write", 2)])
def test_a_link_cut_amid_a_batch_leaves_known_which_rows_were_written(
    system: RestSystem, target: HttpTarget, fault: str, done: int
) -> None:
    batch = three(system)
    setattr(system.http.faults, fault, 2)
    with pytest.raises(OutcomeUnknownError, match="has to be asked"):
        target.write(batch)
    outcome = Written(
        tuple(LeftOut(row, None, CUT) for row in range(done, 3)), {(row, "note"): "y" for row in range(done)}
    )
    assert target.cancel(batch.token) == target.cancel(batch.token) == outcome
    with pytest.raises(UnreachableError, match="was cancelled"):
        target.write(batch)
    assert list(system.versions().values()) == [2] * done + [1] * (3 - done)
    assert target.unknown([batch.token]) == set()


def test_a_batch_cut_before_its_first_row_was_written_never_was(system: RestSystem, target: HttpTarget) -> None:
    batch = three(system)
    system.http.faults.drop_before_write = 1
    with pytest.raises(OutcomeUnknownError):
        target.write(batch)
    assert target.cancel(batch.token) is None
    assert set(system.versions().values()) == {1}


def test_a_batch_sent_again_without_a_cancel_goes_on_and_writes_no_row_twice(
    system: RestSystem, target: HttpTarget
) -> None:
    batch = three(system)
    system.http.faults.drop_after_write = 2
    with pytest.raises(OutcomeUnknownError):
        target.write(batch)
    assert target.write(batch) == Written((), dict.fromkeys([(0, "note"), (1, "note"), (2, "note")], "y"))
    assert set(system.versions().values()) == {2}


def test_an_inserted_and_a_deleted_row_sent_again_are_known(system: RestSystem, target: HttpTarget) -> None:
    batch = batch_for(system, insert("d", note=" z "), delete("a", qty=1), update("b", qty=(1, 2)))
    system.http.faults.drop_after_write = 3
    with pytest.raises(OutcomeUnknownError):
        target.write(batch)
    assert target.write(batch) == Written((), {(0, "note"): "z"})
    assert list(system.rows()) == ["b", "c", "d"]


def test_fields_left_alone_before_a_cut_are_not_told_as_written(system: RestSystem, target: HttpTarget) -> None:
    system.put("a", qty=9)
    batch = three(system)
    system.http.faults.drop_after_write = 1
    with pytest.raises(OutcomeUnknownError):
        target.write(batch)
    outcome = target.cancel(batch.token)
    assert outcome is not None
    assert outcome.left_out[0] == LeftOut(0, "qty", "was no longer as planned")
    assert outcome.stored == {(0, "note"): "y"}


def test_two_writers_of_the_same_token_write_once(system: RestSystem) -> None:
    batch = three(system)

    def write() -> Written:
        target = HttpTarget(system.table.system, system.address)
        try:
            return target.write(batch)
        finally:
            target.close()

    with ThreadPoolExecutor(2) as pool:
        first, second = [future.result(60) for future in (pool.submit(write), pool.submit(write))]
    assert first == second
    assert set(system.versions().values()) == {2}


def test_a_row_changed_between_reading_and_writing_is_read_again_and_merged(
    system: RestSystem, target: HttpTarget
) -> None:
    changes: list[dict[str, Value]] = [{"price": None}, {"note": "theirs"}]

    def come_between() -> None:
        if changes:
            system.put("a", **changes.pop(0))

    system.http.faults.before_write = come_between
    written = target.write(batch_for(system, update("a", qty=(1, 2), note=("x", "y"))))
    assert written == Written((LeftOut(0, "note", 'holds "theirs", "x" was planned upon'),))
    assert (system.rows()["a"]["qty"], system.rows()["a"]["note"], system.versions()["a"]) == (2, "theirs", 4)


def test_a_row_that_never_holds_still_is_left_out(system: RestSystem, target: HttpTarget) -> None:
    system.http.faults.before_write = lambda: system.put("a", price=None)
    written = target.write(batch_for(system, update("a", qty=(1, 2))))
    assert written == Written((LeftOut(0, None, "was changed again and again while it was written"),))


def test_a_demanded_version_is_demanded_until_the_last_moment(system: RestSystem, target: HttpTarget) -> None:
    system.http.faults.before_write = lambda: system.put("a", price=None)
    written = target.write(batch_for(system, update("a", row_version=1, qty=(1, 2))))
    assert written == Written((LeftOut(0, None, "the row has version 2, 1 was planned upon"),))


def test_a_deadline_that_passes_amid_a_batch_ends_it_there(system: RestSystem) -> None:
    batch = three(system)
    clock = [now_utc()]
    system.http.faults.before_write = lambda: clock.__setitem__(0, batch.deadline_at)
    target = HttpTarget(system.table.system, system.address, now=lambda: clock[0])
    late = "not sent: the deadline had passed"
    assert target.write(batch) == Written((LeftOut(1, None, late), LeftOut(2, None, late)), {(0, "note"): "y"})
    assert list(system.versions().values()) == [2, 1, 1]
    assert target.cancel(batch.token) == target.write(
        replace(batch, deadline_at=batch.deadline_at + timedelta(hours=1))
    )
    target.close()


def test_the_record_system_itself_keeps_the_deadline(system: RestSystem, target: HttpTarget) -> None:
    batch = three(system)
    target._link.ask("PUT", f"batches/{batch.token}", {**to_plan(batch), "deadline_at": "2020-01-01T00:00:00+00:00"})
    with pytest.raises(OutsideError):
        target.write(batch)
    assert set(system.versions().values()) == {1}


@pytest.mark.parametrize("status", [500, 503, 408, 425, 429])
def test_a_system_that_is_not_well_is_unreachable_and_says_when_to_come_again(
    system: RestSystem, target: HttpTarget, status: int
) -> None:
    system.http.faults.status, system.http.faults.headers = status, {"Retry-After": "7"}
    for call in (lambda: target.read(system.table, ("qty",)), lambda: target.write(three(system))):
        with pytest.raises(UnreachableError, match=f"status {status}; it may be asked again after 7 s") as told:
            call()
        assert not isinstance(told.value, OutcomeUnknownError)


def test_a_system_that_falls_ill_amid_a_batch_has_to_be_asked(system: RestSystem, target: HttpTarget) -> None:
    batch = three(system)

    def fall_ill() -> None:
        system.http.faults.status = 503

    system.http.faults.before_write = fall_ill
    with pytest.raises(OutcomeUnknownError):
        target.write(batch)
    system.http.faults.status = 0
    assert target.cancel(batch.token) == Written((LeftOut(1, None, CUT), LeftOut(2, None, CUT)), {(0, "note"): "y"})


def test_a_system_that_does_not_answer_in_time_is_unreachable(system: RestSystem, target: HttpTarget) -> None:
    system.http.faults.wait_s = 2
    with pytest.raises(UnreachableError, match=r"deadline|answer"):
        target.write(three(system, seconds=0.3))
    assert set(system.versions().values()) == {1}


@pytest.mark.parametrize(
    ("raw", "status", "told"),
    [
        (b"<html>hello</html>", 0, "no JSON object"),
        (b"[1]", 0, "no JSON object"),
        (b"{}", 0, "otherwise than was agreed"),
        (b'{"rows": [{"key": ["a"]}], "next_page": null}', 0, "otherwise than was agreed"),
        (b"{}", 302, "status 302, which is not followed"),
    ],
)
def test_nonsense_is_told_in_one_line(
    system: RestSystem, target: HttpTarget, raw: bytes, status: int, told: str
) -> None:
    system.http.faults.raw, system.http.faults.status = raw, status
    system.http.faults.headers = {"Location": "http://127.0.0.1:1/elsewhere"}
    with pytest.raises(OutsideError, match=told) as error:
        target.read(system.table, ("qty",))
    assert "\n" not in str(error.value)
    with pytest.raises(OutsideError):
        target.write(three(system))


def test_an_endless_answer_is_not_read_to_its_end(
    system: RestSystem, target: HttpTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_link, "ANSWER_MOST_BYTES", 1 << 20)
    system.http.faults.raw = b" " * (3 << 20)
    with pytest.raises(OutsideError, match="more than 1 MiB"):
        target.read(system.table, ("qty",))


def test_a_page_that_comes_again_ends_the_reading(system: RestSystem, target: HttpTarget) -> None:
    system.http.faults.raw = b'{"rows": [], "next_page": "1"}'
    with pytest.raises(OutsideError, match="otherwise than was agreed"):
        target.read(system.table, ("qty",))


def test_a_wrong_address_is_said_without_its_token_and_a_token_is_sent(system: RestSystem) -> None:
    declared = System(
        name="rest", kind="http", time_zone="UTC", rows_per_s=1, chunk_rows=1, nightly="01:00-02:00",
        change_window="Sun 01:00-02:00",
    )  # fmt: skip
    for address in ("ftp://:hidden@host", "no address", "http://:hidden@"):
        with pytest.raises(UsageError, match="is no URL") as error:
            open_target(declared, address)
        assert "hidden" not in str(error.value)
    target = open_target(declared, system.address.replace("http://", "http://:t%2Foken@"))
    assert target.read(system.table, ("qty",)).num_rows == 3
    assert system.http.seen_headers["Authorization"] == "Bearer t/oken"
    target.close()


def test_a_field_that_may_not_be_written_is_a_sentence(system: RestSystem, target: HttpTarget) -> None:
    system.http.writable.discard("qty")
    assert target.check(system.table, ("qty", "note")) == ["There is no right to UPDATE rest.article.qty."]
