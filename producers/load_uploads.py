"""Uploads of a load: any number of devices, each of which plays one template again and again, shifted in time.

Which upload comes when follows from its number alone, so nothing is kept per device but where its counters and its
clock began. Device d sends its uploads in the rounds 0, 1, 2 and so on; a round goes through all devices.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from producers.fleet import DAY_MS, FIRST_DAY_MS
from producers.load_digits import Bytes, Integers, named, thousandths, whole
from producers.load_templates import CONTRACTS, LONG_WIDTH, NUMBER_WIDTH, Templates, templates
from schemas.fleet import Product

MOST_DEVICES = 1_000_000
"""Of one product: its identifiers have six digits."""

_EARLIER_SESSIONS = 300
_PREFIXES: dict[Product, str] = {"washer": "lw", "shoe": "ls"}
"""Not those of `producers.fleet`: a device of a load sends something else than the one of that number there."""


@dataclass(frozen=True)
class Devices:
    """All devices of one product.

    Attributes:
        earlier: Sessions that each had before the load.
        begin_ms: When the first session of each starts: within the first day, on a whole second.
    """

    templates: Templates
    prefix: str
    earlier: Integers
    begin_ms: Integers

    def __len__(self) -> int:
        return self.earlier.size

    def names(self, numbers: Integers) -> Bytes:
        """Their identifiers, a row each."""
        return named(self.prefix, numbers)

    def end_ms(self, rounds: int) -> int:
        """When the last session that begins in so many rounds is over and told, at the latest."""
        sessions = -(-rounds // self.templates.upload_count)
        return int(self.begin_ms.max()) + int((sessions * self.templates.period_ms).max())


def devices(product: Product, count: int, template_count: int, seed: int) -> Devices:
    """Devices of the seed, the same ones whether they are many or few.

    Args:
        count: 1 to `MOST_DEVICES`.
    """
    prefix = f"{_PREFIXES[product]}-{seed}-"
    earlier, begin = (np.random.default_rng([seed, *product.encode(), salt]) for salt in range(2))
    return Devices(
        templates=templates(product, template_count, seed, len(prefix) + 6),
        prefix=prefix,
        earlier=earlier.integers(_EARLIER_SESSIONS, size=count),
        begin_ms=FIRST_DAY_MS + begin.integers(DAY_MS // 1_000, size=count) * 1_000,
    )


@dataclass(frozen=True)
class Volley:
    """Uploads of devices of one product that leave together. Arrays have an entry per upload.

    Attributes:
        numbers: Whose each upload is.
        seq: Its own number: the round in which it is sent.
    """

    devices: Devices
    numbers: Integers
    seq: Integers

    @cached_property
    def template(self) -> Integers:
        """Which session is played."""
        return self.numbers % len(self.devices.templates.sessions)

    @cached_property
    def earlier(self) -> Integers:
        """Sessions that the device had before this one, since it was made."""
        return self.devices.earlier[self.numbers] + self._played[0]

    @cached_property
    def place(self) -> Integers:
        """Which upload of all templates it is."""
        return self.devices.templates.first[self.template] + self._played[1]

    @cached_property
    def started_at_ms(self) -> Integers:
        """When its session began."""
        return self.devices.begin_ms[self.numbers] + self._played[0] * self.devices.templates.period_ms[self.template]

    @cached_property
    def begins_session(self) -> NDArray[np.bool_]:
        """Whether it is the first of its session."""
        begins: NDArray[np.bool_] = self._played[1] == 0
        return begins

    @cached_property
    def names(self) -> Bytes:
        """The device's identifier, a row each."""
        return self.devices.names(self.numbers)

    @cached_property
    def _played(self) -> tuple[Integers, Integers]:
        """Sessions before this one, and uploads of this one before it."""
        return np.divmod(self.seq, self.devices.templates.upload_count[self.template])

    def chosen(self, which: Integers) -> Volley:
        """Some of the uploads, in that order."""
        return Volley(self.devices, self.numbers[which], self.seq[which])

    def values(self) -> Bytes:
        """The uploads as JSON, a row each, with NULs behind."""
        of = self.devices.templates
        rows = of.rows[self.place]
        number, started, _ = CONTRACTS[of.product].session_fields()
        whole_numbers = {"seq": self.seq, number: self.earlier + 1}
        instants = {
            "sent_at_ms": self.started_at_ms + of.sent_ms[self.place],
            "start_ms": self.started_at_ms + of.start_ms[self.place],
            started: self.started_at_ms,
        }
        rows[:, of.slots["device_id"]] = self.names
        for name, slot in of.slots.items():
            if name in whole_numbers:
                rows[:, slot] = whole(whole_numbers[name], NUMBER_WIDTH)
            elif name in instants:
                rows[:, slot] = whole(instants[name], LONG_WIDTH)
            elif name in of.counted:
                value = self.earlier * of.gained[name][self.template] + of.counted[name][self.place]
                is_long = slot.stop - slot.start == LONG_WIDTH
                rows[:, slot] = thousandths(value, LONG_WIDTH) if is_long else whole(value, NUMBER_WIDTH)
        return rows


def volleys(groups: list[Devices], upload_count: int, at_once: int) -> Iterator[list[Volley]]:
    """All uploads of a load, so many at once: round by round, in each round the groups one after the other."""
    ends = np.cumsum([len(group) for group in groups])
    for start in range(0, upload_count, at_once):
        rounds, numbers = np.divmod(np.arange(start, min(start + at_once, upload_count)), ends[-1])
        of_group = np.searchsorted(ends, numbers, side="right")
        yield [
            Volley(group, numbers[mine] - (ends[index] - len(group)), rounds[mine])
            for index, group in enumerate(groups)
            for mine in [np.flatnonzero(of_group == index)]
            if mine.size
        ]
