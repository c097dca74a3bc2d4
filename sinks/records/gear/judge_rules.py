"""The rules that look at one change: may it go at all, and does a person have to approve it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Self

from sinks.records.gear.calendar import Freeze
from sinks.records.gear.changes import Change, ChangeSet
from sinks.records.gear.flow import Flow, Purpose
from sinks.records.gear.last_write import LastWrite, Place
from sinks.records.gear.systems import System

NULL = "null"
ADDED_VERSION = 1
"""Of a row that nobody has changed since it was added: a person may keep something of their own in any other."""


@dataclass(frozen=True)
class Situation:
    """What is known when a set is judged.

    Attributes:
        freezes: Those in force and declared; lifted ones are none.
        last: Our last write of each field of the set, where there is one.
        consenting: Customer numbers by purpose that they agree to now.
        is_approved: The set's content is approved by who may do so.
        approved_now_at: When it was approved to go at once; gears hold it up no longer, freezes do.
        put_back_at: When the system was last declared put back: what was written before is in `last` no longer.
        rows_today: Rows that the flow has sent since midnight in the system's time zone,
        money_today: and the money that it has moved, by currency.
    """

    now: datetime
    system: System
    freezes: tuple[Freeze, ...]
    last: Mapping[Place, LastWrite]
    consenting: Mapping[Purpose, frozenset[str]]
    is_approved: bool
    approved_now_at: datetime | None
    planned_at: datetime
    rows_today: int
    money_today: Mapping[str, Decimal]

    put_back_at: datetime | None = None


@dataclass(frozen=True)
class Size:
    """How much a set changes: what limits and free sizes are held against, whatever part of it is left.

    Attributes:
        held_rows: Those of the rows that are there already: shares are of them, since what is added is no share of what
            there is, and a month's first lines would be more than all before.
        money: Of the currency in which the most moves.
    """

    rows: int
    held_rows: int
    target_rows: int
    money: Decimal
    currency: str

    @classmethod
    def of(cls, change_set: ChangeSet) -> Self:
        money = Decimal(0) if change_set.money is None else change_set.money
        most = max(change_set.moved, key=change_set.moved.__getitem__, default="")
        return cls(change_set.changed_rows, change_set.held_rows, change_set.target_rows, money, most or "of money")


def over_a_limit(flow: Flow, size: Size) -> str | None:
    """Why a set is refused as a whole: a limit of its flow."""
    limits = flow.limits
    if size.rows > limits.max_rows:
        return f"{size.rows} rows would change, the flow's limit is {limits.max_rows}"
    if size.target_rows and size.held_rows / size.target_rows > limits.max_share_of_rows:
        return (
            f"{size.held_rows} of {size.target_rows} rows ({size.held_rows / size.target_rows:.1%}) would change, "
            f"the flow's limit is {limits.max_share_of_rows:.1%}"
        )
    if limits.max_money is not None and size.money > limits.max_money:
        return f"{size.money} {size.currency} would move, the flow's limit is {limits.max_money}"
    return None


def over_the_free_size(flow: Flow, size: Size) -> str | None:
    """Why a set needs an approval as a whole; None: it is small enough to pass by rule."""
    free = flow.approval
    if free is None or size.rows == 0:
        return None
    if size.rows > free.free_rows:
        return f"{size.rows} rows would change, more than {free.free_rows} need an approval of role {free.role}"
    share = size.held_rows / size.target_rows if size.target_rows else 1.0  # of an empty table, everything is new
    if share > free.free_share:
        held = f"{size.held_rows} of {size.target_rows} rows ({share:.1%}) would change"
        told = held if size.target_rows else f"{size.rows} rows would be added and none is there"
        return f"{told}, more than {free.free_share:.1%} need an approval of role {free.role}"
    if size.money > free.free_money:
        return (
            f"{size.money} {size.currency} would move, more than {free.free_money} need an approval of role {free.role}"
        )
    return None


@dataclass(frozen=True)
class FieldRules:
    """The rules, made ready for all changes of a set.

    Attributes:
        whole: Why the set as a whole needs an approval; None where it does not.
    """

    flow: Flow
    change_set: ChangeSet
    situation: Situation
    whole: str | None
    _agreed: dict[str, frozenset[str] | None] = field(default_factory=dict)
    _gates: dict[str, dict[str, Any]] = field(default_factory=dict)

    def refusal(self, change: Change, last: LastWrite | None) -> str | None:
        """Why a change is refused, whose field was written last like this; None: it is not."""
        if self.change_set.kind != "plan":
            return self._not_ours(change, last)
        if last is not None and last.lake_snapshot > self.change_set.lake_snapshot:
            return (
                f"change set {last.change_set_id} wrote it from lake snapshot {last.lake_snapshot}, "
                f"this one is of {self.change_set.lake_snapshot}"
            )
        if change.after != NULL and not self._is_agreed(change):  # taking away needs no consent
            purposes = " or ".join(sorted(self.flow.consents(change.field)))
            return f"whom it is about has not agreed to {purposes}"
        if last is not None and not last.left(change.before) and self._person_wins(change) == "keep":
            return f"a person set it since change set {last.change_set_id} wrote it, and that is kept"
        return None

    def asks(self, change: Change, last: LastWrite | None) -> str | None:
        """Why a change that is not refused needs an approval; None: it needs none."""
        if self.change_set.kind != "plan":
            return f"taking back change set {self.change_set.undoes} needs an approval"
        if last is not None:
            if not last.left(change.before) and self._person_wins(change) == "ask":
                return f"a person set it since change set {last.change_set_id} wrote it"
            if last.kind == "undo" and change.after in (last.before, last.took_back):
                return f"it is the value that change set {last.change_set_id} took back"
        return self._incomplete(change) or self.whole

    def _person_wins(self, change: Change) -> str:
        return self.flow.fields[change.field].person_wins

    def _not_ours(self, change: Change, last: LastWrite | None) -> str | None:
        """Why a field is not taken back: it is not as the set left it that is to be undone."""
        undone = self.change_set.undoes
        if last is None:
            # A credit line is a row of its own, so nobody wrote it yet.
            is_credit = self.change_set.kind == "compensate" and change.op == "insert"
            return None if is_credit else self._unknown_to_us()
        if last.change_set_id != undone:
            return f"change set {last.change_set_id} wrote it since"
        if not last.left(change.before):
            return f"a person set it since change set {undone} wrote it"
        if change.op == "delete" and change.row_version != ADDED_VERSION:
            return f"a person has changed the row since change set {undone} added it"
        return None

    def _unknown_to_us(self) -> str:
        undone, system = self.change_set.undoes, self.situation.system.name
        if self.situation.put_back_at is not None:
            return f"{system} was declared put back since change set {undone} wrote it"
        return f"change set {undone} did not write it, as far as is known"

    def _is_agreed(self, change: Change) -> bool:
        name = change.field
        if name not in self._agreed:
            purposes = self.flow.consents(name)
            sets = (self.situation.consenting.get(purpose, frozenset()) for purpose in purposes)
            self._agreed[name] = frozenset[str]().union(*sets) if purposes else None
        agreed = self._agreed[name]
        return agreed is None or self._gates_of(change).get("subject") in agreed

    def _incomplete(self, change: Change) -> str | None:
        if self.flow.completeness is None:
            return None
        share = self._gates_of(change).get("complete_share")
        asked = self.flow.completeness.min_share
        if share is None or share >= asked:
            return None
        why = json.loads(change.why)
        complete, months = why.get("complete_device_months"), why.get("device_months")
        if isinstance(complete, int) and isinstance(months, int):
            return f"{complete} of {months} device months are complete, {asked:.0%} are asked"
        return f"{share:.1%} of the device months are complete, {asked:.0%} are asked"

    def _gates_of(self, change: Change) -> dict[str, Any]:
        gates = self._gates.get(change.gates)
        if gates is None:
            gates = self._gates[change.gates] = json.loads(change.gates)
        return gates
