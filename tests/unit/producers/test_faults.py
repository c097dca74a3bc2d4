"""Faults come at their rates and never take an upload away."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.faults import LONGEST_DELAY, FaultRates, with_faults
from producers.uploads import Upload, encode
from schemas.errors import UsageError
from schemas.topics import TELEMETRY_WASHER


def uploads(count: int, device_id: str = "wm-1-000001") -> list[Upload]:
    fields = {"material": "WM-6010", "offset_ms": [0]}
    needed = dict.fromkeys(("device_id", "sent_at_ms", "firmware", "start_ms", "lead_ms"), 1)
    return [
        Upload(TELEMETRY_WASHER, device_id, seq, seq * 1_000, 1, encode({**needed, **fields, "seq": seq}), None)
        for seq in range(count)
    ]


SHARES = st.lists(st.floats(0, 1), min_size=5, max_size=5).filter(lambda shares: sum(shares) > 0)


@settings(max_examples=40)
@given(shares=SHARES, count=st.integers(0, 150), seed=st.integers(0, 2**32))
def test_every_upload_is_sent_at_least_once_and_not_too_late(shares: list[float], count: int, seed: int) -> None:
    rates = FaultRates(*(share / sum(shares) * 0.999 for share in shares[:4]))
    sent = list(with_faults(uploads(count, f"wm-{seed}-000001"), rates))
    copies = Counter(delivery.upload.seq for delivery in sent)
    assert sorted(copies) == list(range(count))
    assert sum(copies.values()) - count == sum(delivery.fault == "duplicated" for delivery in sent)
    assert [delivery.due_ms for delivery in sent] == sorted(delivery.due_ms for delivery in sent)
    newest = 0
    for delivery in sent:
        newest = max(newest, delivery.upload.seq)
        assert newest - delivery.upload.seq <= LONGEST_DELAY
        assert delivery.intact == (delivery.value == delivery.upload.value)
    if sent:
        assert (sent[-1].upload.seq, sent[-1].fault) == (count - 1, None)


def test_faults_come_at_their_declared_rates() -> None:
    rates = FaultRates(duplicated=0.05, late=0.03, reordered=0.02, corrupt=0.01)
    counts = Counter(delivery.fault for delivery in with_faults(uploads(10_000), rates))
    for fault, share in (("duplicated", 0.05), ("late", 0.03), ("reordered", 0.02), ("corrupt", 0.01)):
        assert counts[fault] / 10_000 == pytest.approx(share, rel=0.25)  # type: ignore[index]


def test_no_faults_leave_everything_as_it_was() -> None:
    made = uploads(50)
    assert [delivery.upload for delivery in with_faults(made, FaultRates(0, 0, 0, 0))] == made


def test_a_late_upload_is_overtaken_by_later_ones() -> None:
    sent = [delivery.upload.seq for delivery in with_faults(uploads(40), FaultRates(0, 0, 1.0, 0))]
    assert sent[:4] == [0, 1, 2, 3]  # each one waits for the next, which waits too
    assert sorted(sent) == list(range(40))


def test_an_upload_sent_again_by_a_later_run_meets_the_same() -> None:
    rates = FaultRates(duplicated=0.1, late=0.1, reordered=0.1, corrupt=0.1)

    def met(sent: list[Upload]) -> dict[int, set[tuple[str | None, bytes]]]:
        found: dict[int, set[tuple[str | None, bytes]]] = {}
        for delivery in with_faults(sent, rates):
            found.setdefault(delivery.upload.seq, set()).add((delivery.fault, delivery.value))
        return found

    first, later = met(uploads(400)[:300]), met(uploads(400)[100:])
    assert {seq: first[seq] for seq in range(100, 299)} == {seq: later[seq] for seq in range(100, 299)}


@pytest.mark.parametrize("rates", [{"late": -0.1}, {"corrupt": 1.5}, {"late": 0.6, "corrupt": 0.6}])
def test_impossible_rates_are_refused_in_one_line(rates: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=r"--(late|corrupt)|late 0.6 \+"):
        FaultRates(**rates)
