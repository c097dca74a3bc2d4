"""A worker that asks for another sharing-out of the partitions first looks which partitions there are."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from streams.consumer_thread import ConsumerThread


def test_the_topics_are_looked_at_anew_before_the_group_shares_them_out_again() -> None:
    """A leader that asked while the broker was coming up knows no topic, and would leave all partitions alone."""
    done: list[str] = []

    async def look() -> None:
        done.append("look")

    consumer = SimpleNamespace(
        _client=SimpleNamespace(force_metadata_update=look),
        _coordinator=SimpleNamespace(request_rejoin=lambda: done.append("join")),
    )
    thread = ConsumerThread.__new__(ConsumerThread)
    thread._ensure_consumer = lambda: consumer  # type: ignore[method-assign]
    asyncio.run(thread.join_anew())
    assert done == ["look", "join"]
