"""A stream worker: one process, one Faust app, some partitions of all telemetry topics.

In:            telemetry.washer.v1, telemetry.shoe.v1.
Out:           receipts, readings, sessions, failed events, state.
Guarantee:     exactly once per partition (`streams.checkpoint`).
On failure:    the process ends (exit code 70) and is started again; SIGINT and SIGTERM finish and commit first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import fields
from importlib import metadata
from typing import Any

import faust
import mode

from streams import allocation
from streams.answers import Answers
from streams.ending import die
from streams.engine import Engine
from streams.logs import Format, configure, tell
from streams.product import PRODUCTS, Product
from streams.routing import Owners
from streams.settings import EngineSettings
from streams.transport import Transport, WholeRun
from streams.web import Web, listening

BUFFERED_RUNS = 4096
"""Never reached: what waits is bounded in bytes (`EngineSettings.buffer_bytes`)."""


class StreamApp(faust.App):
    """A Faust app whose transport and positions are ours."""

    engine: Engine
    consumer: Any

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)

    async def crash(self, reason: BaseException) -> None:
        """Crash-only: a worker in doubt is no worker."""
        die("application", reason)


def stream_app(settings: EngineSettings, products: Sequence[Product] = PRODUCTS) -> StreamApp:
    """The app with one agent per product, one task that commits and one that shows positions."""
    app = StreamApp(
        settings.app,
        broker=[f"kafka://{server}" for server in settings.kafka.split(",")],
        store="memory://",
        processing_guarantee="at_least_once",
        cython_optimizations=False,
        stream_buffer_maxsize=BUFFERED_RUNS,
        stream_wait_empty=True,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.session_timeout_s / 4,
        broker_rebalance_timeout=settings.rebalance_timeout_s,
        broker_request_timeout=settings.rebalance_timeout_s + 30,
        consumer_max_fetch_size=settings.fetch_bytes,
        # The fetch is bounded as it comes, compressed: of a few megabytes millions of small uploads may come out.
        broker_max_poll_records=settings.run_uploads,
        consumer_auto_offset_reset="none",
        consumer_group_instance_id=None if settings.slot is None else f"{settings.app}-{settings.slot}",
        table_standby_replicas=0,
        topic_disable_leader=True,
        topic_allow_declare=False,
        agent_supervisor=mode.CrashingSupervisor,
        web_enabled=False,
        worker_redirect_stdouts=False,
    )
    app.engine = Engine(settings, products)
    for product in products:
        _agent(app, product.telemetry)

    @app.task  # type: ignore[untyped-decorator]
    async def commits() -> None:
        try:
            await app.engine.commit_in_time()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # a commit in doubt ends the process
            die("checkpoint failed", error)

    @app.task  # type: ignore[untyped-decorator]
    async def refusals() -> None:
        while True:
            await asyncio.sleep(1.0)
            app.engine.watch.tell_refused()

    @app.task  # type: ignore[untyped-decorator]
    async def positions() -> None:
        await app.engine.show_positions(app.consumer.show_positions)

    return app


def _agent(app: StreamApp, topic: str) -> None:
    def failed(error: BaseException) -> None:
        die("step failed", error)

    async def take_in(stream: Any) -> None:
        try:
            async for event in stream.noack().events():
                app.engine.take(event.value, app.consumer.seek_to_position, failed)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # Faust would restart the agent and go on without it
            failed(error)

    channel = app.topic(topic, schema=WholeRun(), acks=False, allow_empty=True)
    app.agent(channel, name=f"take-in.{topic}")(take_in)


def run_worker(
    settings: EngineSettings,
    log_level: str = "WARNING",
    products: Sequence[Product] = PRODUCTS,
    log_format: Format = "text",
) -> None:
    """Run a worker until SIGINT or SIGTERM.

    Raises:
        OutsideError: its HTTP address cannot be had.
    """
    allocation.prepare()
    configure(log_level, log_format)
    sock = listening(settings) if settings.http_port else None
    versions = {name: metadata.version(name) for name in ("vaxel", "faust-streaming", "aiokafka", "confluent-kafka")}
    shown = {field.name: getattr(settings, field.name) for field in fields(settings) if field.repr}  # others are secret
    tell(logging.INFO, "worker starts", versions=versions, settings=shown)
    app = stream_app(settings, products)
    worker = faust.Worker(app, quiet=True, redirect_stdouts=False, override_logging=False)
    worker.spinner = None  # no terminal games in logs
    with ExitStack() as at_the_end:
        at_the_end.callback(tell, logging.INFO, "worker stopped")
        if sock is not None:
            topics = [product.telemetry for product in products]
            answers = Answers(settings, app.engine, Owners(settings.kafka, settings.app), topics, versions["vaxel"])
            web = Web(answers, sock)
            web.start()
            at_the_end.callback(web.stop)
        worker.execute_from_commandline()
