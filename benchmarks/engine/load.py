"""The uploads that all contenders get, and the truth about them. Pure: a load gives the same bytes everywhere, always.

Device d sends its upload k as number k * devices + d: the fleet takes turns. The bytes of an upload are three parts
joined: what is the device's own, what changes from upload to upload, and readings out of a pool. So hundreds of
thousands can be made in a second, and sums over them are sums over the pool.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

START_MS = 1_767_225_600_000
"""2026-01-01 UTC: before any broker's clock, or uploads would be refused as being from the future."""

CYCLE_MS = 7_200_000
"""A wash cycle takes two hours."""

POOL = 1_024
"""Different runs of readings: more than a compressor sees at a time, so that repetition makes nothing faster."""

MS_PER_HOUR = 3_600_000


@dataclass(frozen=True)
class Load:
    """Uploads of a fleet of washing machines.

    Attributes:
        readings: Per upload, on each of 4 channels.
        step_ms: Between two readings; a divisor of a cycle together with `readings`.
    """

    name: str
    uploads: int
    readings: int
    step_ms: int
    devices: int
    partitions: int

    def device_ids(self) -> list[str]:
        """Names of the devices, by number."""
        return [f"bench-{number:06}" for number in range(self.devices)]

    def partition_of(self, device: int) -> int:
        """The partition of a device's uploads."""
        return device % self.partitions

    @property
    def uploads_per_cycle(self) -> int:
        """Uploads of one wash cycle."""
        return CYCLE_MS // (self.readings * self.step_ms)

    def values(self) -> Iterator[tuple[int, bytes]]:
        """Device number and bytes of every upload, in order."""
        heads = [
            f'{{"device_id":"{device_id}","material":"WM-60{device % 4}0","firmware":"1.{device % 7}.3",'.encode()
            for device, device_id in enumerate(self.device_ids())
        ]
        tails = [own.encode() for own, _ in self._pool]
        phases = self.uploads_per_cycle
        for number in range(self._rounds):
            middles = [self._middle(number, phase) for phase in range(min(phases, self.devices))]
            for device in range(min(self.devices, self.uploads - number * self.devices)):
                yield device, heads[device] + middles[device % phases] + tails[(device * 7 + number * 13) % POOL]

    def truth(self) -> Truth:
        """What is true of the uploads, by device and by wash cycle."""
        device = np.arange(self.devices)
        uploads = np.zeros(self.devices, dtype=np.int64)
        energy_uwh = np.zeros(self.devices, dtype=np.int64)
        phase = device % self.uploads_per_cycle
        most_cycles = (self._rounds + self.uploads_per_cycle - 1) // self.uploads_per_cycle + 1
        cycle_uploads = np.zeros((self.devices, most_cycles), dtype=np.int64)
        cycle_uwh = np.zeros((self.devices, most_cycles), dtype=np.int64)
        ended = np.zeros((self.devices, most_cycles), dtype=bool)
        pool_uwh = np.array([own_uwh for _, own_uwh in self._pool], dtype=np.int64)
        for number in range(self._rounds):
            sending = device[: self.uploads - number * self.devices]
            upload_uwh = pool_uwh[(sending * 7 + number * 13) % POOL]
            uploads[sending] += 1
            energy_uwh[sending] += upload_uwh
            cycle, place = np.divmod(number + phase[sending], self.uploads_per_cycle)
            cycle_uploads[sending, cycle] += 1
            cycle_uwh[sending, cycle] += upload_uwh
            ended[sending, cycle] = place == self.uploads_per_cycle - 1
        names = self.device_ids()
        cycles = {
            f"{names[d]}:{self._started_ms(int(c), int(phase[d]))}": Cycle(
                int(cycle_uploads[d, c]) * self.readings, int(cycle_uwh[d, c]), bool(ended[d, c])
            )
            for d, c in np.argwhere(cycle_uploads)
        }
        sums = {name: Sums(*pair) for name, *pair in zip(names, uploads.tolist(), energy_uwh.tolist(), strict=True)}
        return Truth(self.readings, {name: own for name, own in sums.items() if own.uploads}, cycles)

    @property
    def _rounds(self) -> int:
        return -(-self.uploads // self.devices)

    @cached_property
    def _pool(self) -> list[tuple[str, int]]:
        """Readings as JSON, and the energy in them."""
        drawn = np.random.default_rng(20_260_101)
        offsets = [step * self.step_ms for step in range(self.readings)]
        pool = []
        for _ in range(POOL):
            power_w = drawn.gamma(1.2, 300.0, self.readings).clip(0, 2_300).round(1)
            fields = {
                "offset_ms": offsets,
                "programme": ("cotton", "synthetics", "eco", "quick", "wool")[drawn.integers(5)],
                "power_w": power_w.tolist(),
                "water_l": np.sort(drawn.uniform(5, 60, self.readings)).round(2).tolist(),
                "temperature_c": drawn.uniform(15, 90, self.readings).round(1).tolist(),
                "drum_rpm": drawn.integers(0, 1_400, self.readings).tolist(),
            }
            reading_uwh = np.rint(power_w * self.step_ms * (1_000_000 / MS_PER_HOUR)).astype(np.int64)
            pool.append((json.dumps(fields, separators=(",", ":"))[1:], int(reading_uwh.sum())))
        return pool

    def _started_ms(self, cycle: int, phase: int) -> int:
        """When a cycle began; the first ones had begun before the first upload."""
        first = cycle * self.uploads_per_cycle - phase
        return START_MS + (first * self.readings - 1) * self.step_ms

    def _middle(self, number: int, phase: int) -> bytes:
        cycle, place = divmod(number + phase, self.uploads_per_cycle)
        start_ms = START_MS + number * self.readings * self.step_ms
        sent_at_ms = start_ms + self.readings * self.step_ms
        fields = {
            "seq": number,
            "sent_at_ms": sent_at_ms,
            "start_ms": start_ms,
            "lead_ms": self.step_ms,
            "cycle_no": cycle + 1,
            "cycle_started_ms": self._started_ms(cycle, phase),
            "cycle_ended": place == self.uploads_per_cycle - 1,
            "lifetime_cycles": cycle,
            "lifetime_energy_wh": number * 25.5,
            "lifetime_water_l": number * 2.5,
        }
        return json.dumps(fields, separators=(",", ":"))[1:-1].encode() + b","


@dataclass(frozen=True)
class Sums:
    """Uploads of one device, and the energy in them."""

    uploads: int
    energy_uwh: int


@dataclass(frozen=True)
class Cycle:
    """Readings of one wash cycle, the energy in them, and whether its last upload was sent."""

    readings: int
    energy_uwh: int
    ended: bool


@dataclass(frozen=True)
class Truth:
    """What is true of a load: sums by device id, cycles by session id."""

    readings_per_upload: int
    devices: dict[str, Sums]
    cycles: dict[str, Cycle]


def single(uploads: int, devices: int, partitions: int) -> Load:
    """A reading a minute, sent at once."""
    return Load("single", uploads, 1, 60_000, devices, partitions)


def packed(uploads: int, devices: int, partitions: int) -> Load:
    """Twenty readings of 15 seconds in an upload, as washing machines send them."""
    return Load("packed", uploads, 20, 15_000, devices, partitions)


LOADS = {"single": single, "packed": packed}
