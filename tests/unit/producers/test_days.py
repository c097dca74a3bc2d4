"""People live by their own clock."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import takewhile
from random import Random
from zoneinfo import ZoneInfo

import pytest

from producers.days import session_starts

MORNING = [0] * 7 + [1] + [0] * 16


@pytest.mark.parametrize("zone", ["Europe/Stockholm", "America/New_York", "Asia/Tokyo"])
def test_sessions_start_at_local_hours_also_when_summer_time_begins(zone: str) -> None:
    start_ms = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp()) * 1000
    end_ms = int(datetime(2026, 4, 30, tzinfo=UTC).timestamp()) * 1000
    endless = session_starts(start_ms, zone, per_day=1.5, hour_weights=MORNING, rng=Random(1))
    starts = list(takewhile(lambda start: start < end_ms, endless))
    local = [datetime.fromtimestamp(start / 1000, ZoneInfo(zone)) for start in starts]
    assert {moment.hour for moment in local} == {7}
    assert starts == sorted(starts)
    assert start_ms <= starts[0] <= starts[-1] < end_ms
    assert 75 < len(starts) < 105
