"""A TCP proxy before PostgreSQL that cuts or holds the link exactly where a test says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal

from psycopg import conninfo

Fault = Literal["none", "cut before commit", "cut after commit", "hold"]
_COMMIT = b"COMMIT\x00"


class Proxy:
    """Links of one address; `fault` counts for all of them, and is over once it has struck a commit."""

    def __init__(self, host: str, port: int) -> None:
        self.fault: Fault = "none"
        self.struck = threading.Event()
        self._server = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._links: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join()

    def cut(self) -> None:
        """Ends all links."""
        for link in self._links:
            with suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
            link.close()

    def _start(self, run: object, *args: object) -> None:
        thread = threading.Thread(target=run, args=args)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                self._links += [client, server]
                cut_after_answer = threading.Event()
                self._start(self._to_server, client, server, cut_after_answer)
                self._start(self._to_client, client, server, cut_after_answer)

    def _to_server(self, client: socket.socket, server: socket.socket, cut_after_answer: threading.Event) -> None:
        with suppress(OSError):
            while data := client.recv(1 << 16):
                if _COMMIT in data and self.fault == "cut before commit":
                    self._strike(client, server)
                    return
                if _COMMIT in data and self.fault == "cut after commit":
                    cut_after_answer.set()
                if self.fault == "hold":
                    self.struck.set()
                    continue
                server.sendall(data)
        self._strike(client, server, is_fault=False)

    def _to_client(self, client: socket.socket, server: socket.socket, cut_after_answer: threading.Event) -> None:
        with suppress(OSError):
            while data := server.recv(1 << 16):
                if cut_after_answer.is_set():  # the server has committed, nobody hears of it
                    self._strike(client, server)
                    return
                client.sendall(data)
        self._strike(client, server, is_fault=False)

    def _strike(self, client: socket.socket, server: socket.socket, is_fault: bool = True) -> None:
        if is_fault:
            self.fault = "none"
            self.struck.set()
        for link in (client, server):
            with suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxied(dsn: str) -> Iterator[tuple[Proxy, str]]:
    """A proxy before the server of an address, and the address that leads through it."""
    parts = conninfo.conninfo_to_dict(dsn)
    proxy = Proxy(str(parts["host"]), int(str(parts["port"])))
    try:
        yield (
            proxy,
            conninfo.make_conninfo(dsn, host="127.0.0.1", port=proxy.port, sslmode="disable", gssencmode="disable"),
        )
    finally:
        proxy.close()
