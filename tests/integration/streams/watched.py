"""A worker that is asked over HTTP, what it answers, and when nobody could have answered."""

from __future__ import annotations

import http.client
import json
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families


@dataclass
class Reply:
    status: int
    body: Any
    location: str | None
    seconds: float
    ended_s: float = 0.0


@dataclass
class Watched:
    """A worker with an HTTP server."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, path: str) -> Reply:
        """The answer, redirects not followed; a server not there yet is status 0."""
        began_s = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            text = response.read().decode()
        except OSError:
            return Reply(0, None, None, 0.0)
        finally:
            connection.close()
        is_json = response.headers.get_content_type() == "application/json"
        ended_s = time.monotonic()
        body = json.loads(text) if is_json else text
        return Reply(response.status, body, response.headers["Location"], ended_s - began_s, ended_s)

    def values(self, name: str) -> dict[tuple[str, ...], float]:
        """Values of a metric by its labels' values, ordered by the labels' names."""
        text = self.ask("/metrics").body or ""
        return {
            tuple(value for _, value in sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name
        }

    def events(self) -> list[dict[str, Any]]:
        """Its log; every line is a JSON object."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


class Stalls:
    """When the machine kept this process itself waiting: nobody could have answered it in that time."""

    def __enter__(self) -> Stalls:
        self._seen: list[tuple[float, float]] = []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        expected_s = time.monotonic()
        while not self._is_over.is_set():
            expected_s += 0.05
            time.sleep(max(0.0, expected_s - time.monotonic()))
            now_s = time.monotonic()
            self._seen.append((expected_s, now_s))
            expected_s = now_s

    def within_s(self, reply: Reply) -> float:
        """Seconds of the wait for a reply in which this process stood still."""
        began_s = reply.ended_s - reply.seconds
        return sum(max(0.0, min(reply.ended_s, woke_s) - max(began_s, due_s)) for due_s, woke_s in self._seen)
