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
ONE_READING = (
    "(device_id, measured_at) = (select max((device_id, measured_at)) from readings_washer where energy_wh > 1)"
)
ONE_RECEIPT = """(topic, partition, "offset") in (
  select min((topic, partition, "offset")) from uploads join truth_records t using (topic, partition, "offset")
  where outcome = 'accepted' and fault is null and session_no is not null)"""
ONE_OF_A_MACHINE = ONE_RECEIPT.replace("session_no is not null", "topic like '%washer%'")
WITHOUT_FIGURES = "0 as energy_wh, 0 as peak_w, null as water_l, 0 as reading_count"
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
    "number": (f"update run_versions set session_no = 9999 where {ONE_RUN}", {"sessions_wrong": 1, "sums_wrong": 1}),
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
    "cycle of a machine that nobody knows": (
        f"""insert into wash_cycle_versions select * replace ('machine-x' as device_id, 'machine-x:1' as session_id)
            from wash_cycle_versions where {ONE_CYCLE}""",
        {"sessions_wrong": 1, "sums_wrong": 1},
    ),
    "cycle of nothing": (
        f"""insert into wash_cycle_versions select * replace (
              'machine-x' as device_id, 'machine-x:1' as session_id, {WITHOUT_FIGURES})
            from wash_cycle_versions where {ONE_CYCLE}""",
        {"sessions_wrong": 1},
    ),
    "open cycle of a machine that nobody knows": (
        f"""insert into wash_cycle_versions select * replace (
              'machine-x' as device_id, 'machine-x:1' as session_id, 'open' as status)
            from wash_cycle_versions where {ONE_CYCLE}""",
        {"sessions_wrong": 1},
    ),
    "run in shoes that nobody knows": (
        f"""insert into run_versions select * replace ('shoe-x' as device_id, 'shoe-x:1' as session_id)
            from run_versions where {ONE_RUN}""",
        {"sessions_wrong": 1, "sums_wrong": 1},
    ),
    "curve of a plug that nobody knows": (
        f"""insert into wash_cycle_versions select * replace ('plug-x' as device_id, 'plug-x:1' as session_id)
            from wash_cycle_versions where {ONE_CURVE}""",
        {"sessions_wrong": 1, "sums_wrong": 1},
    ),
    "curve without readings": (
        f"""insert into wash_cycle_versions select * replace ('plug-1:x' as session_id, {WITHOUT_FIGURES},
              started_at - interval 2 day as started_at, ended_at - interval 2 day as ended_at)
            from wash_cycle_versions where {ONE_CURVE}""",
        {"sums_wrong": 1},
    ),
    "curve counted twice": (
        f"""insert into wash_cycle_versions select * replace ('plug-1:x' as session_id)
            from wash_cycle_versions where {ONE_CURVE}""",
        {"sessions_wrong": 1},
    ),
    "cycle of a plug's machine without a number": (
        f"""insert into wash_cycle_versions select * replace ('plug-1' as device_id, 'plug-1:x' as session_id)
            from wash_cycle_versions where {ONE_CYCLE}""",
        {"sessions_wrong": 1, "sums_wrong": 1},
    ),
    "count of a run": (
        f"update run_versions set reading_count = reading_count + 1 where {ONE_RUN}",
        {"sessions_wrong": 1, "sums_wrong": 1},
    ),
    "power of a reading": (f"update readings_washer set power_w = power_w / 2 where {ONE_READING}", {"sums_wrong": 1}),
    "span of a reading": (f"update readings_washer set span_ms = span_ms + 1 where {ONE_READING}", {"sums_wrong": 1}),
    "power and energy of a reading": (
        f"update readings_washer set power_w = power_w / 2, energy_wh = energy_wh / 2 where {ONE_READING}",
        {"misjudged": 1, "sums_wrong": 1},
    ),
    "instant of readings": (
        f"update readings_shoe set measured_at = measured_at + interval 1 millisecond where {ONE_UPLOAD}",
        {"misjudged": 1},
    ),
    "distance of readings": (
        f"update readings_shoe set distance_m = distance_m - 0.1 where {ONE_UPLOAD}",
        {"misjudged": 1, "sums_wrong": 1},
    ),
    "material of a receipt": (f"update uploads set material = 'OTHER' where {ONE_RECEIPT}", {"misjudged": 1}),
    "sent before it was measured": (
        f"update uploads set sent_at = sent_at - interval 1 day where {ONE_RECEIPT}",
        {"misjudged": 1},
    ),
    "a machine's upload sent before it left": (
        f"update uploads set sent_at = sent_at - interval 1 millisecond where {ONE_OF_A_MACHINE}",
        {"misjudged": 1},
    ),
    "sent after it left": (
        f"update uploads set sent_at = sent_at + interval 1 millisecond where {ONE_RECEIPT}",
        {"misjudged": 1},
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
