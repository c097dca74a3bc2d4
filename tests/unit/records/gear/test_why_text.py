"""What `vaxel gearbox why` says of restores, of rows that are gone, and of how many sessions it shows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from schemas.records import BY_NAME
from sinks.records.gear.explain import Event, Explanation, Gone, Open, RowStanding, Standing
from sinks.records.gear.log import LogRow
from sinks.records.gear.put_backs import PutBack
from vaxel.commands.gearbox_why_text import Behind, share_told, why_lines
from vaxel.evidence import Evidence, SessionBehind

NOW = datetime(2026, 5, 15, 12, tzinfo=UTC)
TABLE = BY_NAME["erp.monthly_sales"]
KEY = ("WM-8030", date(2026, 3, 1))
PUT_BACK = PutBack(NOW - timedelta(hours=1), "Bea Berg", "from a backup")
WAITING = Open(9, "in_use_qty", "8", "wait", "its gear is nightly", None, None)
REMOVED = "erp has no such row now: change set 4 wrote it 2026-05-15 10:00:00 UTC (2 h ago), and somebody else has "


def wrote(hours: float, after: str = "7", why: Mapping[str, Any] | None = None) -> Event:
    at = NOW - timedelta(hours=hours)
    row = LogRow(1, at, "written", "gearbox", 4, 1, "f", TABLE.full_name, "{}", "in_use_qty", "5", after, None, None)
    return Event(row, None, why=why or {})


def explained(standing: Standing, *events: Event, held: str | None = "7") -> Explanation:
    put_backs = [PUT_BACK] if standing == "put_back" else []
    return Explanation("in_use_qty", held, standing, events, 0, (), put_backs)


def lines(*found: Explanation, behind: Behind | None = None, gone: Gone | None = None) -> list[str]:
    return list(why_lines(TABLE, KEY, found, behind or Behind({}, {}), NOW, gone))


def test_a_restore_stands_between_the_write_and_now() -> None:
    assert lines(explained("put_back", wrote(2)))[2:] == [
        "in_use_qty: 7; counts as not ours: erp was declared put back after the gearbox wrote 7",
        "  erp was declared put back 2026-05-15 11:00:00 UTC (1 h ago) by Bea Berg: from a backup",
        "  written 2026-05-15 10:00:00 UTC (2 h ago) by gearbox: 5 -> 7",
    ]


def test_a_restore_stands_between_two_writes() -> None:
    found = Explanation("in_use_qty", "7", "ours", [wrote(0.5), wrote(2)], 0, (), [PUT_BACK])
    assert [line.split()[0] for line in lines(found)[3:]] == ["written", "erp", "written"]


@pytest.mark.parametrize(
    ("standing", "told"),
    [
        ("never_written", "erp has no such row now, and the gearbox never wrote one."),
        ("deleted", "erp has no such row now: change set 4 deleted it 2026-05-15 10:00:00 UTC (2 h ago), by gearbox."),
        ("removed", f"{REMOVED}removed it since."),
        (
            "put_back",
            "erp has no such row now: erp was declared put back 2026-05-15 11:00:00 UTC (1 h ago) by Bea Berg: from a "
            "backup; change set 4 wrote it before, 2026-05-15 10:00:00 UTC (2 h ago), and that counts as never made.",
        ),
    ],
)
def test_of_a_row_that_is_gone_a_line_says_what_became_of_it(standing: RowStanding, told: str) -> None:
    last = None if standing == "never_written" else wrote(2).row
    gone = Gone(standing, last, None, PUT_BACK if standing == "put_back" else None, [])
    assert lines(gone=gone) == ["erp.monthly_sales WM-8030 2026-03-01", told]


def test_what_is_to_come_into_a_row_that_is_not_there_is_told_once() -> None:
    gone = Gone("removed", wrote(2).row, None, None, [WAITING])
    to_come = "  to come: change set 9 would make in_use_qty 8: waits (its gear is nightly)"
    assert lines(gone=gone)[2:] == [to_come]
    field = Explanation("in_use_qty", None, "no_row", [wrote(2)], 0, [WAITING])
    assert lines(field, gone=gone).count(to_come) == 1


@pytest.mark.parametrize(
    ("shown", "why", "told"),
    [
        (3, {"session_count": 412, "session_sample": ["a", "b", "c"]}, "; 3 of 412, a sample"),
        (3, {"session_count": 3, "session_sample": ["a", "b", "c"]}, ""),
        (2, {"session_count": 3, "session_sample": ["a", "b", "c"]}, "; 2 of 3, a sample"),
        (3, {"session_sample": ["a", "b", "c"]}, "; 3 of an unknown number, a sample"),
        (2, {"sessions": ["a", "b"]}, ""),
        (2, {"sessions": ["a", "b", "c"]}, "; 2 of 3, more with --sessions 3"),
    ],
)
def test_how_many_of_the_sessions_are_shown_is_told(shown: int, why: dict[str, Any], told: str) -> None:
    assert share_told(shown, wrote(2, why=why)) == told
    sessions = [SessionBehind(str(number), None, None, None, None, None, None, None) for number in range(shown)]
    behind = Behind({}, {"in_use_qty": Evidence(41, NOW, True, sessions)})
    (heading,) = [line for line in lines(explained("ours", wrote(2, why=why)), behind=behind) if "behind" in line]
    assert heading.endswith(f"(lake snapshot 41 of 2026-05-15 12:00:00 UTC){told}:")
