"""What `vaxel verify` says to people is what it found, no more."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import pytest

from vaxel.commands.verify import report
from vaxel.record_check import why_skipped
from vaxel.verdict import Verdict

CLEAN = Verdict(
    sent=10,
    gone=0,
    lost_before=0,
    let_in=0,
    untold=0,
    killed_runs=[],
    waiting=0,
    accepted=7,
    failed=1,
    duplicates=2,
    lost=0,
    twice=0,
    misjudged=0,
    sessions_expected=1,
    sessions_wrong=0,
    sums_wrong=0,
    record_rows_checked=3,
    record_rows_wrong=0,
    record_changes_waiting=0,
    record_fields_edited=0,
    records_skipped=None,
    usage_checked=0,
    usage_unknown=0,
    usage_wrong=0,
    usage_skipped=None,
)


def test_a_sum_is_only_told_where_it_is_one() -> None:
    told = report(CLEAN).splitlines()
    assert told[0] == "10 uploads sent = 7 accepted + 1 failed + 2 duplicates"
    assert told[-1] == "verdict: nothing lost, nothing twice, nothing wrong"
    assert len(told) == 6
    told = report(replace(CLEAN, sent=12, lost=2)).splitlines()
    assert told[0] == "12 uploads sent but 7 accepted + 1 failed + 2 duplicates"
    assert told[-1] == "verdict: NOT CLEAN"


def test_what_kafka_no_longer_holds_is_told() -> None:
    assert report(replace(CLEAN, sent=6, gone=4)).splitlines()[0] == (
        "6 uploads sent + 4 that Kafka no longer holds = 7 accepted + 1 failed + 2 duplicates"
    )


def test_what_no_system_could_help_is_told() -> None:
    told = report(replace(CLEAN, lost_before=3, let_in=17)).splitlines()
    assert told[5] == (
        "17 uploads in a wrong unit were let in before their firmware was held: "
        "figures of their sessions may differ from the truth"
    )
    assert told[-1] == (
        "verdict: nothing lost, nothing twice, nothing wrong; 3 uploads were lost before they reached Kafka"
    )
    told = report(replace(CLEAN, lost_before=3, sums_wrong=1)).splitlines()
    assert told[-1] == "verdict: NOT CLEAN; 3 uploads were lost before they reached Kafka"


def test_what_was_not_compared_is_told() -> None:
    told = report(replace(CLEAN, untold=5, killed_runs=["20260504T000000Z-simulate-7"], records_skipped="why"))
    assert "5 accepted uploads are told by no truth: their content was not compared; " in told
    assert "may be of a run that was killed or is under way: 20260504T000000Z-simulate-7\n" in told
    assert "record rows were not held against the truth: why\n" in told
    assert told.endswith("nothing wrong; what no truth tells was not compared")


def test_record_fields_that_were_left_aside_are_told() -> None:
    told = report(replace(CLEAN, record_changes_waiting=1200, record_fields_edited=2)).splitlines()
    assert told[5] == (
        "1,200 changes of record fields are not applied, or held back; which, and why: vaxel gearbox plan"
    )
    assert told[6] == "2 record fields were set by somebody else since the gearbox wrote them"
    assert told[-1] == (
        "verdict: nothing lost, nothing twice, nothing wrong; record fields that wait for a change were not compared"
    )


@pytest.mark.parametrize(("device_id", "expected"), [("stranger", None), ("washer-1", "1 registered units")])
def test_record_rows_are_not_held_against_a_truth_that_does_not_tell_all_of_registered_units(
    device_id: str, expected: str | None
) -> None:
    with duckdb.connect() as lake:
        lake.execute("create table serial_number as select 'washer-1' as serial")
        lake.execute("create table devices_in_doubt as select ? as device_id", [device_id])
        why = why_skipped(lake)
    assert why is None if expected is None else expected in str(why)
