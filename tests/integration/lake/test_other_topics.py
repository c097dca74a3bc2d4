"""A topic that is not the one the lake knew: a loud stop, until somebody accepts it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from deploy.topics import ensure_topics
from schemas.errors import OutsideError, PositionError, UnreachableError, VaxelError
from schemas.topics import BY_NAME, READINGS_WASHER
from sinks.lake.sink import Settings
from tests.integration.lake.conftest import ROWS_IN_A_FRAME, Lake, wait_for
from tests.integration.lake.test_faults import COUNTS, exactly, running

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]


def create_again(lake: Lake) -> None:
    admin = AdminClient({"bootstrap.servers": lake.kafka})
    for future in admin.delete_topics([lake.topic()]).values():
        future.result(10)
    row = replace(BY_NAME[READINGS_WASHER], name=lake.topic())

    def made() -> bool:
        try:
            ensure_topics(lake.kafka, [row], 2)
        except VaxelError:
            return False
        return lake.topic() in admin.list_topics(timeout=10).topics

    wait_for(made)


def test_a_topic_created_again_stops_the_sink_until_it_is_accepted(lake: Lake) -> None:
    lake.produce(range(2))
    lake.sink(2 * ROWS_IN_A_FRAME)
    create_again(lake)
    lake.produce(range(2, 6))
    with pytest.raises(PositionError, match="deleted and created again"):
        lake.sink(1)
    with pytest.raises(PositionError, match="deleted and created again"):
        lake.lag()
    assert lake.sink(4 * ROWS_IN_A_FRAME, accepted_topics=[lake.topic()]) == 4 * ROWS_IN_A_FRAME
    assert lake.ask(COUNTS) == exactly(6 * ROWS_IN_A_FRAME)


def test_a_topic_created_again_stops_a_sink_that_is_reading(lake: Lake) -> None:
    lake.produce(range(2))
    with running(lake, settings=Settings(max_age_s=0.1, max_idle_s=0.3)) as errors:
        wait_for(lambda: lake.lag() == 0)
        create_again(lake)
        lake.produce(range(2, 8))
        wait_for(lambda: bool(errors))
    assert isinstance(errors[0], OutsideError | PositionError)
    assert not isinstance(errors[0], UnreachableError)
    assert lake.ask(COUNTS) == exactly(2 * ROWS_IN_A_FRAME)


def test_records_that_retention_took_unread_stop_the_sink(lake: Lake) -> None:
    lake.sink(0)
    lake.produce(range(4))
    admin = AdminClient({"bootstrap.servers": lake.kafka})
    for future in admin.delete_records([TopicPartition(lake.topic(), 0, 3)]).values():
        future.result(10)
    with pytest.raises(PositionError, match="begins at offset 3, the lake comes to 0"):
        lake.sink(1)
