"""The gearbox at work: plans flows when they are due, and applies what may go; a queue for each record system.

In:            flows; the ledger's open change sets.
Out:           written record systems; one line an event to whoever listens.
Guarantee:     a record system that does not answer holds up no other: each has a thread, a rate, a wait and a circuit
               breaker of its own. Sets of one system are applied in the order in which they were planned.
On failure:    an unreachable system is tried again, later each time; a fault in a flow or a set is told and leaves the
               others alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from threading import Event, Thread

from schemas.errors import UnreachableError, VaxelError
from sinks.records.database import Connection, session
from sinks.records.gear import approvals, breaker, chunks, sets
from sinks.records.gear.applying import Applied, apply_set
from sinks.records.gear.breaker import Breaker
from sinks.records.gear.flow import Flow
from sinks.records.gear.places import Clock, Places
from sinks.records.gear.planning import Planned, plan_flow
from sinks.records.gear.settling import Link, settle_unsettled
from sinks.records.targets.opening import open_target

AUTHOR = "gearbox"
LOOK_EVERY_S = 0.5
"""How often a queue looks for something that may go."""
JUDGE_AGAIN = timedelta(seconds=60)
"""A set that waits is judged anew so often, though nobody has approved, frozen or lifted anything."""


@dataclass(frozen=True)
class Happened:
    """One thing that happened in a record system's queue."""

    system: str
    flow: str | None
    what: Planned | Applied | VaxelError


@dataclass(frozen=True)
class _Rest:
    """Until when a set that waits need not be looked at, unless people have said something."""

    until: datetime
    said: tuple[int, ...]


@dataclass
class Queue:
    """The work for one record system; `turn` does what is due."""

    system: str
    flows: Sequence[Flow]
    places: Places
    clock: Clock
    tell: Callable[[Happened], None]
    jitter: Random
    breaker: Breaker = field(default_factory=Breaker)
    _planned_at: dict[str, datetime] = field(default_factory=dict)
    _told: dict[int, object] = field(default_factory=dict)
    _rests: dict[int, _Rest] = field(default_factory=dict)

    def turn(self) -> bool:
        """Plans what is due and applies what may go; whether something was done."""
        system = self.places.systems[self.system]
        if not breaker.may_call(self.breaker, self.clock.now()):
            return False
        self.breaker = breaker.called(system, self.breaker, self.clock.now())
        try:
            did = self._settle() | self._plan_due() | self._apply_open()
        except VaxelError as error:
            self.tell(Happened(self.system, None, error))
            self.breaker = breaker.failed(system, self.breaker, self.clock.now(), self.jitter.random())
            with suppress(VaxelError):  # it may be the ledger itself that does not answer
                self._write_breaker(str(error))
            return False
        if self.breaker.failures:
            self.breaker = breaker.succeeded(self.breaker)
            with suppress(VaxelError):
                self._write_breaker(None)
        return did

    def is_idle(self) -> bool:
        """Whether every flow was planned and nothing may go just now; a system that does not answer is not idle."""
        return not self.breaker.failures and all(flow.name in self._planned_at for flow in self.flows)

    def _settle(self) -> bool:
        """Finds out what became of chunks that a crash or a lost connection left behind, whatever set they are of."""
        with session(self.places.ledger) as connection:
            if not chunks.unsettled(connection, self.system):
                return False
            if not chunks.holds_system(connection, self.system):
                return False  # a gearbox is at work there, whose chunk it may be
            target = open_target(self.places.systems[self.system], self.places.addresses[self.system])
            try:
                return settle_unsettled(Link(connection, target, self.places, self.clock, AUTHOR), self.system) > 0
            finally:
                target.close()

    def _plan_due(self) -> bool:
        did = False
        for flow in self.flows:
            now = self.clock.now()
            due_at = self._planned_at.get(flow.name)
            if due_at is not None and now < due_at + timedelta(seconds=flow.every_s):
                continue
            with session(self.places.ledger) as connection:
                is_asked = approvals.is_asked(connection, flow.name, now)
            if is_asked:
                self._planned_at[flow.name] = now
                continue
            planned = self._try(flow.name, lambda flow=flow: plan_flow(flow, self.places, AUTHOR, self.clock))  # type: ignore[misc]
            self._planned_at[flow.name] = now
            did = did or (isinstance(planned, Planned) and planned.is_new)
        return did

    def _apply_open(self) -> bool:
        with session(self.places.ledger) as connection:
            open_sets = sets.open_sets(connection, self.system)
            said = approvals.said(connection)
        by_name = {flow.name: flow for flow in self.flows}
        did = False
        for number, name in open_sets.items():
            flow = by_name.get(name)
            rest = self._rests.get(number)
            if flow is None or (rest is not None and rest.said == said and self.clock.now() < rest.until):
                continue
            applied = self._try(
                flow.name,
                lambda number=number, flow=flow: apply_set(  # type: ignore[misc]
                    number, flow, self.places, AUTHOR, self.clock, is_patient=False
                ),
                number,
            )
            did = did or (isinstance(applied, Applied) and (applied.rows > 0 or applied.status != "open"))
            self._rest(number, applied if isinstance(applied, Applied) else None, said)
        return did

    def _rest(self, number: int, applied: Applied | None, said: tuple[int, ...]) -> None:
        """Leaves a set alone of which nothing can go for a while: to load and judge it takes time."""
        self._rests.pop(number, None)
        if applied is not None and applied.waiting and applied.not_before is None:
            return  # only the rate holds it up
        latest = self.clock.now() + JUDGE_AGAIN
        at = None if applied is None else applied.not_before
        self._rests[number] = _Rest(latest if at is None else min(at, latest), said)

    def _try(
        self, flow: str, work: Callable[[], Planned | Applied], number: int | None = None
    ) -> Planned | Applied | None:
        """What the work gave; None where it failed for a reason that is not the record system's absence."""
        try:
            done = work()
        except UnreachableError:
            raise
        except VaxelError as error:
            if self._is_news(number, str(error)):
                self.tell(Happened(self.system, flow, error))
            return None
        is_worth_telling = done.is_new if isinstance(done, Planned) else self._is_news(number, _gist(done))
        if is_worth_telling:
            self.tell(Happened(self.system, flow, done))
        return done

    def _is_news(self, number: int | None, what: object) -> bool:
        if number is None:
            return True
        is_news = self._told.get(number) != what
        self._told[number] = what
        return is_news

    def _write_breaker(self, reason: str | None) -> None:
        with session(self.places.ledger) as connection:
            _write_breaker(connection, self.system, self.breaker, reason, self.clock.now())


def _gist(applied: Applied) -> object:
    """What makes a call's result worth telling once more: anything written, or another reason to wait."""
    return applied if applied.rows else replace(applied, not_before=None)


def _write_breaker(connection: Connection, system: str, own: Breaker, reason: str | None, now: datetime) -> None:
    connection.execute(
        """INSERT INTO gearbox.breaker (system, state, failures, retry_at, reason, changed_at)
           VALUES (%(system)s, %(state)s, %(failures)s, %(retry_at)s, %(reason)s, %(now)s)
           ON CONFLICT (system) DO UPDATE SET state = excluded.state, failures = excluded.failures,
             retry_at = excluded.retry_at, reason = excluded.reason, changed_at = excluded.changed_at""",
        {
            "system": system,
            "state": own.state,
            "failures": own.failures,
            "retry_at": own.retry_at,
            "reason": reason,
            "now": now,
        },
    )


def queues(
    flows: Iterable[Flow], places: Places, clock: Clock, tell: Callable[[Happened], None], seed: int = 0
) -> list[Queue]:
    """A queue for each record system that these flows feed."""
    by_system: dict[str, list[Flow]] = {}
    for flow in flows:
        by_system.setdefault(flow.system, []).append(flow)
    return [
        Queue(system, own, places, clock, tell, Random(f"{seed}/{system}")) for system, own in sorted(by_system.items())
    ]


def work(own: Sequence[Queue], stop: Event, *, until_idle: bool) -> Mapping[str, BaseException]:
    """Works all queues side by side until `stop`, or until each is idle or its system has been given up for a while.

    Returns:
        What ended a queue by a fault of ours; empty when all is well.
    """
    faults: dict[str, BaseException] = {}

    def turns(queue: Queue) -> None:
        try:
            while not stop.is_set():
                did = queue.turn()
                if until_idle and not did and (queue.is_idle() or queue.breaker.state == "open"):
                    return
                if not did:
                    stop.wait(LOOK_EVERY_S)
        except BaseException as error:
            faults[queue.system] = error
            stop.set()

    threads = [Thread(target=turns, args=[queue], name=f"gearbox {queue.system}") for queue in own]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return faults
