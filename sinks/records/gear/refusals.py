"""What is said of a change set of which nothing may go. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sinks.records.gear.changes import Verdict


def nothing_may_go(verdicts: Sequence[Verdict], asked_because: str | None = None) -> str | None:
    """Why a set ends as refused, all of whose changes are refused one by one; None: some of it may go, if not now.

    Args:
        asked_because: Of an undo, why it was asked for: the set's one reason goes on saying it.

    >>> kept, gone = Verdict("refused", "a person set it"), Verdict("refused", "no consent")
    >>> nothing_may_go([gone, kept, kept]), nothing_may_go([kept], "wrong prices")
    ('nothing of it may go: a person set it', 'wrong prices; nothing of it may go: a person set it')
    >>> nothing_may_go([kept, Verdict("wait", "frozen")]), nothing_may_go([])
    (None, None)
    """
    if not verdicts or any(verdict.decision != "refused" for verdict in verdicts):
        return None
    ((most, _times),) = Counter(verdict.reason for verdict in verdicts).most_common(1)
    because = f"nothing of it may go: {most}"
    return because if asked_because is None else f"{asked_because}; {because}"


def of_newer_facts(change_set_id: int, newer: int, snapshot: int) -> str:
    """Why a plan of an older lake snapshot does not supersede an open one, and what to do if it shall."""
    return (
        f"Open change set {change_set_id} is of lake snapshot {newer}, and a plan of snapshot {snapshot} does not take "
        f"its place: its facts are older. If it shall, end that first: vaxel gearbox reject {change_set_id} "
        "--reason WHY --by WHO, or apply it"
    )
