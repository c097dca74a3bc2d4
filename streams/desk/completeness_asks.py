"""What to ask devices for again, and when. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator

import numpy as np

from schemas.desk import DEVICE_MEMORY_UPLOADS, Command
from streams.awaited import AWAITED_MS
from streams.dedupe import WINDOW
from streams.desk.completeness_refusals import Refusals
from streams.desk.completeness_span_store import Spans
from streams.holes import MOST_HOLES
from streams.store import Rows

ASK_AFTER_MS = 3_600_000
ASK_AGAIN_MS = 86_400_000
"""A hole is asked for so long after it was noticed, since uploads may only have been overtaken; and again so long after
that: devices may be switched off."""
MOST_COMMANDS = 100
"""Told at once, or a few more where the last hole is in pieces; the rest next time. One device may have thousands."""
REACH = WINDOW + MOST_HOLES
"""How far below the upload that showed a hole the stream takes what comes at last (`streams.awaited`)."""


class Asks:
    """The holes before spans, by when to ask for them."""

    def __init__(self, spans: Spans, refusals: Refusals) -> None:
        self._spans = spans
        self._refusals = refusals
        self._due: list[tuple[int, int]] = []
        rows = spans.store.rows()
        self.watch(rows[spans.store.values["noticed_ms"][rows] > 0])

    def watch(self, rows: Rows) -> None:
        """Ask in time for what is missing before these spans."""
        for row in rows.tolist():
            due_ms = self._due_ms(row, ASK_AFTER_MS)
            if due_ms is not None:
                heapq.heappush(self._due, (due_ms, row))

    def commands(self, now_ms: int, device_name: Callable[[int], str], after_ms: int = ASK_AFTER_MS) -> list[Command]:
        """What is due: numbers that have not come, that the device can still have, and that the stream would take.

        Args:
            after_ms: How long ago a hole must have been noticed.
        """
        said: list[Command] = []
        values = self._spans.store.values
        again: list[int] = []
        while len(said) < MOST_COMMANDS and self._due and self._due[0][0] <= now_ms + ASK_AFTER_MS - after_ms:
            _, row = heapq.heappop(self._due)
            due_ms = self._due_ms(row, after_ms)
            if due_ms is None or due_ms > now_ms:  # it was asked for, or has come, meanwhile
                again.append(row)
                continue
            expires_at_ms = int(values["noticed_ms"][row]) + AWAITED_MS
            values["asked_ms"][row] = now_ms
            self._spans.store.touch(np.array([row]))
            again.append(row)
            if expires_at_ms <= now_ms:
                continue
            device_id = device_name(int(values["slot"][row]))
            said += [
                Command(
                    command_id=f"{device_id}:{first}-{end}",
                    device_id=device_id,
                    product="shoe" if values["is_shoe"][row] else "washer",
                    kind="send_again",
                    from_seq=first,
                    to_seq=end,
                    asked_at_ms=now_ms,
                    expires_at_ms=expires_at_ms,
                )
                for first, end in self._missing_before(row)
            ]
        self.watch(np.array(again, dtype=np.int64))
        return said

    def _due_ms(self, row: int, after_ms: int) -> int | None:
        """When to ask for what is missing before a span; None: not at all, or no more."""
        span = self._spans.store.values[row]
        noticed_ms, asked_ms = int(span["noticed_ms"]), int(span["asked_ms"])
        if not self._spans.store.used[row] or not noticed_ms or not span["before"]:
            return None
        due_ms = asked_ms + ASK_AGAIN_MS if asked_ms else noticed_ms + after_ms
        return due_ms if due_ms < noticed_ms + AWAITED_MS else None

    def _missing_before(self, row: int) -> Iterator[tuple[int, int]]:
        """Ranges of numbers before a span that have neither come nor been refused, within reach of all."""
        values = self._spans.store.values
        slot, end = int(values["slot"][row]), int(values["first_seq"][row])
        newest = int(values["next_seq"][self._spans.chains.heads(np.array([slot]))[0]])
        first = max(int(values["next_seq"][values["before"][row] - 1]), end - REACH, newest - DEVICE_MEMORY_UPLOADS)
        for refused in [*self._refusals.are_known(slot, first, end).tolist(), end]:
            if first < refused:
                yield first, refused
            first = refused + 1
