"""Who watches a pipeline outlasts systems that are away for a while, and does not take a pause for the end."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import pytest

from schemas.errors import DecisionError, OutsideError, UnreachableError, UsageError
from vaxel import pipeline
from vaxel.gauge import Gauge
from vaxel.pipeline import Progress, alone, watch
from vaxel.progress import Counts, Ends
from vaxel.supervisor import Supervisor

T = TypeVar("T")
AWAY = UnreachableError("it does not answer")


class Script(Gauge):
    """Gives what it is told to, look after look; the last of it for ever.

    Args:
        behind: What is asked where the lake stands still.
        counts: Readings in the lake, None for no lake, or the error that comes instead.
    """

    def __init__(self, behind: list[int | Exception], counts: list[int | Exception | None] | None = None) -> None:
        self._behind = behind
        self._counts: list[int | Exception | None] = counts if counts is not None else [1]
        self.looks = 0

    def ends(self) -> Ends:
        return {("t", 0): (0, 10)}

    def waiting(self, ends: Ends) -> int:
        assert ends
        self.looks += 1
        return 0

    def counts(self) -> Counts | None:
        found = _next(self._counts)
        return None if found is None else Counts(readings=found)

    def behind(self, ends: Ends) -> int:
        assert ends
        found = _next(self._behind)
        assert found is not None
        return found

    def forget(self) -> None:
        """Nothing is open."""


def _next(script: list[T | Exception]) -> T:
    found = script.pop(0) if len(script) > 1 else script[0]
    if isinstance(found, Exception):
        raise found
    return found


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "LOOK_EVERY_S", 0.0)


def watched(gauge: Script, told: list[str], *, until_idle: bool = True, looks: int = 1_000) -> Progress:
    return watch(
        Supervisor(Path("logs"), told.append),
        gauge,
        until_idle=until_idle,
        is_stopped=lambda: gauge.looks >= looks,
        show=lambda _progress: None,
    )


def test_systems_that_are_away_for_a_while_are_told_once_and_asked_again() -> None:
    told: list[str] = []
    gauge = Script([0, AWAY, AWAY, 0], [1, AWAY, AWAY, AWAY, 1])
    assert watched(gauge, told).counts.readings == 1
    assert told == ["it does not answer; it is asked again"] * 2


def test_who_waits_for_the_end_has_patience_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "PATIENCE_S", 0.01)
    told: list[str] = []
    with pytest.raises(UnreachableError):
        watched(Script([AWAY]), told, looks=10**9)
    assert len(told) == 1


def test_who_does_not_wait_for_the_end_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "PATIENCE_S", 0.0)
    told: list[str] = []
    watched(Script([0], [AWAY]), told, until_idle=False, looks=50)
    assert len(told) == 1


def test_what_a_person_has_to_decide_is_not_asked_again() -> None:
    with pytest.raises(DecisionError):
        watched(Script([DecisionError("choose")]), [])


def test_a_group_that_says_all_is_taken_in_is_not_believed_against_the_state() -> None:
    gauge = Script([7, 7, 3, 0])
    watched(gauge, [])
    assert gauge.looks >= 5


def test_the_end_is_seen_twice_before_it_is_believed() -> None:
    gauge = Script([0, 1, 0, 1, 0], [1, 1, 1, 1, 2])
    assert watched(gauge, []).counts.readings == 2


def test_without_a_lake_there_is_no_end() -> None:
    gauge = Script([0], [None, None, None, 0])
    watched(gauge, [])
    assert gauge.looks > 4


def test_a_second_run_in_a_data_directory_is_refused(tmp_path: Path) -> None:
    with (
        alone(tmp_path / "data"),
        pytest.raises(UsageError, match="another vaxel run works in"),
        alone(tmp_path / "data"),
    ):
        pass
    with alone(tmp_path / "data"):
        pass


def test_a_data_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(OutsideError, match=r"cannot write to .*file/data: Not a directory"),
        alone(tmp_path / "file/data"),
    ):
        pass
    with pytest.raises(OutsideError, match=r"cannot start sink-lake with its log .*: Not a directory"):
        Supervisor(tmp_path / "file" / "logs").start("sink-lake", "--help")
