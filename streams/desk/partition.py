"""One partition of all the desk's inputs: takes records in, and commits what they caused in one Kafka transaction.

Order of durable effects. Only 4 makes any of them visible, all at once; a crash anywhere before leaves nothing behind:
    1. outputs written into the transaction, step by step
    2. changed state and the next positions in all inputs written into the transaction
    3. (nothing durable: the transaction is complete, not committed)
    4. the transaction committed
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from schemas import topics
from schemas.fields import Contract
from streams.batch import Place
from streams.crash_points import crash_point
from streams.desk.completeness_asks import MOST_COMMANDS
from streams.desk.memory import (
    DeskPosition,
    Input,
    desk_position_record,
    desk_state_topic,
    recall,
    register_up_to,
)
from streams.desk.reading import INPUTS, Record, arrivals
from streams.desk.step import Said, speak, step
from streams.frames import frames
from streams.memory import Position, changed_rows
from streams.ownership import COMMIT_TIMEOUT_S, owning_producer
from streams.settings import EngineSettings

SPEAK_EVERY_MS = 2_000
"""How often what is told now and then is told while inputs never rest."""
LOOK_EVERY_MS = 600_000
"""How often it is looked for while they do: what was asked of a device is asked again a day later."""
TIDY_EVERY = 64
"""Checkpoints between two looks for what can be forgotten."""


class DeskPartition:
    """Owner of one partition. Not for several threads."""

    def __init__(
        self, settings: EngineSettings, partition: int, first_offset: Callable[[Place, Position | None], Position]
    ) -> None:
        """Fence whoever owned the partition before, then read what they committed.

        Args:
            first_offset: Checks a kept position against its topic, or gives the first one.
        """
        self.partition = partition
        self._settings = settings
        self._producer = owning_producer(settings, Place(topics.DESK, partition))  # before the state is read
        self._state, kept = recall(settings, partition)
        found = kept or DeskPosition({})
        inputs = {}
        for topic in INPUTS:
            own = found.inputs.get(topic)
            position = Position(own.topic_id, own.next_offset, 0) if own is not None else None
            checked = first_offset(Place(topic, partition), position)
            inputs[topic] = Input(checked.topic_id, checked.next_offset)
        # Of a topic that was created again nothing has been taken in yet.
        known = {topic: own for topic, own in found.inputs.items() if own.topic_id == inputs[topic].topic_id}
        self._register = register_up_to(settings, partition, DeskPosition(known))
        self._committed = DeskPosition(inputs, found.checkpoint, found.has_spoken)
        self.position = self._committed
        self._in_transaction = False
        self._spoke_ms = 0
        self.uncommitted_records = 0

    @property
    def has_uncommitted(self) -> bool:
        """Whether anything was taken in, or passed over, since the last commit."""
        return self._in_transaction or self.position.inputs != self._committed.inputs

    @property
    def has_spoken(self) -> bool:
        """Whether everything has been told of what was taken in."""
        return self.position.has_spoken

    def apply(self, records: Sequence[Record]) -> None:
        """Take records in, each topic's in the order of their offsets."""
        said = step(self._state, self._register, arrivals(records))
        self._move({record.topic: record.offset + 1 for record in records})
        self.position = replace(self.position, has_spoken=False)
        self.uncommitted_records += len(records)
        self._write(said)  # 1
        crash_point("desk.after-outputs")

    def pass_over(self, topic: str, next_offset: int) -> None:
        """Nothing committed lies between what was taken in of a topic and that offset."""
        if next_offset > self.position.inputs[topic].next_offset:
            self._move({topic: next_offset})

    def speak(self, now_ms: int, *, is_idle: bool) -> None:
        """Tell what is told now and then: at once where inputs are at rest, else every `SPEAK_EVERY_MS`."""
        since_ms = now_ms - self._spoke_ms
        if since_ms < LOOK_EVERY_MS if self.has_spoken else not is_idle and since_ms < SPEAK_EVERY_MS:
            return
        said = speak(self._state, self._register, now_ms, is_idle=is_idle)
        self._write(said)  # 1
        self._spoke_ms = now_ms
        is_all = len(said.commands) < MOST_COMMANDS
        self.position = replace(self.position, has_spoken=is_idle and is_all)

    def commit(self) -> None:
        """Commit all that was taken in and said."""
        if not self.has_uncommitted and self.position == self._committed:
            return
        self._begin()
        self._producer.poll(0)  # for its log
        position = replace(self.position, checkpoint=self._committed.checkpoint + 1)
        if position.checkpoint % TIDY_EVERY == 0:
            self._state.tidy(self._settings.forget_after_days * topics.DAY_MS)
        topic = desk_state_topic(self._settings.app).name
        for key, value in (*changed_rows(self._state.stores, position.checkpoint), desk_position_record(position)):  # 2
            self._produce(topic, key, value)
        crash_point("desk.before-commit")  # 3
        self._producer.commit_transaction(COMMIT_TIMEOUT_S)  # 4
        crash_point("desk.after-commit")
        self.position = self._committed = position
        self._in_transaction, self.uncommitted_records = False, 0

    def _move(self, next_offsets: dict[str, int]) -> None:
        inputs = dict(self.position.inputs)
        for topic, next_offset in next_offsets.items():
            inputs[topic] = replace(inputs[topic], next_offset=next_offset)
        self.position = replace(self.position, inputs=inputs)

    def _begin(self) -> None:
        if not self._in_transaction:
            self._producer.begin_transaction()
            self._in_transaction = True

    def _write(self, said: Said) -> None:
        self._begin()
        by_device: Iterable[tuple[str, Sequence[Contract]]] = (
            (topics.USAGE, said.usage),
            (topics.ALERTS, said.alerts),
            (topics.COMPLETENESS, said.completeness),
            (topics.COMMANDS, said.commands),
        )
        for topic, told in by_device:
            for fact in told:
                device_id = getattr(fact, "device_id", None)
                self._produce(topic, None if device_id is None else device_id.encode(), fact.model_dump_json().encode())
        for insight in said.insights:
            # In the device's partition: whoever takes it over goes on with what was told.
            self._produce(topics.INSIGHTS, insight.subject.encode(), insight.model_dump_json().encode())
        for value in frames(said.minutes):
            self._produce(topics.FLEET_MINUTES, None, value)

    def _produce(self, topic: str, key: bytes | None, value: bytes) -> None:
        while True:
            try:
                self._producer.produce(topic, value, key, self.partition)
                return
            except BufferError:
                self._producer.poll(0.1)
