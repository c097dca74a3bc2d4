"""What tells one product's stream from another's: contracts, topics and the functions of its own. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa

from schemas import topics
from schemas.facts import Reading, ShoeReading, WasherReading
from schemas.uploads import SHOE_VERSIONS, WASHER_VERSIONS, Upload
from streams import curve_rules, motion, runs, wash_anomalies, wash_cycles
from streams.admission import Rules
from streams.batch import Batch, Instants, Ints
from streams.cohorts import Measure
from streams.desk.register import Known
from streams.measures import SHOE_MEASURES, WASHER_MEASURES
from streams.physics import shoe_doubts, washer_doubts
from streams.store import Rows, Store


@dataclass(frozen=True)
class Thresholds:
    """The numbers that decide what sessions are and what they say; a what-if changes them (`streams.history`)."""

    curve: curve_rules.Rules = curve_rules.RULES
    wash: wash_anomalies.Rules = wash_anomalies.RULES
    run: motion.Rules = motion.RULES


@dataclass(frozen=True, eq=False)
class Product:
    """One product's stream.

    Attributes:
        versions: Contracts of the upload, oldest first. Everything behind the decoder has the newest one's columns.
        detects: Whether uploads without a session are searched for wash cycles (plug meters).
        reading_columns: The product's own columns of its reading.
        lifetime_columns: Its lifetime counters and what its readings add to them, by their names in `Receipt`.
        add_amounts: Adds what uploads say to the rows of their sessions.
        rules: What such a device cannot have measured.
        measures: Figures that a firmware is judged by.
        counters: Lifetime counters, which only rise, and by how much rounding may lower each.
        main_counter: The one that what was measured must add up to.
        joins: Whether it matters what a session's readings gain from one upload to the next.
        asks_consent: Whether some of its channels are kept under a consent only.
        fact: A session row, given as its `fields`, as its contract writes it; what record systems know of its device is
            taken into account.
        thresholds: Those that `add_amounts` and `fact` go by already, and the others (see `with_thresholds`).
        amount: The field of a session row that `changed_amount` speaks of, and how many of it make a Wh or m.
    """

    telemetry: str
    readings: str
    sessions: str
    versions: tuple[type[Upload], ...]
    reading: type[Reading]
    session_dtype: np.dtype[np.void]
    detects: bool
    reading_columns: Callable[[Batch, Instants], dict[str, pa.Array]]
    lifetime_columns: Callable[[Batch, Instants], dict[str, pa.ChunkedArray]]
    add_amounts: Callable[[Store, Rows, Ints, Batch, Instants], None]
    fact: Callable[[Mapping[str, Any], str, str, Known], dict[str, object]]
    amount: str
    amounts_per_unit: float
    rules: Rules
    measures: tuple[Measure, ...]
    counters: Mapping[str, float]
    main_counter: str
    joins: bool
    asks_consent: bool
    thresholds: Thresholds = Thresholds()

    @property
    def upload(self) -> type[Upload]:
        """The newest version of the upload."""
        return self.versions[-1]


WASHER = Product(
    topics.TELEMETRY_WASHER,
    topics.READINGS_WASHER,
    topics.SESSIONS_WASHER,
    WASHER_VERSIONS,
    WasherReading,
    wash_cycles.CYCLE,
    True,
    wash_cycles.reading_columns,
    wash_cycles.lifetime_columns,
    wash_cycles.add_amounts,
    wash_cycles.fact,
    "energy_uwh",
    1e6,
    washer_doubts,
    WASHER_MEASURES,
    MappingProxyType({"lifetime_cycles": 0.5, "lifetime_energy_mwh": 1_000.0, "lifetime_water_l": 0.5}),
    "lifetime_energy_mwh",
    False,
    False,
)
SHOE = Product(
    topics.TELEMETRY_SHOE,
    topics.READINGS_SHOE,
    topics.SESSIONS_SHOE,
    SHOE_VERSIONS,
    ShoeReading,
    runs.RUN,
    False,
    runs.reading_columns,
    runs.lifetime_columns,
    runs.add_amounts,
    runs.fact,
    "distance_mm",
    1e3,
    shoe_doubts,
    SHOE_MEASURES,
    MappingProxyType({"lifetime_distance_m": 1.0, "lifetime_steps": 1.0}),
    "lifetime_steps",
    True,
    True,
)
PRODUCTS = (WASHER, SHOE)


def with_thresholds(product: Product, thresholds: Thresholds) -> Product:
    """The same product judged by other numbers."""
    if product.detects:
        return replace(product, fact=partial(wash_cycles.fact, rules=thresholds.wash), thresholds=thresholds)
    return replace(product, add_amounts=partial(runs.add_amounts, rules=thresholds.run), thresholds=thresholds)
