"""How long a worker needs to take over partitions with many devices, and what the state weighs.

In:            a fleet that is computed: one upload of each device, a few per cent in the middle of a wash cycle, the
               others a sign of life; written by a worker's own checkpoints, then by small ones until every page has
               been saved in its turn.
Out:           seconds from nothing to known positions, in a fresh process; bytes per device; bytes per changed row.
Guarantee:     what was taken over is compared with the fleet; a state that is wrong has no speed.
On failure:    the broker and its files are removed, also on Ctrl-C.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from random import Random

from aiokafka import ConsumerRecord

from benchmarks.engine.broker import measured_broker
from deploy.topics import ensure_topics
from schemas.topics import BY_NAME, state_topic
from streams.batch import Place
from streams.checkpoint import Partition, Run
from streams.inspection import inspected
from streams.memory import Position
from streams.product import WASHER
from streams.settings import EngineSettings
from streams.store import PAGES

SPREADS = (1, 4)
"""Over how many partitions the devices are spread."""
FIRST_MS = 1_767_225_600_000
IN_SESSION_SHARE = 0.05
FILL_UPLOADS = 20_000
QUIET_ROUNDS = 2 * PAGES
QUIET_UPLOADS = 500


@dataclass(frozen=True)
class TakenOver:
    """What a fresh process measured when it took over all partitions. Times are until the last of them is ready.

    Attributes:
        total_s: From the first question to Kafka until every position is known.
        fence_s, read_s, rebuild_s: The parts, measured once more.
        resident_before_bytes, resident_after_bytes, resident_peak_bytes: Memory of the process; the peak on Linux.
        devices, sessions: Rows found.
        newest_sum: Sum of the devices' newest numbers: a check.
        saved_bytes: By number of changed devices: what one checkpoint of each partition writes, mean over all pages.
    """

    total_s: float
    fence_s: float
    read_s: float
    rebuild_s: float
    resident_before_bytes: int
    resident_after_bytes: int
    resident_peak_bytes: int | None
    devices: int
    sessions: int
    newest_sum: int
    saved_bytes: dict[str, float]


@dataclass(frozen=True)
class Recovery:
    """One measurement.

    Attributes:
        kafka_bytes: Live records of the state topic.
        rows_bytes: Rows in memory, without room to grow and indices.
        wrong: What was taken over wrongly; nothing if it is right.
    """

    devices: int
    partitions: int
    kafka_bytes: int
    rows_bytes: int
    taken_over: TakenOver
    wrong: list[str]

    def summary(self) -> dict[str, float]:
        """The figures that documents quote."""
        taken = self.taken_over
        grown_bytes = taken.resident_after_bytes - taken.resident_before_bytes
        return {
            "take_over_s": taken.total_s,
            "kafka_bytes_per_device": self.kafka_bytes / self.devices,
            "row_bytes_per_device": self.rows_bytes / self.devices,
            "resident_bytes_per_device": grown_bytes / self.devices,
            **{
                f"saved_bytes_per_changed_row_of_{count}": written / (int(count) * self.partitions)
                for count, written in taken.saved_bytes.items()
            },
        }


def measure(devices: int, say: Callable[[str], None]) -> Iterator[Recovery]:
    """The take-over of that many devices, in one partition and in several.

    Raises:
        OutsideError: no broker could be started.
    """
    with measured_broker(None, max(SPREADS), say) as broker:
        own = [BY_NAME[name] for name in (WASHER.telemetry, WASHER.readings, WASHER.sessions)]
        for spread in SPREADS:
            settings = EngineSettings(broker.kafka, app=f"recovery-{spread}")
            ensure_topics(broker.kafka, [*own, state_topic(settings.app, WASHER.telemetry)], max(SPREADS))
            newest_sum = 0
            for partition in range(spread):
                say(f"writing the state of {devices:,} devices, partition {partition + 1} of {spread}")
                newest_sum += _write_state(settings, partition, devices // spread)
            say(f"taking {spread} partitions over")
            taken = _in_fresh_process(settings, spread)
            found = inspected(settings, WASHER, range(spread))
            told = (taken.devices, taken.newest_sum)
            expected = (devices // spread * spread, newest_sum)
            wrong = [] if told == expected else [f"devices and sum of numbers {told} found, {expected} expected"]
            yield Recovery(
                devices // spread * spread,
                spread,
                sum(state.kafka_bytes for state in found),
                sum(state.memory_bytes for state in found),
                taken,
                wrong,
            )


def _write_state(settings: EngineSettings, partition: int, devices: int) -> int:
    """Let a worker's own partition take the fleet in; returns the sum of the newest numbers."""
    place = Place(WASHER.telemetry, partition)
    opened = Partition(settings, WASHER, place, lambda kept: kept or Position("computed", 0, 0))
    seqs = dict.fromkeys(range(devices), 1)
    rng = Random(partition)
    for first in range(0, devices, FILL_UPLOADS):
        _take_in(opened, partition, [(device, 1) for device in range(first, min(first + FILL_UPLOADS, devices))])
    for _ in range(QUIET_ROUNDS):
        chosen = rng.sample(range(devices), min(QUIET_UPLOADS, devices))
        for device in chosen:
            seqs[device] += 1
        _take_in(opened, partition, [(device, seqs[device]) for device in chosen])
    return sum(seqs.values())


def _take_in(opened: Partition, partition: int, uploads: list[tuple[int, int]]) -> None:
    start = opened.applied
    records = [
        _record(opened.place, start + number, _name(partition, device), device, seq)
        for number, (device, seq) in enumerate(uploads)
    ]
    assert opened.apply(Run(opened.place, records, start, start + len(records))), "runs follow each other"
    opened.commit()


def _name(partition: int, device: int) -> str:
    """A name as serial numbers are: no two alike, and hard to compress."""
    return f"w{partition}-{device * 2_654_435_761 % 2**32:010d}"


def _record(place: Place, offset: int, name: str, device: int, seq: int) -> ConsumerRecord[bytes, bytes]:
    at_ms = FIRST_MS + seq * 60_000 + device * 37 % 60_000
    in_session = device % round(1 / IN_SESSION_SHARE) == 0
    upload = {
        "device_id": name, "seq": seq, "sent_at_ms": at_ms, "material": "WM-6010", "firmware": "1.2.3",
        "start_ms": at_ms, "lead_ms": 60_000, "offset_ms": [0] if in_session else [],
        "cycle_no": 1 if in_session else None, "cycle_started_ms": FIRST_MS if in_session else None,
        "cycle_ended": False, "programme": "cotton" if in_session else None,
        "lifetime_cycles": 7, "lifetime_energy_wh": 70.5, "lifetime_water_l": 400.0,
        "power_w": [1_000.0] if in_session else [], "water_l": None, "temperature_c": None, "drum_rpm": None,
    }  # fmt: skip
    value = json.dumps(upload).encode()
    return ConsumerRecord(
        place.topic, place.partition, offset, at_ms, 1, name.encode(), value, None, len(name), len(value), ()
    )


def _in_fresh_process(settings: EngineSettings, partitions: int) -> TakenOver:
    """A process of its own takes them over, so that its memory holds nothing else."""
    program = [sys.executable, "-m", "benchmarks.recovery_process", settings.kafka, settings.app, str(partitions)]
    said = subprocess.run(program, stdout=subprocess.PIPE, check=True).stdout
    return TakenOver(**json.loads(said))


def as_json(measured: list[Recovery]) -> list[dict[str, object]]:
    """Everything, for programs."""
    return [asdict(recovery) | recovery.summary() for recovery in measured]
