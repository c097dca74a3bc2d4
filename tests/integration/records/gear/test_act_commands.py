"""`vaxel gearbox approve | apply | undo | restored` as a user types them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from sinks.records.gear import flow as flows
from sinks.records.gear import people
from sinks.records.gear.flow import Flow
from tests.conftest import FreshDatabase
from tests.integration.records.gear.engine import APPROVER, Engine, make_engine
from vaxel.__main__ import run

pytestmark = pytest.mark.postgres

Call = Callable[..., tuple[int, str]]


@pytest.fixture
def engine(fresh_database: FreshDatabase) -> Engine:
    return make_engine(fresh_database())


@pytest.fixture
def call(engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """`call("undo", "1", ...)` gives the exit code and what was printed; the user is `ulf`."""
    known = {
        "VAXEL_KAFKA": "nowhere:1",
        "VAXEL_LAKE_CATALOG": "postgresql://nowhere:1/lake",
        "VAXEL_LAKE_FILES": "nowhere",
        "VAXEL_RECORDS": engine.dsn,
        "LOGNAME": "ulf",
    }
    for name, value in known.items():
        monkeypatch.setenv(name, value)
    real = flows.load

    def load(name: str) -> Flow:
        return engine.flow if name == engine.flow.name else real(name)

    monkeypatch.setattr(flows, "load", load)

    def call(*arguments: str) -> tuple[int, str]:
        code = run(("gearbox", *arguments))
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return call


def done(call: Call, *arguments: str) -> list[str]:
    code, text = call(*arguments)
    assert code == 0, text
    return text.splitlines()


def refused(call: Call, *arguments: str) -> str:
    code, text = call(*arguments)
    assert code == 2, text
    (line,) = text.splitlines()
    return line


def planned(engine: Engine, value: int = 1) -> str:
    return str(engine.plan({"WM-1": (value, None)}).change_set_id)


def test_who_approves_by_name_is_told_to_apply_by_the_same_name(call: Call, engine: Engine) -> None:
    number = planned(engine)
    assert done(call, "approve", number, "--by", APPROVER) == [
        f"change set {number} approved by Bea Berg as erp_approver",
        f"apply it: vaxel gearbox apply {number} --by 'Bea Berg'",
    ]


def test_who_approves_under_their_own_name_is_told_to_apply_without_one(call: Call, engine: Engine) -> None:
    people.add(engine.dsn, "ulf", "Karin Keeper", engine.clock.now())
    people.give(engine.dsn, "ulf", "erp_approver", "Karin Keeper", engine.clock.now())
    number = planned(engine)
    assert done(call, "approve", number)[1] == f"apply it: vaxel gearbox apply {number}"


def test_an_approval_to_go_at_once_says_so(call: Call, engine: Engine) -> None:
    number = planned(engine)
    assert done(call, "approve", number, "--now", "--by", APPROVER)[0] == (
        f"change set {number} approved by Bea Berg as erp_approver, to go at once: gears do not hold it up, freezes do"
    )


def test_one_field_in_one_row_is_told_as_one(call: Call, engine: Engine) -> None:
    number = planned(engine)
    done(call, "approve", number, "--by", APPROVER)
    assert done(call, "apply", number) == [f"erp.sales_usage: change set {number} applied: 1 field in 1 row written"]


def test_an_undo_by_name_names_who_applies_it_and_that_somebody_else_approves(call: Call, engine: Engine) -> None:
    first = engine.shift({"WM-1": (1, None)})
    lines = done(call, "undo", str(first.change_set_id), "--reason", "wrong", "--by", "Ulf Lind")
    (approve,) = [line for line in lines if "gearbox approve" in line]
    assert approve.startswith("next: vaxel gearbox approve 2 --by WHO ")


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (("--key", "in_use_qty=3"), "in_use_qty is a field of flow 'erp.sales_usage', not part of its key: say "
         "--field in_use_qty."),
        (("--field", "material"), "material is part of the key of flow 'erp.sales_usage', not a field: say "
         "--key material=VALUE."),
        (("--key", "colour=red"), "colour is not part of the key of flow 'erp.sales_usage'; its key is material, "
         "month."),
        (("--field", "colour"), "colour is not a field of flow 'erp.sales_usage'; its fields are activated_qty, "
         "in_use_qty."),
    ],
)  # fmt: skip
def test_an_undo_of_a_part_tells_fields_from_keys(call: Call, engine: Engine, part: tuple[str, str], told: str) -> None:
    engine.shift({"WM-1": (1, None)})
    assert refused(call, "undo", "1", "--reason", "wrong", *part).endswith(told)


def test_an_undo_whose_flow_has_changed_since_is_asked_for_anew_not_planned(call: Call, engine: Engine) -> None:
    first = engine.shift({"WM-1": (1, None)})
    back = str(engine.undo(first.change_set_id).change_set_id)
    engine.approve(int(back))
    engine.flow = engine.flow.model_copy(update={"version": 99})
    line = refused(call, "apply", back)
    assert line.endswith(f"Plan again: vaxel gearbox undo {first.change_set_id} --reason ...")
    engine.erp("UPDATE gearbox.change_set SET status = 'expired' WHERE change_set_id = 2")
    assert refused(call, "apply", back).endswith(f"Plan again: vaxel gearbox undo {first.change_set_id} --reason ...")


def test_what_was_written_before_a_restore_is_planned_anew_not_undone(call: Call, engine: Engine) -> None:
    number = str(engine.shift({"WM-1": (1, None)}).change_set_id)
    done(call, "restored", "erp", "--reason", "from a backup", "--by", APPROVER, "--force")
    lines = done(call, "show", number)
    assert [line for line in lines if line.startswith("next: ")] == [
        "next: vaxel gearbox plan erp.sales_usage    # what it wrote counts as never made, for erp was declared put "
        "back since: plan anew"
    ]
    undo = refused(call, "undo", number, "--reason", "wrong")
    assert "so there is nothing to undo" in undo
    _, why = call("why", "erp.monthly_sales", "WM-1", "2026-05-01", "activated_qty")
    assert "activated_qty: 1; counts as not ours: erp was declared put back after the gearbox wrote 1" in why


def test_restored_is_believed_of_a_system_that_forgot_or_by_force(call: Call, engine: Engine) -> None:
    engine.shift({"WM-1": (1, None)})
    planned(engine, 2)
    said = ("restored", "erp", "--reason", "from a backup", "--by", APPROVER)
    assert refused(call, *said).endswith(
        "erp still knows all that it acknowledged; if it was put back all the same, say --force."
    )
    engine.erp("DELETE FROM erp.gearbox_receipt")
    assert done(call, *said) == [
        "erp is declared put back: it has forgotten 1 chunk; 1 open change set ended",
        "plan anew: vaxel gearbox plan --all --by 'Bea Berg'",
    ]
    found: Any = json.loads(done(call, *said, "--force", "--json")[0])
    assert found == {"system": "erp", "ended_sets": 0, "asked": 0, "forgotten": 0}
    assert "it has forgotten nothing, and it was forced; 0 open" in done(call, *said, "--force")[0]
