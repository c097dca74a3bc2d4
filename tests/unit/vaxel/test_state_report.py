"""What `vaxel state` says before it does something, and that it does nothing when told not to."""

from __future__ import annotations

import io

import pytest
import typer

from schemas.errors import UsageError
from streams.batch import Place
from streams.inspection import PartitionState
from streams.memory import Position
from vaxel.commands.state import _ask
from vaxel.commands.state_report import _age, _ranges, _size, beginning_anew, going_on


def a_state(topic_id: str = "old", first_offset: int = 100) -> PartitionState:
    rows = {"devices": 12_345, "sessions": 210, "pieces": 0}
    return PartitionState(
        Place("telemetry.washer.v1", 2),
        Position("old", 60, 7),
        first_offset,
        160,
        topic_id,
        0,
        rows,
        1_500_000,
        0,
        (2,),
    )


def test_continue_says_how_much_retention_took() -> None:
    assert going_on(a_state()) == (
        "telemetry.washer.v1[2] holds offsets 100 to 160, the position is 60. To continue keeps 12,345 devices, "
        "210 sessions, 0 pieces and goes on at offset 100 of 160; lost: 40 offsets. A worker that owns it starts again."
    )


def test_continue_does_not_pretend_to_know_what_a_topic_that_is_gone_held() -> None:
    assert "was re-created: id old expected, new found" in going_on(a_state("new", 0))
    assert "lost: whatever it held from offset 60 on" in going_on(a_state("new", 0))


def test_reset_says_what_is_forgotten_and_what_counts_again() -> None:
    assert beginning_anew(a_state()) == (
        "To reset telemetry.washer.v1[2] forgets 12,345 devices, 210 sessions, 0 pieces (1.5 MB) and begins at offset "
        "100 of 160: 60 offsets count, also where they did before. A worker that owns it starts again."
    )


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("answer", ["n\n", "\n"])
def test_nothing_is_done_when_a_person_says_no(
    answer: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    with pytest.raises(typer.Exit) as ended:
        _ask("This would happen.", yes=False)
    assert ended.value.exit_code == 1
    assert capsys.readouterr().out.endswith("nothing has changed\n")


def test_a_person_who_says_yes_or_does_not_want_to_be_asked_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    _ask("This would happen.", yes=True)
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    _ask("This would happen.", yes=False)


def test_without_a_terminal_and_without_yes_the_use_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(UsageError, match=r"^This would happen\. Nobody is there to be asked: add --yes$"):
        _ask("This would happen.", yes=False)


def test_numbers_are_short_and_readable() -> None:
    assert _ranges([1, 2, 3, 7, 9, 10]) == "1-3, 7, 9-10"
    assert [_size(size) for size in (0, 999, 1_500, 2_000_000, 7_200_000_000)] == [
        "0 B", "999 B", "1.5 kB", "2.0 MB", "7.2 GB"
    ]  # fmt: skip
    assert [_age(age) for age in (-3, 59_999, 61_000, 7_200_000, 90_000_000)] == ["0 s", "59 s", "1 min", "2 h", "1 d"]
