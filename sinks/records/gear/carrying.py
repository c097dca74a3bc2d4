"""Carries chunks of a change set into its record system; what became of one is written down while the next is written.

In:            rows that were judged to go.
Out:           written fields of the record system; chunks and audit rows of the ledger.
Guarantee:     of a chunk that is under way the outcome is known before the next is sent.
On failure:    a chunk that was sent stays so in the ledger until `settling` has found out what became of it.

The durable effects of each chunk:

1. it is written down as sent, with its token (ledger)
2. its rows and its token are written (record system, one transaction)
3. its audit rows and its outcome are written down (ledger, one transaction)

2 of a chunk is over before 1 of the next; 3 of it comes after. So a crash leaves two chunks at most whose outcome the
ledger does not know: the older one was written, the newer one was or was not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import TracebackType
from typing import Literal, Self
from uuid import uuid4

from schemas.errors import OutcomeUnknownError, OutsideError, RecordRefusedError
from sinks.records.crash import crash_point
from sinks.records.gear import batches, chunks, sets
from sinks.records.gear.batches import Row
from sinks.records.gear.calendar import frozen_until, next_freeze
from sinks.records.gear.flow import Flow
from sinks.records.gear.freezes import hold_calendar, in_force
from sinks.records.gear.sets import Stored
from sinks.records.gear.settling import Link, write_down
from sinks.records.targets.target import Batch, RowWrite, Written

_SHORTEST = timedelta(seconds=1)
"""A chunk is not begun so shortly before a freeze: a record system needs some of it to end in time."""
_FRESH = timedelta(seconds=1)
"""Of a judgement: the record system may need long for a chunk, and people change their minds meanwhile."""

Carried = Literal["sent", "again", "over"]
"""Of `again`, nothing was sent: its turn came late, or parts of the chunk before went meanwhile, so that judgement and
pace are to be looked at again. Of `over`, nothing was sent: a freeze has begun or is about to, or the set was ended."""
Judge = Callable[[Sequence[Row]], list[Row]]
"""Gives what may still go of rows."""


@dataclass
class Count:
    """What one call has done; `settled`: numbers of the changes of which the outcome is written down."""

    rows: int = 0
    changes: int = 0
    left_out: int = 0
    settled: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class _UnderWay:
    token: str
    rows: Sequence[Row]
    written: Future[Written]


class Carrier:
    """Who carries the chunks of one set; a context, at whose end nothing is under way."""

    def __init__(self, link: Link, flow: Flow, stored: Stored, judge: Judge, told: Callable[[Count], None]) -> None:
        """Args:
        judge: Asked before the parts of a chunk are sent that the record system refused as a whole.
        told: Called after each chunk.
        """
        self.count = Count()
        self._link, self._flow, self._stored, self._judge, self._told = link, flow, stored, judge, told
        self._under_way: _UnderWay | None = None
        self._landed: _UnderWay | None = None
        # A record system is waited for most of the time: of one process' two connections, each is busy meanwhile.
        self._writer = ThreadPoolExecutor(1, "gearbox-write")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The batch's deadline ends the wait.
        self._writer.shutdown(wait=True)
        if isinstance(error, Exception | KeyboardInterrupt):
            with suppress(Exception):  # what is not told now, whoever comes next finds out; the error goes on
                self._tell()
                self._wait()
                self._tell()

    def carry(self, rows: Sequence[Row], judged_at: datetime) -> Carried:
        """Sends a chunk, and writes down what became of the one before."""
        writes = self._writes(rows)  # made while the one before is under way
        waited = self._under_way is not None
        is_whole = self._land()
        is_late = self._link.clock.now() - judged_at > _FRESH
        carried: Carried = "again" if waited and (is_late or not is_whole) else self._send(rows, writes)
        self._tell()
        # Each chunk of a flow that moves money is judged by what was moved before.
        if self._flow.money_field is not None:
            self.land()
        return carried

    def land(self) -> None:
        """Waits for what is under way, and writes down what became of it."""
        self._land()
        self._tell()

    def _writes(self, rows: Sequence[Row]) -> list[RowWrite]:
        return batches.writes(self._flow.table, rows, is_strict=self._stored.change_set.kind != "plan")

    def _send(self, rows: Sequence[Row], writes: Sequence[RowWrite]) -> Carried:
        """Sends rows, unless a freeze was declared or begins, or the set was ended, since they were judged."""
        token = str(uuid4())
        deadline_at = self._noted(token, rows)  # 1
        if not isinstance(deadline_at, datetime):
            return deadline_at
        crash_point("gear.sent")
        batch = Batch(token, self._stored.change_set_id, self._flow.table, writes, deadline_at)
        self._under_way = _UnderWay(token, rows, self._writer.submit(self._link.target.write, batch))  # 2
        return "sent"

    def _noted(self, token: str, rows: Sequence[Row]) -> datetime | Literal["again", "over"]:
        """Writes down that rows are about to be sent, and gives when they must have been written, or that they may not.

        Who ends the set, or declares a freeze, has done so before this, or does it behind it: nothing is looked at
        before the locks are held. Where they were waited for, the judgement is old.
        """
        link, flow, stored = self._link, self._flow, self._stored
        asked_at = link.clock.now()
        with link.connection.transaction():
            if sets.status_of(link.connection, stored.change_set_id, is_held=True) != "open":
                return "over"
            hold_calendar(link.connection)
            now = link.clock.now()
            if now - asked_at > _FRESH:
                return "again"
            freezes = in_force(link.connection, flow.system, now)
            if frozen_until(freezes, flow.system, flow.name, now) is not None:
                return "over"
            deadline_at = now + timedelta(seconds=link.places.systems[flow.system].chunk_s)
            freeze_at = next_freeze(freezes, flow.system, flow.name, now)
            if freeze_at is not None:
                if freeze_at - now < _SHORTEST:
                    return "over"
                deadline_at = min(deadline_at, freeze_at)
            numbers = [number for row in rows for number in row.numbers]
            chunks.send(link.connection, token, stored.change_set_id, flow.system, numbers, len(rows), link.who, now)
        return deadline_at

    def _land(self) -> bool:
        """Waits for what is under way; where the record system refused it as a whole (False), its parts are carried."""
        under_way = self._under_way
        try:
            self._wait()
        except RecordRefusedError as error:
            assert under_way is not None, "nothing under way is refused by nobody"
            self._without_the_refused(under_way.rows, error)
            return False
        return True

    def _wait(self) -> None:
        """Waits for what is under way; an error that says for sure that nothing was written cancels it."""
        under_way = self._under_way
        if under_way is None:
            return
        try:
            under_way.written.result()  # where Ctrl-C ends the wait, it stays under way
        except OutcomeUnknownError:
            self._under_way = None
            raise
        except OutsideError:
            self._under_way = None
            chunks.cancel(self._link.connection, under_way.token, self._link.clock.now())
            raise
        crash_point("gear.written")
        self._under_way, self._landed = None, under_way

    def _tell(self) -> None:
        """Writes down what became of the chunk that has landed, if there is one."""
        if self._landed is None:
            return
        token, rows, written = self._landed.token, self._landed.rows, self._landed.written.result()
        stored = self._stored
        left_out = write_down(  # 3
            self._link, token, stored.change_set_id, stored.change_set, rows, written, self._link.who
        )
        self._landed = None
        crash_point("gear.settled")
        numbers = [number for row in rows for number in row.numbers]
        self.count.rows += sum(not left_out.issuperset(row.numbers) for row in rows) if left_out else len(rows)
        self.count.changes += len(numbers) - len(left_out)
        self.count.left_out += len(left_out)
        self.count.settled.update(numbers)
        self._told(self.count)

    def _without_the_refused(self, rows: Sequence[Row], error: RecordRefusedError) -> None:
        if len(rows) > 1:  # which of them it is, halving finds
            middle = len(rows) // 2
            for half in (rows[:middle], rows[middle:]):
                going = self._judge(half)
                if going and self._send(going, self._writes(going)) == "sent":
                    self.land()
            return
        link, stored = self._link, self._stored
        told, left_out = batches.turned_down(stored.change_set_id, stored.change_set, rows[0], str(error), link.who)
        token, now = str(uuid4()), link.clock.now()
        with link.connection.transaction():
            chunks.send(link.connection, token, stored.change_set_id, self._flow.system, left_out, 0, link.who, now)
            chunks.settle(link.connection, token, left_out, told, now)
        self.count.left_out += len(left_out)
        self.count.settled.update(left_out)
        self._told(self.count)
