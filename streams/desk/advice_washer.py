"""Advice on a washing machine: each rule a function of the cycles known, the last of them the newest. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from statistics import median

from schemas.catalogue import NOMINAL_LOAD_SHARE, WASHER_BY_MATERIAL, Label, WasherModel
from streams.desk.advice_finding import Energy, Finding, LocalDay, LocalTime, Money, Number, Percent, Water, Word
from streams.desk.advice_history import DAY_MS, PastCycle
from streams.desk.register import ServiceContract

EQUALS = {"cotton": "eco"}
"""For each programme the one that washes as well. Eco is by law one that cleans normally soiled cotton labelled for 40
or 60 °C (Regulation (EU) 2019/2023, annex II)."""
RHYTHM_DAYS, LEAST_RHYTHM_DAYS = 21, 7
LEAST_SAVING_PCT = 10.0
"""Of what the cycle cost; less is not worth a word."""
LEAST_CYCLES_TO_SAVE_ON = 2
MOST_COST = 10**9
"""Of a cycle, in any currency; more is a mistake of a meter, and too long a number for exact sums."""

EXTRA_HEAT_PCT = 6.0
"""From so much more heating energy than with a clean heater on, descaling is due: at 7 % a mm, 0.9 mm of scale."""
LEAST_EXTRA_PCT = -50.0
"""No heater does with half: such a figure is a mistake, and no baseline."""
HEATED_CYCLES, LEAST_HEATED_CYCLES = 5, 3
SUDS_SHARE = 0.30
"""Of the water that a cycle draws, the share that is heated; the rest rinses."""
HOT = {"cotton": 1.0, "synthetics": 0.6, "eco": 1.0}
"""Programmes that heat for long enough to judge the heater, with their nominal load as a share of the label's."""
WATER_KJ_PER_KG_K, TEXTILE_KJ_PER_KG_K, MACHINE_KJ_PER_K = 4.186, 1.4, 6.0
"""Specific heats (CRC Handbook of Chemistry and Physics); 12 kg of steel at 0.5 kJ/(kg·K)."""

LONGER_DRAIN_PCT = 35.0
"""A quarter of the drain blocked: 1 / (1 - 0.26). Machines complain at about twice as much."""
DRAINED_CYCLES = 5
LEAST_DRAINED_CYCLES = 10
DRAINS = {"cotton": 4, "synthetics": 4, "eco": 3, "quick": 3, "wool": 3}
"""How often each programme pumps out: after washing and after each rinse."""

SMALL_LOAD = 0.6
"""Of a programme's nominal load; below it a cycle counts as small."""
LOADED_CYCLES, LEAST_SMALL_CYCLES = 10, 3
WATER_AT_NO_LOAD = 0.7
"""Share of the label's water that a cycle draws whatever the load; the rest grows with it (automatic water level)."""


def cycle_cost(
    cycles: Sequence[PastCycle], material: str, contract: ServiceContract | None, since_ms: int
) -> Finding | None:
    """What the last cycle cost and what an equal programme would save, by the ratio of their labels.

    Args:
        since_ms: From when on all cycles of this person are among `cycles`.
    """
    last, model = cycles[-1], WASHER_BY_MATERIAL.get(material)
    if model is None or contract is None or last.programme not in EQUALS or not last.is_intact:
        return None
    if last.energy_wh is None or last.water_l is None:
        return None
    cheaper = EQUALS[last.programme]
    label, equal = _label(model, last.programme), _label(model, cheaper)
    cost = cost_of(last.energy_wh, last.water_l, contract)
    equal_cost = cost_of(
        last.energy_wh * equal.energy_wh / label.energy_wh, last.water_l * equal.water_l / label.water_l, contract
    )
    if not 0 < cost <= MOST_COST:
        return None
    saving = cost - equal_cost
    from_ms = max(last.started_ms - RHYTHM_DAYS * DAY_MS, since_ms)
    days = (last.started_ms - from_ms) / DAY_MS
    count = sum(cycle.programme == last.programme and cycle.started_ms > from_ms for cycle in cycles)
    if saving * 100 < cost * Decimal(LEAST_SAVING_PCT):
        return None
    if days < LEAST_RHYTHM_DAYS or count < LEAST_CYCLES_TO_SAVE_ON:
        return None
    per_week = count / days * 7
    saving_year = saving * Decimal(count) * 365 / Decimal(days)
    return Finding(
        "cycle_cost",
        "cycle_cost",
        {
            "programme": Word(f"programme.{last.programme}"),
            "cheaper": Word(f"programme.{cheaper}"),
            "day": LocalDay(last.started_ms),
            "time": LocalTime(last.started_ms),
            "cost": Money(cost, contract.currency),
            "saving": Money(saving, contract.currency),
            "saving_year": Money(saving_year, contract.currency, is_rough=True),
            "per_week": Number(per_week, 1),
        },
        {
            "programme": last.programme,
            "cheaper_programme": cheaper,
            "energy_wh": round(last.energy_wh, 1),
            "water_l": round(last.water_l, 2),
            "cost": float(round(cost, 4)),
            "saving": float(round(saving, 4)),
            "saving_a_year": float(round(saving_year, 2)),
            "currency": contract.currency,
            "cycles_per_week": round(per_week, 2),
            "label_energy_wh": label.energy_wh,
            "cheaper_label_energy_wh": equal.energy_wh,
        },
        f"A programme that washes as well costs at least {LEAST_SAVING_PCT:.0f} % less by the labels' ratio.",
    )


def descale(cycles: Sequence[PastCycle], material: str) -> Finding | None:
    """Whether the heater warms so much less per watt than a clean one that scale must be dissolved.

    What a watt warms is the suds' rise per minute times their heat capacity over the heater's power, so neither the
    load nor the mains voltage matters. It is held against the model's clean heater or, if that was better, against
    the best quarter of this machine's own cycles known.
    """
    model = WASHER_BY_MATERIAL.get(material)
    if model is None:
        return None
    extras_pct = [extra for cycle in cycles if (extra := extra_heat_pct(cycle, model)) is not None]
    if len(extras_pct) < LEAST_HEATED_CYCLES or extra_heat_pct(cycles[-1], model) is None:
        return None
    best_pct = min(sorted(extras_pct)[len(extras_pct) // 4], 0.0)
    present_pct = median(extras_pct[-HEATED_CYCLES:])
    count = min(len(extras_pct), HEATED_CYCLES)
    extra_pct = ((1 + present_pct / 100) / (1 + best_pct / 100) - 1) * 100
    if extra_pct < EXTRA_HEAT_PCT:
        return None
    return Finding(
        "descale",
        "descale",
        {"extra": Percent(extra_pct)},
        {
            "extra_heating_energy_pct": round(extra_pct, 1),
            "threshold_pct": EXTRA_HEAT_PCT,
            "cycles": count,
        },
        f"Heating takes at least {EXTRA_HEAT_PCT:.0f} % more energy than with a clean heater "
        f"(median of the last {count} hot cycles).",
    )


def extra_heat_pct(cycle: PastCycle, model: WasherModel) -> float | None:
    """Heating energy of a cycle above that of the model's clean heater; None where it cannot be told."""
    if cycle.programme not in HOT or not cycle.is_intact or cycle.water_l is None or not cycle.heating_k_per_min:
        return None
    heater_w = model.heater_w if cycle.heater_w is None else cycle.heater_w - model.motor_w
    load_kg = model.capacity_kg * NOMINAL_LOAD_SHARE * HOT[cycle.programme] * (load_share(cycle, model) or 1.0)
    capacity = cycle.water_l * SUDS_SHARE * WATER_KJ_PER_KG_K + load_kg * TEXTILE_KJ_PER_KG_K + MACHINE_KJ_PER_K
    warming_w = cycle.heating_k_per_min / 60 * capacity * 1000
    extra_pct = (heater_w / (warming_w * model.heating_factor) - 1) * 100
    return extra_pct if extra_pct > LEAST_EXTRA_PCT else None


def filter_blocking(cycles: Sequence[PastCycle]) -> Finding | None:
    """Whether pumping out takes much longer than at this machine's best.

    The best is the second shortest, so that one odd reading makes no baseline.
    """
    drained = [cycle for cycle in cycles if cycle.is_intact and cycle.programme in DRAINS and cycle.drain_s]
    if len(drained) < LEAST_DRAINED_CYCLES or drained[-1] is not cycles[-1]:
        return None
    each_s = [(cycle.drain_s or 0.0) / DRAINS[cycle.programme or ""] for cycle in drained]
    best_s, present_s = sorted(each_s)[1], median(each_s[-DRAINED_CYCLES:])
    longer_pct = (present_s / best_s - 1) * 100
    if longer_pct < LONGER_DRAIN_PCT:
        return None
    return Finding(
        "filter_blocking",
        "filter_blocking",
        {"longer": Percent(longer_pct), "cycles": Number(DRAINED_CYCLES)},
        {
            "longer_drain_pct": round(longer_pct, 1),
            "threshold_pct": LONGER_DRAIN_PCT,
            "drain_s": round(present_s, 1),
            "best_drain_s": round(best_s, 1),
            "cycles": DRAINED_CYCLES,
        },
        f"Draining takes at least {LONGER_DRAIN_PCT:.0f} % longer than at this machine's best "
        f"(median of the last {DRAINED_CYCLES} cycles).",
    )


def load_too_small(cycles: Sequence[PastCycle], material: str) -> Finding | None:
    """Whether several of the last loads were small enough that two of them would have gone in one.

    The load is told by the water: the level follows it. Quick and wool are made for little, so they do not count.
    """
    model = WASHER_BY_MATERIAL.get(material)
    if model is None:
        return None
    known = [(cycle, share) for cycle in cycles if (share := load_share(cycle, model)) is not None][-LOADED_CYCLES:]
    small = [(cycle, share) for cycle, share in known if share < SMALL_LOAD]
    if len(known) < LOADED_CYCLES or len(small) < LEAST_SMALL_CYCLES or small[-1][0] is not cycles[-1]:
        return None
    last = cycles[-1]
    label = _label(model, last.programme or "")
    spared_wh = 2 * (last.energy_wh or 0.0) - label.energy_wh
    spared_l = 2 * (last.water_l or 0.0) - label.water_l
    if spared_wh <= 0 or spared_l <= 0:
        return None
    return Finding(
        "load_too_small",
        "load_too_small",
        {
            "small": Number(len(small)),
            "cycles": Number(LOADED_CYCLES),
            "energy": Energy(spared_wh),
            "water": Water(spared_l),
        },
        {
            "small_cycles": len(small),
            "cycles": LOADED_CYCLES,
            "load_share": round(small[-1][1], 3),
            "threshold_share": SMALL_LOAD,
            "water_l": round(last.water_l or 0.0, 2),
            "spared_wh": round(spared_wh, 1),
            "spared_l": round(spared_l, 2),
        },
        f"At least {LEAST_SMALL_CYCLES} of the last {LOADED_CYCLES} loads were below {SMALL_LOAD:.0%} of the "
        "programme's nominal load, by the water drawn.",
    )


def load_share(cycle: PastCycle, model: WasherModel) -> float | None:
    """A cycle's load over its programme's nominal one, as its water tells; None where it cannot."""
    if cycle.programme not in HOT or not cycle.is_intact or not cycle.water_l:
        return None
    drawn = cycle.water_l / _label(model, cycle.programme).water_l
    return max((drawn - WATER_AT_NO_LOAD) / (1 - WATER_AT_NO_LOAD), 0.0)


def cost_of(energy_wh: float, water_l: float, contract: ServiceContract) -> Decimal:
    """What energy and water cost, in the contract's currency, exact."""
    energy = Decimal(repr(energy_wh)) / 1000 * Decimal(repr(contract.energy_price_per_kwh))
    return energy + Decimal(repr(water_l)) / 1000 * Decimal(repr(contract.water_price_per_m3))


def _label(model: WasherModel, programme: str) -> Label:
    return {str(name): label for name, label in model.labels.items()}[programme]
