"""How test files are given out when several processes share the work (`make test`): a file to one process.

The files that use the pipeline of fixture `sound` go to one process, which makes it once: that takes a minute and a
half. The longest go first, so that in the end no process waits for another one's last long file; that is not known by
the number of tests, which xdist goes by: the longest file has one.
"""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

PIPELINE = "tests/integration/pipeline/"
SOUND = frozenset(f"{PIPELINE}test_{name}.py" for name in ("malformed", "oracle", "verify"))
"""Files whose tests ask for `sound`."""
FIRST = (PIPELINE, "tests/integration/lake/", "tests/integration/")


class ByFile(LoadFileScheduling):  # type: ignore[misc]
    """A file to a process, `SOUND` as if it were one file."""

    def _split_scope(self, nodeid: str) -> str:
        return shared_by(nodeid.split("::", 1)[0])


def shared_by(file: str) -> str:
    """What goes to one process with this file."""
    return f"{PIPELINE}sound" if file in SOUND else file


def rank(file: str) -> int:
    """The lower, the earlier."""
    return next((place for place, folder in enumerate(FIRST) if file.startswith(folder)), len(FIRST))


def longest_first(items: list[pytest.Item]) -> None:
    """Reorders what was collected; tests of one file stay as they are."""
    items.sort(key=lambda item: rank(item.nodeid))
