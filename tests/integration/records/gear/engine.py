"""One small flow over ERP's sales figures, with a model that tests make up, and an ERP that fails when told to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from psycopg.rows import dict_row

from schemas.errors import OutcomeUnknownError, UnreachableError
from schemas.gearbox_ledger import Op
from schemas.records import RecordTable
from sinks.records import seeding
from sinks.records.gear import applying, approvals, carrying, people, planning, undo
from sinks.records.gear.applying import Applied, apply_set
from sinks.records.gear.flow import Approval, FedField, Flow, load
from sinks.records.gear.places import Clock, Places, places
from sinks.records.gear.planning import Planned, plan_produced
from sinks.records.gear.systems import System
from sinks.records.targets.opening import open_target
from sinks.records.targets.target import Batch, Target, Written
from sinks.records.values import Key

AUTHOR, APPROVER, KEEPER = "gearbox", "Bea Berg", "Karin Keeper"
FIELDS = ("activated_qty", "in_use_qty")
MONTH = date(2026, 5, 1)
MATERIALS = ("WM-1", "WM-2", "WM-3", "WM-4")

Wanted = Mapping[str, tuple[int | None, int | None]]
"""Of materials, what the two fields shall hold."""


def small_flow(**changed: Any) -> Flow:
    """`erp.sales_usage` with two fields that may move at once, and an approval for everything."""
    own = {
        "fields": {name: FedField(gear="live") for name in FIELDS},
        "approval": Approval(role="erp_approver"),
        "completeness": None,
    }
    return load("erp.sales_usage").model_copy(update=own | changed)


class Killed(BaseException):
    """This process ends here, as far as the gearbox can tell."""


@dataclass
class Faults:
    """What is to go wrong, at the n-th time that it could."""

    kill_at: str | None = None
    unreachable: bool = False
    lost_before: bool = False
    lost_behind: bool = False
    nth: int = 1

    def crash_point(self, point: str) -> None:
        if point == self.kill_at and self._is_due():
            self.kill_at = None
            raise Killed(point)

    def comes(self, name: str) -> bool:
        """Whether it happens now; it does once."""
        if not getattr(self, name) or not self._is_due():
            return False
        setattr(self, name, False)
        return True

    def _is_due(self) -> bool:
        self.nth -= 1
        return self.nth < 1


class Failing:
    """A record system that does as the real one, or fails."""

    def __init__(self, target: Target, faults: Faults) -> None:
        self._target, self._faults, self.system = target, faults, target.system

    def check(self, table: RecordTable, fields: Sequence[str], ops: Collection[Op] = ("insert", "update")) -> list[str]:
        return self._target.check(table, fields, ops)

    def read(self, table: RecordTable, fields: Sequence[str]) -> pa.Table:
        return self._target.read(table, fields)

    def read_keys(self, table: RecordTable, fields: Sequence[str], keys: Sequence[Key]) -> pa.Table:
        return self._target.read_keys(table, fields, keys)

    def write(self, batch: Batch) -> Written:
        faults = self._faults
        if faults.comes("unreachable"):
            raise UnreachableError("erp does not answer")
        if faults.comes("lost_before"):
            raise OutcomeUnknownError("erp went away")
        written = self._target.write(batch)
        if faults.comes("lost_behind"):
            raise OutcomeUnknownError("erp went away")
        return written

    def cancel(self, token: str) -> Written | None:
        return self._target.cancel(token)

    def unknown(self, tokens: Collection[str]) -> set[str]:
        return self._target.unknown(tokens)

    def close(self) -> None:
        self._target.close()


@dataclass
class Engine:
    """A gearbox at a small ERP: what users do, as functions."""

    dsn: str
    flow: Flow = field(default_factory=small_flow)
    faults: Faults = field(default_factory=Faults)
    snapshot: int = 0
    clock: Clock = field(default_factory=Clock)
    chunk_rows: int | None = None

    @property
    def places(self) -> Places:
        there = places({}, "", self.dsn)
        if self.chunk_rows is None:
            return there
        erp = there.systems["erp"].model_copy(update={"chunk_rows": self.chunk_rows})
        return replace(there, systems={**there.systems, "erp": erp})

    def with_systems(self, changed: Mapping[str, System]) -> Places:
        """The places, with other declarations of some systems."""
        return replace(self.places, systems={**self.places.systems, **changed})

    def slowed(self, *, rows_per_s: int, chunk_rows: int) -> Places:
        """The places, with an ERP that bears no more."""
        erp = self.places.systems["erp"].model_copy(update={"rows_per_s": rows_per_s, "chunk_rows": chunk_rows})
        return self.with_systems({"erp": erp})

    def erp(self, statement: str, *arguments: Any) -> list[dict[str, Any]]:
        """Runs a statement as ERP's own people do."""
        with psycopg.connect(self.dsn, autocommit=True, row_factory=dict_row) as connection:
            cursor = connection.execute(statement.encode(), arguments)
            return cursor.fetchall() if cursor.description else []

    def fill(self, materials: Collection[str] = MATERIALS) -> None:
        self.erp(
            "INSERT INTO erp.monthly_sales (material, month, sold_qty) "
            "SELECT material, %s, 100 FROM unnest(%s::text[]) AS material",
            MONTH,
            list(materials),
        )

    def held(self) -> dict[tuple[str, str], int | None]:
        rows = self.erp("SELECT material, activated_qty, in_use_qty FROM erp.monthly_sales")
        return {(row["material"], name): row[name] for row in rows for name in FIELDS}

    def edit(self, material: str, name: str, value: int | None) -> None:
        """A person in ERP sets a field."""
        self.erp(f"UPDATE erp.monthly_sales SET {name} = %s WHERE material = %s", value, material)

    def plan(self, wanted: Wanted) -> Planned:
        """Plans what a model would have given at the next lake snapshot."""
        self.snapshot += 1
        table = produced(wanted)
        return plan_produced(self.flow, self.places, AUTHOR, self.clock, lambda: (table, self.snapshot))

    def approve(self, change_set_id: int, *, now: bool = False) -> None:
        approvals.approve(self.places.ledger, change_set_id, APPROVER, self.clock.now(), is_immediate=now)

    def apply(self, change_set_id: int) -> Applied:
        return apply_set(change_set_id, self.flow, self.places, AUTHOR, self.clock)

    def undo(self, change_set_id: int, **part: Any) -> Planned:
        (planned,) = undo.plan_undo(
            change_set_id, self.flow, self.places, "Ulf Undo", self.clock, "it was wrong", **part
        )
        return planned

    def shift(self, wanted: Wanted) -> Applied:
        """Plans, approves and applies."""
        planned = self.plan(wanted)
        assert planned.change_set_id is not None
        self.approve(planned.change_set_id)
        return self.apply(planned.change_set_id)

    def audit(self, event: str = "written") -> list[dict[str, Any]]:
        return self.erp("SELECT * FROM gearbox.audit WHERE event = %s ORDER BY audit_no", event)


def produced(wanted: Wanted) -> pa.Table:
    """What a model would have given."""
    return pa.table(
        {
            "material": pa.array(list(wanted), pa.string()),
            "month": pa.array([MONTH] * len(wanted), pa.date32()),
            **{
                name: pa.array([values[index] for values in wanted.values()], pa.int64())
                for index, name in enumerate(FIELDS)
            },
            "why_session_count": pa.array([1] * len(wanted), pa.int64()),
        }
    )


def make_engine(dsn: str) -> Engine:
    """An engine at freshly set up record systems, with people who may approve."""
    seeding.set_up(dsn)
    engine = Engine(dsn)
    engine.fill()
    add_people(engine)
    return engine


def add_people(engine: Engine) -> None:
    ledger, now = engine.places.ledger, datetime(2026, 5, 1, tzinfo=UTC)
    people.add(ledger, KEEPER, "owner", now)
    people.add(ledger, APPROVER, KEEPER, now)
    people.give(ledger, APPROVER, "erp_approver", KEEPER, now)
    people.give(ledger, APPROVER, people.CALENDAR_KEEPER, KEEPER, now)


@contextmanager
def failing(engine: Engine) -> Any:
    """While it lasts, ERP and this process fail as `engine.faults` say."""

    def opened(system: System, address: str) -> Target:
        return Failing(open_target(system, address), engine.faults)

    with pytest.MonkeyPatch.context() as patch:
        for module in (applying, planning, undo):
            patch.setattr(module, "open_target", opened)
        patch.setattr(carrying, "crash_point", engine.faults.crash_point)
        yield
