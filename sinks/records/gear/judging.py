"""Judges what is left of a change set by what is known now. Reads the ledger and CRM, changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, compress

from sinks.records.gear import batches
from sinks.records.gear.batches import Row
from sinks.records.gear.changes import Verdict
from sinks.records.gear.flow import Flow
from sinks.records.gear.judge import Size, verdicts_on
from sinks.records.gear.judge_day import fits_into_the_day
from sinks.records.gear.money import NOTHING, UNKNOWN, both
from sinks.records.gear.sets import Stored
from sinks.records.gear.settling import Link
from sinks.records.gear.situation import day_so_far, situation


@dataclass(frozen=True)
class Judgement:
    """Judges rows of a set, the set as planned being the measure of its limits."""

    link: Link
    flow: Flow
    stored: Stored

    @cached_property
    def size(self) -> Size:
        return Size.of(self.stored.change_set)

    def verdicts(self, rows: Sequence[Row]) -> list[Verdict]:
        """A verdict on each change of the rows, in order."""
        link, flow, stored = self.link, self.flow, self.stored
        changes = tuple(change for row in rows for _, change in row.changes)
        if not changes:
            return []
        known = situation(
            link.connection,
            flow,
            changes,
            link.consenting(flow),
            link.places,
            link.clock.now(),
            planned_at=stored.planned_at,
            approval_of=(stored.change_set_id, stored.content_hash),
        )
        verdicts, _ = verdicts_on(flow, replace(stored.change_set, changes=changes), known, self.size)
        return verdicts

    def going(self, rows: Sequence[Row]) -> list[Row]:
        """What may go of the rows; a row may go in part."""
        goes = [verdict.decision == "go" for verdict in self.verdicts(rows)]
        if all(goes):
            return list(rows)
        going = compress(chain.from_iterable(row.changes for row in rows), goes)
        return batches.rows_of(going)

    def of_today(self, rows: Sequence[Row]) -> Sequence[Row]:
        """The rows, or what may go of them where not all of them fit into what is left of the flow's day.

        Which of them come first, only a judgement of all of them tells.
        """
        link, flow, change_set = self.link, self.flow, self.stored.change_set
        rows_today, money_today = day_so_far(link.connection, flow, link.places, link.clock.now())
        money = both(money_today, {UNKNOWN: change_set.money or NOTHING})  # whatever its currency: no more than that
        if change_set.kind != "plan" or fits_into_the_day(flow, rows_today + len(rows), money):
            return rows
        return self.going(rows)
