"""What `tests/conftest.py` hands to other tests."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from deploy.topics import partition_counts


@pytest.mark.kafka
def test_fresh_topics_are_new_and_empty(kafka_bootstrap: str, fresh_topic: Callable[..., str]) -> None:
    first, second = fresh_topic(), fresh_topic("receipts.v1", partitions=3)
    counts = partition_counts(kafka_bootstrap)
    assert (counts[first], counts[second]) == (1, 3)


@pytest.mark.postgres
def test_fresh_databases_are_new_and_empty(fresh_database: Callable[[], str]) -> None:
    for _ in range(2):
        with psycopg.connect(fresh_database()) as connection:
            connection.execute("create table only_here (x int)")
