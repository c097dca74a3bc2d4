"""Uploads in a wrong unit are refused, repaired by a rule, and come back once, under their own device and number."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from schemas.repairs import ACKNOWLEDGED_FILE
from schemas.topics import TELEMETRY_WASHER
from streams.cohorts import KNOWN_AFTER, STRANGE_UPLOADS
from streams.crash_points import VARIABLE
from tests.integration.pipeline.terminal import Terminal, faults, running_stack, wait_until
from vaxel.settings import addresses

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

STARTED_MS = 1_780_000_000_000
STEP_MS = 30_000
READINGS = 3
RULE = """
name = "water-in-ml"
why = "WM-8030 with firmware 9.9.9 measures water in millilitres"

[select]
reason = "out_of_range"
material = "WM-8030"
firmware = "9.9.9"
field = "water_l"

[[rewrite]]
step = "convert"
field = "water_l"
from = "ml"
to = "l"
"""


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    with running_stack(tmp_path_factory.mktemp("failed")) as terminal:
        yield terminal


def a_cycle(device_id: str, firmware: str, litres: float) -> list[dict[str, Any]]:
    """A short wash cycle in three uploads.

    Args:
        litres: What the machine says of a litre.
    """
    uploads = []
    for number in range(3):
        start_ms = STARTED_MS + number * READINGS * STEP_MS
        taken = range(number * READINGS, (number + 1) * READINGS)
        uploads.append(
            {
                "device_id": device_id, "seq": number, "sent_at_ms": start_ms + READINGS * STEP_MS,
                "material": "WM-8030", "firmware": firmware, "start_ms": start_ms, "lead_ms": STEP_MS if number else 0,
                "offset_ms": [STEP_MS * index for index in range(READINGS)],
                "cycle_no": 1, "cycle_started_ms": STARTED_MS, "cycle_ended": number == 2, "programme": "eco",
                "lifetime_cycles": 0, "lifetime_energy_wh": 0.0, "lifetime_water_l": 0.0,
                "power_w": [120.0] * READINGS, "water_l": [(1.5 + 1.5 * index) * litres for index in taken],
                "temperature_c": [20.0] * READINGS, "drum_rpm": [50.0] * READINGS,
            }
        )  # fmt: skip
    return uploads


def publish(terminal: Terminal, uploads: list[dict[str, Any]]) -> None:
    producer = Producer({"bootstrap.servers": addresses({}, terminal.data_dir).kafka, "partitioner": "murmur2_random"})
    for upload in uploads:
        producer.produce(TELEMETRY_WASHER, json.dumps(upload).encode(), upload["device_id"])
    assert producer.flush(30) == 0


def outcomes(terminal: Terminal, device_id: str) -> dict[str, int]:
    rows = terminal.asks(
        f"""select outcome, count(*) as uploads from (
              select outcome, device_id from uploads union all select 'failed', device_id from failed_events
            ) where device_id = '{device_id}' group by outcome"""
    )
    return {row["outcome"]: row["uploads"] for row in rows}


def figures(terminal: Terminal, device_id: str) -> list[dict[str, Any]]:
    return terminal.asks(
        f"""select programme, started_at, ended_at, energy_wh, water_l, reading_count, status
            from wash_cycles where device_id = '{device_id}'"""
    )


@pytest.fixture(scope="module")
def rule_file(terminal: Terminal) -> Path:
    """The rule, when the uploads it is for have been refused."""
    publish(terminal, a_cycle("w-litres", "9.9.8", 1) + a_cycle("w-millilitres", "9.9.9", 1_000))
    terminal.does("run", "--until-idle")
    file = terminal.folder / "rule.toml"
    file.write_text(RULE)
    return file


def test_a_wrong_unit_is_found_repaired_and_comes_back_once(terminal: Terminal, rule_file: Path) -> None:
    assert outcomes(terminal, "w-millilitres") == {"failed": 3}
    (group,) = terminal.reports("failed", "list")
    known = ("reason", "material", "firmware", "field", "events", "devices", "came_back")
    assert [group[name] for name in known] == ["out_of_range", "WM-8030", "9.9.9", "water_l", 3, 1, 0]
    assert "out_of_range  WM-8030   9.9.9     water_l" in terminal.does("failed", "list", "--model", "WM-8030")
    first = terminal.reports("failed", "list", "--each", "--device", "w-millilitres")[-1]
    shown = terminal.does("failed", "show", first["place"])
    assert 'water_l": [1500.0, 3000.0, 4500.0]' in shown
    assert "accepted" in shown
    assert "1000" in shown

    tried = terminal.reports("failed", "repair", rule_file, "--dry-run")
    assert (tried["selected"], tried["fit"], tried["unfit"]) == (3, 3, [])
    changed = {"field": "water_l", "before": "[1500.0, 3000.0, 4500.0]", "after": "[1.5, 3.0, 4.5]"}
    assert tried["examples"][0]["changed"] == [changed]
    assert "water_l  [1500.0, 3000.0, 4500.0]  [1.5, 3.0, 4.5]" in terminal.does(
        "failed", "repair", rule_file, "--dry-run"
    )
    assert not (terminal.data_dir / "repairs").exists()

    repaired = terminal.reports("failed", "repair", rule_file)
    again = terminal.reports("failed", "repair", rule_file)
    assert (repaired["added"], again["added"], again["before"]) == (3, 0, 3)

    sent = terminal.reports("failed", "replay", "water-in-ml")
    assert (sent["sent"], sent["acknowledged"]) == (3, 3)
    terminal.does("run", "--until-idle")
    assert outcomes(terminal, "w-millilitres") == {"failed": 3, "accepted": 3}
    assert figures(terminal, "w-millilitres") == figures(terminal, "w-litres")
    assert figures(terminal, "w-litres")[0]["water_l"] == pytest.approx(13.5)
    assert terminal.reports("failed", "list")[0]["came_back"] == 3

    # Once more: as it is written down, as the lake has it, and as the stream knows it.
    assert terminal.reports("failed", "replay", "water-in-ml")["back_before"] == 3
    written_down = Path(terminal.folder / repaired["folder"]) / ACKNOWLEDGED_FILE
    written_down.unlink()
    assert terminal.reports("failed", "replay", "water-in-ml") | {"seconds": 0} == {
        "repair": repaired["repair"], "sent": 0, "acknowledged": 0, "back_before": 0, "accepted_before": 3,
        "unfit": [], "seconds": 0, "interrupted": False,
    }  # fmt: skip
    as_they_are = terminal.reports("failed", "replay", "--reason", "out_of_range")
    assert (as_they_are["accepted_before"], as_they_are["sent"], as_they_are["unfit"]) == (3, 0, [])
    assert not faults(terminal.verifies())


def test_a_crash_before_it_is_written_down_sends_again_what_then_counts_once(
    terminal: Terminal, rule_file: Path
) -> None:
    publish(terminal, a_cycle("w-crash", "9.9.9", 1_000))
    terminal.does("run", "--until-idle")
    assert terminal.reports("failed", "repair", rule_file)["added"] == 3
    crashing = Terminal(terminal.folder, {VARIABLE: "streams.before-acknowledged"})
    assert crashing.types("failed", "replay", "water-in-ml").code == -signal.SIGKILL
    assert terminal.reports("failed", "replay", "water-in-ml")["acknowledged"] == 3
    terminal.does("run", "--until-idle")
    assert outcomes(terminal, "w-crash") == {"failed": 3, "accepted": 3, "duplicate": 3}
    assert figures(terminal, "w-crash") == figures(terminal, "w-litres")


def test_ctrl_c_says_what_was_acknowledged_and_the_rest_follows(terminal: Terminal, rule_file: Path) -> None:
    publish(terminal, a_cycle("w-stopped", "9.9.9", 1_000))
    terminal.does("run", "--until-idle")
    rule = rule_file.with_name("stopped.toml")
    rule.write_text(RULE.replace("water-in-ml", "stopped").replace("[select]", '[select]\ndevice = "w-stopped"'))
    repaired = terminal.reports("failed", "repair", rule)
    process = terminal.begins("failed", "replay", "stopped", "--rate", "0.1", "--json")
    wait_until((terminal.folder / repaired["folder"] / ACKNOWLEDGED_FILE).exists, "the replay is under way")
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    told = json.loads(out)
    assert process.returncode == 130
    assert told["interrupted"]
    assert told["acknowledged"] == told["sent"] < 3
    rest = terminal.reports("failed", "replay", "stopped")
    assert (rest["acknowledged"], rest["back_before"]) == (3 - told["acknowledged"], told["acknowledged"])
    terminal.does("run", "--until-idle")
    assert outcomes(terminal, "w-stopped") == {"failed": 3, "accepted": 3}


def test_uploads_as_they_are_come_back_only_where_the_contract_lets_them_in(terminal: Terminal) -> None:
    publish(terminal, [{"device_id": "w-broken"}])
    stray = a_cycle("w-stray", "9.9.8", 1)[0]
    publish_under = Producer({"bootstrap.servers": addresses({}, terminal.data_dir).kafka})
    publish_under.produce(TELEMETRY_WASHER, json.dumps(stray).encode(), "another")
    assert publish_under.flush(30) == 0
    terminal.does("run", "--until-idle")
    told = terminal.reports("failed", "replay", "--reason", "missing_field", "--device", "w-broken")
    assert (told["sent"], told["unfit"][0]["reason"]) == (0, "missing_field")
    told = terminal.reports("failed", "replay", "--device", "another")
    assert (told["sent"], told["unfit"][0]["reason"]) == (0, "wrong_key")
    told = terminal.reports("failed", "replay", "--reason", "wrong_key", "--device", "another")
    assert (told["repair"], told["acknowledged"]) == ("as-is", 1)
    terminal.does("run", "--until-idle")
    assert outcomes(terminal, "w-stray") == {"accepted": 1}
    assert terminal.reports("failed", "replay", "--reason", "wrong_key")["back_before"] == 1


def powers(device_id: str, firmware: str, power_w: float, count: int) -> list[dict[str, Any]]:
    """So many cycles of one upload each."""
    first = a_cycle(device_id, firmware, 1)[0] | {"power_w": [power_w] * READINGS, "cycle_ended": True}
    shifts = ((number, number * 3_600_000 - 86_400_000 * 60) for number in range(count))
    return [
        first
        | {"seq": number, "cycle_no": number + 1}
        | dict.fromkeys(("start_ms", "sent_at_ms", "cycle_started_ms"), STARTED_MS + shift_ms)
        for number, shift_ms in shifts
    ]


def test_a_firmware_in_another_unit_is_held_and_comes_back_by_the_rule_proposed_for_it(terminal: Terminal) -> None:
    publish(terminal, powers("w-known", "9.0.0", 120.0, KNOWN_AFTER))
    terminal.does("run", "--until-idle")
    strange = [f"w-strange-{number}" for number in range(12)]
    publish(terminal, [upload for name in strange for upload in powers(name, "9.0.1", 1_200.0, STRANGE_UPLOADS)])
    terminal.does("run", "--until-idle")
    (group,) = terminal.reports("failed", "list", "--reason", "cohort_differs")
    assert (group["firmware"], group["field"], group["came_back"]) == ("9.0.1", "power_w", 0)
    assert group["events"] == group["devices"] * STRANGE_UPLOADS > STRANGE_UPLOADS

    terminal.does("failed", "propose", "--to", terminal.folder / "proposed.toml")
    assert terminal.types("failed", "propose", "--to", terminal.folder / "proposed.toml").code == 2  # it is there
    assert terminal.does("failed", "propose") == (terminal.folder / "proposed.toml").read_text()
    assert terminal.reports("failed", "repair", terminal.folder / "proposed.toml")["added"] == group["events"]
    assert terminal.reports("failed", "replay", "WM-8030-9.0.1-power_w")["acknowledged"] == group["events"]
    as_they_are = terminal.reports("failed", "replay", "--reason", "cohort_differs")  # the lake knows nothing of it yet
    assert (as_they_are["sent"], as_they_are["back_before"]) == (0, group["events"])
    terminal.does("run", "--until-idle")
    (group_after,) = terminal.reports("failed", "list", "--reason", "cohort_differs")
    assert group_after == group | {"came_back": group["events"]}
    (measured,) = terminal.asks(
        """select count(*) as readings, min(power_w) as low, max(power_w) as high from readings_washer
           where device_id in (select device_id from failed_events where reason = 'cohort_differs')"""
    )
    assert measured == {"readings": group["events"] * READINGS, "low": 120.0, "high": 120.0}


def test_no_rule_converts_an_upload_twice(terminal: Terminal, rule_file: Path) -> None:
    """In litres again, it is refused for its power; converted once more it would pass as a thousandth of its water."""
    beyond = [upload | {"power_w": [9_000.0] * READINGS} for upload in a_cycle("w-again", "9.9.9", 1_000)]
    publish(terminal, beyond)
    terminal.does("run", "--until-idle")
    terminal.does("failed", "repair", rule_file)
    terminal.does("failed", "replay", "water-in-ml")
    terminal.does("run", "--until-idle")
    (first, again) = sorted(
        terminal.reports("failed", "list", "--device", "w-again"), key=lambda row: row["repair"] or ""
    )
    assert (first["reason"], first["repair"]) == ("out_of_range", None)
    assert (again["reason"], again["repair"][:12], again["events"]) == ("out_of_physics", "water-in-ml-", 3)

    rule = rule_file.with_name("power.toml")
    whole = RULE[: RULE.index("[select]")].replace("water-in-ml", "power") + '[select]\ndevice = "w-again"\n'
    water = RULE[RULE.index("[[rewrite]]") :]
    power = '[[rewrite]]\nstep = "convert"\nfield = "power_w"\nfrom = "factor 75"\nto = "W"\n'
    rule.write_text(whole + water + power)
    tried = terminal.reports("failed", "repair", rule, "--dry-run")
    assert (tried["selected"], tried["fit"]) == (6, 3)
    assert [(row["reason"], row["count"]) for row in tried["unfit"]] == [("repaired_before", 3)]
    assert again["repair"] in tried["unfit"][0]["detail"]

    rule.write_text("again = true\n" + whole + 'reason = "out_of_physics"\n' + power)
    both = [terminal.begins("failed", "repair", rule, "--json") for _ in range(2)]
    told = [json.loads(process.communicate(timeout=60)[0]) for process in both]
    assert sorted((one["added"], one["before"]) for one in told) == [(0, 3), (3, 0)]
    assert terminal.reports("failed", "replay", "power")["acknowledged"] == 3
    terminal.does("run", "--until-idle")
    assert outcomes(terminal, "w-again") == {"failed": 6, "accepted": 3}
    assert figures(terminal, "w-again") == figures(terminal, "w-litres")


def test_wrong_use_is_told_in_one_line(terminal: Terminal, rule_file: Path) -> None:
    bad = terminal.folder / "bad.toml"
    bad.write_text(RULE.replace('"water_l"\nfrom', '"seq"\nfrom'))
    deep = terminal.folder / "deep.toml"
    deep.write_text(RULE + "x = " + "[" * 20_000)
    for arguments, code, told in (
        (("replay",), 2, "name a repair, or choose uploads to replay as they are"),
        (("replay", "water-in-ml", "--reason", "late"), 2, "name a repair, or choose uploads to replay as they are"),
        (("replay", "nothing"), 2, "there is no repair 'nothing'"),
        (("list", "--reason", "because"), 2, "reason: Input should be 'empty'"),
        (("show", "washer"), 2, "'washer' is no place"),
        (("repair", str(bad)), 2, "seq is an upload's identity"),
        (("repair", str(deep)), 2, "nested too deeply"),
        (("list", "--since", "0001-01-01T00:00:00+14:00"), 2, "since: in UTC it is outside the years 1 to 9999"),
        (("list", "--device", "w-\udcff"), 2, "is no text that an upload can hold"),
        (("repair", "nowhere.toml"), 2, "cannot read the rule in 'nowhere.toml'"),
        (("propose", "--model", "RS-100"), 1, "no firmware is held"),
    ):
        said = terminal.types("failed", *arguments)
        assert said.code == code, (arguments, said)
        assert told in said.err
        assert said.err.count("\n") == 1


def test_without_a_lake_or_a_stack_it_says_so(tmp_path: Path, terminal: Terminal) -> None:
    said = Terminal(tmp_path).types("failed", "list")
    assert said.code == 3
    assert said.err.startswith("vaxel: no local stack runs in")
