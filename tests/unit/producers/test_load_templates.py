"""Which sessions of a simulated life can be played again and again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from producers.fleet import FIRST_DAY_MS, fleet
from producers.load_templates import templates, whole_session
from producers.uploads import Part, Session, Upload, encode
from schemas.errors import UsageError
from schemas.topics import TELEMETRY_WASHER

DEVICE = fleet(5, 1, 0, FIRST_DAY_MS, 1).members[0].device
MINUTE_MS = 60_000


def upload(seq: int, session: Session | None, *, ends: bool = False, mistake: str | None = None, **own: Any) -> Upload:
    """One upload a minute; every one moves the counters."""
    fields = {
        "device_id": "wm-5-000000",
        "seq": seq,
        "sent_at_ms": FIRST_DAY_MS + seq * MINUTE_MS,
        "material": "WM-6010",
        "firmware": "3.2.0",
        "offset_ms": [],
        "lifetime_cycles": seq,
        "lifetime_energy_wh": seq * 1.5,
        "lifetime_water_l": seq * 2.0,
        **own,
    }
    part = None if session is None else Part(session, 1.5, fields["sent_at_ms"], ends)
    return Upload(TELEMETRY_WASHER, DEVICE.device_id, seq, fields["sent_at_ms"], 0, encode(fields), part, mistake)


def a_session(started: int) -> Session:
    start_ms = FIRST_DAY_MS + started * MINUTE_MS
    return Session("washer", DEVICE.device_id, "WM-6010", 1, start_ms, start_ms, 1.5, 0)


FIRST, SECOND = a_session(1), a_session(3)
SOUND = [upload(1, FIRST), upload(2, FIRST, ends=True), upload(3, SECOND), upload(4, SECOND, ends=True)]


def chosen(uploads: list[Upload]) -> Session | None:
    played = whole_session("washer", DEVICE, uploads)
    return None if played is None else played.session


def test_the_first_session_with_an_upload_before_it_is_played() -> None:
    assert chosen([upload(0, None), *SOUND]) is FIRST
    assert chosen(SOUND) is SECOND, "what the counters were before the first one, nobody knows"


def test_a_life_without_a_session_gives_nothing() -> None:
    assert chosen([]) is None
    assert chosen([upload(0, None), upload(1, None)]) is None


@pytest.mark.parametrize(
    ("number", "odd"),
    [
        (2, upload(2, FIRST)),  # cut off: it never ended
        (2, upload(2, FIRST, ends=True, mistake="power_kw")),
        (1, upload(1, FIRST, mistake="power_kw")),
        (1, upload(1, FIRST, firmware="3.2.1")),
        (2, upload(2, FIRST, ends=True, board_no=1)),
        (2, upload(2, FIRST, ends=True, lifetime_water_l=0.0)),
        (1, upload(1, FIRST, lifetime_energy_wh=None)),
        (2, replace(upload(5, FIRST, ends=True), seq=5)),  # one before it was lost
        (2, upload(2, FIRST, ends=True, sent_at_ms=FIRST_DAY_MS)),
    ],
)
def test_a_session_with_something_odd_is_passed_over(number: int, odd: Upload) -> None:
    later = [upload(6, None), upload(7, SECOND), upload(8, SECOND, ends=True)]
    told = [upload(0, None), *SOUND[:2]]
    told[number] = odd
    assert chosen([*told, *later]) is SECOND
    assert chosen(told) is None


def test_uploads_of_the_second_version_are_passed_over() -> None:
    new = [
        upload(seq, session, ends=ends, schema_version=2) for seq, session, ends in [(0, None, False), (1, FIRST, True)]
    ]
    assert chosen(new) is None


def test_every_template_ends_before_the_next_session_begins() -> None:
    found = templates("washer", 5, 3, 11)
    last = found.first + found.upload_count - 1
    assert (found.period_ms >= found.sent_ms[last] + MINUTE_MS).all()
    assert (found.period_ms % 1_000 == 0).all()
    assert found.ends_session.nonzero()[0].tolist() == last.tolist()
    assert len({played.device.device_id for played in found.sessions}) == 5


def test_more_templates_than_the_fleet_has_sessions_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.load_templates._MEMBERS_PER_TEMPLATE", 1)
    with pytest.raises(UsageError, match=r"--templates 20: \d+ were found among 20 devices of seed 3"):
        templates("washer", 20, 3, 11)
