"""What the driver says to the group: nothing that it says may move the group itself."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import IllegalGenerationError, NoError, RebalanceInProgressError, UnknownMemberIdError
from faust.types import TP

from streams.consumer_thread import ConsumerThread


class Coordinator:
    """Answers offset commits with one error code, and has no other way to be used."""

    group_id, generation, member_id, coordinator_id = "vaxel", 7, "vaxel-0", 1

    def __init__(self, code: int) -> None:
        self._code = code
        self.asked: list[Any] = []

    async def _send_req(self, request: Any) -> Any:
        self.asked.append(request)
        return SimpleNamespace(
            topics=[(topic, [(place[0], self._code) for place in places]) for topic, places in request._topics]
        )


def shown(coordinator: Any) -> bool:
    thread = ConsumerThread.__new__(ConsumerThread)
    thread._ensure_consumer = lambda: SimpleNamespace(_coordinator=coordinator)  # type: ignore[method-assign]
    return asyncio.run(thread.show_positions({TP("a", 0): 3, TP("a", 1): 4, TP("b", 0): 5}))


def test_positions_are_shown_as_the_group_s_offsets() -> None:
    coordinator = Coordinator(NoError.errno)
    assert shown(coordinator)
    (request,) = coordinator.asked
    assert request._topics == [("a", [(0, 3, "\0"), (1, 4, "\0")]), ("b", [(0, 5, "\0")])]
    assert (request._consumer_group_generation_id, request._consumer_id) == (7, "vaxel-0")


@pytest.mark.parametrize("error", [IllegalGenerationError, RebalanceInProgressError, UnknownMemberIdError])
def test_a_generation_gone_by_is_no_reason_to_join_anew(error: type[Exception]) -> None:
    """Two workers that did so pushed each other out of the group for as long as one looked."""
    assert not shown(Coordinator(error.errno))  # type: ignore[attr-defined]


def test_outside_a_generation_nothing_is_sent() -> None:
    coordinator = Coordinator(NoError.errno)
    coordinator.generation = -1
    assert not shown(coordinator)
    assert coordinator.asked == []
