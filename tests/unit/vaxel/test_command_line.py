from __future__ import annotations

from pathlib import Path

import pytest
import typer

from schemas.errors import OutsideError, PositionError, UsageError, VaxelError
from vaxel import __main__ as command_line

OUTCOMES: list[tuple[BaseException, int, str]] = [
    (VaxelError("a check\nfound  something"), 1, "vaxel: a check found something\n"),
    (UsageError("wrong"), 2, "vaxel: wrong\n"),
    (OutsideError("the disk is full"), 3, "vaxel: the disk is full\n"),
    (PositionError("re-created"), 4, "vaxel: re-created\n"),
    (KeyboardInterrupt(), 130, ""),
]


@pytest.mark.parametrize(("raised", "exit_code", "line"), OUTCOMES)
def test_error_becomes_one_line_and_its_exit_code(
    raised: BaseException,
    exit_code: int,
    line: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> None:
        raise raised

    app = typer.Typer()
    app.command()(fail)
    monkeypatch.setattr(command_line, "app", app)
    assert command_line.run([]) == exit_code
    assert capsys.readouterr().err == line


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nonsense"], "vaxel: No such command 'nonsense'.\n"),
        (["up", "--nonsense"], "vaxel: No such option: --nonsense\n"),
        (["capture", "--product", "fridge", "x"], "vaxel: Invalid value for '--product': 'fridge' is not one of "),
        (["up", "--kafka-port", "x"], "vaxel: Invalid value for '--kafka-port': "),
    ],
)
def test_wrong_call_is_one_line_and_exit_code_2(
    arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line.run(arguments) == 2
    shown = capsys.readouterr().err
    assert shown.startswith(line)
    assert shown.count("\n") == 1


def test_status_without_a_stack_says_so_and_exits_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.run(["status", "--data-dir", str(tmp_path)]) == 3
    assert capsys.readouterr().out == f"no local stack runs in {tmp_path}\n"


def test_down_without_a_stack_is_no_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.run(["down", "--data-dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"no local stack runs in {tmp_path}\n"


def test_every_command_and_option_has_help() -> None:
    for command in command_line.app.registered_commands:
        assert command.callback is not None
        assert command.callback.__doc__, command.callback.__name__
