"""The worker's HTTP server: `/metrics`, `/health`, `/devices/{id}`.

In:            GET requests.
Out:           what `streams.answers` says.
Guarantee:     a thread and an event loop of its own, so that it answers while the stream is busy or stands still, and
               so that nothing that happens in here reaches the stream.
On failure:    an address that cannot be had is an error before the worker has touched a partition; later, a log line.

Not Faust's own server: a fault of that one ends the worker, and it runs on the event loop that health has to judge.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web

from schemas.errors import OutsideError, UsageError
from schemas.fields import IDENTIFIER
from streams.answers import Answers
from streams.device_answer import Answer
from streams.logs import LOG, tell
from streams.settings import EngineSettings

LOOK_EVERY_S = 1.0
LOOKUPS = 4
"""Devices looked up at the same time; others wait."""
STOP_S = 2.0
EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104


def listening(settings: EngineSettings) -> socket.socket:
    """A socket on the address of the settings.

    Raises:
        OutsideError: the address is taken, or not this machine's.
    """
    host, port = settings.http_host, settings.http_port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        # Python adds to the system's words; a name that cannot be resolved has words of its own.
        why = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise OutsideError(f"cannot serve HTTP on {host}:{port}: {why}. Choose another --http-port") from error


def advertised(host: str, port: int, wanted: str | None) -> str:
    """The address under which others reach a worker's server; empty without a server.

    Raises:
        UsageError: it is none, or none was given where it cannot be guessed.
    """
    if not port:
        return ""
    if wanted is None:
        if host in EVERYWHERE:
            raise UsageError(f"--http-host {host} is every address: say with --advertise URL which one others reach")
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    if not re.fullmatch(r"https?://[^/\s?#]+(/[^\s?#]*)?", wanted) or len(wanted) > 1_000:
        raise UsageError(f"--advertise {wanted!r} is no address: http://HOST:PORT or https://HOST[:PORT][/PATH] is")
    return wanted.rstrip("/")


class Web:
    """The server, in its thread."""

    def __init__(self, answers: Answers, sock: socket.socket) -> None:
        self._answers = answers
        self._socket = sock
        self._lookups = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="lookup")
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)

    def start(self) -> None:
        """Serve from here on."""
        self._thread.start()

    def stop(self) -> None:
        """Serve no more; open requests have `STOP_S` to end."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(2 * STOP_S)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except Exception:
            LOG.warning("the HTTP server stops; the stream goes on", exc_info=True)

    async def _serve(self) -> None:
        app = web.Application()
        app.add_routes(
            [
                web.get("/metrics", self._metrics),
                web.get("/health", self._health),
                web.get("/devices/{device_id}", self._device),
            ]
        )
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_S)
        await runner.setup()
        await web.SockSite(runner, self._socket).start()
        tell(logging.INFO, "serving HTTP", address=self._socket.getsockname()[:2])
        while not self._stopping.is_set():
            try:
                self._answers.observe()
            except Exception:  # what is looked at may be changing; the next look is a second away
                LOG.warning("looking at the worker failed", exc_info=True)
            try:
                await asyncio.wait_for(self._stopping.wait(), LOOK_EVERY_S)
            except TimeoutError:
                continue
        await runner.cleanup()
        self._lookups.shutdown(wait=False, cancel_futures=True)

    async def _metrics(self, _: web.Request) -> web.Response:
        text = await asyncio.to_thread(self._answers.metrics)
        return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    async def _health(self, _: web.Request) -> web.Response:
        return _response(self._answers.health())

    async def _device(self, request: web.Request) -> web.Response:
        device_id, topics = request.match_info["device_id"], request.query.getall("topic", [])
        if not re.fullmatch(IDENTIFIER, device_id):
            return _response(Answer(400, {"error": f"no device id, which match {IDENTIFIER}: {device_id[:80]!r}"}))
        if not set(topics) <= set(self._answers.topics):
            return _response(Answer(400, {"error": f"a topic is one of {', '.join(self._answers.topics)}"}))
        return _response(await self._loop.run_in_executor(self._lookups, self._answers.device, device_id, topics))


def _response(answer: Answer) -> web.Response:
    headers = {"Cache-Control": "no-store"}
    if answer.location is not None:
        headers["Location"] = answer.location
    if answer.status == 503:
        headers["Retry-After"] = "1"
    return web.json_response(answer.body, status=answer.status, headers=headers)
