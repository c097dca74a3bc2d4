"""A backfill with unchanged rules changes nothing: sessions told anew are the newest versions in the lake."""

from __future__ import annotations

from random import Random

import pytest

from schemas.reference import ConsentReference, CustodyReference
from streams.desk.register import Register
from streams.product import SHOE, WASHER
from tests.unit.history.kept import Kept, as_plug_meters, simulated

SUBJECT = "p" + "a" * 26
WASHERS = simulated("washer", 7, 5)
SHOES = simulated("shoe", 20, 8)


def tell_same(kept: Kept, at_least: int, left: int = 0) -> None:
    """Nothing differs, and what cannot be compared is still open, or as many as told."""
    compared = kept.compared()
    newest = kept.newest()
    assert compared.changes == []
    assert compared.same >= at_least
    assert compared.same + compared.left.total() == len(newest)
    is_open = sum(session["status"] == "open" for session in newest.values())
    assert compared.left.total() == compared.left["open"] + left
    assert compared.left["open"] == is_open


def test_washing_machines_that_report_are_told_the_same() -> None:
    kept = Kept(WASHER).take(WASHERS)
    assert {session["status"] for session in kept.newest().values()} >= {"closed", "corrected"}
    tell_same(kept, at_least=20)


def test_power_curves_are_told_the_same() -> None:
    kept = Kept(WASHER).take(as_plug_meters(WASHERS))
    assert {session["source"] for session in kept.newest().values()} == {"power_curve"}
    tell_same(kept, at_least=20)


@pytest.mark.parametrize("seed", range(2))
def test_power_curves_that_come_in_disorder_keep_their_names_and_stay_withdrawn(seed: int) -> None:
    rng = Random(seed)
    uploads = as_plug_meters(WASHERS)[:800]
    order = sorted(range(len(uploads)), key=lambda place: place + rng.choice([0, 0, 0, rng.uniform(0, 300)]))
    kept = Kept(WASHER).take([uploads[place] for place in order], at_once=37)
    assert "withdrawn" in {session["status"] for session in kept.newest().values()}
    tell_same(kept, at_least=5)


@pytest.mark.parametrize("seed", range(2))
def test_reported_sessions_that_come_in_disorder_are_told_the_same(seed: int) -> None:
    rng = Random(seed)
    order = sorted(range(len(SHOES)), key=lambda place: place + rng.choice([0, 0, 0, rng.uniform(0, 200)]))
    tell_same(Kept(SHOE).take([SHOES[place] for place in order], at_once=53), at_least=15)


def test_runs_are_told_the_same_with_the_highest_heart_rate_that_their_runners_told() -> None:
    register = Register()
    for device_id in {device_id for device_id, _, _ in SHOES}:
        learn(register, device_id)
    kept = Kept(SHOE, register).take(SHOES)
    assert {session["max_heart_rate_known_bpm"] for session in kept.newest().values()} == {None, 172.0}
    tell_same(kept, at_least=15)


def test_what_a_runner_did_not_agree_to_is_not_told_anew_either() -> None:
    register = Register()
    for device_id in {device_id for device_id, _, _ in SHOES}:
        register.learn(ConsentReference(device_id=device_id, revision=1, from_ms=[], to_ms=[], subject=[], purpose=[]))
    kept = Kept(SHOE, register).take(SHOES)
    assert {session["avg_heart_rate_bpm"] for session in kept.newest().values()} == {None}
    kept.register = Register()
    tell_same(kept, at_least=15)


def test_only_sessions_that_begin_in_the_period_are_looked_at_whole() -> None:
    kept = Kept(WASHER).take(WASHERS)
    newest = kept.newest()
    starts = sorted(session["started_at_ms"] for session in newest.values())
    first, last = starts[len(starts) // 3], starts[2 * len(starts) // 3]
    compared = kept.compared(from_ms=first, to_ms=last)
    assert compared.changes == []
    assert compared.same + compared.left.total() == sum(first <= start < last for start in starts)


def learn(register: Register, device_id: str) -> None:
    register.learn(
        CustodyReference(
            device_id=device_id, revision=1, from_ms=[0], to_ms=[None], kind=["sold"], subject=[SUBJECT],
            country=["SE"], time_zone=["Europe/Stockholm"], language=["sv"], insights_per_week=[1],
            max_heart_rate_bpm=[172.0], goal=[None], weekly_km=[None], runs_per_week=[None],
        )
    )  # fmt: skip
