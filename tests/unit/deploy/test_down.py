"""`down` beside a keeper that it cannot ask."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import stack
from deploy.layout import Layout, layout_of, take_lock
from schemas.errors import OutsideError


@pytest.fixture
def lock(tmp_path: Path) -> int:
    """Held by this process, as a keeper holds it."""
    handle = take_lock(layout_of(tmp_path))
    assert handle is not None
    return handle


def test_a_keeper_that_ends_by_itself_meanwhile_is_no_error(
    tmp_path: Path, lock: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass

    def just_ended(_layout: Layout) -> int:
        os.close(lock)
        return ended.pid

    monkeypatch.setattr(stack, "_keeper_pid", just_ended)
    assert stack.down(tmp_path)


def test_the_stack_of_another_user_is_named_as_such(tmp_path: Path, lock: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(stack, "_keeper_pid", lambda _layout: 4711)
    monkeypatch.setattr(os, "kill", refuse)
    with pytest.raises(OutsideError, match=r"\(keeper 4711\) belongs to another user\. Stop it as that user"):
        stack.down(tmp_path)
    os.close(lock)
