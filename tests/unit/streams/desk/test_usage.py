"""Whose use a session was, in whatever order sessions, registrations and corrections come."""

from __future__ import annotations

from datetime import date
from random import Random
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from schemas.desk import Usage
from schemas.facts import Receipt, Run, WashCycle
from schemas.forms import arrow_schema
from streams.desk.arrivals import Arrivals, Refused
from streams.desk.register import Register
from streams.desk.state import STORES, DeskState
from streams.desk.step import speak, step
from streams.desk.usage import KEPT_MS
from streams.memory import changed_rows, slices
from tests.unit.streams.desk.building import (
    ANNA,
    BERND,
    DAY_MS,
    NOON_MS,
    a_cycle,
    a_device,
    a_run,
    contracts,
    custodies,
)


def arrived(thing: Any) -> Arrivals:
    if isinstance(thing, WashCycle):
        return Arrivals(cycles=[thing])
    return Arrivals(runs=[thing]) if isinstance(thing, Run) else Arrivals(references=[thing])


def told(*things: Any, state: DeskState | None = None, register: Register | None = None) -> list[Usage]:
    """What is said of them, one after the other."""
    state = DeskState(0) if state is None else state
    register = Register() if register is None else register
    return [usage for thing in things for usage in step(state, register, arrived(thing)).usage]


SOLD_ON = NOON_MS - DAY_MS


def test_a_session_belongs_to_whoever_had_the_device_when_it_began() -> None:
    owners = custodies((ANNA, SOLD_ON, NOON_MS + 1), (BERND, NOON_MS + 1, None))
    (usage,) = told(a_device(), owners, contracts((SOLD_ON, None)), a_cycle())
    assert (usage.status, usage.subject, usage.contract_no, usage.country) == ("attributed", ANNA, "C-0", "DE")
    assert (usage.energy_wh, usage.distance_m, usage.local_day) == (800.0, None, date(2026, 6, 1))


def test_the_local_day_is_that_of_the_place_where_the_device_stood() -> None:
    late = custodies((ANNA, SOLD_ON, None), time_zone="Asia/Tokyo", country="JP")
    (usage,) = told(a_device(), late, a_cycle(NOON_MS + 4 * 3_600_000))
    assert usage.local_day == date(2026, 6, 2)


def test_a_device_that_nobody_registered_is_kept_aside_and_joined_when_the_registration_arrives() -> None:
    first, second, third = told(a_cycle(), a_device(), custodies((ANNA, SOLD_ON, None)))
    assert [(own.status, own.subject, own.version) for own in (first, second, third)] == [
        ("unknown_device", None, 1),
        ("unowned", None, 2),
        ("attributed", ANNA, 3),
    ]
    assert len({own.session_id for own in (first, second, third)}) == 1


def test_a_late_correction_of_custody_moves_the_sessions_it_concerns_and_no_others() -> None:
    state, register = DeskState(0), Register()
    before, after = a_cycle(NOON_MS), a_cycle(NOON_MS + 2 * DAY_MS)
    told(a_device(), custodies((ANNA, SOLD_ON, None)), before, after, state=state, register=register)
    sold_on = custodies((ANNA, SOLD_ON, NOON_MS + DAY_MS), (BERND, NOON_MS + DAY_MS, None), revision=2)
    (moved,) = told(sold_on, state=state, register=register)
    assert (moved.session_id, moved.subject, moved.version) == (after.session_id, BERND, 2)


def test_an_open_session_an_old_version_and_the_same_again_are_no_news() -> None:
    things = [a_device(), a_cycle(status="open", version=1), a_cycle(version=4), a_cycle(version=3), a_cycle(version=4)]
    assert [usage.session_version for usage in told(*things)] == [4]


def test_of_two_versions_with_one_number_that_known_later_counts_whichever_comes_first() -> None:
    backfilled, lower = a_cycle(version=5, known_at_ms=NOON_MS + 1), a_cycle(version=4, known_at_ms=NOON_MS + 2)
    live = a_cycle(version=5, known_at_ms=NOON_MS + 3, energy_wh=900.0)
    things = [a_cycle(version=4, known_at_ms=NOON_MS + 1), backfilled, lower, live]
    assert [usage.session_version for usage in told(a_device(), *things)] == [4, 5, 4, 5]
    for order in (things, things[::-1]):
        last = told(a_device(), *order)[-1]
        assert (last.session_version, last.known_at_ms, last.energy_wh) == (5, NOON_MS + 3, 900.0)


def test_a_withdrawn_session_is_nobodys_use() -> None:
    usages = told(a_device(), custodies((ANNA, SOLD_ON, None)), a_cycle(), a_cycle(status="withdrawn", version=9))
    assert [(usage.status, usage.subject) for usage in usages] == [("attributed", ANNA), ("withdrawn", None)]


def test_sessions_known_for_longer_than_a_quarter_are_let_go() -> None:
    state = DeskState(0)
    told(a_device(), a_cycle(NOON_MS - KEPT_MS - DAY_MS), a_cycle(NOON_MS), state=state)
    state.usage.forget(NOON_MS)
    assert len(state.stores["usage"]) == 1


def test_a_device_not_heard_of_for_long_is_forgotten_with_all_that_is_kept_of_it() -> None:
    state, register = DeskState(0), Register()
    for device_id, received_ms in (("w-1", NOON_MS - 401 * DAY_MS), ("w-2", NOON_MS)):
        things = [a_device(device_id), a_cycle(received_ms - DAY_MS, device_id=device_id)]
        told(*things, state=state, register=register)
        receipts = [a_receipt(device_id, received_ms)]
        step(state, register, Arrivals(receipts=pa.Table.from_pylist(receipts, arrow_schema(Receipt))))
    assert state.tidy(400 * DAY_MS) == 1
    assert [state.slots.name(slot) for slot in state.stores["devices"].rows().tolist()] == ["w-2"]
    for name, store in state.stores.items():
        fields = store.values.dtype.names or ()
        if "slot" in fields:
            assert set(store.values["slot"][store.rows()].tolist()) <= set(state.stores["devices"].rows().tolist()), (
                name
            )
    assert state.tidy(400 * DAY_MS) == 0


def test_a_device_of_which_all_was_refused_is_nothing_to_tell_of() -> None:
    state, register = DeskState(0), Register()
    refused = Refused("w-1", "washer", 7, "not_json", None, None, None, NOON_MS)
    step(state, register, Arrivals(refused=[refused]))
    assert speak(state, register, NOON_MS, is_idle=True).completeness == []


def a_receipt(device_id: str, received_ms: int) -> dict[str, Any]:
    empty = dict.fromkeys(arrow_schema(Receipt).names)
    return empty | {
        "topic": "telemetry.washer.v1", "partition": 0, "offset": 0, "received_at_ms": received_ms, "seq": 7,
        "device_id": device_id, "outcome": "accepted", "sent_at_ms": received_ms, "material": "WM-7020",
        "firmware": "3.2.0", "reading_count": 0, "energy_wh": 0.0, "lifetime_energy_wh": 5.0,
    }  # fmt: skip


def some_things(rng: Random) -> list[Any]:
    """References in several revisions, and sessions in several versions, of two devices."""
    things: list[Any] = []
    for device_id, session in (("w-1", a_cycle), ("s-1", a_run)):
        for revision in (1, 2):
            handed_ms = NOON_MS + rng.randrange(10) * DAY_MS
            owners = ((ANNA, NOON_MS, handed_ms + 1), (BERND, handed_ms + 1, None))
            things.append(custodies(*owners, device_id=device_id, revision=revision))
            things.append(contracts((handed_ms, None), device_id=device_id, revision=revision))
        if rng.random() < 0.8:
            things.append(a_device(device_id))
        for day in range(4):
            versions = range(1, rng.randrange(2, 4))
            begins_ms = NOON_MS + day * 3 * DAY_MS
            things += [session(begins_ms, device_id=device_id, version=version) for version in versions]
    return things


def by_session(usages: list[Usage]) -> dict[str, dict[str, Any]]:
    """The newest of each session; how often it changed on the way is its version alone."""
    newest = {usage.session_id: usage for usage in sorted(usages, key=lambda usage: usage.version)}
    return {name: usage.model_dump(exclude={"version"}) for name, usage in newest.items()}


@given(seed=st.integers(0, 2**32))
def test_the_last_word_does_not_depend_on_what_came_first_nor_on_restarts(seed: int) -> None:
    rng = Random(seed)
    things = some_things(rng)
    expected = by_session(told(*things))
    rng.shuffle(things)
    state, register, said = DeskState(0), Register(), []
    records: dict[bytes, bytes] = {}
    for checkpoint, thing in enumerate(things, 1):
        said += told(thing, state=state, register=register)
        records.update(changed_rows(state.stores, checkpoint))
        if rng.random() < 0.3:
            state = DeskState(0, {name: slices(name, dtype, records) for name, dtype in STORES.items()})
    assert by_session(said) == expected
    versions: dict[str, list[int]] = {}
    for usage in said:
        versions.setdefault(usage.session_id, []).append(usage.version)
    assert all(own == list(range(1, len(own) + 1)) for own in versions.values())
