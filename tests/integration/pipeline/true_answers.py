"""The answer to each question of docs/questions, from a fleet as it really was. Plain Python; numbers are not rounded.

Each function gives the rows of the SQL file of its name, in its order.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import UTC, date, datetime
from itertools import pairwise
from math import sqrt
from statistics import fmean, median, stdev
from typing import Any, TypeVar

from schemas.catalogue import WASHER_BY_MATERIAL
from tests.integration.pipeline.true_fleet import DAY_MS, TrueFleet, Use

Answer = list[tuple[Any, ...]]
T = TypeVar("T")

FOUR_WEEKS_MS = 28 * DAY_MS


def sales_and_use(fleet: TrueFleet) -> Answer:
    newest_ms = max(use.ended_ms for use in fleet.uses)
    recent = Counter(use.device_id for use in fleet.uses if use.ended_ms > newest_ms - FOUR_WEEKS_MS)
    heard = {device_id for device_id, _ in fleet.accepted}
    answer: Answer = []
    for (material, month), units in _grouped(
        fleet.devices.values(), lambda row: (row["material"], _month(row["sold_on"]))
    ):
        names = [unit["device_id"] for unit in units]
        used = [name for name in names if recent[name]]
        uses, heard_of = sum(recent[name] for name in names), len(heard & set(names))
        per_used = uses / len(used) if used else None
        answer.append(
            (material, month, len(names), heard_of, len(used), heard_of - len(used), uses / len(names), per_used)
        )
    return answer


def dormant_devices(fleet: TrueFleet) -> Answer:
    newest_ms = max(use.ended_ms for use in fleet.uses)
    answer: Answer = []
    for device_id, uses in _grouped(fleet.uses, lambda use: use.device_id):
        last = uses[-1]
        silent_days = (newest_ms - last.ended_ms) / DAY_MS
        if len(uses) < 5:
            continue
        usual_days = median((later.started_ms - earlier.ended_ms) / DAY_MS for earlier, later in pairwise(uses))
        if silent_days > max(4 * usual_days, 10):
            ended_on = utc_day(last.ended_ms)
            answer.append((device_id, last.material, last.country, len(uses), ended_on, usual_days, silent_days))
    return sorted(answer, key=lambda row: (-round(row[-1], 1), row[0]))


def label_deviation(fleet: TrueFleet) -> Answer:
    machines: defaultdict[tuple[str, str, date], list[tuple[int, float, float]]] = defaultdict(list)
    for device_id, uses in _grouped(_whole_cycles(fleet), lambda use: use.device_id):
        unit = fleet.devices[device_id]
        labels = WASHER_BY_MATERIAL[unit["material"]].labels
        energy = [100 * (use.amount / labels[use.programme].energy_wh - 1) for use in uses]  # type: ignore[index]
        water = [
            100 * (fleet.cycles[use.session_id]["water_l"] / labels[use.programme].water_l - 1)  # type: ignore[index]
            for use in uses
        ]
        batch = unit["material"], fleet.plants[device_id], _month(unit["sold_on"])
        machines[batch].append((len(uses), fmean(energy), fmean(water)))
    return [
        (
            *batch,
            len(own),
            sum(count for count, _, _ in own),
            fmean(energy for _, energy, _ in own),
            stdev(energy for _, energy, _ in own) / sqrt(len(own)) if len(own) > 1 else None,
            fmean(water for _, _, water in own),
        )
        for batch, own in sorted(machines.items())
    ]


def programme_mix(fleet: TrueFleet) -> Answer:
    counts = Counter((use.country, use.programme) for use in _cycles(fleet))
    total = Counter(use.country for use in _cycles(fleet))
    return sorted(
        ((country, programme, count, 100 * count / total[country]) for (country, programme), count in counts.items()),
        key=lambda row: (row[0], -row[2], row[1]),
    )


def wear_by_kilometre(fleet: TrueFleet) -> Answer:
    query = """select device_id || ':' || run_started_ms as session_id, max(lifetime_distance_m) as lifetime_m
               from uploads where run_started_ms is not null group by all"""
    lifetimes = {row["session_id"]: row["lifetime_m"] for row in fleet.oracle.told(query)}
    repaired = {name for name, events in fleet.events.items() if any(own["kind"] == "board_swapped" for own in events)}
    runs = [use for use in fleet.uses if use.product == "shoe" and use.amount > 0 and use.device_id not in repaired]
    answer: Answer = []
    for (material, from_km), uses in _grouped(
        runs, lambda use: (use.material, 100 * int(max(lifetimes[use.session_id] - use.amount, 0) // 100_000))
    ):
        facts = [fleet.runs[use.session_id] for use in uses]
        contact = [fact["avg_ground_contact_ms"] for fact in facts if fact["avg_ground_contact_ms"] is not None]
        apart = [fact["asymmetry_pct"] for fact in facts if fact["asymmetry_pct"] is not None]
        pace = [fact["pace_s_per_km"] for fact in facts if fact["pace_s_per_km"] is not None]
        shoes = len({use.device_id for use in uses})
        answer.append((material, from_km, shoes, len(uses), len(contact), _mean(contact), _mean(apart), _mean(pace)))
    return answer


def cohort_retention(fleet: TrueFleet) -> Answer:
    months = {_month(use.local_day) for use in fleet.uses}
    used = {(use.device_id, _month(use.local_day)) for use in fleet.uses}
    answer: Answer = []
    for (product, sold), units in _grouped(
        fleet.devices.values(), lambda row: (row["product"], _month(row["sold_on"]))
    ):
        for month in sorted(month for month in months if month >= sold):
            age = 12 * (month.year - sold.year) + month.month - sold.month
            in_use = sum((unit["device_id"], month) in used for unit in units)
            answer.append((product, sold, age, len(units), in_use, 100 * in_use / len(units)))
    return answer


def firmware_effect(fleet: TrueFleet) -> Answer:
    effects: defaultdict[tuple[str, str, str], list[tuple[str, list[Use], list[Use]]]] = defaultdict(list)
    for device_id, uses in _grouped(_whole_cycles(fleet), lambda use: use.device_id):
        installed = list(dict.fromkeys(use.firmware for use in uses))
        for before, after in pairwise(installed):
            for programme in {use.programme for use in uses}:
                old, new = (
                    [use for use in uses if use.programme == programme and use.firmware == firmware]
                    for firmware in (before, after)
                )
                if old and new:
                    effects[uses[0].material, before, after].append((device_id, old, new))
    return [
        (
            *key,
            len({device_id for device_id, _, _ in pairs}),
            sum(len(old) for _, old, _ in pairs),
            sum(len(new) for _, _, new in pairs),
            _change_pct(pairs, lambda use: use.amount),
            _change_pct(pairs, lambda use: use.ended_ms - use.started_ms),
        )
        for key, pairs in sorted(effects.items())
    ]


def first_use_after_sale(fleet: TrueFleet) -> Answer:
    waits: defaultdict[str, list[int]] = defaultdict(list)
    for device_id, uses in _grouped(fleet.uses, lambda use: use.device_id):
        if uses[0].session_no == 1:
            waits[uses[0].product].append((uses[0].local_day - fleet.devices[device_id]["sold_on"]).days)
    return [
        (product, len(days), median(days), _quantile(days, 0.9), max(days)) for product, days in sorted(waits.items())
    ]


def energy_and_water(fleet: TrueFleet) -> Answer:
    answer: Answer = []
    for country, uses in _grouped(_cycles(fleet), lambda use: use.country):
        water = [fleet.cycles[use.session_id]["water_l"] for use in uses]
        weeks = {(use.device_id, use.local_day.isocalendar()[:2]) for use in uses}
        energy, machines = sum(use.amount for use in uses), len({use.device_id for use in uses})
        answer.append(
            (
                country,
                machines,
                len(uses),
                energy / 1000,
                sum(water) / 1000,
                energy / len(uses),
                fmean(water),
                len(uses) / len(weeks),
            )
        )
    return answer


def pay_per_use(fleet: TrueFleet) -> Answer:
    paid = [use for use in fleet.uses if use.contract_kind not in (None, "owned")]
    return [
        (
            *key,
            len({use.contract_no for use in uses}),
            len(uses),
            sum(use.amount for use in uses) / 1000 if key[2] == "washer" else None,
            sum(use.amount for use in uses) / 1000 if key[2] == "shoe" else None,
        )
        for key, uses in _grouped(
            paid, lambda use: (_month(use.local_day), use.contract_kind, use.product, use.country)
        )
    ]


def active_runners(fleet: TrueFleet) -> Answer:
    told: list[Use] = []
    by_owner = _grouped([use for use in fleet.uses if use.product == "shoe" and use.amount > 0], lambda use: use.owner)
    for _, uses in by_owner:
        over_ms = 0
        for use in sorted(uses, key=lambda own: (own.started_ms, own.session_id)):
            if use.started_ms >= over_ms:
                told.append(use)
            over_ms = max(over_ms, use.ended_ms)
    answer: Answer = []
    for week, uses in _grouped(told, lambda use: date.fromisocalendar(*use.local_day.isocalendar()[:2], 1)):
        runners, km = len({use.owner for use in uses}), sum(use.amount for use in uses) / 1000
        answer.append((week, runners, len(uses), km, len(uses) / runners, km / runners))
    return answer


def _cycles(fleet: TrueFleet) -> list[Use]:
    return [use for use in fleet.uses if use.product == "washer"]


def _whole_cycles(fleet: TrueFleet) -> list[Use]:
    return [use for use in _cycles(fleet) if use.is_whole]


def _change_pct(pairs: Sequence[tuple[str, list[Use], list[Use]]], figure: Callable[[Use], float]) -> float:
    """How much more the figure is after than before; a pair weighs as much as its smaller half."""
    before = sum(min(len(old), len(new)) * fmean(map(figure, old)) for _, old, new in pairs)
    after = sum(min(len(old), len(new)) * fmean(map(figure, new)) for _, old, new in pairs)
    return 100 * (after / before - 1)


def _grouped(rows: Iterable[T], key: Callable[[T], Any]) -> list[tuple[Any, list[T]]]:
    """Rows by key, keys ascending; within a key in the order they came."""
    groups: defaultdict[Hashable, list[T]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return sorted(groups.items(), key=lambda group: group[0])


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None


def _quantile(values: Sequence[float], share: float) -> float:
    """Straight between the two values around it."""
    ordered = sorted(values)
    at = share * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (at - low) * (ordered[high] - ordered[low])


def _month(day: date) -> date:
    return day.replace(day=1)


def utc_day(at_ms: int) -> date:
    """The day in UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).date()
