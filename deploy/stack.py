"""Start, find and stop the local stack of a data directory."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from deploy import children
from deploy.jars import default_cache, fetch_jars
from deploy.layout import Layout, create, is_locked, layout_of, read_json, take_lock
from deploy.spawn import (
    LOCKED_EXIT_CODE,
    START_WITHIN_S,
    STOP_WITHIN_S,
    forget_ended_keepers,
    spawn_keeper,
    why_it_ended,
)
from deploy.topics import ensure_topics, partition_counts
from schemas import errors
from schemas.topics import DEFAULT_PARTITIONS, DESK, TELEMETRY, TOPICS, relay_topic, state_topic

APP = "vaxel"
LOOK_EVERY_S = 0.05


@dataclass(frozen=True)
class Stack:
    """A running stack: addresses for clients, and who runs it.

    Attributes:
        catalog: DSN of the lake's catalogue, with the password.
        records: DSN of the database of the record systems, with the password.
        parent_pid: The process whose end stops the stack; None for a stack that runs until `down`.
    """

    kafka: str
    catalog: str = field(repr=False)
    lake_files: str
    records: str = field(repr=False)
    kafka_port: int
    postgres_port: int
    keeper_pid: int
    kafka_pid: int
    postgres_pid: int
    parent_pid: int | None


def find(data_dir: Path) -> Stack | None:
    """The stack that runs in this data directory and answers; None when there is none (yet)."""
    layout = layout_of(data_dir)
    if not is_locked(layout):
        return None
    content = read_json(layout.stack)
    if content is None:
        return None
    stack = Stack(**content)
    return stack if _lives(stack.keeper_pid) else None  # else a new keeper is about to remove the old file


def _lives(pid: int) -> bool:
    """Whether a process runs; one that is dead but not yet reaped does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def up(
    data_dir: Path,
    *,
    kafka_port: int | None = None,
    postgres_port: int | None = None,
    partitions: int | None = None,
    bound: bool = False,
    say: Callable[[str], None] = lambda _line: None,
) -> Stack:
    """The stack of this data directory, started if it does not run, with all topics made.

    A stack that runs already is returned as it is, whoever started it. Killed half-way, nothing is lost sight of: the
    keeper goes on, the next `up` finds it, `down` stops it.

    Args:
        kafka_port: Wanted port; None for the last used or a free one. So for `postgres_port`.
        partitions: Of topics that have to be made; None for as many as there are, or the default.
        bound: Stop the stack when this process ends, also when it is killed. `Stack.parent_pid` tells whose it is.
        say: Gets a line for each thing that may take time.

    Raises:
        UsageError: a topic is there with another partition count, or a port is no port.
        OutsideError: a port is taken, the disk is full, a download is not possible, a server died: see the message.
    """
    layout = layout_of(data_dir)
    stack = find(data_dir)
    if stack is None:
        create(layout)
        fetch_jars(default_cache(os.environ), say=say)
        say(f"starting Kafka and PostgreSQL in {layout.data_dir}")
        stack = _start(layout, kafka_port, postgres_port, bound)
    wanted = {"--kafka-port": (kafka_port, stack.kafka_port), "--postgres-port": (postgres_port, stack.postgres_port)}
    for option, (port, actual) in wanted.items():
        if port is not None and port != actual:
            raise errors.UsageError(
                f"a stack runs in {layout.data_dir} with {option} {actual}, not {port}. Stop it first: vaxel down"
            )
    if partitions is None:
        partitions = partition_counts(stack.kafka).get(TELEMETRY[0], DEFAULT_PARTITIONS)
    topics = (*TOPICS, *(state_topic(APP, name) for name in (*TELEMETRY, DESK)), relay_topic())
    ensure_topics(stack.kafka, topics, partitions)
    return stack


def down(data_dir: Path) -> bool:
    """Stop the stack of this data directory and wait until all of it is gone. False when there was none.

    Raises:
        OutsideError: it did not stop, or may not be asked to.
    """
    layout = layout_of(data_dir)
    was_running = False
    asked: set[int] = set()
    deadline_s = time.monotonic() + STOP_WITHIN_S
    while is_locked(layout):
        was_running = True
        pid = _keeper_pid(layout)
        if pid is not None and pid not in asked:
            _ask_to_stop(layout, pid)
            asked.add(pid)
        if time.monotonic() > deadline_s:
            raise errors.OutsideError(f"the stack in {layout.data_dir} (keeper {pid}) did not stop. End it: kill {pid}")
        time.sleep(LOOK_EVERY_S)
    forget_ended_keepers()
    if layout.children.exists():  # a killed keeper's servers are still on their way out
        handle = take_lock(layout)
        if handle is not None:
            was_running = True
            children.end_leftovers(layout.children)
            os.close(handle)
    return was_running


def last_error(data_dir: Path) -> str | None:
    """Why the last stack of this data directory ended, if it did not end well."""
    content = read_json(layout_of(data_dir).error)
    return None if content is None else str(content["message"])


def _keeper_pid(layout: Layout) -> int | None:
    """Process id of the keeper that has the lock; None in the moment before it has written it."""
    try:
        pid = int(layout.lock.read_text())
        return pid if "deploy.keeper" in psutil.Process(pid).cmdline() else None
    except (ValueError, psutil.Error):
        return None


def _ask_to_stop(layout: Layout, pid: int) -> None:
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        pass  # it has just ended by itself
    except PermissionError as error:
        raise errors.OutsideError(
            f"the stack in {layout.data_dir} (keeper {pid}) belongs to another user. Stop it as that user"
        ) from error


def _start(layout: Layout, kafka_port: int | None, postgres_port: int | None, bound: bool) -> Stack:
    keeper = spawn_keeper(layout, kafka_port, postgres_port, bound)
    try:
        deadline_s = time.monotonic() + START_WITHIN_S + STOP_WITHIN_S
        while time.monotonic() < deadline_s:
            stack = find(layout.data_dir)
            if stack is not None:
                return stack
            if keeper.poll() is not None and not is_locked(layout):
                if keeper.returncode != LOCKED_EXIT_CODE:
                    raise why_it_ended(layout, keeper)
                keeper = spawn_keeper(layout, kafka_port, postgres_port, bound)  # the other one is gone: our turn
            time.sleep(LOOK_EVERY_S)
        raise errors.UnreachableError(f"the stack did not start. See {layout.log('keeper')}")
    except KeyboardInterrupt:
        if keeper.poll() is None:
            keeper.terminate()
        raise
