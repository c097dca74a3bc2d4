"""Instants as people write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from schemas.errors import UsageError
from vaxel.instants import end_ms


def at_ms(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp() * 1000)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2026-05-03 14:03", at_ms(2026, 5, 3, 14, 3)),
        ("2026-05-03T14:03:20Z", at_ms(2026, 5, 3, 14, 3, 20)),
        (" 2026-05-03 14:03:20.5 ", at_ms(2026, 5, 3, 14, 3, 20) + 500),
        ("2026-05-03 14:03+02:00", at_ms(2026, 5, 3, 12, 3)),
        ("2026-05-03T14:03:00-05:30", at_ms(2026, 5, 3, 19, 33)),
        *((day, at_ms(2026, 5, 4) - 1) for day in ("2026-05-03", "20260503", "2026-W18-7", "2026W187")),
        ("2026-W18-7 14:03", at_ms(2026, 5, 3, 14, 3)),
    ],
)
def test_an_instant_is_utc_unless_it_says_otherwise_and_a_day_is_its_end(text: str, ms: int) -> None:
    assert end_ms(text) == ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-13-01",
        "2026-05-03 25:00",
        "14:03",
        "1777817000",
        "9999-12-31",
        "2026-W18",
        "2026W18",
        "2026-W18 14:03",
        "٢٠٢٦-٠٥-٠٣",
    ],
)
def test_what_is_no_instant_is_refused_with_what_is_accepted(text: str) -> None:
    with pytest.raises(UsageError, match=r"is no instant; accepted are 2026-05-03 14:03 \(UTC\)"):
        end_ms(text)
