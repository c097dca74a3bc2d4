"""Whether a firmware's cycles or runs differ from what the same model's other firmware shows in the same weeks. Pure.

Devices differ more from each other than any firmware makes them: in load, water, owner. So each is compared with
itself, before and after it was updated, and with those that were not updated in the same weeks
(`streams.desk.shift_effect`). Of each device the sums of its newest weeks are kept, whole numbers, so that they do not
depend on the order of the sessions.

A session counts when its first closed version comes. A corrected cycle moves the sums of energy and duration by what it
says has changed; anomalies, and all of runs, stay as they were. What is corrected after eight later sessions of its
device is let be.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import numpy as np

from schemas.desk import Alert
from schemas.facts import Run, Session, WashCycle
from schemas.fleet import Product
from streams.cohorts import MOST_FIRMWARES
from streams.desk.cohort_names import COHORT_NAME, Cohort, CohortNames
from streams.desk.shift_effect import Entries, Shift, shift
from streams.desk.shift_figures import FIGURES, UNIT, changed_figures, cycle_figures, run_figures
from streams.keyed import KeyedRows
from streams.store import Rows, Store

WEEKS = 8
"""Weeks kept of each device; one in which it was updated takes two places."""
COUNTED = 8
"""Newest sessions that are known to have been counted."""
WEEK_MS = 7 * 86_400_000

FIRST_LOOK, LOOK_AGAIN = 60, 1.25
"""After how many sessions of a firmware it is looked at first, and after how many times as many again: every look is a
chance of a false alarm."""

_COLUMNS = len(FIGURES["washer"])

SHIFT_DEVICE = np.dtype(
    [
        ("slot", "i8"),
        ("counted_s", "u4", (COUNTED,)),
        ("week", "u2", (WEEKS,)),
        ("cohort", "i4", (WEEKS,)),
        ("count", "u2", (WEEKS * _COLUMNS,)),
        ("total", "i4", (WEEKS * _COLUMNS,)),
    ]
)
"""A device in the state. `week`: weeks since 1970, 0 for none; `count` and `total`, in
`UNIT`s: of each figure, week after week."""

SHIFT_LOOK = np.dtype(
    [
        ("cohort", "i8"),
        ("sessions", "i8"),
        ("looked", "i8"),
        ("newest_ms", "i8"),
        ("event_ms", "i8", (_COLUMNS,)),
        ("version", "i4", (_COLUMNS,)),
        ("raised", "?", (_COLUMNS,)),
    ]
)
"""A firmware on a model in the state: how many sessions it had, and had when it was looked at last."""

SHIFT_STORES: Mapping[str, np.dtype[np.void]] = {
    "shift_devices": SHIFT_DEVICE,
    "shift_looks": SHIFT_LOOK,
    "shift_cohorts": COHORT_NAME,
}


class FleetShift:
    """What the firmware cohorts of one partition's devices show."""

    def __init__(self, stores: Mapping[str, Store]) -> None:
        """Over the stores of `SHIFT_STORES`."""
        self._devices = stores["shift_devices"]
        self._rows = KeyedRows(self._devices, "slot")
        self._looks = KeyedRows(stores["shift_looks"], "cohort")
        self._cohorts = CohortNames(stores["shift_cohorts"])

    def after_cycle(self, slot: int, cycle: WashCycle) -> None:
        """Take a version of a cycle in."""
        if cycle.status not in ("closed", "corrected") or cycle.source != "reported":
            return
        row, is_new = self._count(slot, cycle)
        if is_new:
            self._add(row, "washer", cycle, cycle_figures(cycle))
        elif is_new is False:
            self._move(row, cycle)

    def after_run(self, slot: int, run: Run) -> None:
        """Take a version of a run in."""
        if run.status not in ("closed", "corrected"):
            return
        row, is_new = self._count(slot, run)
        if is_new:
            self._add(row, "shoe", run, run_figures(run))

    def told(self) -> list[Alert]:
        """Alerts of firmware that was due for another look."""
        return [alert for row in self._looks.store.rows().tolist() if self._is_due(row) for alert in self._look(row)]

    def forget(self, slots: list[int]) -> None:
        """Forget devices whose slots are given back."""
        found = [self._rows.find(slot) for slot in slots]
        self._rows.forget(row for row in found if row is not None)

    def _count(self, slot: int, session: Session) -> tuple[int, bool | None]:
        """The device's row, and whether the session is new; None where nobody can know any more."""
        row = self._rows.row(slot)
        counted = self._devices.values["counted_s"][row]
        start_s = session.started_at_ms // 1000
        if start_s in counted.tolist():
            return row, False
        place = int(counted.argmin())
        if counted[place] > start_s:
            return row, None
        counted[place] = start_s
        return row, True

    def _add(self, row: int, product: Product, session: Session, figures: tuple[int | None, ...]) -> None:
        number = self._number(product, session)
        place = None if number is None else self._place(row, session, number)
        if number is None or place is None:
            return
        values = self._devices.values
        for column, figure in enumerate(figures):
            if figure is not None:
                values["count"][row, place * _COLUMNS + column] += 1
                values["total"][row, place * _COLUMNS + column] += figure
        look = self._looks.row(number)
        self._looks.store.values["sessions"][look] += 1
        newest = self._looks.store.values["newest_ms"]
        newest[look] = max(int(newest[look]), session.started_at_ms)

    def _move(self, row: int, cycle: WashCycle) -> None:
        number = self._number("washer", cycle)
        place = None if number is None else self._place(row, cycle, number)
        if place is not None:
            self._devices.values["total"][row, _of(place)] += changed_figures(cycle)

    def _number(self, product: Product, session: Session) -> int | None:
        """The number of its cohort; None where its model has too many to watch one more."""
        return self._cohorts.number_among(MOST_FIRMWARES, Cohort(product, session.material, session.firmware))

    def _place(self, row: int, session: Session, number: int) -> int | None:
        """Where in its row a device's week under a firmware is, taking the oldest one's place if it is new."""
        values, week = self._devices.values, session.started_at_ms // WEEK_MS
        weeks, cohorts = values["week"][row].tolist(), values["cohort"][row].tolist()
        for place in range(WEEKS):
            if weeks[place] == week and cohorts[place] == number:
                return place
        place = int(np.argmin(weeks))
        if weeks[place] > week:
            return None
        values["week"][row, place], values["cohort"][row, place] = week, number
        values["count"][row, _of(place)] = values["total"][row, _of(place)] = 0
        return place

    def _is_due(self, row: int) -> bool:
        look = self._looks.store.values[row]
        return bool(look["sessions"] >= max(FIRST_LOOK, LOOK_AGAIN * look["looked"]))

    def _look(self, row: int) -> Iterator[Alert]:
        look = self._looks.store.values[row]
        cohort = self._cohorts.name(int(look["cohort"]))
        self._looks.store.touch(np.array([row]))
        look["looked"] = look["sessions"]
        others = self._cohorts.older(cohort)
        if not others:
            return
        rows, places = self._entries([int(look["cohort"]), *others])
        values = self._devices.values
        for column, figure in enumerate(FIGURES[_product(cohort)]):
            cell = places * _COLUMNS + column
            count = values["count"][rows, cell].astype(np.float64)
            has = count > 0
            found = shift(
                Entries(
                    device=rows[has],
                    week=values["week"][rows[has], places[has]].astype(np.int64),
                    is_after=values["cohort"][rows[has], places[has]] == look["cohort"],
                    count=count[has],
                    mean=values["total"][rows[has], cell[has]] / count[has] * UNIT,
                )
            )
            if found is None:
                continue
            is_raised = bool(look["raised"][column])
            if found.is_raised(figure.least) if not is_raised else found.is_cleared(figure.least):
                yield self._alert(row, column, cohort, found)

    def _entries(self, cohorts: list[int]) -> tuple[Rows, Rows]:
        """Row and place of every device's week under one of these firmwares."""
        rows = self._devices.rows()
        values = self._devices.values[rows]
        found, places = np.nonzero(np.isin(values["cohort"], cohorts) & (values["week"] > 0))
        of: Rows = rows[found]
        return of, places.astype(np.int64)

    def _alert(self, row: int, column: int, cohort: Cohort, found: Shift) -> Alert:
        look = self._looks.store.values[row]
        figure = FIGURES[_product(cohort)][column]
        is_raised = not look["raised"][column]
        look["raised"][column] = is_raised
        if is_raised and look["event_ms"][column] != look["newest_ms"]:
            look["event_ms"][column], look["version"][column] = look["newest_ms"], 0
        look["version"][column] += 1
        percent, least = 100 * found.effect, 100 * found.threshold(figure.least)
        return Alert(
            alert_id=f"{cohort.material}-{cohort.firmware}-{figure.name}-{look['event_ms'][column]}",
            version=int(look["version"][column]),
            status="raised" if is_raised else "cleared",
            kind="cohort_shift",
            product=_product(cohort),
            device_id=None,
            material=cohort.material,
            firmware=cohort.firmware,
            session_id=None,
            at_ms=int(look["newest_ms"]),
            score=round(percent, 2),
            threshold=round(least, 2),
            reason=f"{figure.says} {percent:+.1f} {figure.unit} since firmware {cohort.firmware} on {cohort.material}, "
            f"by {found.updated} devices before and after it, against the model's older firmware in the same weeks "
            f"(raised from {least:.1f} on either side).",
            evidence=json.dumps(
                {
                    f"{figure.name}_shift_pct": round(percent, 2),
                    "standard_error_pct": round(100 * found.error, 2),
                    "standard_deviations": round(found.deviations, 1),
                    "updated_devices": found.updated,
                    "devices": found.devices,
                    "sessions": round(found.sessions),
                }
            ),
        )


def _of(place: int) -> slice:
    """The figures of a week."""
    return slice(place * _COLUMNS, (place + 1) * _COLUMNS)


def _product(cohort: Cohort) -> Product:
    return "washer" if cohort.product == "washer" else "shoe"
