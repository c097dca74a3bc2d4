"""Wrong use is told in one line on stderr, with exit code 2 or 3, and never by a traceback."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import pytest

from schemas.errors import OutsideError
from tests.integration.pipeline.terminal import Said, Terminal
from vaxel import supervisor as supervising
from vaxel.__main__ import run
from vaxel.supervisor import Supervisor

NOWHERE = {
    "VAXEL_KAFKA": "127.0.0.1:1",
    "VAXEL_LAKE_CATALOG": "postgresql://user:very-secret@127.0.0.1:1/catalog",
    "VAXEL_LAKE_FILES": "lake",
    "VAXEL_RECORDS": "postgresql://user:very-secret@127.0.0.1:1/records",
}

WRONG = [
    ("run", "--workers", "0"),
    ("run", "--workers", "two"),
    ("run", "--nonsense"),
    ("run", "washers"),
    ("verify", "--nonsense"),
    ("verify", "everything"),
    ("sql", "--format", "xml", "select 1"),
    ("sql", "select 1", "--file", "query.sql"),
    ("sql", ""),
    ("worker", "--slot", "-1"),
    ("worker", "--checkpoint-s", "0"),
    ("worker", "--log-level", "LOUD"),
    ("sink",),
    ("sink", "pond"),
    ("sink", "lake", "--nonsense"),
    ("gearbox",),
    ("gearbox", "plan", "crm.nothing"),
    ("gearbox", "apply"),
    ("gearbox", "apply", "1", "--all"),
    ("gearbox", "apply", "crm.nothing"),
    ("gearbox", "run", "--flow", "crm.nothing"),
    ("gearbox", "undo", "1"),
    ("gearbox", "freeze", "declare", "erp"),
    ("gearbox", "turn"),
    ("simulate", "--washers", "-1"),
    ("simulate", "--fault", "truncated=1.5"),
    ("simulate", "--fault", "late=-0.1"),
    ("simulate", "--fault", "late"),
    ("simulate", "--fault", "corrupt=0.1"),
    ("simulate", "--fault", "duplicated=0.6", "--fault", "late=0.6"),
    ("simulate", "--roll-out", "fridge:1.0.0@2026-05-10"),
    ("simulate", "--speed", "0"),
    ("simulate", "--speed", "nan"),
    ("simulate", "--start", "yesterday"),
    ("simulate", "--start", "2999-01-01"),
    ("simulate", "--start", "1999-01-01"),
    ("simulate", "--start", "0001-01-01"),
    ("simulate", "--rate", "0"),
    ("simulate", "--rate", "nan"),
    ("seed", "--start", "1999-01-01"),
    ("seed", "--start", "9999-12-31"),
    ("replay",),
    ("replay", "no-such-file.csv"),
    ("replay", "."),
    ("nonsense",),
]


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_a_wrong_option_is_one_line_and_exit_code_2(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code = run(arguments)
    said = capfd.readouterr()
    assert code == 2, said
    if len(arguments) > 1 or arguments == ("nonsense",):  # a bare group of commands shows its help
        assert said.err.startswith("vaxel: ")
        assert said.err.count("\n") == 1, said.err
    assert not (tmp_path / ".vaxel").exists()


WITHOUT_STACK = [
    ("verify",),
    ("sql", "select 1"),
    ("worker",),
    ("sink", "lake"),
    ("gearbox", "plan"),
    ("gearbox", "log"),
    ("seed",),
    ("simulate", "--washers", "1", "--shoes", "0", "--days", "1"),
]


@pytest.mark.parametrize("arguments", WITHOUT_STACK, ids=" ".join)
def test_without_a_stack_the_way_to_start_it_is_told(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 3
    said = capfd.readouterr().err
    assert said.startswith(
        f"vaxel: no local stack runs in {tmp_path / '.vaxel'}. Start it: vaxel up --data-dir .vaxel ("
    )
    assert said.endswith(")\n")
    assert said.count("\n") == 1
    assert not (tmp_path / ".vaxel").exists()


def test_systems_that_do_not_answer_are_told_in_one_line_without_secrets(tmp_path: Path) -> None:
    commands = [
        ("run",),
        ("run", "--until-idle", "--json"),
        ("verify",),
        ("worker",),
        ("sql", "select 1"),
        ("gearbox", "plan"),
    ]
    terminal = Terminal(tmp_path, NOWHERE)

    def types(command: tuple[str, ...]) -> Said:
        return terminal.types(*command, "--data-dir", f"of-{'-'.join(command)}".replace(" ", "-"))

    with ThreadPoolExecutor(len(commands)) as users:
        for command, said in zip(commands, users.map(types, commands), strict=True):
            assert said.code == 3, (command, said)
            assert said.err.startswith("vaxel: "), (command, said)
            assert "127.0.0.1" in said.err
            assert "very-secret" not in said.err
            assert said.err.count("\n") == 1, (command, said)


def tend_until_it_gives_up(supervisor: Supervisor) -> NoReturn:
    while True:
        supervisor.tend()
        time.sleep(0.05)


def test_a_child_called_wrongly_is_not_started_again(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path / "logs")
    supervisor.start("worker-0", "worker", "--nonsense")
    with pytest.raises(
        OutsideError, match=r"worker-0 ended with exit code 2: No such option: --nonsense \(log: .*worker-0.log\)"
    ):
        tend_until_it_gives_up(supervisor)
    assert supervisor.restarts == 0
    supervisor.stop()


def test_a_child_that_ends_again_and_again_is_told_and_then_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervising, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(supervising, "CRASHES_IN_A_ROW", 3)
    told: list[str] = []
    supervisor = Supervisor(tmp_path / "logs", told.append)
    supervisor.start("sink-lake", "sink", "lake", "--data-dir", str(tmp_path))
    with pytest.raises(OutsideError, match="sink-lake ended with exit code 3: no local stack runs"):
        tend_until_it_gives_up(supervisor)
    assert supervisor.restarts == 2
    assert len(told) == 2
    assert "it is started again in" in told[0]
    supervisor.stop()
