"""Finds out what became of chunks that were sent, before anything else is done with their record system.

In:            chunks that the ledger knows as sent, since whoever sent them died or lost a connection.
Out:           their outcome and audit rows in the ledger.
Guarantee:     what the record system has written is in the audit once; what it has not, it never will.
On failure:    they stay as they are, and are settled the next time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from schemas.errors import DecisionError
from sinks.records.database import Connection
from sinks.records.gear import batches, chunks, sets
from sinks.records.gear.batches import Row
from sinks.records.gear.changes import ChangeSet
from sinks.records.gear.flow import Flow, Purpose
from sinks.records.gear.places import Clock, Places
from sinks.records.gear.situation import consenting
from sinks.records.targets.target import Target, Written

_CONSENTS_FOR = timedelta(seconds=2)
"""A list of who agrees is that old at most when a chunk is judged by it."""


@dataclass
class Link:
    """A ledger connection that alone writes into one record system, and that system."""

    connection: Connection
    target: Target
    places: Places
    clock: Clock
    who: str
    _consents: Mapping[Purpose, frozenset[str]] = field(default_factory=dict)
    _consents_at: datetime | None = None

    def consenting(self, flow: Flow) -> Mapping[Purpose, frozenset[str]]:
        """Who agrees to what the flow asks for, as of two seconds ago at most."""
        now = self.clock.now()
        if self._consents_at is None or now - self._consents_at > _CONSENTS_FOR:
            self._consents, self._consents_at = consenting(self.places, flow, now), now
        return self._consents


def settle_unsettled(link: Link, system: str) -> int:
    """Finds out what became of chunks that were sent, and writes it down; the number of them."""
    found = chunks.unsettled(link.connection, system)
    for chunk in found:
        written = link.target.cancel(chunk.token)
        if written is None:
            chunks.cancel(link.connection, chunk.token, link.clock.now())
            continue
        stored = sets.load(link.connection, chunk.change_set_id, chunk.numbers)
        rows = batches.rows_of(zip(stored.numbers, stored.change_set.changes, strict=True))
        write_down(link, chunk.token, chunk.change_set_id, stored.change_set, rows, written, chunk.sent_by)
    return len(found)


def settle_if_free(link: Link, system: str) -> None:
    """Settles what is unsettled, unless a gearbox is at work there, whose chunk it may be."""
    if chunks.unsettled(link.connection, system) and chunks.holds_system(link.connection, system):
        try:
            settle_unsettled(link, system)
        finally:
            chunks.release_system(link.connection, system)


def write_down(
    link: Link,
    token: str,
    change_set_id: int,
    change_set: ChangeSet,
    rows: Sequence[Row],
    written: Written,
    who: str,
) -> set[int]:
    """Writes down what became of a chunk; numbers of the changes that were left out."""
    told, left_out = batches.outcome(change_set_id, change_set, rows, written, who)
    chunks.settle(link.connection, token, left_out, told, link.clock.now())
    return set(left_out)


def refuse_if_put_back(connection: Connection, target: Target, system: str) -> None:
    """Stops where the record system has forgotten what it had acknowledged.

    Raises:
        DecisionError: It has; the message says what to do.
    """
    acknowledged = chunks.witnesses(connection, system)
    forgotten = target.unknown(list(acknowledged))
    if forgotten:
        first = min(acknowledged[token] for token in forgotten)
        raise DecisionError(
            f"{system} no longer knows what it had acknowledged of change set {first}: it seems to have been put back "
            "to an older state. If so, say it, and the next plan writes what is missing: "
            f"vaxel gearbox restored {system} --reason ... --by WHO"
        )
