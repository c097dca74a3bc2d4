"""Dedup judges as a dictionary would that never forgets, as far as its window reaches."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from streams.dedupe import NEVER, WINDOW, Verdict, dedupe
from tests.unit.examples import examples

DEVICES = 4
Upload = tuple[int, int, int]  # device, number, label


@dataclass
class Memory:
    """Window of each device, as arrays."""

    newest: npt.NDArray[np.int64] = field(default_factory=lambda: np.full(DEVICES, NEVER, dtype=np.int64))
    window: npt.NDArray[np.uint64] = field(default_factory=lambda: np.zeros(DEVICES, dtype=np.uint64))
    label: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(DEVICES, dtype=np.int64))

    def judge(self, uploads: list[Upload]) -> list[tuple[Verdict, bool, int]]:
        """Verdict, overtaken, left of each upload of one batch."""
        slot, seq, label = (np.array([upload[part] for upload in uploads], dtype=np.int64) for part in range(3))
        judged = dedupe(slot, seq, label, self.newest, self.window, self.label)
        self.newest[judged.device] = judged.newest
        self.window[judged.device] = judged.window
        self.label[judged.device] = judged.label
        return list(zip(map(Verdict, judged.verdict), judged.overtaken.tolist(), judged.left.tolist(), strict=True))


@dataclass
class Model:
    """The same from all numbers ever seen."""

    seen: dict[int, dict[int, int]] = field(default_factory=dict)

    def judge(self, uploads: list[Upload]) -> list[tuple[Verdict, bool, int]]:
        return [self._judge(*upload) for upload in uploads]

    def _judge(self, device: int, number: int, label: int) -> tuple[Verdict, bool, int]:
        labels = self.seen.setdefault(device, {})
        newest = max(labels, default=NEVER)
        newest_label = labels.get(newest, 0)
        overtaken = number < newest and newest_label != label
        if number <= newest - WINDOW:
            return Verdict.LATE, overtaken, 0
        if number in labels:
            return Verdict.DUPLICATE, overtaken, 0
        left = newest_label if number > newest and newest_label != label else 0
        labels[number] = label
        return Verdict.ACCEPTED, overtaken, left

    def bits(self, device: int) -> int:
        labels = self.seen.get(device, {})
        newest = max(labels, default=NEVER)
        return sum(1 << newest - number for number in labels if newest - number < WINDOW)


def judged(*numbers: int, batches: bool = False) -> str:
    """Verdicts on one device's numbers, a letter each: accepted, Duplicate, Late."""
    memory = Memory()
    uploads = [(0, number, 0) for number in numbers]
    cut = [[upload] for upload in uploads] if batches else [uploads]
    return "".join("aDL"[verdict] for part in cut for verdict, _, _ in memory.judge(part))


def test_a_number_seen_before_is_a_duplicate() -> None:
    for batches in (False, True):
        assert judged(1, 2, 2, 1, 3, batches=batches) == "aaDDa"


def test_a_gap_may_be_filled_later_once() -> None:
    for batches in (False, True):
        assert judged(1, 4, 2, 2, 3, batches=batches) == "aaaDa"


def test_a_number_behind_the_window_is_late_whether_it_was_seen_or_not() -> None:
    for batches in (False, True):
        assert judged(0, 100, 100 - WINDOW + 1, 100 - WINDOW, 0, batches=batches) == "aaaLL"


def test_the_first_number_may_be_any() -> None:
    assert judged(2**53 - 1, 2**53 - 1, 2**53 - 2) == "aDa"


def test_a_jump_of_numbers_empties_the_window() -> None:
    for jump in (WINDOW - 1, WINDOW, WINDOW + 1, 2**40):
        for batches in (False, True):
            assert judged(0, jump, jump, 0, batches=batches) == ("aaDD" if jump < WINDOW else "aaDL")


def test_no_uploads_leave_everything_as_it_was() -> None:
    memory = Memory()
    assert memory.judge([]) == []
    assert memory.newest.tolist() == [NEVER] * DEVICES


def test_an_upload_is_overtaken_when_a_newer_one_with_another_label_came_first() -> None:
    memory = Memory()
    found = memory.judge([(0, 1, 7), (0, 3, 8), (0, 2, 7), (0, 4, 8), (0, 5, 0)])
    assert [overtaken for _, overtaken, _ in found] == [False, False, True, False, False]
    assert [left for _, _, left in found] == [0, 7, 0, 0, 8]


@st.composite
def uploads_in_batches(draw: st.DrawFn) -> list[list[Upload]]:
    """Uploads of some devices, mostly rising, with repeats, gaps, jumps and steps back; cut anywhere."""
    steps = st.sampled_from([1, 1, 1, 1, 2, 0, -1, -2, -5, 3, WINDOW - 1, WINDOW, -WINDOW + 1, -WINDOW, 200])
    at = [draw(st.sampled_from([0, 5, 1_000, 2**50])) for _ in range(DEVICES)]
    batches: list[list[Upload]] = [[]]
    for _ in range(draw(st.integers(0, 60))):
        device = draw(st.integers(0, DEVICES - 1))
        at[device] = max(0, at[device] + draw(steps))
        batches[-1].append((device, at[device], draw(st.sampled_from([0, 10, 10, 20]))))
        if draw(st.integers(0, 7)) == 0:
            batches.append([])
    return batches


@examples(40)
@given(uploads_in_batches())
def test_any_sequence_cut_anywhere_is_judged_as_by_a_dictionary(batches: list[list[Upload]]) -> None:
    memory, model, whole = Memory(), Model(), Memory()
    uploads = [upload for batch in batches for upload in batch]
    expected = model.judge(uploads)
    assert [found for batch in batches for found in memory.judge(batch)] == expected
    assert whole.judge(uploads) == expected
    for known in (memory, whole):
        assert [int(bits) for bits in known.window] == [model.bits(device) for device in range(DEVICES)]
        assert known.newest.tolist() == [max(model.seen.get(device, {}), default=NEVER) for device in range(DEVICES)]
        assert known.label.tolist() == memory.label.tolist()
