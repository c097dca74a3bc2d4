"""The two ways on when a position no longer fits its topic. A person chooses (`vaxel state continue | reset`).

In:            the state topic and the input topic of one partition.
Out:           the state topic: a new position, and for `begin_anew` an empty record for every key.
Guarantee:     all of it in one transaction, or nothing; whoever owned the partition can commit nothing after it.
On failure:    nothing has changed; call again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from confluent_kafka import KafkaException, Producer

from schemas.errors import OutsideError, UsageError
from schemas.topics import state_topic
from streams.batch import Place
from streams.inspection import PartitionState, measured
from streams.memory import POSITION_KEY, Position, position_record
from streams.ownership import owning_producer
from streams.positions import Topics
from streams.product import Product
from streams.settings import EngineSettings
from streams.state_topic import Records, live_records

ANSWER_S = 60.0

Change = tuple[bytes, bytes | None]
"""A key and its new value; None gives the key up."""


def check_go_on(found: PartitionState) -> None:
    """Nothing, if there is a reason to go on elsewhere.

    Raises:
        UsageError: the position fits its topic, or there is none.
    """
    name = f"{found.place.topic}[{found.place.partition}]"
    if found.position is None:
        raise UsageError(f"nothing to decide: {name} was never taken in and begins at offset {found.first_offset}")
    if found.misfit is None:
        raise UsageError(
            f"nothing to decide: {name} holds offsets {found.first_offset} to {found.end_offset}, "
            f"the position {found.position.next_offset} fits"
        )


def check_begin_anew(found: PartitionState) -> None:
    """Nothing, if there is something to forget.

    Raises:
        UsageError: there is not.
    """
    if found.position is None:
        raise UsageError(f"nothing to forget: {found.place.topic}[{found.place.partition}] was never taken in")


def go_on(settings: EngineSettings, product: Product, place: Place) -> PartitionState:
    """Keep what is remembered and go on at the first offset that the topic holds; returns what was found before.

    Raises:
        UsageError: as `check_go_on`.
        OutsideError: the broker does not answer, or somebody else took the partition over meanwhile.
    """
    with _owned(settings, product, place) as (producer, _, found):
        check_go_on(found)
        _commit(settings, producer, place, [position_record(_at_first_offset(found))])
    return found


def begin_anew(settings: EngineSettings, product: Product, place: Place) -> PartitionState:
    """Forget all that is remembered and begin at the first offset that the topic holds; returns what was found before.

    Raises:
        UsageError: as `check_begin_anew`.
        OutsideError: as `go_on`.
    """
    with _owned(settings, product, place) as (producer, records, found):
        check_begin_anew(found)
        given_up: list[Change] = [(key, None) for key in records if key != POSITION_KEY]
        _commit(settings, producer, place, [*given_up, position_record(_at_first_offset(found))])
    return found


@contextmanager
def _owned(
    settings: EngineSettings, product: Product, place: Place
) -> Iterator[tuple[Producer, Records, PartitionState]]:
    """The partition, taken from its owner, and what that one committed last."""
    topics = Topics(settings.kafka)
    topic = state_topic(settings.app, place.topic).name
    try:
        producer = owning_producer(settings, place)  # before the state is read
        records = live_records(settings, topic, [place.partition])[place.partition]
        yield producer, records, measured(topics, product, place, records)
    except KafkaException as error:
        raise OutsideError(
            f"cannot take over {place.topic}[{place.partition}]: {error.args[0].str()}. Stop its workers and call again"
        ) from error


def _at_first_offset(found: PartitionState) -> Position:
    """The position at the beginning of the topic as it is.

    The number of checkpoints stays: each saves its page in turn, and one left out would leave rows whose only copy is
    a delta that is soon written over (decision D5).
    """
    assert found.position is not None, "checked before"
    return replace(found.position, topic_id=found.topic_id, next_offset=found.first_offset)


def _commit(settings: EngineSettings, producer: Producer, place: Place, changes: Iterable[Change]) -> None:
    topic = state_topic(settings.app, place.topic).name
    producer.begin_transaction()
    for key, value in changes:
        producer.produce(topic, value, key, place.partition)
    producer.commit_transaction(ANSWER_S)
