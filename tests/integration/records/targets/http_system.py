"""A record system behind a REST interface, in memory: one lock, rules of its own, faults as a test orders them."""

from __future__ import annotations

import copy
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from schemas.records import RecordTable
from sinks.records.targets.clock import now_utc

PAGE_ROWS = 3
Reply = tuple[int, dict[str, Any]]


class RefusedError(Exception):
    """A rule says no; its text is what the caller is told."""


@dataclass
class Row:
    values: dict[str, Any]
    row_version: int = 1


@dataclass
class State:
    """What is backed up and restored. Keys are JSON arrays."""

    rows: dict[str, Row] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class Faults:
    """What goes wrong: each counts down, or holds until it is taken back.

    Attributes:
        drop_after_write: The connection is cut after that many more writes of rows, the last one having been done;
        drop_before_write: the same, the last one not having been done.
        status: Every request is answered with it.
        wait_s: Every answer takes so long.
        before_write: Called before each write of a row, as somebody else would come between.
    """

    drop_after_write: int = 0
    drop_before_write: int = 0
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    wait_s: float = 0
    before_write: Callable[[], None] = lambda: None


class DroppedError(Exception):
    """The connection is to be cut."""


class HttpSystem:
    """One table of one system; `rule` makes of values what the system stores, or refuses them."""

    def __init__(
        self, table: RecordTable, rule: Callable[[dict[str, Any]], dict[str, Any]], defaults: dict[str, Any]
    ) -> None:
        self.table, self.rule, self.defaults = table, rule, defaults
        self.state, self.faults = State(), Faults()
        self.lock = threading.RLock()
        self.seen_headers: dict[str, str] = {}
        self.writable = set(table.column_names)

    def saved(self) -> State:
        with self.lock:
            return copy.deepcopy(self.state)

    def restore(self, saved: State) -> None:
        with self.lock:
            self.state = copy.deepcopy(saved)

    def answer(self, method: str, target: str, headers: Any, body: dict[str, Any]) -> Reply:
        url = urlsplit(target)
        parts = [unquote(part) for part in url.path.strip("/").split("/")]
        query = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        self.seen_headers = dict(headers)
        if parts[0] == "batches":
            return self._batch(method, parts[1:], body)
        if parts[1] != self.table.name:
            return 404, {}
        if len(parts) == 2:
            return 200, self._description()
        names = [name for name in query.get("fields", "").split(",") if name]
        if len(parts) == 3:
            return self._page(names, int(query["page"] or 0))
        if method == "GET":
            row = self.state.rows.get(parts[3])
            return (404, {}) if row is None else (200, self._shown(parts[3], row, names))
        return self._write(method, parts[3], headers, body)

    def _description(self) -> dict[str, Any]:
        columns = {
            column.name: {"kind": column.kind, "is_writable": column.name in self.writable}
            for column in self.table.columns
        }
        return {"key": list(self.table.key), "columns": columns}

    def _page(self, names: list[str], start: int) -> Reply:
        keys = sorted(self.state.rows)
        page = [self._shown(key, self.state.rows[key], names) for key in keys[start : start + PAGE_ROWS]]
        more = start + PAGE_ROWS
        return 200, {"rows": page, "next_page": str(more) if more < len(keys) else None}

    @staticmethod
    def _shown(key: str, row: Row, names: list[str]) -> dict[str, Any]:
        values = {name: row.values.get(name) for name in names}
        return {"key": json.loads(key), "values": values, "row_version": row.row_version}

    def _write(self, method: str, key: str, headers: Any, body: dict[str, Any]) -> Reply:
        token, _, number = headers["Idempotency-Key"].partition("/")
        batch = self.state.batches[token]
        if number in batch["answers"]:
            return 200, batch["answers"][number]
        if batch["state"] != "open" or now_utc() >= datetime.fromisoformat(batch["plan"]["deadline_at"]):
            return 410, {"title": "the batch is over"}
        self.faults.before_write()
        if self._counts_down("drop_before_write"):
            raise DroppedError
        row = self.state.rows.get(key)
        if method == "PUT" and row is not None:
            return 412, {}
        if method != "PUT" and (row is None or headers["If-Match"] != f'"{row.row_version}"'):
            return (404 if row is None else 412), {}
        try:
            values = self.rule(body.get("values", {}))
        except RefusedError as error:
            return 422, {"title": str(error)}
        if method == "PUT":
            self.state.rows[key] = Row(self.defaults | values)
        elif method == "DELETE":
            del self.state.rows[key]
        else:
            assert row is not None
            row.values |= values
            row.row_version += 1
        batch["answers"][number] = {"values": values}
        if self._counts_down("drop_after_write"):
            raise DroppedError
        return 200, batch["answers"][number]

    def _counts_down(self, name: str) -> bool:
        left: int = getattr(self.faults, name)
        setattr(self.faults, name, max(0, left - 1))
        return left == 1

    def _batch(self, method: str, parts: list[str], body: dict[str, Any]) -> Reply:
        if parts == ["unknown"]:
            known = {
                token for token, batch in self.state.batches.items() if batch["state"] == "closed" or batch["answers"]
            }
            return 200, {"unknown": [token for token in body["tokens"] if token not in known]}
        empty: dict[str, Any] = {"state": "open", "plan": None, "outcome": None, "answers": {}}
        batch = self.state.batches.setdefault(parts[0], empty)
        if parts[1:] == ["cancel"]:
            batch["state"] = "cancelled" if batch["state"] == "open" else batch["state"]
        elif parts[1:] == ["outcome"]:
            if batch["state"] == "cancelled":
                return 410, {"title": "the batch is over"}
            if batch["state"] == "open":
                batch |= {"state": "closed", "outcome": body["outcome"]}
        elif parts[1:2] == ["rows"]:
            return (200, batch["answers"][parts[2]]) if parts[2] in batch["answers"] else (404, {})
        elif method == "PUT" and batch["plan"] is None:
            batch["plan"] = body
        return 200, batch


@contextmanager
def serving(system: HttpSystem) -> Iterator[str]:
    """Base address of the system, as long as it is entered."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _handle(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            time.sleep(system.faults.wait_s)
            try:
                with system.lock:
                    if system.faults.status:
                        status, reply = system.faults.status, {"title": "as the test ordered"}
                    else:
                        status, reply = system.answer(self.command, self.path.removeprefix("/api"), self.headers, body)
            except DroppedError:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            data = json.dumps(reply).encode() if system.faults.raw is None else system.faults.raw
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            for name, value in system.faults.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PUT = do_PATCH = do_DELETE = do_POST = _handle  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A caller that went away is none of the system's business."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
