"""What the maker should look at: machines that wear, and devices that are used no more. Pure.

Of each device the newest sessions are kept, by their start: a corrected version takes its predecessor's place, a
withdrawn one leaves, a late one goes where it belongs. What a rule sees therefore depends on the sessions alone, not on
the order in which they came nor on how often. Methods and what they are worth: docs/alerts.md.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from schemas.desk import Alert, AlertKind
from schemas.facts import Run, Session, WashCycle
from schemas.fleet import Product
from streams.desk.alerts_dormant import limit_ms, silent_too_long
from streams.desk.alerts_features import NAMES, NOTHING, Ratios, ratios
from streams.desk.alerts_rules import RULES, Rule
from streams.desk.cohort_names import COHORT_NAME, Cohort, CohortNames
from streams.keyed import KeyedRows
from streams.store import Store

KEPT = 12
"""Sessions kept of each device: as many as the rule that looks at most."""

UNUSED_NAMES = 1_000
"""Cohorts of no device that may be remembered."""

KINDS: tuple[AlertKind, ...] = (*(rule.kind for rule in RULES), "dormant")
DORMANT = KINDS.index("dormant")

ALERT_DEVICE = np.dtype(
    [
        ("slot", "i8"),
        ("cohort", "i4"),
        ("is_shoe", "?"),
        ("ended_s", "u4"),
        ("start_s", "u4", (KEPT,)),
        ("ratio", "f2", (KEPT * len(NAMES),)),
        ("event_s", "u4", (len(KINDS),)),
        ("version", "u2", (len(KINDS),)),
        ("raised", "?", (len(KINDS),)),
    ]
)
"""A device in the state. `start_s`: begin of each session kept, 0 for none; `ratio`: session after session, of
`NAMES`; `ended_s`: end of the newest one;
`event_s`: begin of the session that the last alert of each kind followed from."""

ALERT_STORES: Mapping[str, np.dtype[np.void]] = {"alert_devices": ALERT_DEVICE, "alert_cohorts": COHORT_NAME}

_PRODUCT: Mapping[bytes, Product] = {b"washer": "washer", b"shoe": "shoe"}


@dataclass(frozen=True)
class _Finding:
    """Why an alert is raised or cleared."""

    score: float
    threshold: float
    reason: str
    evidence: Mapping[str, float | int]


class AlertBook:
    """The alerts of the devices of one partition."""

    def __init__(self, stores: Mapping[str, Store]) -> None:
        """Over the stores of `ALERT_STORES`."""
        self._rows = KeyedRows(stores["alert_devices"], "slot")
        self._store = stores["alert_devices"]
        self._cohorts = CohortNames(stores["alert_cohorts"])

    def after_cycle(self, slot: int, cycle: WashCycle) -> list[Alert]:
        """Alerts that this version of a cycle raises or clears. An open one says nothing yet."""
        if cycle.status == "open" or cycle.source != "reported":
            return []
        row, place = self._keep(slot, "washer", cycle)
        if place is None:
            return []
        measured = NOTHING if cycle.status == "withdrawn" else ratios(cycle)
        own = slice(place * len(NAMES), (place + 1) * len(NAMES))
        self._store.values["ratio"][row, own] = (measured.drag, measured.effort, measured.drain, measured.speed)
        return [*self._woken(row, cycle), *self._judged(row, cycle, measured)]

    def after_run(self, slot: int, run: Run) -> list[Alert]:
        """Alerts that this version of a run clears."""
        if run.status == "open":
            return []
        row, place = self._keep(slot, "shoe", run)
        return [] if place is None else list(self._woken(row, run))

    def dormant(self, now_ms: int, name_of: Callable[[int], str]) -> list[Alert]:
        """Alerts of devices that have been silent for longer than their rhythm explains.

        Args:
            now_ms: The newest instant that any device of the partition told of.
            name_of: Device of a slot.
        """
        rows = self._store.rows()
        values = self._store.values[rows]
        silent = silent_too_long(values["start_s"], values["is_shoe"], values["ended_s"], now_ms)
        found = silent & ~values["raised"][:, DORMANT]
        return [self._dormant(int(row), now_ms, name_of) for row in rows[found]]

    def forget(self, slots: Sequence[int]) -> None:
        """Forget devices whose slots are given back."""
        found = [self._rows.find(slot) for slot in slots]
        self._rows.forget(row for row in found if row is not None)

    def _keep(self, slot: int, product: Product, session: Session) -> tuple[int, int | None]:
        """The device's row, and the session's place in it; None where twelve later ones are kept already."""
        row = self._rows.row(slot)
        values, start_s = self._store.values, session.started_at_ms // 1000
        kept = values["start_s"][row].tolist()
        place = kept.index(start_s) if start_s in kept else kept.index(min(kept))
        if kept[place] > start_s:
            return row, None
        values["start_s"][row, place] = 0 if session.status == "withdrawn" else start_s
        if start_s >= max(kept):
            values["cohort"][row] = self._number(Cohort(product, session.material, session.firmware))
            values["is_shoe"][row] = product == "shoe"
            values["ended_s"][row] = session.ended_at_ms // 1000
        return row, place

    def _number(self, cohort: Cohort) -> int:
        """The number of a device's cohort. Names that no device has any more are let go when they are many."""
        if len(self._cohorts) >= 2 * len(self._rows) + UNUSED_NAMES:
            self._cohorts.keep(set(self._store.values["cohort"][self._store.rows()].tolist()))
        return self._cohorts.number(cohort)

    def _judged(self, row: int, cycle: WashCycle, measured: Ratios) -> Iterator[Alert]:
        starts = self._store.values["start_s"][row].tolist()
        newest_first = sorted((place for place in range(KEPT) if starts[place]), key=starts.__getitem__, reverse=True)
        kept = self._store.values["ratio"][row].tolist()
        raised = self._store.values["raised"][row].tolist()
        for number, rule in enumerate(RULES):
            column = NAMES.index(rule.ratio)
            own = [kept[place * len(NAMES) + column] for place in newest_first]
            score = rule.score(own)
            if score is None or (rule.clear_pct <= score if raised[number] else score < rule.raise_pct):
                continue
            cohort = self._cohorts.name(int(self._store.values["cohort"][row]))
            finding = _of_wear(rule, score, len(rule.known(own)), measured, cycle)
            yield self._told(row, number, cycle.device_id, cohort, finding, cycle)

    def _woken(self, row: int, session: Session) -> Iterator[Alert]:
        """It is used again."""
        values = self._store.values
        since_s = int(values["event_s"][row, DORMANT])
        if not values["raised"][row, DORMANT] or session.started_at_ms // 1000 <= since_s:
            return
        finding = _Finding(0.0, 0.0, "It is used again.", {})
        yield self._told(
            row, DORMANT, session.device_id, self._cohorts.name(int(values["cohort"][row])), finding, session
        )

    def _dormant(self, row: int, now_ms: int, name_of: Callable[[int], str]) -> Alert:
        values = self._store.values[row]
        starts, ended_ms = values["start_s"], int(values["ended_s"]) * 1000
        day_ms = 86_400_000
        limit_days = float(limit_ms(starts[None], values["is_shoe"])[0]) / day_ms
        silent_days = (now_ms - ended_ms) / day_ms
        known = starts[starts > 0]
        usual_days = float(known.max() - known.min()) / 86_400 / (len(known) - 1)
        finding = _Finding(
            round(silent_days, 2),
            round(limit_days, 2),
            f"Silent for {silent_days:.1f} days, used every {usual_days:.1f} days before "
            f"(raised after {limit_days:.1f} days).",
            {"silent_days": round(silent_days, 2), "usual_interval_days": round(usual_days, 2), "sessions": len(known)},
        )
        self._store.touch(np.array([row]))
        device_id = name_of(int(values["slot"]))
        return self._told(row, DORMANT, device_id, self._cohorts.name(int(values["cohort"])), finding, None)

    def _told(
        self, row: int, kind: int, device_id: str, cohort: Cohort, finding: _Finding, session: Session | None
    ) -> Alert:
        """Turn an alert over, and what there is to say of it."""
        values = self._store.values
        is_raised = not values["raised"][row, kind]
        values["raised"][row, kind] = is_raised
        at_s = int(values["start_s"][row].max()) if session is None else session.started_at_ms // 1000
        if is_raised and at_s != values["event_s"][row, kind]:
            values["event_s"][row, kind], values["version"][row, kind] = at_s, 0
        values["version"][row, kind] += 1
        return Alert(
            alert_id=f"{device_id}-{KINDS[kind]}-{int(values['event_s'][row, kind])}",
            version=int(values["version"][row, kind]),
            status="raised" if is_raised else "cleared",
            kind=KINDS[kind],
            product=_PRODUCT[cohort.product.encode()],
            device_id=device_id,
            material=cohort.material,
            firmware=cohort.firmware,
            session_id=None if session is None else session.session_id,
            at_ms=at_s * 1000 if session is None else session.started_at_ms,
            score=finding.score,
            threshold=finding.threshold,
            reason=finding.reason,
            evidence=json.dumps(finding.evidence),
        )


def _of_wear(rule: Rule, score: float, cycles: int, measured: Ratios, cycle: WashCycle) -> _Finding:
    own = getattr(measured, rule.ratio)
    evidence: dict[str, float | int] = {f"{rule.ratio}_score_pct": round(score, 1), "cycles": cycles}
    if not math.isnan(own):
        evidence[f"{rule.ratio}_of_new_last_cycle"] = round(own, 3)
    told = {
        "bearing": ("spin_w", "max_drum_rpm"),
        "heater_scale": ("heater_w", "heating_k_per_min", "water_l"),
        "drain_pump": ("drain_s",),
        "unbalance": ("max_drum_rpm",),
    }[rule.kind]
    evidence |= {name: value for name in told if (value := getattr(cycle, name)) is not None}
    return _Finding(
        round(score, 2),
        rule.raise_pct,
        f"{score:.1f} {rule.says}, in the last {cycles} cycles of this {cycle.material} "
        f"(raised from {rule.raise_pct:.0f}, cleared below {rule.clear_pct:.0f}).",
        evidence,
    )
