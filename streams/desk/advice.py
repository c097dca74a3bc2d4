"""Advice to people: what their sessions say that is worth a word, at most as much of it as they want. Pure.

What is remembered of sessions follows from the versions seen, whatever their order. What is said does not: advice is
given when a session comes, by what is known then, and is never taken back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from schemas.desk import Insight
from schemas.facts import Run, Session, WashCycle
from streams.desk import advice_body, advice_runner, advice_washer
from streams.desk.advice_finding import OF_ONE_SESSION, PRIORITY, Finding, purposes
from streams.desk.advice_history import (
    CYCLE,
    CYCLES,
    DAY_MS,
    EARLIEST,
    RUN,
    RUNS,
    Kept,
    PastRun,
    cycle_entry,
    keep,
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

STALE_DAYS = 14
"""How much older than its device's newest session one may be to be worth a word."""

ADVICE_STORES: dict[str, np.dtype[np.void]] = {
    "advice_cycles": np.dtype([("slot", "i8"), ("cycles", CYCLE, CYCLES)]),
    "advice_runs": np.dtype(
        [("slot", "i8"), ("earlier_mm", "i8"), ("counted_mm", "i8"), ("counted_at_ms", "i8"), ("runs", RUN, RUNS)]
    ),
    "advice_told": TOLD,
}
"""A row a device: 1,848 bytes for a washing machine, 2,384 for a shoe, and 288 for what its people were told.

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
        if not keep(entries, cycle_entry(cycle)).is_news:
            return []
        asked = _asked(cycle, known, entries)
        if asked is None:
            return []
        cycles = past_cycles(entries, 0, cycle.started_at_ms)
        own_since_ms = max(asked.custody.from_ms, _complete_since_ms(entries))
        contract = known.contract_at(cycle.ended_at_ms)
        material = cycle.material
        rules: list[Callable[[], Finding | None]] = [
            lambda: advice_washer.cycle_cost(cycles, material, contract, own_since_ms),
            lambda: advice_washer.descale(cycles, material),
            lambda: advice_washer.filter_blocking(cycles),
            lambda: advice_washer.load_too_small(
                [own for own in cycles if own.started_ms >= asked.custody.from_ms], material
            ),
        ]
        return self._say(slot, asked, [found for rule in rules if (found := rule()) is not None])

    def after_run(self, slot: int, run: Run, known: Known) -> list[Insight]:
        """What to say now that a version of a run has come."""
        row = self._runs.row(slot)
        values = self._runs.store.values
        entries: Records = values["runs"][row]
        kept = keep(entries, run_entry(run))
        if not kept.is_news:
            return []
        values["earlier_mm"][row] += _gone_mm(kept, run)
        asked = _asked(run, known, entries)
        if asked is None:
            return []
        custody = asked.custody
        runs = [_permitted(own, known, custody) for own in past_runs(entries, custody.from_ms, run.started_at_ms)]
        total_km = self._total_mm(row) / 1e6
        rules: list[Callable[[], Finding | None]] = [
            lambda: advice_runner.pace_advice(runs, custody),
            lambda: advice_runner.heart_rate_advice(runs),
            lambda: advice_body.asymmetry(runs),
            lambda: advice_body.fatigue(runs),
            lambda: advice_body.shoe_worn_out(runs, total_km, custody),
            lambda: advice_runner.next_session(runs, custody),
        ]
        return self._say(slot, asked, [found for rule in rules if (found := rule()) is not None])

    def after_counter(self, slot: int, lifetime_distance_m: float, at_ms: int) -> None:
        """Learn what a shoe has counted since it was made. Only of its first board: later ones count from anywhere."""
        row = self._runs.row(slot)
        values = self._runs.store.values
        counted = (round(lifetime_distance_m * 1000), at_ms)
        known = (int(values["counted_mm"][row]), int(values["counted_at_ms"][row]))
        values["counted_mm"][row], values["counted_at_ms"][row] = max(counted, known)

    def _total_mm(self, row: int) -> int:
        """What a shoe has run: all its runs known, or what it had counted and the runs after that."""
        values = self._runs.store.values[row]
        entries = values["runs"][(values["runs"]["key"] != 0) & values["runs"]["counts"]]
        after = entries["started_ms"] > values["counted_at_ms"]
        far_mm = entries["distance_mm"].astype(np.int64)
        return max(int(values["earlier_mm"] + far_mm.sum()), int(values["counted_mm"] + far_mm[after].sum()))

    def _say(self, slot: int, asked: _Asked, findings: Sequence[Finding]) -> list[Insight]:
        """What of the findings may be said, the most important first."""
        if not findings:
            return []
        told = self._told.store.values[self._told.row(slot)]
        session, custody = asked.session, asked.custody
        event, at_ms = session_key(session.session_id), session.ended_at_ms
        insights = []
        for finding in sorted(findings, key=lambda found: PRIORITY.index(found.kind)):
            if not (asked.is_newest or finding.kind in OF_ONE_SESSION) or not asked.has_agreed(finding):
                continue
            if not may_speak(told, finding.kind, event, session.version, at_ms, custody):
                continue
            if not fits_week(told, finding.kind, event, at_ms, custody):
                continue
            note(told, finding.kind, event, session.version, at_ms, custody)
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

    def has_agreed(self, finding: Finding) -> bool:
        subject = self.custody.subject
        return all(
            self._known.agreed_at(purpose, subject, at_ms) for purpose in purposes(finding) for at_ms in self._instants
        )


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
    if kept.gone is None or not kept.gone["counts"]:
        return 0
    if kept.gone["key"] == session_key(run.session_id) and run.changed_amount is not None:
        return round(run.changed_amount * 1000)
    return int(kept.gone["distance_mm"])


def _complete_since_ms(entries: Records) -> int:
    """From when on all sessions are among those kept: where none had to go, from the first on."""
    starts = np.sort(entries["started_ms"][entries["key"] != 0])
    return int(starts[EARLIEST] if len(starts) == len(entries) else starts[0])


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
    )
