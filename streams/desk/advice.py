"""Advice to people: what their sessions say that is worth a word, at most as much of it as they want. Pure.

What is remembered of sessions follows from the versions seen, whatever their order. What is said does not: advice is
given when a session comes, by what is known then, and is never taken back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from schemas.desk import Insight, InsightKind
from schemas.facts import Run, Session, WashCycle
from schemas.reference import Purpose
from streams.desk import advice_body, advice_runner, advice_washer
from streams.desk.advice_finding import OF_ONE_SESSION, PRIORITY, Finding, purpose_of, purposes
from streams.desk.advice_history import (
    CYCLE,
    DAY_MS,
    MOST_VERSION,
    PLACES,
    RUN,
    Kept,
    PastRun,
    complete_since_ms,
    cycle_entry,
    keep,
    millimetres,
    newest_ms,
    past_cycles,
    past_runs,
    run_entry,
    session_key,
)
from streams.desk.advice_texts import Reader, title_and_text
from streams.desk.advice_told import TOLD, fits_week, may_speak, note
from streams.desk.register import Custody, Known
from streams.keyed import KeyedRows
from streams.store import Records, Store

Rules = Mapping[InsightKind, Callable[[], Finding | None]]

STALE_DAYS = 14
"""How much older than its device's newest session one may be to be worth a word."""

ADVICE_STORES: dict[str, np.dtype[np.void]] = {
    "advice_cycles": np.dtype([("slot", "i8"), ("cycles", CYCLE, PLACES)]),
    "advice_runs": np.dtype(
        [("slot", "i8"), ("earlier_mm", "i8"), ("counted_mm", "i8"), ("counted_at_ms", "i8"), ("runs", RUN, PLACES)]
    ),
    "advice_told": TOLD,
}
"""A row a device: 3,088 bytes for a washing machine, 3,448 for a shoe, 352 for what its people were told.

`earlier_mm`: distance of runs that are kept no more; `counted_*`: the highest lifetime counter and its instant.
"""


class Adviser:
    """What advice goes by for the devices of one partition, and what it has said."""

    def __init__(self, stores: Mapping[str, Store]) -> None:
        self._cycles = KeyedRows(stores["advice_cycles"], "slot")
        self._runs = KeyedRows(stores["advice_runs"], "slot")
        self._told = KeyedRows(stores["advice_told"], "slot")

    def after_cycle(self, slot: int, cycle: WashCycle, known: Known) -> list[Insight]:
        """What to say now that a version of a wash cycle has come."""
        row = self._cycles.row(slot)
        entries: Records = self._cycles.store.values["cycles"][row]
        kept = keep(entries, cycle_entry(cycle))
        if not kept.is_news or kept.lost(cycle.session_id):
            return []
        asked = _asked(cycle, known, entries)
        if asked is None:
            return []
        cycles = past_cycles(entries, 0, cycle.started_at_ms)
        own = [past for past in cycles if past.started_ms >= asked.custody.from_ms]
        since_ms = max(asked.custody.from_ms, complete_since_ms(entries))
        contract, material = known.contract_at(cycle.ended_at_ms), cycle.material
        rules: Rules = {
            "filter_blocking": lambda: advice_washer.filter_blocking(cycles),
            "descale": lambda: advice_washer.descale(cycles, material),
            "cycle_cost": lambda: advice_washer.cycle_cost(own, material, contract, since_ms),
            "load_too_small": lambda: advice_washer.load_too_small(own, material),
        }
        return self._say(slot, asked, rules)

    def after_run(self, slot: int, run: Run, known: Known) -> list[Insight]:
        """What to say now that a version of a run has come."""
        row = self._runs.row(slot)
        values = self._runs.store.values
        entries: Records = values["runs"][row]
        kept = keep(entries, run_entry(run))
        if not kept.is_news:
            return []
        values["earlier_mm"][row] += _gone_mm(kept, run)
        asked = None if kept.lost(run.session_id) else _asked(run, known, entries)
        if asked is None:
            return []
        custody = asked.custody
        runs = [_permitted(own, known, custody) for own in past_runs(entries, custody.from_ms, run.started_at_ms)]
        rules: Rules = {
            "asymmetry": lambda: advice_body.asymmetry(runs),
            "fatigue": lambda: advice_body.fatigue(runs),
            "shoe_worn_out": lambda: advice_body.shoe_worn_out(runs, self.total_km(slot), custody),
            "heart_rate_advice": lambda: advice_runner.heart_rate_advice(runs),
            "pace_advice": lambda: advice_runner.pace_advice(runs, custody),
            "next_session": lambda: advice_runner.next_session(runs, custody),
        }
        return self._say(slot, asked, rules)

    def after_counter(self, slot: int, lifetime_distance_m: float, at_ms: int) -> None:
        """Learn what a shoe has counted since it was made. Only of its first board: later ones count from anywhere."""
        row = self._runs.row(slot)
        values = self._runs.store.values
        counted = (round(lifetime_distance_m * 1000), at_ms)
        known = (int(values["counted_mm"][row]), int(values["counted_at_ms"][row]))
        values["counted_mm"][row], values["counted_at_ms"][row] = max(counted, known)

    def total_km(self, slot: int) -> float:
        """What a shoe has run: all its runs known, or what it had counted and the runs after that."""
        row = self._runs.find(slot)
        if row is None:
            return 0.0
        values = self._runs.store.values[row]
        runs = values["runs"][(values["runs"]["key"] != 0) & values["runs"]["counts"]]
        far_mm = runs["distance_mm"].astype(np.int64)
        later_mm = far_mm[runs["started_ms"] > values["counted_at_ms"]].sum()
        return max(int(values["earlier_mm"] + far_mm.sum()), int(values["counted_mm"] + later_mm)) / 1e6

    def forget(self, slots: Sequence[int]) -> None:
        """Forget devices whose slots are given back."""
        for book in (self._cycles, self._runs, self._told):
            found = [book.find(slot) for slot in slots]
            book.forget(row for row in found if row is not None)

    def _say(self, slot: int, asked: _Asked, rules: Rules) -> list[Insight]:
        """What the rules find, as much of it as may be said, the most important first.

        A rule is asked only if it might speak: after most sessions none might.
        """
        row = self._told.find(slot)
        told: np.void = np.zeros(1, TOLD)[0] if row is None else self._told.store.values[row]
        session, custody = asked.session, asked.custody
        event, at_ms = session_key(session.session_id), session.ended_at_ms
        version = session.known_at_ms, min(session.version, MOST_VERSION)
        insights = []
        for kind in PRIORITY:
            if kind not in rules or not asked.may_hear(kind):
                continue
            if not may_speak(told, kind, event, version, at_ms, custody):
                continue
            if not fits_week(told, kind, event, at_ms, custody):
                continue
            finding = rules[kind]()
            if finding is None or not asked.has_agreed(purposes(finding)):
                continue
            row = self._told.row(slot)
            told = self._told.store.values[row]
            note(told, kind, event, version, at_ms, custody)
            insights.append(_insight(finding, session, custody))
        return insights


class _Asked:
    """A session about which somebody may be told something."""

    def __init__(self, session: Session, custody: Custody, known: Known, newest_start_ms: int) -> None:
        self.session = session
        self.custody = custody
        self.is_newest = session.started_at_ms >= newest_start_ms
        self._known = known
        # Neither what somebody did not agree to then, nor what they agree to no more.
        self._instants = (session.started_at_ms, session.ended_at_ms, max(session.known_at_ms, newest_start_ms))

    def may_hear(self, kind: InsightKind) -> bool:
        """Whether a kind of advice may follow from this session at all."""
        return (self.is_newest or kind in OF_ONE_SESSION) and self.has_agreed((purpose_of(kind),))

    def has_agreed(self, asked_for: Sequence[Purpose]) -> bool:
        """Whether they have agreed to all these purposes, then and now."""
        subject = self.custody.subject
        return all(self._known.agreed_at(purpose, subject, at_ms) for purpose in asked_for for at_ms in self._instants)


def _asked(session: Session, known: Known, entries: Records) -> _Asked | None:
    """Who may be told of a session; None where nobody is to be: an open or withdrawn one, one of long ago, one in
    nobody's hands, or in those of somebody who has the device no more or wants to hear nothing."""
    newest_start_ms = newest_ms(entries)
    custody = known.custody_at(session.ended_at_ms)
    if session.status not in ("closed", "corrected") or custody is None or not custody.insights_per_week:
        return None
    if newest_start_ms - session.started_at_ms > STALE_DAYS * DAY_MS:
        return None
    if not custody.from_ms <= session.started_at_ms:
        return None
    present = known.custody_at(max(session.known_at_ms, newest_start_ms))
    if present is None or present.subject != custody.subject:
        return None
    return _Asked(session, custody, known, newest_start_ms)


def _permitted(run: PastRun, known: Known, custody: Custody) -> PastRun:
    """The run as advice may see it: without figures of health unless their owner had agreed to their being kept."""
    if known.agreed_at("health", custody.subject, run.started_ms):
        return run
    return replace(run, contact_ms=None, asymmetry_pct=None, load=None, heart_s=None, hard_s=None)


def _gone_mm(kept: Kept, run: Run) -> int:
    """What the runs that are kept no more became longer by: of a version of one of them, by its difference."""
    gone = kept.gone[kept.gone["counts"]]
    far_mm = int(gone["distance_mm"].astype(np.int64).sum())
    if run.changed_amount is not None and (gone["key"] == session_key(run.session_id)).any():
        far_mm += millimetres(run.changed_amount) - millimetres(run.distance_m)
    return far_mm


def _insight(finding: Finding, session: Session, custody: Custody) -> Insight:
    reader = Reader(custody.language, custody.country, custody.time_zone)
    title, text = title_and_text(finding, reader)
    return Insight(
        insight_id=f"{session.device_id}:{finding.kind}:{session.session_id.removeprefix(session.device_id + ':')}",
        subject=custody.subject,
        device_id=session.device_id,
        kind=finding.kind,
        session_id=session.session_id,
        at_ms=session.ended_at_ms,
        language=reader.written,
        title=title,
        text=text,
        reason=finding.reason,
        evidence=json.dumps(finding.evidence),
        uses_health=finding.uses_health,
        version=session.version,
        known_at_ms=session.known_at_ms,
    )
