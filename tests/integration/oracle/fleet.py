"""Ten days of a fleet as raw records with faults, what record systems know of it, and what the stream makes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Any

from producers.fault_rates import FaultRates, declared
from producers.fleet import DAY_MS, FIRST_DAY_MS, fleet
from producers.roll_out import RollOut
from producers.simulation import deliveries
from schemas import topics
from schemas.reference import Reference
from streams.batch import Outputs, Place
from streams.decode import Decoder
from streams.desk.register import Register
from streams.intake import taken_in
from streams.product import Product
from streams.state import State
from streams.step import step
from tests.unit.streams.arrivals import arriving
from tests.unit.streams.building import NOON_MS, encoded
from tests.unit.streams.desk.building import ANNA, BERND, consents, custodies
from tests.unit.streams.running import a_run, cut_up

DAYS = 10
_ROLL_OUT = RollOut("washer", "4.0.0", date(2026, 5, 8), 0.6)
"""This firmware sends the second version of the upload."""
WASHERS = fleet(7, 12, 0, FIRST_DAY_MS, DAYS, [_ROLL_OUT])
SHOES = fleet(31, 0, 8, FIRST_DAY_MS, DAYS)
FAULTS: FaultRates = declared(["lost=0.01", "duplicated=0.02", "late=0.02", "reordered=0.02"], is_rest_without=True)
RUNS_BY_HAND = 8
REACH = 20
"""How far an upload may come from its place, beside those that a fault holds back by 30: dedup reaches 64 back."""


@dataclass(frozen=True)
class Record:
    """One record as Kafka hands it out."""

    key: bytes
    value: bytes
    offset: int
    timestamp: int
    headers: Sequence[tuple[str, bytes | None]] = ()


def records(telemetry: str) -> list[Record]:
    """What reaches one partition: some of it lost, twice, late and out of order."""
    rng = Random(telemetry)
    is_of_shoes = telemetry == topics.TELEMETRY_SHOE
    sent = [json.loads(own.value) for own in deliveries(SHOES if is_of_shoes else WASHERS, FAULTS) if not own.is_lost]
    if is_of_shoes:
        sent += list(_runs_by_hand(rng))
    return [
        Record(upload["device_id"].encode(), encoded(upload), offset, upload["sent_at_ms"] + 1_000)
        for offset, upload in enumerate(arriving(rng, sent, REACH, echoes=0.02))
    ]


def _runs_by_hand(rng: Random) -> Iterator[Any]:
    """Runs with walks, rests and silences that simulated people do not make; of each, two uploads get lost.

    One of the two is the shortest: a hole of less than a minute is one too.
    """
    for number in range(RUNS_BY_HAND):
        readings = a_run(rng, 120)
        uploads = cut_up(readings, sorted(rng.sample(range(120), 30)), device_id=f"s-{number}")
        uploads.remove(min(uploads[1:-1], key=lambda upload: upload["lead_ms"] + upload["offset_ms"][-1] or DAY_MS))
        del uploads[rng.randrange(len(uploads))]
        yield from uploads


def references() -> list[Reference]:
    """What record systems know of the shoes: of some nothing, of others who had them and what they agreed to."""
    known: list[Reference] = []
    simulated = [own.device_id for own in SHOES.devices]
    by_hand = [f"s-{number}" for number in range(RUNS_BY_HAND)]
    for names, from_ms, half_ms in (
        (simulated, FIRST_DAY_MS, FIRST_DAY_MS + DAYS * DAY_MS // 2),
        (by_hand, NOON_MS - DAY_MS, NOON_MS + 900_000),
    ):
        for number, name in enumerate(names):
            highest_bpm = 171.0 if number % 2 else None
            known += _known_of(number % 5, name, from_ms, half_ms, highest_bpm)
    return known


def _known_of(case: int, name: str, from_ms: int, half_ms: int, highest_bpm: float | None) -> list[Reference]:
    anna = custodies((ANNA, from_ms, None), device_id=name, max_heart_rate_bpm=highest_bpm)
    sold_on = custodies(
        (ANNA, from_ms, half_ms), (BERND, half_ms, None), device_id=name, max_heart_rate_bpm=highest_bpm
    )
    match case:
        case 0:
            return []
        case 1:
            return [anna, consents((ANNA, "health", from_ms, None), device_id=name)]
        case 2:
            return [anna, consents((ANNA, "health", from_ms, half_ms), device_id=name)]
        case 3:
            return [sold_on, consents((BERND, "health", from_ms, None), device_id=name)]
        case _:
            return [anna, consents((ANNA, "coaching", from_ms, None), device_id=name)]


def said(product: Product, arrived: Sequence[Record], known: Sequence[Reference]) -> list[Outputs]:
    """What the stream says of the records, in batches of any size."""
    rng, register, state, decoder = Random(7), Register(), State(product), Decoder(product.versions)
    for reference in known:
        register.learn(reference)
    outputs, done = [], 0
    while done < len(arrived):
        size = rng.choice([1, 50, 300, 800])
        batch, refused = taken_in(decoder, Place(product.telemetry, 0), arrived[done : done + size])
        outputs.append(step(product, state, batch, refused, register=register))
        done += size
    return outputs
