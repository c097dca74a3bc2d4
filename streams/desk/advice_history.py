"""The sessions of a device that advice goes by: a bounded list of the earliest and the newest, by their start. Pure.

Which sessions are kept, and what of them, follows from the set of versions seen, not from their order: a version
replaces a lower one of its session; a withdrawn session keeps its place and does not count; what has to go has so many
earlier and so many later ones beside it, which can only become more. (A session whose start moves between versions, as
one found in a power curve may, can be an exception at the edges.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from schemas.facts import CycleAnomaly, Run, Session, WashCycle
from streams.programme import PROGRAMMES
from streams.store import Records

DAY_MS = 86_400_000
EARLIEST = 8
"""Sessions kept from a device's beginning: what it was like then."""
CYCLES, RUNS = 40, 48
"""Sessions kept in all: a month of washing twice a day less the earliest, and more than four weeks of daily running."""

_SHARED: list[tuple[str, str]] = [("key", "u8"), ("started_ms", "i8"), ("version", "i4"), ("counts", "?")]
_CYCLE_FIGURES = ("energy_wh", "water_l", "heat_energy_wh", "heater_w", "heating_k_per_min", "drain_s")
_RUN_FIGURES = ("moving_s", "cadence_spm", "contact_ms", "asymmetry_pct", "load", "heart_s", "hard_s")

CYCLE = np.dtype([*_SHARED, ("programme", "i1"), ("intact", "?"), *((name, "f4") for name in _CYCLE_FIGURES)])
RUN = np.dtype([*_SHARED, ("distance_mm", "i4"), *((name, "f4") for name in _RUN_FIGURES)])
"""`programme` counts from 1 in PROGRAMMES; figures not known are NaN; a key of 0 is a free place."""

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
        asymmetry_pct: By how much longer the left foot was on the ground than the right, as a share of their mean.
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
    return _entry(RUN, run, {"distance_mm": round(run.distance_m * 1000)}, figures)


def session_key(session_id: str) -> int:
    """A number that stands for a session; never 0."""
    return int.from_bytes(blake2b(session_id.encode(), digest_size=8).digest(), "little") | 1


@dataclass(frozen=True)
class Kept:
    """What became of a version.

    Attributes:
        is_news: False for a lower version than the one known.
        gone: The entry that had to go for it, if one had to: the new one itself if it lies between the others.
    """

    is_news: bool
    gone: np.void | None = None


def keep(entries: Records, new: np.void) -> Kept:
    """Take a version in, in place of a lower one of the same session; the entries are changed."""
    same = np.flatnonzero(entries["key"] == new["key"])
    if same.size:
        if entries["version"][same[0]] > new["version"]:
            return Kept(is_news=False)
        entries[same[0]] = new
        return Kept(is_news=True)
    free = np.flatnonzero(entries["key"] == 0)
    if free.size:
        entries[free[0]] = new
        return Kept(is_news=True)
    everyone = np.append(entries, new)
    between = int(np.lexsort((everyone["key"], everyone["started_ms"]))[EARLIEST])
    gone = everyone[between].copy()
    if between < len(entries):
        entries[between] = new
    return Kept(is_news=True, gone=gone)


def past_cycles(entries: Records, from_ms: int, until_ms: int) -> list[PastCycle]:
    """Cycles that count and began in [from_ms, until_ms], oldest first."""
    return [
        PastCycle(
            row["started_ms"],
            PROGRAMMES[row["programme"] - 1] if row["programme"] else None,
            row["intact"],
            **{name: row[name] for name in _CYCLE_FIGURES},
        )
        for row in _counting(entries, from_ms, until_ms)
    ]


def past_runs(entries: Records, from_ms: int, until_ms: int) -> list[PastRun]:
    """Runs that count and began in [from_ms, until_ms], oldest first."""
    return [
        PastRun(row["started_ms"], row["distance_mm"] / 1e6, **{name: row[name] for name in _RUN_FIGURES})
        for row in _counting(entries, from_ms, until_ms)
    ]


def since(runs: Sequence[PastRun], days: int) -> list[PastRun]:
    """Runs that began within so many days before the last one, which is one of them."""
    from_ms = runs[-1].started_ms - days * DAY_MS
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
        "version": session.version,
        "counts": session.status in ("closed", "corrected"),
        **own,
        **{name: np.nan if value is None else value for name, value in figures.items()},
    }
    for name, value in values.items():
        entry[name] = value
    made = entry[()]
    assert isinstance(made, np.void), "one row of a structured array"
    return made


def _counting(entries: Records, from_ms: int, until_ms: int) -> Iterator[dict[str, Any]]:
    """Fields of the entries as Python's own values, None for NaN."""
    starts = entries["started_ms"]
    chosen = entries[(entries["key"] != 0) & entries["counts"] & (starts >= from_ms) & (starts <= until_ms)]
    names = entries.dtype.names or ()
    for row in chosen[np.argsort(chosen["started_ms"], kind="stable")].tolist():
        # NaN is the only value that differs from itself.
        yield {name: None if value != value else value for name, value in zip(names, row, strict=True)}  # noqa: PLR0124
