"""Where the time of a worker and of the desk goes, step by step: the logic alone, in one process, without Kafka.

Each part is timed from outside, by a clock around the function that does it; what no part covers is told as the rest.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from benchmarks.engine.load import LOADS, START_MS, Load
from schemas import topics
from streams import step as logic
from streams.batch import Outputs, Place
from streams.decode import Decoder
from streams.desk import reading
from streams.desk import step as desk
from streams.desk.advice import Adviser
from streams.desk.alerts import AlertBook
from streams.desk.completeness import CompletenessBook
from streams.desk.fleet_shift import FleetShift
from streams.desk.minutes import FleetMinutes
from streams.desk.register import Register
from streams.desk.slots import Slots
from streams.desk.state import DeskState
from streams.desk.usage import UsageBook
from streams.devices import Devices
from streams.frames import frames
from streams.intake import taken_in
from streams.product import WASHER
from streams.state import State

BATCH = 20_000
"""Uploads handed over at once: what a worker takes in when it has much to do."""
RECEIVED_AFTER_MS = 400 * 86_400_000

WORKER_PARTS: tuple[tuple[str, Any, str], ...] = (
    ("rules and physics", logic, "admitted"),
    ("firmware and counters", logic, "_true"),
    ("dedup", Devices, "judge"),
    ("sessions", logic, "_reported"),
    ("sessions told", logic, "_facts"),
    ("receipts", logic, "_receipts"),
    ("readings", logic, "_readings"),
)
DESK_PARTS: tuple[tuple[str, Any, str], ...] = (
    ("devices", Slots, "of_column"),
    ("devices", Slots, "heard"),
    ("completeness", CompletenessBook, "take"),
    ("completeness", CompletenessBook, "told"),
    ("completeness", CompletenessBook, "commands"),
    ("usage", UsageBook, "take"),
    ("advice", Adviser, "after_cycle"),
    ("alerts", AlertBook, "after_cycle"),
    ("alerts", AlertBook, "dormant"),
    ("firmware in the field", FleetShift, "after_cycle"),
    ("firmware in the field", FleetShift, "told"),
    ("minutes", FleetMinutes, "add"),
    ("minutes", FleetMinutes, "told"),
)
"""Parts of a step: what it is, and the function that does it."""


@dataclass(frozen=True)
class Share:
    """One part's time.

    Attributes:
        stage: worker or desk.
    """

    load: str
    stage: str
    part: str
    seconds: float
    uploads: int

    @property
    def us_per_upload(self) -> float:
        return self.seconds * 1e6 / self.uploads


def shares(uploads: int, devices: int, tell: Callable[[str], None] = lambda _line: None) -> list[Share]:
    """Time of each part for each load: `uploads` with one reading, a fifth as many with 20."""
    found: list[Share] = []
    for name, count in (("single", uploads), ("packed", uploads // 5)):
        tell(f"{name}: where the time goes")
        found += _of_load(LOADS[name](count, devices, 1))
    return found


@dataclass(frozen=True)
class _Upload:
    """A record as `taken_in` wants it."""

    key: bytes
    value: bytes
    offset: int
    timestamp: int
    headers: Sequence[tuple[str, bytes | None]] = ()


def _of_load(load: Load) -> Iterator[Share]:
    names = [name.encode() for name in load.device_ids()]
    received_ms = START_MS + RECEIVED_AFTER_MS
    records = [
        _Upload(names[device], value, offset, received_ms) for offset, (device, value) in enumerate(load.values())
    ]
    spent: defaultdict[tuple[str, str], float] = defaultdict(float)
    decoder, state, place = Decoder(WASHER.versions), State(WASHER), Place(WASHER.telemetry, 0)
    desk_state, register = DeskState(0), Register()
    with _timed(spent):
        for first in range(0, len(records), BATCH):
            with _clock(spent, ("worker", "all")):
                with _clock(spent, ("worker", "decode")):
                    batch, refused = taken_in(decoder, place, records[first : first + BATCH])
                outputs = logic.step(WASHER, state, batch, refused)
                with _clock(spent, ("worker", "frames and JSON")):
                    written = _written(outputs, first)
            with _clock(spent, ("desk", "all")):
                with _clock(spent, ("desk", "read")):
                    came = reading.arrivals(written)
                desk.step(desk_state, register, came)
                desk.speak(desk_state, register, received_ms + first, is_idle=False)
    for stage in ("worker", "desk"):
        whole = spent.pop((stage, "all"))
        parts = {part: seconds for (own, part), seconds in spent.items() if own == stage}
        parts["the rest"] = whole - sum(parts.values())
        for part, seconds in sorted(parts.items(), key=lambda item: -item[1]):
            yield Share(load.name, stage, part, seconds, len(records))


def _written(outputs: Outputs, first: int) -> list[reading.Record]:
    """What a worker would write of a load without faults, as the desk would read it."""
    records = [
        reading.Record(topic, first, None, value)
        for topic, table in ((topics.RECEIPTS, outputs.receipts), (WASHER.readings, outputs.readings))
        for value in frames(table)
    ]
    records += [
        reading.Record(topics.SESSIONS_WASHER, first, b"", json.dumps(session).encode()) for session in outputs.sessions
    ]
    return records


@contextmanager
def _clock(spent: defaultdict[tuple[str, str], float], key: tuple[str, str]) -> Iterator[None]:
    began_s = time.perf_counter()
    try:
        yield
    finally:
        spent[key] += time.perf_counter() - began_s


@contextmanager
def _timed(spent: defaultdict[tuple[str, str], float]) -> Iterator[None]:
    """A clock around every part, while it lasts."""
    with ExitStack() as patched:
        for stage, parts in (("worker", WORKER_PARTS), ("desk", DESK_PARTS)):
            for part, owner, name in parts:
                around = _around(spent, (stage, part), getattr(owner, name))
                patched.enter_context(patch.object(owner, name, around))
        yield


def _around(
    spent: defaultdict[tuple[str, str], float], key: tuple[str, str], function: Callable[..., Any]
) -> Callable[..., Any]:
    def timed(*args: Any, **kwargs: Any) -> Any:
        with _clock(spent, key):
            return function(*args, **kwargs)

    return timed


def lines(found: Sequence[Share]) -> list[tuple[str, ...]]:
    """Load, stage, part, microseconds an upload, share of its stage; largest first."""
    whole: defaultdict[tuple[str, str], float] = defaultdict(float)
    for own in found:
        whole[own.load, own.stage] += own.seconds
    return [
        (own.load, own.stage, own.part, f"{own.us_per_upload:.2f}", f"{own.seconds / whole[own.load, own.stage]:.0%}")
        for own in found
    ]
