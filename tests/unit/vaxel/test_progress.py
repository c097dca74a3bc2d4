"""How far a pipeline has come is asked of a Kafka that may need a moment."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from schemas.errors import UnreachableError
from streams.memory import Position, position_record
from streams.state_topic import Record, Records
from vaxel import progress
from vaxel.progress import Intake, not_taken_in


class Moving:
    """A consumer whose coordinator moves for some answers."""

    def __init__(self, answers: int) -> None:
        self._answers = answers

    def committed(self, places: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        assert timeout > 0
        self._answers -= 1
        if self._answers >= 0:
            raise KafkaException(KafkaError(KafkaError.NOT_COORDINATOR))
        return [TopicPartition(place.topic, place.partition, 7) for place in places]

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def intake(monkeypatch: pytest.MonkeyPatch) -> Intake:
    monkeypatch.setattr(progress, "LOOK_AGAIN_S", 0.001)
    intake = Intake("127.0.0.1:1")
    intake.close()
    return intake


def test_a_coordinator_that_moves_is_asked_again(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "_consumer", Moving(answers=3))
    assert intake.remaining({("t", 0): (0, 10), ("t", 1): (0, 5)}) == 3


def test_one_that_never_answers_is_said_to(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "ANSWER_S", 0.01)
    monkeypatch.setattr(intake, "_consumer", Moving(answers=10_000))
    with pytest.raises(UnreachableError, match=r"does not answer: .*coordinator"):
        intake.remaining({("t", 0): (0, 10)})


def test_what_the_state_does_not_know_is_not_taken_in_whatever_the_group_says(monkeypatch: pytest.MonkeyPatch) -> None:
    def positions(_: object, topic: str, numbers: list[int]) -> dict[int, Records]:
        key, value = position_record(Position("id", 4, 1))  # moved back by `vaxel state reset`, say
        known: dict[int, Records] = {0: {key: Record(value, 0)}, 1: {}}
        assert topic.endswith("telemetry.shoe.v1")
        return {number: known[number] for number in numbers}

    monkeypatch.setattr(progress, "live_records", positions)
    ends = {("telemetry.shoe.v1", 0): (2, 10), ("telemetry.shoe.v1", 1): (3, 5)}
    assert not_taken_in("127.0.0.1:1", ends) == 6 + 2
