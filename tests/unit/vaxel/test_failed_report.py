"""What `vaxel failed` prints."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from streams.repair import Fit, Held
from vaxel.commands.failed_report import (
    SHOWN_BYTES,
    event_lines,
    event_object,
    repair_lines,
    replay_lines,
    trial_lines,
)

EVENT: dict[str, Any] = {
    "place": "telemetry.washer.v1[1]@7", "topic": "telemetry.washer.v1", "partition": 1, "offset": 7,
    "received_at": datetime(2026, 1, 1, 12, tzinfo=UTC), "device_id": "w-1", "reason": "out_of_range",
    "detail": "too much", "stage": "streams", "field": "water_l", "found": "", "accepted": "at most 1000", "seq": None,
    "original": b'{"device_id": "w-1", "water_l": [5000.0]}',
}  # fmt: skip


def shown(original: bytes) -> list[str]:
    lines = list(event_lines(EVENT | {"original": original}))
    start = next(number for number, line in enumerate(lines) if line.startswith("  original, "))
    return [line.removeprefix("    ") for line in lines[start + 1 :]]


def test_an_event_is_told_by_all_that_is_known_of_it() -> None:
    lines = list(event_lines(EVENT))
    assert lines[0] == "telemetry.washer.v1[1]@7"
    assert "  accepted     at most 1000" in lines
    assert "  received_at  2026-01-01T12:00:00Z" in lines
    assert "  seq          -" in lines
    assert lines[-3:] == ["  original, 41 bytes:", '    "device_id": "w-1"', '    "water_l": [5000.0]']


@pytest.mark.parametrize(
    ("original", "lines"),
    [
        (b"", []),
        (b"hello\nthere", ["hello", "there"]),
        (b"[1]", ["[1]"]),
        (b"{", ["{"]),
        (b"\x1b[31mred\x07", ["\\x1b[31mred\\x07"]),
        (b'{"x": "\x1b"}', ['{"x": "\\x1b"}']),
        ('{"é": "\\ud800"}'.encode(), ['"\\u00e9": "\\ud800"']),
        (b"AB\xff\x00", ["00000000  41 42 ff 00" + " " * 36 + "  AB.."]),
        (b"x" * (SHOWN_BYTES + 5), ["x" * SHOWN_BYTES, "... 5 characters more"]),
    ],
)
def test_bytes_are_readable_and_reach_no_terminal_as_an_escape(original: bytes, lines: list[str]) -> None:
    assert shown(original) == lines


def test_deep_nesting_and_long_binary_are_cut() -> None:
    assert shown(b"[" * 100_000)[-1] == f"... {100_000 - SHOWN_BYTES:,} characters more"
    lines = shown(b'{"a":' * 20_000 + b"1" + b"}" * 20_000)
    assert lines[-1] == f"... {120_001 - SHOWN_BYTES:,} characters more"
    binary = shown(b"\xff" * (SHOWN_BYTES + 7))
    assert (len(binary), binary[-1]) == (SHOWN_BYTES // 16 + 1, "... 7 bytes more")


def test_for_programs_bytes_are_text_or_hexadecimal_and_null_is_null() -> None:
    told = json.loads(json.dumps(event_object(EVENT)))
    assert (told["offset"], told["received_at"], told["seq"], told["found"]) == (7, "2026-01-01T12:00:00Z", None, "")
    assert told["original"] == EVENT["original"].decode()
    told = event_object(EVENT | {"original": b"\xff\x00"})
    assert told["original_hex"] == "ff00"
    assert "original" not in told


STAYS = [{"reason": "late", "count": 2, "place": "t[0]@1", "detail": "too \x1b late"}]


def test_a_trial_shows_changed_fields_only_and_why_others_stay() -> None:
    held = Held("t", 0, 3, "w-1", "out_of_range", b'{"a": 1, "b": [1000.0], "c": 2}')
    lines = list(trial_lines({"selected": 3, "fit": 1, "unfit": STAYS}, [Fit(held, "w-1", 9, b'{"a":1,"b":[1.0]}')]))
    assert lines == [
        "t[0]@3  w-1 seq 9",
        "  field  before    after",
        "  -----  --------  ------",
        "  b      [1000.0]  [1.0]",
        "  c      2         (none)",
        "3 failed events selected, 1 would be let in",
        "  2 stay, late: too \\x1b late (first t[0]@1)",
    ]


def test_a_repair_says_where_it_is_and_what_comes_next() -> None:
    report = {"selected": 3, "added": 1, "before": 0, "folder": "d/x-1", "repair": "x-1", "unfit": STAYS}
    first, _, last = repair_lines(report)
    assert first == "3 failed events selected, 1 repaired: d/x-1"
    assert last == "bring them back with: vaxel failed replay x-1"
    *_, last = repair_lines(report, Path("/data"))
    assert last == "bring them back with: vaxel failed replay x-1 --data-dir /data"
    first, *_ = repair_lines(report | {"added": 0, "before": 1})
    assert first == "3 failed events selected, 0 repaired, 1 were there before: d/x-1"
    assert len(list(repair_lines(report | {"added": 0}))) == 2


def test_a_replay_says_what_was_acknowledged_and_what_was_back() -> None:
    report = {
        "repair": "x-1", "sent": 5, "acknowledged": 4, "seconds": 0.1, "interrupted": True, "back_before": 2,
        "accepted_before": 1, "unfit": [],
    }  # fmt: skip
    assert list(replay_lines(report)) == [
        "interrupted: 4 of 5 uploads acknowledged in 0.1 s, by x-1",
        "  2 are back already: Kafka had acknowledged them",
        "  1 are in the lake already under their device and number",
        "take them in with: vaxel run --until-idle",
    ]
    nothing = report | {"sent": 0, "acknowledged": 0, "interrupted": False, "back_before": 0, "accepted_before": 0}
    assert list(replay_lines(nothing)) == ["no upload was sent back by x-1"]
    assert list(replay_lines(nothing | {"repair": "as-is"})) == ["no upload was sent back as they are"]
