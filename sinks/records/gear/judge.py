"""The judgement of a change set: what goes, waits, needs an approval, is refused; each with its reason. Pure.

Rules in order: limits of the set, older facts, consent, a person's edit, what an undo finds (refused); a person's edit,
what was undone, completeness, the free size (needs approval); freeze, gear, limits of the day (wait); go. Of a row that
is added or deleted, all fields share the most restrictive verdict: half a row is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from schemas.gearbox_ledger import Decision
from sinks.records.gear.calendar import Freeze, frozen_until, instant_told, midnight_after, window_open
from sinks.records.gear.changes import Change, ChangeSet, Verdict
from sinks.records.gear.flow import Flow, Gear
from sinks.records.gear.judge_day import Rank, over_the_day
from sinks.records.gear.judge_rules import FieldRules, Situation, Size, over_a_limit, over_the_free_size
from sinks.records.gear.last_write import LastWrite

__all__ = ["Freeze", "Judged", "LastWrite", "Situation", "Size", "judge"]

_RESTRICTIVE: dict[Decision, int] = {"go": 0, "wait": 1, "needs_approval": 2, "refused": 3}
_GO = Verdict("go", "within the flow's limits")
_GO_APPROVED = Verdict("go", "approved")
_FREE: Rank = (False, False)


@dataclass(frozen=True)
class Judged:
    """A change set with a verdict on each change.

    Attributes:
        refused_because: Why all of it is refused, by a limit of the set; None where the set may go.
    """

    change_set: ChangeSet
    refused_because: str | None


@dataclass(frozen=True, slots=True)
class _Pace:
    """When changes of a gear may go: at once, or they wait.

    Attributes:
        is_pushed: The gear alone would hold them up, and an approval to go at once lets them pass.
    """

    wait: Verdict | None
    is_pushed: bool


def judge(flow: Flow, change_set: ChangeSet, situation: Situation, size: Size | None = None) -> Judged:
    """Judges each change by what is known now.

    The way back (`undo`, `compensate`) may be as large as what it takes back, on the same day: limits of a set or a day
    do not hold it up, nor do gears, but it always needs an approval.

    Args:
        change_set: With the changes of which nothing is written yet.
        size: Of the whole set, where some of its changes are written or looked at apart; None: this is all of it.
    """
    verdicts, refused_because = verdicts_on(flow, change_set, situation, size)
    # Written out, for `Change.judged` takes three times as long, and there may be 100,000 changes.
    judged = (
        Change(one.op, one.key, one.field, one.before, one.after, one.row_version, one.gates, one.why, verdict)
        for one, verdict in zip(change_set.changes, verdicts, strict=True)
    )
    return Judged(replace(change_set, changes=tuple(judged)), refused_because)


def verdicts_on(
    flow: Flow, change_set: ChangeSet, situation: Situation, size: Size | None = None
) -> tuple[list[Verdict], str | None]:
    """As `judge`: a verdict for each change, in order, and why all of them are refused."""
    size = Size.of(change_set) if size is None else size
    changes = change_set.changes
    refused_because = over_a_limit(flow, size) if change_set.kind == "plan" else None
    if refused_because is not None:
        return [Verdict("refused", refused_because)] * len(changes), refused_because
    verdicts, ranks = _each(flow, change_set, situation, over_the_free_size(flow, size))
    _share_by_row(changes, verdicts, ranks)
    if change_set.kind == "plan":
        going = {index: ranks[index] for index, verdict in enumerate(verdicts) if verdict.decision == "go"}
        over = over_the_day(flow, changes, going, situation)
        if over:
            tomorrow = midnight_after(situation.system, situation.now)
            for index, reason in over.items():
                verdicts[index] = Verdict("wait", reason, tomorrow)
    return verdicts, None


def _each(
    flow: Flow, change_set: ChangeSet, situation: Situation, whole: str | None
) -> tuple[list[Verdict], list[Rank]]:
    """A verdict on each change by itself, and its rank."""
    rules = FieldRules(flow, change_set, situation, whole)
    paces = _paces(flow, situation)
    # The way back waits for no window, since a person has approved it: so a row goes back as a whole, and its version
    # is not moved by a part of it that went before.
    is_forward = change_set.kind == "plan"
    gears: dict[str, Gear] = {name: fed.gear for name, fed in flow.fields.items()} if is_forward else {}
    pace_of = {name: paces[gears.get(name, "live")] for name in {change.field for change in change_set.changes}}
    verdicts: list[Verdict] = []
    ranks: list[Rank] = []
    for change in change_set.changes:
        rank, last = _FREE, situation.last.get((change.key, change.field))
        refusal = rules.refusal(change, last)
        if refusal is not None:
            verdict = Verdict("refused", refusal)
        else:
            asks, pace = rules.asks(change, last), pace_of[change.field]
            rank = (asks is not None, pace.is_pushed)
            if asks is not None and not situation.is_approved:
                verdict = Verdict("needs_approval", asks)
            elif pace.wait is not None:
                verdict = pace.wait
            else:
                verdict = _GO if rank == _FREE else _GO_APPROVED
        verdicts.append(verdict)
        ranks.append(rank)
    return verdicts, ranks


def _paces(flow: Flow, situation: Situation) -> dict[Gear, _Pace]:
    """What freezes and gears say now, by gear."""
    now, system = situation.now, situation.system
    frozen = frozen_until(situation.freezes, system.name, flow.name, now)
    paces: dict[Gear, _Pace] = {}
    for gear in ("live", *{fed.gear for fed in flow.fields.values()}):
        opens = window_open(system, gear, situation.planned_at, now)
        is_pushed = opens is not None and situation.approved_now_at is not None
        wait = None
        if frozen is not None:
            until, freeze = frozen
            wait = Verdict("wait", f"frozen until {instant_told(until)}: {freeze.reason}", until)
        elif opens is not None and not is_pushed:
            wait = Verdict("wait", f"its gear is {gear}: not before {instant_told(opens)}", opens)
        paces[gear] = _Pace(wait, is_pushed)
    return paces


def _share_by_row(changes: Sequence[Change], verdicts: list[Verdict], ranks: list[Rank]) -> None:
    """Gives all changes of a row that is added or deleted the most restrictive verdict among them."""
    rows: dict[str, list[int]] = {}
    for index, change in enumerate(changes):
        if change.op != "update":
            rows.setdefault(change.key, []).append(index)
    for indexes in rows.values():
        verdict = max((verdicts[index] for index in indexes), key=_restrictive)
        rank = (any(ranks[index][0] for index in indexes), any(ranks[index][1] for index in indexes))
        for index in indexes:
            verdicts[index], ranks[index] = verdict, rank


def _restrictive(verdict: Verdict) -> tuple[int, float]:
    return _RESTRICTIVE[verdict.decision], 0.0 if verdict.not_before is None else verdict.not_before.timestamp()
