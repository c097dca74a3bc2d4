"""`verify` finds whatever is spoiled in a sound lake."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.unit.vaxel.in_memory import START_MS, cut_off, empty_lake, reloaded, simulated, upload, wrong


@pytest.fixture(scope="module")
def after(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., dict[str, int]]]:
    """`after("update ...")`: what is wrong in a sound lake after that."""
    sent = [*CURVE, *simulated()]
    data_dir = tmp_path_factory.mktemp("sound")
    with empty_lake() as lake:
        cut_off(lake, data_dir, sent, untold=len(CURVE))
        assert wrong(lake) == {}

        def after(*statements: str) -> dict[str, int]:
            lake.begin()
            try:
                for statement in statements:
                    assert lake.execute(statement).fetchall() not in ([], [(0,)])
                if any(" uploads " in statement for statement in statements):
                    return reloaded(lake, data_dir, sent)
                return wrong(lake)  # the truth's tables do not depend on sessions
            finally:
                lake.rollback()

        yield after


CURVE = [upload("plug-1", number, START_MS + number * 600_000, [2_000.0 + number] * 60) for number in range(5)]
CURVE += [upload("plug-1", 5, START_MS + 3_600_000, [0.5] * 200)]


ONE_CYCLE = "session_id = (select max(session_id) from wash_cycles where source = 'reported' and status <> 'open')"
ONE_CURVE = "session_id = (select max(session_id) from wash_cycles where source = 'power_curve')"
ONE_UPLOAD = "(device_id, seq) = (select max((device_id, seq)) from readings_shoe)"
ONE_RUN = """session_id = (select max(session_id) from runs where status <> 'open' and avg_cadence_spm is not null
  and avg_heart_rate_bpm is not null and avg_ground_contact_ms is not null)"""
SPOILED = {
    "peak of a cycle": (f"update wash_cycle_versions set peak_w = peak_w + 1 where {ONE_CYCLE}", {"sums_wrong": 1}),
    "peak of a curve": (f"update wash_cycle_versions set peak_w = peak_w - 1 where {ONE_CURVE}", {"sums_wrong": 1}),
    "water": (f"update wash_cycle_versions set water_l = water_l + 0.01 where {ONE_CYCLE}", {"sums_wrong": 1}),
    "no water": (f"update wash_cycle_versions set water_l = null where {ONE_CYCLE}", {"sums_wrong": 1}),
    "programme": (
        f"update wash_cycle_versions set programme = if(programme = 'eco', 'wool', 'eco') where {ONE_CYCLE}",
        {"sessions_wrong": 1},
    ),
    "no programme": (f"update wash_cycle_versions set programme = null where {ONE_CYCLE}", {"sessions_wrong": 1}),
    "material": (f"update run_versions set material = 'OTHER' where {ONE_RUN}", {"sessions_wrong": 1}),
    "number": (f"update run_versions set session_no = 9999 where {ONE_RUN}", {"sessions_wrong": 1}),
    "steps": (f"update run_versions set steps = steps + 2 where {ONE_RUN}", {"sums_wrong": 1}),
    "cadence": (f"update run_versions set avg_cadence_spm = avg_cadence_spm + 0.01 where {ONE_RUN}", {"sums_wrong": 1}),
    "heart rate": (f"update run_versions set avg_heart_rate_bpm = null where {ONE_RUN}", {"sums_wrong": 1}),
    "top heart rate": (
        f"update run_versions set max_heart_rate_bpm = max_heart_rate_bpm - 1 where {ONE_RUN}",
        {"sums_wrong": 1},
    ),
    "contact": (
        f"update run_versions set avg_ground_contact_ms = avg_ground_contact_ms + 0.01 where {ONE_RUN}",
        {"sums_wrong": 1},
    ),
    "health without consent": (
        """update run_versions set avg_heart_rate_bpm = 150 where session_id =
           (select max(session_id) from runs where status <> 'open' and avg_heart_rate_bpm is null)""",
        {"sums_wrong": 1},
    ),
    "count of readings": (
        f"update uploads set reading_count = reading_count + 1 where outcome = 'accepted' and {ONE_UPLOAD}",
        {"misjudged": 1},
    ),
}


@pytest.mark.parametrize(("statement", "expected"), SPOILED.values(), ids=SPOILED)
def test_what_is_spoiled_is_found(
    after: Callable[..., dict[str, int]], statement: str, expected: dict[str, int]
) -> None:
    assert after(statement) == expected


def test_a_reading_that_receipt_and_readings_lack_alike_is_lost(after: Callable[..., dict[str, int]]) -> None:
    found = after(
        f"update uploads set reading_count = reading_count - 1 where {ONE_UPLOAD} and outcome = 'accepted'",
        f"""delete from readings_shoe where {ONE_UPLOAD}
            and measured_at = (select max(measured_at) from readings_shoe where {ONE_UPLOAD})""",
    )
    assert (found["lost"], found["misjudged"]) == (1, 1)
