"""A firmware that reports kilowatts for watts is held, repaired and replayed, and the figures are true in the end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.pipeline.terminal import faults, running_stack

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

FLEET = ("--seed", "5", "--washers", "60", "--shoes", "0", "--days", "9")
ROLL_OUT = ("--roll-out", "washer:4.1.0@2026-05-10*0.6!power_kw")


def test_a_wrong_roll_out_is_held_repaired_and_true_in_the_end(tmp_path: Path) -> None:
    with running_stack(tmp_path) as terminal:
        sent = json.loads(terminal.does("simulate", *FLEET, *ROLL_OUT, "--json"))
        assert sent["faults"]["wrong_unit"] > 500
        terminal.does("run", "--until-idle")
        found = json.loads(terminal.does("verify", "--json"))
        assert found["let_in"] == 0, "nothing of it reaches the figures"
        assert faults(found) == {}

        held = json.loads(terminal.does("failed", "list", "--reason", "cohort_differs", "--json"))
        models = {row["material"] for row in held}
        assert {row["firmware"] for row in held} == {"4.1.0"}
        for model in sorted(models):
            rule = tmp_path / f"{model}.toml"
            terminal.does("failed", "propose", "--model", model, "--firmware", "4.1.0", "--to", str(rule))
            assert 'from = "kW"' in rule.read_text()
            repaired = json.loads(terminal.does("failed", "repair", str(rule), "--json"))
            terminal.does("failed", "replay", repaired["repair"])
        terminal.does("run", "--until-idle")
        after = json.loads(terminal.does("verify", "--json"))
        assert faults(after) == {}
        assert after["accepted"] - found["accepted"] == sum(row["events"] for row in held)
        assert after["sessions_expected"] > found["sessions_expected"]
