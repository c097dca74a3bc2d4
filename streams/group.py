"""What the broker knows of the consumer group: who is in it, and whether each partition has a worker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import ConsumerGroupState, KafkaException
from confluent_kafka.admin import AdminClient
from faust.types import TP

from streams.logs import QUIET

ANSWER_S = 5.0


class Group:
    """One consumer group. A broker that does not answer knows of nothing wrong."""

    def __init__(self, kafka: str, name: str) -> None:
        self._kafka = kafka
        self._name = name

    def is_held_by_another(self, instance_id: str, member_id: str) -> bool:
        """Whether another member than this one is known under the instance id."""
        found = self._described()
        return found is not None and any(
            member.group_instance_id == instance_id and member.member_id != member_id for member in found.members
        )

    def uncovered(self, partitions: Mapping[str, int]) -> set[TP]:
        """Partitions that no member has, although the group is at rest.

        A static member that comes back gets what it had before, and nobody looks whether that is still all: topics
        created meanwhile would have no worker until the next member comes or goes.

        Args:
            partitions: Number of partitions by topic.
        """
        found = self._described()
        if found is None or found.state != ConsumerGroupState.STABLE:
            return set()
        wanted = {TP(topic, number) for topic, count in partitions.items() for number in range(count)}
        return wanted - set(_assigned(found.members))

    def _described(self) -> Any:
        # A client of its own each time: one that has described a group aborts the process when its broker is killed
        # and comes back (librdkafka 2.16, an assertion).
        admin = AdminClient({"bootstrap.servers": self._kafka, **QUIET})
        try:
            return admin.describe_consumer_groups([self._name], request_timeout=ANSWER_S)[self._name].result()
        except KafkaException:
            return None


def _assigned(members: Iterable[Any]) -> Iterable[TP]:
    for member in members:
        for place in member.assignment.topic_partitions if member.assignment else ():
            yield TP(place.topic, place.partition)
