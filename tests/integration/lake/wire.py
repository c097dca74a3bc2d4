"""A wire between a lake and its catalogue, to be cut at a commit."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Thread

from psycopg.conninfo import conninfo_to_dict, make_conninfo


@dataclass
class Wire:
    """Between the lake and its catalogue, to be cut at the commit of the next transaction that writes.

    Attributes:
        cut: Where to cut, once: `within` the transaction, `before` the catalogue hears of the commit, or `behind` it,
            its answer unheard; `freeze` holds the commit back until `thaw` is set.
        cuts: Transactions that were cut.
    """

    to_port: int
    server: socket.socket
    cut: str = ""
    cuts: int = 0
    is_over: bool = False
    thaw: Event = field(default_factory=Event)
    carriers: list[Thread] = field(default_factory=list)

    def serve(self) -> None:
        while not self.is_over:
            if select.select([self.server], [], [], LOOK_EVERY_S)[0]:
                self.carriers.append(Thread(target=self._carry, args=(self.server.accept()[0],)))
                self.carriers[-1].start()

    def _carry(self, client: socket.socket) -> None:
        """One connection, until either side ends it or it is cut."""
        writes = False
        with suppress(OSError), client, socket.create_connection(("127.0.0.1", self.to_port)) as catalogue:
            while not self.is_over:
                for spoke in select.select([client, catalogue], [], [], LOOK_EVERY_S)[0]:
                    said = spoke.recv(65_536)
                    if not said:
                        return
                    writes = writes or (b"INSERT INTO" in said and b"ducklake_snapshot VALUES" in said)
                    is_place = b"ducklake_inlined_data_" in said if self.cut == "within" else writes and said == COMMIT
                    if spoke is client and self.cut and is_place:
                        if self.cut == "freeze":
                            self.cut = ""
                            self.cuts += 1
                            self.thaw.wait(60)
                            return
                        if self.cut == "behind":
                            catalogue.sendall(said)
                            catalogue.recv(65_536)
                        self.cut = ""
                        self.cuts += 1
                        return
                    (catalogue if spoke is client else client).sendall(said)


COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
"""As PostgreSQL's protocol has it."""


LOOK_EVERY_S = 0.2


@contextmanager
def wire_to(catalog: str) -> Iterator[tuple[Wire, str]]:
    """A wire, and the catalogue's address through it."""
    parts = conninfo_to_dict(catalog)
    with socket.create_server(("127.0.0.1", 0)) as server:
        wire = Wire(int(parts["port"] or 5432), server)
        serving = Thread(target=wire.serve)
        serving.start()
        try:
            yield wire, make_conninfo("", **{**parts, "port": server.getsockname()[1]})
        finally:
            wire.is_over = True
            for thread in (serving, *wire.carriers):
                thread.join()
