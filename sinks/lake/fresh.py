"""Digests of the files that a sink has just committed: the sooner they are taken, the more they tell.

Nothing waits for them but the next batch, and nothing is lost without them: killed before, or cut off from the
catalogue, `vaxel lake check` takes them later, and reads the files' values for it. A transaction of 1 M readings takes
7 MB to hash.
"""

from __future__ import annotations

from contextlib import suppress

import psycopg
from psycopg.rows import dict_row

from sinks.lake import digests
from sinks.lake.connection import answering, lasting
from sinks.lake.files import next_file


class Fresh:
    """What a sink has written since it was last asked."""

    def __init__(self, catalog: str) -> None:
        """Args: catalog: Address of the catalogue's database, with a lake.

        Raises:
            UnreachableError: it does not answer.
        """
        with answering(catalog):
            self._connection = psycopg.connect(lasting(catalog), autocommit=True, row_factory=dict_row)
            digests.make(self._connection)
            self._first_file = next_file(self._connection)

    def take(self) -> None:
        """Takes them, of files that sinks beside have committed too; without a word if it cannot."""
        with suppress(psycopg.Error):
            self._first_file = digests.take(self._connection, self._first_file)

    def close(self) -> None:
        """Leave the catalogue."""
        self._connection.close()
