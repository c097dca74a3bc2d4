"""`verify` finds what the stream could get wrong, and blames nobody for what Kafka has let go of."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from producers.truth_folder import new_truth_folder
from producers.uploads import Delivery, encode
from schemas.truth import TRUTH_FOLDER, Fault
from tests.unit.vaxel.in_memory import (
    START_MS,
    counted,
    cut_off,
    reloaded,
    sent_of,
    simulated,
    tell,
    upload,
    wrong,
)
from vaxel.told import killed_runs
from vaxel.verification import GONE, LET_IN, LOST_BEFORE, UNTOLD, check, count, load_truth

HOUR_MS = 3_600_000


HEARTBEATS = [upload("washer-1", number, START_MS + number * HOUR_MS, []) for number in range(80)]
LATE, ON_TIME = HEARTBEATS[:1], HEARTBEATS[1:]
ONE_RUN = "session_id = (select max(session_id) from runs where status <> 'open')"


def with_another_body(delivery: Delivery, fault: Fault | None = None) -> Delivery:
    """The same number of the same device, with a body of its own."""
    fields = json.loads(delivery.value)
    value = encode({**fields, "sent_at_ms": fields["sent_at_ms"] + 1})
    return Delivery(replace(delivery.upload, value=value), value, delivery.due_ms, fault)


def test_a_second_upload_of_a_number_with_another_body_is_misjudged_where_it_is_refused(
    lake: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    last = HEARTBEATS[-1]
    cut_off(lake, tmp_path, [*HEARTBEATS, last, with_another_body(last)])
    found = check(lake)
    assert counted(found) == {"misjudged": 1}
    assert found["misjudged"][0].startswith("intact but refused (number_reused): washer-1 seq 79 at ")


def test_an_altered_upload_has_to_be_refused(lake: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    last = HEARTBEATS[-1]
    sent = [*HEARTBEATS, last, with_another_body(last, "altered")]
    cut_off(lake, tmp_path, sent)
    assert wrong(lake) == {}
    lake.execute("delete from failed_events")
    lake.execute("""insert into uploads select * replace ("offset" + 1 as "offset") from uploads
                    where outcome = 'duplicate'""")
    load_truth(lake, tmp_path, sent_of(sent))
    found = check(lake)
    assert counted(found) == {"lost": 1, "misjudged": 1}
    assert found["lost"] == ["judged a duplicate, but other bytes: washer-1 seq 79"]
    assert found["misjudged"][0].startswith("broken but let in: ")


def test_an_intact_upload_refused_as_late_is_misjudged_if_its_number_was_never_accepted(
    lake: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    cut_off(lake, tmp_path, ON_TIME + LATE)
    found = check(lake)
    assert counted(found) == {"misjudged": 1}
    assert found["misjudged"][0].startswith("intact but refused (late): washer-1 seq 0 at ")


def test_an_upload_refused_as_late_is_nothing_wrong_if_its_very_bytes_were_accepted(
    lake: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    cut_off(lake, tmp_path, HEARTBEATS + LATE)
    assert wrong(lake) == {}


def test_an_upload_refused_as_late_is_misjudged_if_its_number_was_accepted_with_another_body(
    lake: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    cut_off(lake, tmp_path, [*HEARTBEATS, with_another_body(LATE[0])])
    assert wrong(lake) == {"misjudged": 1}


def test_a_duplicate_of_nothing_is_lost_also_where_no_truth_tells_it(
    lake: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    cut_off(lake, tmp_path, HEARTBEATS)
    lake.execute("update uploads set outcome = 'duplicate' where seq = 17")
    assert reloaded(lake, tmp_path, HEARTBEATS) == {"lost": 1}
    assert reloaded(lake, tmp_path / "none", HEARTBEATS) == {"lost": 1}


@pytest.mark.parametrize("low", [40, 80])
def test_what_kafka_has_let_go_of_is_no_finding(lake: duckdb.DuckDBPyConnection, tmp_path: Path, low: int) -> None:
    cut_off(lake, tmp_path, HEARTBEATS, untold=20)
    (tmp_path / TRUTH_FOLDER / "killed").mkdir()
    assert reloaded(lake, tmp_path, HEARTBEATS, low) == {}
    assert count(lake, GONE) == count(lake, UNTOLD) == 20


def test_an_outcome_beyond_the_end_of_an_empty_partition_was_never_sent(
    lake: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    cut_off(lake, tmp_path, HEARTBEATS)
    lake.execute("""insert into uploads select * replace (1000 as "offset", 1000 as seq) from uploads where seq = 17""")
    assert reloaded(lake, tmp_path / "none", HEARTBEATS, low=80) == {"misjudged": 1}
    assert count(lake, GONE) == 80


def repaired_in_time() -> tuple[list[Delivery], Delivery]:
    """Deliveries up to soon after a broken upload of a session, and that upload as a repair brings it back."""
    made = simulated()
    broken = (n for n, each in enumerate(made) if each.fault in ("wrong_value", "truncated") and each.upload.part)
    at = next(n for n in broken if n > 50)
    again = made[at].upload
    return made[: at + 40], Delivery(again, again.value, made[at].due_ms, None)


def test_an_upload_that_was_repaired_counts_in_its_session_and_is_not_unknown(
    lake: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    sent, again = repaired_in_time()
    cut_off(lake, tmp_path, [*sent, again], repaired=1)
    assert again.upload.part is not None
    number = f"(device_id, seq) = ('{again.upload.device_id}', {again.upload.seq})"
    assert count(lake, f"select count(*) from accepted where {number}") == 1
    assert wrong(lake) == {}
    assert count(lake, UNTOLD) == 0
    load_truth(lake, tmp_path, sent_of([*sent, again]))  # as if it had come by itself
    assert check(lake)["misjudged"] == [f"unknown to the truth: {again.upload.device_id} seq {again.upload.seq}"]


@pytest.mark.parametrize(("factor", "expected"), [(1.0003, {}), (0.5, {"sessions_wrong": 1})])
def test_what_came_back_from_a_foreign_unit_may_have_lost_digits_and_no_more(
    lake: duckdb.DuckDBPyConnection, tmp_path: Path, factor: float, expected: dict[str, int]
) -> None:
    made = simulated()
    at, end = next(
        (at, end)
        for at, heating in enumerate(made)
        if is_of_a_cycle(heating)
        for end, each in enumerate(made)
        if ends_the_cycle_of(each, heating)
    )
    fields = json.loads(made[at].value)
    rounded = encode({**fields, "power_w": [power * factor for power in fields["power_w"]]})
    held = replace(made[at], value=b"{", fault="wrong_unit")
    sent = [*made[:at], held, *made[at + 1 : end + 1], replace(made[at], value=rounded)]
    cut_off(lake, tmp_path, sent, repaired=1)
    assert count(lake, "select count(*) from expected_sessions where is_coarse") == 1
    found = check(lake)
    assert counted(found) == expected
    assert all("in part measured in a wrong unit" in case for case in found["sessions_wrong"])


def is_of_a_cycle(delivery: Delivery) -> bool:
    part = delivery.upload.part
    return delivery.fault is None and part is not None and part.session.product == "washer" and part.amount > 100


def ends_the_cycle_of(delivery: Delivery, other: Delivery) -> bool:
    part, of = delivery.upload.part, other.upload.part
    return part is not None and of is not None and part.session is of.session and part.ends_session and delivery.intact


def test_of_a_repaired_upload_that_kafka_has_let_go_of_the_number_is_enough(
    lake: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    broken = replace(HEARTBEATS[70], value=b"{", fault="truncated")
    sent = [*HEARTBEATS[:70], broken, *HEARTBEATS[71:], HEARTBEATS[70]]
    cut_off(lake, tmp_path, sent, repaired=1)
    assert wrong(lake) == {}
    assert reloaded(lake, tmp_path, sent, low=len(sent)) == {}
    assert reloaded(lake, tmp_path, sent) == {"misjudged": 1}


def test_uploads_in_a_wrong_unit_may_be_refused_or_let_in_and_are_counted(
    lake: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    mistaken = [replace(delivery, fault="wrong_unit") for delivery in HEARTBEATS[:30]]
    sent = [*mistaken, *HEARTBEATS[30:]]
    cut_off(lake, tmp_path, sent)
    assert wrong(lake) == {}
    assert count(lake, LET_IN) == 30
    lake.execute("""insert into failed_events by name select topic, partition, "offset", device_id,
                    'cohort_differs' as reason from uploads where seq < 10""")
    lake.execute("delete from uploads where seq < 10")
    load_truth(lake, tmp_path, sent_of(sent))
    assert [case for case in check(lake)["misjudged"] if not case.startswith("not the bytes")] == []
    assert count(lake, LET_IN) == 20


def test_a_lost_upload_is_told_and_one_that_comes_all_the_same_is_unknown(
    lake: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    lost = replace(HEARTBEATS[17], fault="lost")
    sent = [*HEARTBEATS[:17], lost, *HEARTBEATS[18:]]
    cut_off(lake, tmp_path, sent)
    assert wrong(lake) == {}
    assert count(lake, LOST_BEFORE) == 1
    lake.execute("""insert into uploads select * replace (79 as "offset", 17 as seq) from uploads where seq = 18""")
    load_truth(lake, tmp_path, sent_of([*sent, HEARTBEATS[17]]))
    found = check(lake)
    assert (counted(found), found["misjudged"]) == ({"misjudged": 1}, ["unknown to the truth: washer-1 seq 17"])
    assert count(lake, LOST_BEFORE) == 0


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_a_killed_simulation_casts_doubt_but_no_blame(
    lake: duckdb.DuckDBPyConnection, tmp_path: Path, share: float
) -> None:
    made = simulated()[:200]
    killed = made[:100]
    sent = [*killed, *made[: round(len(made) * share)]]
    folder = tmp_path / TRUTH_FOLDER / "killed"
    folder.mkdir(parents=True)
    cut_off(lake, tmp_path, sent, untold=len(killed))
    assert wrong(lake) == {}
    assert (count(lake, UNTOLD) > 0) == (share < 1)
    folder.rmdir()
    assert ("misjudged" in reloaded(lake, tmp_path, sent)) == (share < 1)


def test_what_a_killed_simulation_has_told_is_compared(lake: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    sent = simulated()
    cut_off(lake, tmp_path / "whole", sent)
    for share in (0.5, 1.0):
        data_dir = tmp_path / f"killed-{share}"
        truth = tell(new_truth_folder(data_dir, "killed"), sent, range(round(len(sent) * share)))
        assert reloaded(lake, data_dir, sent) == {}
        assert killed_runs(data_dir) == ["killed"]
        assert (count(lake, UNTOLD) > 0) == (share < 1)
        assert count(lake, "select count(*) from expected_sessions") >= 5
    lake.execute(f"update run_versions set distance_m = distance_m + 1 where {ONE_RUN}")
    assert "sessions_wrong" in reloaded(lake, data_dir, sent)
    truth.finish()
    assert killed_runs(data_dir) == []
    assert "sessions_wrong" in reloaded(lake, data_dir, sent)
