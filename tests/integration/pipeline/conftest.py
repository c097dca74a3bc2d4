"""One sound pipeline for all tests that do not interrupt it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.pipeline.carrying import carry
from tests.integration.pipeline.terminal import Terminal, running_stack

FLEET = ("--seed", "31", "--washers", "8", "--shoes", "8", "--days", "4")
SHARES = ("--fault", "duplicated=0.05", "--fault", "truncated=0.05", "--fault", "altered=0.01", "--fault", "lost=0.01")


@pytest.fixture(scope="package")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """A few days of a fleet in lake and record systems. Tests may add to it, what they spoil they undo."""
    with running_stack(tmp_path_factory.mktemp("sound")) as terminal:
        facts_of_days(terminal)
        assert carry(terminal), "there is something to carry"
        yield terminal


def facts_of_days(terminal: Terminal) -> None:
    """Everything that is known of a few days of a small fleet, faults included."""
    terminal.does("seed", *FLEET)
    terminal.does("simulate", *FLEET, *SHARES)
    terminal.does("run", "--until-idle")
