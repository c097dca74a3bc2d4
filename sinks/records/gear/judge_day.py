"""The limits of a day: which of the changes that may go fit into what is left of today. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from sinks.records.gear.changes import Change
from sinks.records.gear.flow import Flow
from sinks.records.gear.judge_rules import Situation
from sinks.records.gear.money import moved

Rank = tuple[bool, bool]
"""Whether a change needed an approval, and whether it needed one to go at once: those that did come after the others.

So an approval takes nothing away from what goes without it.
"""


@dataclass(slots=True)
class _Row:
    """What goes of one row by one rank: it fits as a whole, or waits as a whole."""

    indexes: list[int] = field(default_factory=list)
    money: Decimal = Decimal(0)


def over_the_day(flow: Flow, going: Sequence[tuple[int, Rank, Change]], situation: Situation) -> dict[int, str]:
    """Of the changes that may go, by index: why they wait for tomorrow. In their order, by rank; what fits, goes."""
    rows: dict[tuple[Rank, str], _Row] = {}
    for index, rank, change in sorted(going, key=lambda one: (one[1], one[0])):
        row = rows.setdefault((rank, change.key), _Row())
        row.indexes.append(index)
        if change.field == flow.money_field:
            row.money += moved(change)
    sent: set[str] = set()
    count, money = situation.rows_today, situation.money_today
    over: dict[int, str] = {}
    for (_, key), row in rows.items():
        grown = count if key in sent else count + 1
        reason = _over(flow, grown, money + row.money)
        if reason is None:
            sent.add(key)
            count, money = grown, money + row.money
        else:
            over |= dict.fromkeys(row.indexes, reason)
    return over


def _over(flow: Flow, rows: int, money: Decimal) -> str | None:
    limits = flow.limits
    if rows > limits.max_rows_per_day:
        return f"the flow's limit of {limits.max_rows_per_day} rows a day is reached"
    if limits.max_money_per_day is not None and money > limits.max_money_per_day:
        return f"with it, more than the flow's limit of {limits.max_money_per_day} of money a day would move"
    return None
