"""Holds back the uploads of a firmware that suddenly measures in another unit or scale. Pure.

A cohort is a firmware on a model. What its first uploads measure is held against what the other firmware of the model
has measured so far: outside that range with its margins, an upload is strange and held. When two devices at least are
strange, often enough, the whole cohort is held: what looks possible in it is as wrong. A cohort that came before its
model's range was known (`KNOWN_AFTER` uploads) makes the range and is never held. All in order of arrival: nothing
depends on how the input was cut. Where a model is rare, the range of all models of its product stands in for its own.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from schemas.catalogue import LAUNCHED_MS
from schemas.units import CONVERSIONS
from streams.admission import Doubt, Told
from streams.batch import Batch, Floats, Instants
from streams.store import Records, Store

KNOWN_AFTER = 500
"""Uploads that make a range. About twenty cycles, or ten runs."""
MOST_FIRMWARES = 100
"""Of one model. What comes after that counts as one more."""
OTHERS = b"*"
UNKNOWN = -1
STRANGE_UPLOADS = 8
STRANGE_SHARE = 0.25

COHORT = np.dtype(
    [
        ("material", "S64"),
        ("firmware", "S16"),
        ("measure", "i8"),
        ("uploads", "i8"),
        ("low", "f8"),
        ("high", "f8"),
        ("range_low", "f8"),
        ("range_high", "f8"),
        ("has_range", "?"),
        ("strange", "i8"),
        ("strange_slot", "i8"),
        ("several", "?"),
        ("held", "?"),
    ]
)
"""What is known of one measure of a cohort; without firmware, of all that make its model's range; without material
either, of all models: how many uploads,
their lowest and highest value. `range_*`: the model's range when the cohort appeared, if it was known then."""

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Name = tuple[bytes, bytes]
Key = tuple[bytes, bytes, int]


@dataclass(frozen=True)
class Measure:
    """One figure an upload is judged by.

    Attributes:
        field: The channel it is made of.
        unit: The contract's unit of it.
        of: Its value in each upload; NaN where it has none. Is told by how much the upload's main counter has risen.
        below, above: Margins around the range, as factors.
        zero: Where the factors count from.
        room: How much further the range of all models reaches where that of one is not known yet.
        subject: What is measured, where it is not the field itself but a ratio that tells scale or rate to be off.
        is_shown: Whether its values may be told; of a person's health neither they nor their ratio to others may.
    """

    field: str
    unit: str
    of: Callable[[Batch, Instants, Floats], Floats]
    below: float
    above: float
    zero: float = 0.0
    room: float = 1.3
    subject: str = ""
    is_shown: bool = True

    def around(self, low: float, high: float, below: float, above: float) -> tuple[float, float]:
        """A range with margins around it."""
        return self.zero + (low - self.zero) / below, self.zero + (high - self.zero) * above


@dataclass(frozen=True)
class _Hold:
    """From which upload of a batch on a whole cohort is held, and why."""

    since: int
    why: Told


class Cohorts:
    """The cohorts of a partition."""

    def __init__(self, store: Store, measures: Sequence[Measure]) -> None:
        self._store = store
        self._measures = measures
        rows = store.rows()
        values = store.values[rows]
        keys = zip(values["material"].tolist(), values["firmware"].tolist(), values["measure"].tolist(), strict=True)
        self._rows: dict[Key, int] = dict(zip(keys, rows.tolist(), strict=True))
        self._firmwares = Counter(material for material, firmware, measure in self._rows if firmware and not measure)

    def judge(
        self,
        batch: Batch,
        when: Instants,
        slot: Ints,
        risen: Floats,
        trusted: frozenset[tuple[str, str]] = frozenset(),
    ) -> list[Doubt]:
        """The uploads to hold, and why. Repaired ones are none of the cohort's.

        Args:
            slot: Device of each upload.
            risen: By how much its main counter has risen since the upload before; NaN where that is not known.
            trusted: Materials and firmware that a person has found to be right.
        """
        if not len(batch.offset):
            return []
        names, code = self._named(batch)
        ours = np.ones(len(code), dtype=bool) if batch.is_repaired is None else ~batch.is_repaired
        figures = [np.where(ours, measure.of(batch, when, risen), np.nan) for measure in self._measures]
        told: dict[int, Told] = {}
        for first, end in self._stretches(names, code):
            present = [number for number in np.unique(code[first:end]).tolist() if number != UNKNOWN]
            for number in present:
                self._appear(*names[number])
            for number in present:
                rows = first + np.flatnonzero(code[first:end] == number)
                found = [self._take(names[number], index, rows, figures[index], slot) for index in range(len(figures))]
                if _texts(names[number]) in trusted:
                    continue
                for own, _ in reversed(found):  # of several measures the first one says it best: with a unit
                    told |= own
                for _, hold in found:
                    if hold is not None:
                        later = rows[(rows >= hold.since) & ours[rows] & (when.count[rows] > 0)].tolist()
                        told |= dict.fromkeys(set(later) - set(told), hold.why)
        held = np.zeros(len(code), dtype=bool)
        held[list(told)] = True
        return [Doubt(held, "cohort_differs", told.__getitem__)] if told else []

    def _named(self, batch: Batch) -> tuple[list[Name], Ints]:
        """Material and firmware of each cohort in the batch, and which of them each upload is of.

        Models that the catalogue does not know are of no cohort. Of one model only so many firmwares are told apart, in
        order of arrival: a device may make up any number of them.
        """
        columns = [batch.uploads.column(name).combine_chunks().dictionary_encode() for name in ("material", "firmware")]
        materials, firmware = (column.dictionary.to_pylist() for column in columns)
        pairs = columns[0].indices.to_numpy().astype(np.int64) * len(firmware) + columns[1].indices.to_numpy()
        found, first, code = np.unique(pairs, return_index=True, return_inverse=True)
        numbers: dict[Name, int] = {}
        own = np.full(len(found), UNKNOWN)
        for place in np.argsort(first).tolist():
            material = materials[found[place] // len(firmware)]
            if material in LAUNCHED_MS:
                name = self._told_apart(material.encode(), firmware[found[place] % len(firmware)].encode(), numbers)
                own[place] = numbers.setdefault(name, len(numbers))
        return list(numbers), own[code]

    def _told_apart(self, material: bytes, firmware: bytes, new: Mapping[Name, int]) -> Name:
        if (material, firmware, 0) in self._rows or (material, firmware) in new:
            return material, firmware
        told_apart = self._firmwares[material] + sum(
            own == material and (own, other, 0) not in self._rows for own, other in new
        )
        return material, firmware if told_apart < MOST_FIRMWARES else OTHERS

    def _stretches(self, names: list[Name], code: Ints) -> Iterator[tuple[int, int]]:
        """Stretches of the batch between the first uploads of cohorts that are new: each needs what was before it."""
        new = [number for number, name in enumerate(names) if (*name, 0) not in self._rows]
        cuts = sorted({0, *(int(np.argmax(code == number)) for number in new)})
        yield from zip(cuts, [*cuts[1:], len(code)], strict=True)

    def _appear(self, material: bytes, firmware: bytes) -> None:
        """Note the range of a new cohort's model, as far as it is known: else that of all models, with more room."""
        if (material, firmware, 0) in self._rows:
            return
        for index in range(len(self._measures)):
            row = self._row((material, firmware, index))
            for key, room in (((material, b"", index), 1.0), ((b"", b"", index), self._measures[index].room)):
                source = self._row(key)  # before its values: a new row may move them all
                known = self._store.values[source]
                if known["uploads"] >= KNOWN_AFTER:
                    low, high = self._measures[index].around(known["low"], known["high"], room, room)
                    self._store.values["range_low"][row], self._store.values["range_high"][row] = low, high
                    self._store.values["has_range"][row] = True
                    break

    def _take(
        self, name: Name, index: int, cohort: Ints, figure: Floats, slot: Ints
    ) -> tuple[dict[int, Told], _Hold | None]:
        """Add one figure of a cohort's uploads, in order of arrival.

        Returns:
            What to say of each upload that is strange, and from which one on the whole cohort is held, if it is.
        """
        row = self._row((*name, index))
        rows = cohort[~np.isnan(figure[cohort])]
        known, values = self._store.values[row].copy(), figure[rows]
        if not len(rows):
            return {}, _Hold(int(cohort[0]), self._told(name, index, known)) if known["held"] else None
        lowest = np.minimum.accumulate(np.fmin(values, known["low"] if known["uploads"] else np.inf))
        highest = np.maximum.accumulate(np.fmax(values, known["high"] if known["uploads"] else -np.inf))
        own = self._store.values[row : row + 1]
        own["uploads"] += len(rows)
        own["low"], own["high"] = lowest[-1], highest[-1]
        self._store.touch(np.array([row]))
        if not known["has_range"]:
            for material in (name[0], b""):
                self._widen(self._row((material, b"", index)), values)
            return {}, None
        was_held = bool(known["held"])
        strange, is_held = self._strange(known, own, self._measures[index], values, slot[rows])
        told = {}
        for place in np.flatnonzero(strange | is_held).tolist():
            known["low"], known["high"] = lowest[place], highest[place]
            told[int(rows[place])] = self._told(name, index, known, float(values[place]))
        if not is_held.any():
            return told, None
        first = int(np.argmax(is_held))
        return told, _Hold(int(cohort[0] if was_held else rows[first]), told[int(rows[first])])

    def _strange(self, known: np.void, own: Records, measure: Measure, values: Floats, slot: Ints) -> tuple[Mask, Mask]:
        """Which uploads of a cohort are strange, and at which the whole cohort is held."""
        low, high = measure.around(known["range_low"], known["range_high"], measure.below, measure.above)
        strange = (values < low) | (values > high)
        so_far = known["strange"] + np.cumsum(strange)
        strange_slot = known["strange_slot"] if known["strange"] or not strange.any() else slot[np.argmax(strange)]
        several = known["several"] | np.logical_or.accumulate(strange & (slot != strange_slot))
        seen = known["uploads"] + np.arange(1, len(values) + 1)
        enough = several & (so_far >= STRANGE_UPLOADS) & (so_far >= STRANGE_SHARE * seen)
        is_held = known["held"] | np.logical_or.accumulate(enough)
        own["strange"], own["strange_slot"] = so_far[-1], strange_slot
        own["several"], own["held"] = several[-1], is_held[-1]
        return strange, is_held

    def _told(self, name: Name, index: int, known: np.void, value: float | None = None) -> Told:
        """What is strange, and the unit in which the cohort's range so far would be the model's."""
        measure, (material, firmware) = self._measures[index], _texts(name)
        lowest, highest = float(known["low"]), float(known["high"])
        low, high = float(known["range_low"]), float(known["range_high"])
        unit = None if measure.subject else _likely_unit(measure.unit, lowest, highest, low, high)
        if not measure.is_shown:  # nor a factor, of which the highest value follows
            looks = f": it looks like {unit}" if unit else ""
            sentence = (
                f"{measure.field} of firmware {firmware} on {material} is not what other firmware measures{looks}"
            )
            return Told(sentence, measure.field, unit, measure.unit)
        factor = f"factor {highest / high:.3g}" if high else "factor 1"
        found = f"{lowest:.4g} to {highest:.4g}" if value is None else f"{value:.4g}"
        looks = f"its scale or its rate is off, {factor}" if measure.subject else f"it looks like {unit or factor}"
        what, measured = (measure.subject, "") if measure.subject else (measure.field, f" {measure.unit}")
        figures = f"is {found}, other firmware measures {low:.4g} to {high:.4g}{measured}"
        sentence = f"{what} of firmware {firmware} on {material} {figures}: {looks}"
        return Told(sentence, measure.field, unit or factor, measure.unit)

    def _widen(self, row: int, values: Floats) -> None:
        known = self._store.values[row]
        is_new = not known["uploads"]
        self._store.values["low"][row] = values.min() if is_new else min(known["low"], values.min())
        self._store.values["high"][row] = values.max() if is_new else max(known["high"], values.max())
        self._store.values["uploads"][row] += len(values)
        self._store.touch(np.array([row]))

    def _row(self, key: Key) -> int:
        if key not in self._rows:
            self._rows[key] = row = int(self._store.take(1)[0])
            self._firmwares[key[0]] += bool(key[1]) and not key[2]
            for name, part in zip(("material", "firmware", "measure"), key, strict=True):
                self._store.values[name][row] = part
        return self._rows[key]


def _texts(name: Name) -> tuple[str, str]:
    return name[0].decode(), name[1].decode()


def _likely_unit(ours: str, lowest: float, highest: float, low: float, high: float) -> str | None:
    """The foreign unit that brings the cohort's range closest to the model's; None where none comes near."""
    best, distance = None, math.log(2.0)
    for unit, conversion in CONVERSIONS.get(ours, {}).items():
        ends = [conversion.to_ours(lowest), conversion.to_ours(highest)]
        if min(ends) <= 0 or low <= 0:
            continue
        # The upper end says more: every device reaches it, while the lowest value is anybody's pause.
        off = abs(math.log(ends[1] / high)) + 0.1 * abs(math.log(ends[0] / low))
        if off < distance:
            best, distance = unit, off
    return best
