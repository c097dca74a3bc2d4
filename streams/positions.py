"""Whether a kept position still fits its topic.

Offsets mean nothing in a re-created topic, or before its log begins.
"""

from __future__ import annotations

from confluent_kafka import Consumer, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

from schemas.errors import PositionError, UnreachableError
from streams.batch import Place
from streams.logs import QUIET
from streams.memory import Position

ANSWER_S = 15.0


class Topics:
    """Asks the broker for topic ids and the ends of partitions."""

    def __init__(self, kafka: str) -> None:
        self._kafka = kafka
        self._admin = AdminClient({"bootstrap.servers": kafka, **QUIET})

    def topic_id(self, topic: str) -> str:
        """Kafka's id of a topic: another one after it was re-created.

        Raises:
            PositionError: there is no such topic.
            UnreachableError: the broker does not answer.
        """
        return self._described(topic)[0]

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has.

        Raises:
            PositionError: there is no such topic.
            UnreachableError: the broker does not answer.
        """
        return self._described(topic)[1]

    def _described(self, topic: str) -> tuple[str, int]:
        """Id and number of partitions of a topic."""
        described = self._admin.describe_topics(TopicCollection([topic]), request_timeout=ANSWER_S)[topic]
        try:
            found = described.result()
            return str(found.topic_id), len(found.partitions)
        except KafkaException as error:
            if error.args[0].name() == "UNKNOWN_TOPIC_OR_PART":
                raise PositionError(f"topic {topic} does not exist at {self._kafka}. Create it: vaxel up") from error
            raise UnreachableError(
                f"Kafka at {self._kafka} does not describe {topic}: {error.args[0].str()}"
            ) from error

    def first_position(self, place: Place, kept: Position | None) -> Position:
        """The kept position if it fits the topic, else the first one of a partition never read.

        Raises:
            PositionError: the topic was re-created, or the log begins after the position or ends before it.
        """
        topic_id = self.topic_id(place.topic)
        low, high = self.ends(place)
        if kept is None:
            return Position(topic_id, low, 0)
        why = misfit(kept, topic_id, low, high)
        if why is not None:
            raise PositionError(f"{place.topic}[{place.partition}] {why}. {choices(place)}")
        return kept

    def check_id(self, place: Place, kept: Position) -> None:
        """Nothing, if the topic is still the one that the position speaks of.

        Raises:
            PositionError: the topic was re-created.
        """
        why = _recreated(kept, self.topic_id(place.topic))
        if why is not None:
            raise PositionError(f"{place.topic}[{place.partition}] {why}. {choices(place)}")

    def ends(self, place: Place) -> tuple[int, int]:
        """First and next offset of a partition.

        Raises:
            UnreachableError: the broker does not answer.
        """
        consumer = Consumer({"bootstrap.servers": self._kafka, "group.id": "vaxel.ends", **QUIET})
        try:
            low, high = consumer.get_watermark_offsets(TopicPartition(place.topic, place.partition), timeout=ANSWER_S)
        except KafkaException as error:
            raise UnreachableError(f"Kafka at {self._kafka} does not answer: {error.args[0].str()}") from error
        finally:
            consumer.close()
        return low, high


def misfit(kept: Position, topic_id: str, low: int, high: int) -> str | None:
    """Why a kept position does not fit a topic of that id that holds offsets [low, high); None where it fits."""
    why = _recreated(kept, topic_id)
    if why is None and not low <= kept.next_offset <= high:
        why = f"holds offsets {low} to {high}, the position is {kept.next_offset}"
    return why


def _recreated(kept: Position, topic_id: str) -> str | None:
    return None if kept.topic_id == topic_id else f"was re-created: id {kept.topic_id} expected, {topic_id} found"


def choices(place: Place) -> str:
    """The two commands that go on from a position that does not fit."""
    what = f"{place.topic} {place.partition}"
    return (
        f"Choose: keep what is remembered and go on with what the topic holds (vaxel state continue {what}), "
        f"or forget it and begin anew (vaxel state reset {what})"
    )
