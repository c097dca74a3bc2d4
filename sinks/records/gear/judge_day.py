"""The limits of a day: which of the changes that may go fit into what is left of today. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sinks.records.gear.changes import Change
from sinks.records.gear.flow import Flow
from sinks.records.gear.judge_rules import Situation
from sinks.records.gear.money import Moved, both, most, moved_by_currency

Rank = tuple[bool, bool]
"""Whether a change needed an approval, and whether it needed one to go at once: those that did come after the others.

So an approval takes nothing away from what goes without it.
"""


def fits_into_the_day(flow: Flow, rows: int, money: Moved) -> bool:
    """Whether that many rows, and that much money, are within the flow's limits of a day."""
    return _over(flow, rows, money) is None


def over_the_day(
    flow: Flow, changes: Sequence[Change], going: Mapping[int, Rank], situation: Situation
) -> dict[int, str]:
    """Of the changes that may go, by index: why they wait for tomorrow.

    In their order, by rank; what fits, goes. What goes of one row by one rank fits as a whole, or waits as a whole.
    """
    all_rows = situation.rows_today + len({changes[index].key for index in going})
    if _over(flow, all_rows, both(situation.money_today, _money(flow, changes, going))) is None:
        return {}
    sent: set[str] = set()
    rows, money = situation.rows_today, situation.money_today
    over: dict[int, str] = {}
    for rank in sorted(set(going.values())):
        for key, indexes in _by_row(changes, [index for index, own in going.items() if own == rank]).items():
            rows_then = rows if key in sent else rows + 1
            money_then = both(money, _money(flow, changes, indexes))
            reason = _over(flow, rows_then, money_then)
            if reason is None:
                sent.add(key)
                rows, money = rows_then, money_then
            else:
                over |= dict.fromkeys(indexes, reason)
    return over


def _by_row(changes: Sequence[Change], indexes: Sequence[int]) -> dict[str, list[int]]:
    by_row: dict[str, list[int]] = {}
    for index in indexes:
        by_row.setdefault(changes[index].key, []).append(index)
    return by_row


def _money(flow: Flow, changes: Sequence[Change], indexes: Iterable[int]) -> Moved:
    if flow.money_field is None:
        return {}
    return moved_by_currency((changes[index] for index in indexes), flow.money_field)


def _over(flow: Flow, rows: int, money: Moved) -> str | None:
    limits = flow.limits
    if rows > limits.max_rows_per_day:
        return f"the flow's limit of {limits.max_rows_per_day} rows a day is reached"
    if limits.max_money_per_day is not None and most(money) > limits.max_money_per_day:
        return f"with it, more than the flow's limit of {limits.max_money_per_day} of money a day would move"
    return None
