"""The sessions of a device that advice goes by: the newest, and a few of each month of a year before. Pure.

Which sessions are kept, and what of them, follows from the set of versions seen, not from their order: a version
replaces an older one of its session, known sooner or, known at once, of a lower number, as in the lake; a withdrawn
session keeps its place and does not count; what has to go has so many later ones, and so many earlier ones in its
month, which can only become more. (A session whose start moves between versions, as one found in a power curve may, can
be an exception at the edges.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from math import isnan
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.facts import CycleAnomaly, Run, Session, WashCycle
from streams.programme import PROGRAMMES
from streams.store import Records

DAY_MS = 86_400_000
NEWEST = 32
"""Sessions kept whatever their month: three weeks of washing three times in two days, four of daily running."""
MONTH_MS = 30 * DAY_MS
MONTHS, EARLIEST_OF_MONTH = 12, 2
"""Before them, so many sessions of each of the last months: what was usual, and best."""
PLACES = NEWEST + MONTHS * EARLIEST_OF_MONTH

_SHARED: list[tuple[str, str]] = [("key", "u8"), ("started_ms", "i8"), ("version", "i4"), ("counts", "?")]
_ORDER: list[tuple[str, str]] = [("became_known_ms", "i8")]
_CYCLE_FIGURES = ("energy_wh", "water_l", "heat_energy_wh", "heater_w", "heating_k_per_min", "drain_s")
_RUN_FIGURES = ("moving_s", "cadence_spm", "contact_ms", "asymmetry_pct", "load", "heart_s", "hard_s")

CYCLE = np.dtype([*_SHARED, ("programme", "i1"), ("intact", "?"), *((name, "f4") for name in _CYCLE_FIGURES), *_ORDER])
RUN = np.dtype([*_SHARED, ("distance_mm", "i4"), *((name, "f4") for name in _RUN_FIGURES), *_ORDER])
"""`programme` counts from 1 in PROGRAMMES; figures not known are NaN; a key of 0 is a free place."""

MOST_FIGURE, MOST_M, MOST_VERSION = 1e9, 1e6, 2**31 - 1
"""What the state can hold. A figure above it is not known, a run is no longer (as in the contract of uploads), and
versions above it are one."""

_DISTURBED: frozenset[CycleAnomaly] = frozenset({"power_cut", "paused", "unfinished", "readings_missing"})
_FIRST_HARD_ZONE = 3
"""Index of the zone from 80 % of the highest heart rate."""


@dataclass(frozen=True, slots=True)
class PastCycle:
    """A wash cycle as advice remembers it. Figures not known are None."""

    started_ms: int
    programme: str | None
    is_intact: bool
    energy_wh: float | None
    water_l: float | None
    heat_energy_wh: float | None
    heater_w: float | None
    heating_k_per_min: float | None
    drain_s: float | None


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run as advice remembers it. Figures not known are None.

    Attributes:
        asymmetry_pct: By how much longer the left foot was on the ground than the right, as a share of their sum.
        heart_s: Time in any zone of the heart rate.
        hard_s: Time in zones 4 and 5, from 80 % of the highest heart rate on.
    """

    started_ms: int
    distance_km: float
    moving_s: float | None = None
    cadence_spm: float | None = None
    contact_ms: float | None = None
    asymmetry_pct: float | None = None
    load: float | None = None
    heart_s: float | None = None
    hard_s: float | None = None

    @property
    def speed_m_per_s(self) -> float | None:
        return self.distance_km * 1000 / self.moving_s if self.moving_s else None


def cycle_entry(cycle: WashCycle) -> np.void:
    """What is kept of a cycle."""
    figures = {name: getattr(cycle, name) for name in _CYCLE_FIGURES}
    programme = 0 if cycle.programme is None else PROGRAMMES.index(cycle.programme) + 1
    is_intact = not _DISTURBED.intersection(cycle.anomalies or ())
    return _entry(CYCLE, cycle, {"programme": programme, "intact": is_intact}, figures)


def run_entry(run: Run) -> np.void:
    """What is kept of a run."""
    zones_s = run.heart_rate_zone_s
    balance_pct = run.avg_contact_balance_pct
    figures = {
        "moving_s": run.moving_s,
        "cadence_spm": run.avg_cadence_spm,
        "contact_ms": run.avg_ground_contact_ms,
        "asymmetry_pct": None if balance_pct is None else 2 * (balance_pct - 50),
        "load": run.load,
        "heart_s": None if zones_s is None else sum(zones_s),
        "hard_s": None if zones_s is None else sum(zones_s[_FIRST_HARD_ZONE:]),
    }
    return _entry(RUN, run, {"distance_mm": millimetres(run.distance_m)}, figures)


def millimetres(distance_m: float) -> int:
    """A distance, or a difference of two, in whole ones."""
    return round(min(max(distance_m, -MOST_M), MOST_M) * 1000)


def session_key(session_id: str) -> int:
    """A number that stands for a session; never 0."""
    return int.from_bytes(blake2b(session_id.encode(), digest_size=8).digest(), "little") | 1


@dataclass(frozen=True)
class Kept:
    """What became of a version.

    Attributes:
        is_news: False for an older version than the one known.
        gone: The entries that had to go: the new one too if it lies between the others.
    """

    is_news: bool
    gone: Records

    def lost(self, session_id: str) -> bool:
        """Whether a session is among those that had to go: what is kept says nothing of it."""
        return bool((self.gone["key"] == session_key(session_id)).any())


def keep(entries: Records, new: np.void) -> Kept:
    """Take a version in, in place of an older one of the same session; the entries are changed.

    One that a backfill wrote may have a number that the stream, which knows nothing of it, gives away again.
    """
    same = np.flatnonzero(entries["key"] == new["key"])
    if same.size:
        is_news = _age(entries[same[0]]) <= _age(new)
        if is_news:
            entries[same[0]] = new
        return Kept(is_news, entries[:0])
    everyone = np.append(entries[entries["key"] != 0], new)
    everyone = everyone[np.lexsort((everyone["key"], everyone["started_ms"]))]
    is_kept = _is_kept(everyone["started_ms"])
    kept = everyone[is_kept]
    entries[:] = np.zeros((), entries.dtype)
    entries[: len(kept)] = kept
    return Kept(True, everyone[~is_kept])


def _age(entry: np.void) -> tuple[int, int]:
    """The greater, the newer a version is among those of its session."""
    return int(entry["became_known_ms"]), int(entry["version"])


def complete_since_ms(entries: Records) -> int:
    """From when on all sessions of a device are among those kept; there is one at least."""
    starts = np.sort(entries["started_ms"][entries["key"] != 0])
    return int(starts[-NEWEST:][0])


def past_cycles(entries: Records, from_ms: int, until_ms: int) -> list[PastCycle]:
    """Cycles that count and began in [from_ms, until_ms], oldest first."""
    return [
        PastCycle(started_ms, PROGRAMMES[programme - 1] if programme else None, is_intact, *map(_known, figures))
        for _, started_ms, _, _, programme, is_intact, *figures, _ in _counting(entries, from_ms, until_ms)
    ]


def past_runs(entries: Records, from_ms: int, until_ms: int) -> list[PastRun]:
    """Runs that count and began in [from_ms, until_ms], oldest first."""
    return [
        PastRun(started_ms, distance_mm / 1e6, *map(_known, figures))
        for _, started_ms, _, _, distance_mm, *figures, _ in _counting(entries, from_ms, until_ms)
    ]


def since(runs: Sequence[PastRun], days: int) -> list[PastRun]:
    """Runs of the last so many days, the last run's included. Half a day less, so that an early Sunday's week does not
    reach into the Sunday before."""
    from_ms = runs[-1].started_ms - (days * DAY_MS - DAY_MS // 2)
    return [run for run in runs if run.started_ms > from_ms]


def newest_ms(entries: Records) -> int:
    """Start of the newest session that counts; 0 for none."""
    starts = entries["started_ms"][(entries["key"] != 0) & entries["counts"]]
    return int(starts.max()) if starts.size else 0


def _entry(dtype: np.dtype[np.void], session: Session, own: Mapping[str, Any], figures: Mapping[str, Any]) -> np.void:
    entry = np.zeros((), dtype)
    values = {
        "key": session_key(session.session_id),
        "started_ms": session.started_at_ms,
        "version": min(session.version, MOST_VERSION),
        "became_known_ms": session.known_at_ms,
        "counts": session.status in ("closed", "corrected"),
        **own,
        **{name: np.nan if value is None or abs(value) > MOST_FIGURE else value for name, value in figures.items()},
    }
    for name, value in values.items():
        entry[name] = value
    made = entry[()]
    assert isinstance(made, np.void), "one row of a structured array"
    return made


def _is_kept(started_ms: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which sessions are kept; starts ascend."""
    number = np.arange(len(started_ms))
    month = started_ms // MONTH_MS
    in_month = number - np.searchsorted(month, month)
    is_of_month = (in_month < EARLIEST_OF_MONTH) & (month > month[-1] - MONTHS)
    kept: npt.NDArray[np.bool_] = is_of_month | (number >= len(number) - NEWEST)
    return kept


def _counting(entries: Records, from_ms: int, until_ms: int) -> list[tuple[Any, ...]]:
    """Fields of the entries as Python's own values, by start."""
    starts = entries["started_ms"]
    chosen = entries[(entries["key"] != 0) & entries["counts"] & (starts >= from_ms) & (starts <= until_ms)]
    rows: list[tuple[Any, ...]] = chosen[np.argsort(chosen["started_ms"], kind="stable")].tolist()
    return rows


def _known(figure: float) -> float | None:
    return None if isnan(figure) else figure
