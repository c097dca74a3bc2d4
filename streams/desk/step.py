"""One step of the desk: what came for a partition and what is remembered in, what there is to say out. Pure.

references ─ learn ───────────────────────────┐
receipts, refused ─ completeness ─────────────┼─ usage, insights, alerts: at once
sessions ─ whose use, advice, alerts ─────────┤
readings ─ minutes ───────────────────────────┴─ completeness, minutes, cohorts, commands: when told to `speak`
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.desk import Alert, Command, Completeness, FleetMinute, Insight, Usage
from schemas.facts import Run, WashCycle
from schemas.forms import arrow_schema
from streams.desk.arrivals import Arrivals
from streams.desk.minutes_stands import Stand, stand_at
from streams.desk.register import Known, Register
from streams.desk.state import DeskState


@dataclass
class Said:
    """What the desk has to say."""

    usage: list[Usage] = field(default_factory=list)
    insights: list[Insight] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    completeness: list[Completeness] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    minutes: pa.Table = field(default_factory=arrow_schema(FleetMinute).empty_table)


def step(state: DeskState, register: Register, arrivals: Arrivals) -> Said:
    """Everything that there is to say at once; state and register are changed in place."""
    said = Said()
    learned = {reference.device_id for reference in arrivals.references if register.learn(reference)}
    news = {state.slots.of(device_id): (device_id, register.of(device_id)) for device_id in sorted(learned)}
    said.usage += state.usage.learn(news)
    slots = np.array(list(news), dtype=np.int64)
    state.completeness.learn(slots, state.newest_received_ms)
    state.minutes.moved(slots)
    accepted = arrivals.receipts.filter(pc.equal(arrivals.receipts.column("outcome"), "accepted"))
    slot = state.slots.of_column(accepted.column("device_id"))
    state.slots.heard(slot, accepted)
    state.completeness.take(slot, accepted, arrivals.refused, state.slots.of)
    _count_minutes(state, register, arrivals)
    sessions: list[WashCycle | Run] = [*arrivals.cycles, *arrivals.runs]
    for session in sessions:
        if session.status != "open":
            _attend(state, register.of(session.device_id), session, said)
    return said


def speak(state: DeskState, register: Register, now_ms: int, *, is_idle: bool) -> Said:
    """What is told now and then, as it has become since it was told last.

    Args:
        now_ms: By which waiting is measured; never an instant of a device.
        is_idle: Nothing more waits to be taken in: what is told now will hold for a while.
    """
    now_ms = max(now_ms, state.newest_received_ms)  # the broker's clock may be ahead
    wait = {"after_ms": 0} if is_idle else {}
    told = state.completeness.told(now_ms, register, state.slots.name, **wait)
    return Said(
        alerts=[*state.alerts.dormant(state.newest_session_end_ms, state.slots.name), *state.shift.told()],
        completeness=told,
        commands=state.completeness.commands(now_ms, state.slots.name, **wait),
        minutes=state.minutes.told(),
    )


def _attend(state: DeskState, known: Known, session: WashCycle | Run, said: Said) -> None:
    """All that a version of a session that is over gives rise to."""
    slot = state.slots.of(session.device_id)
    usage = state.usage.take(slot, session, known)
    if usage is not None:
        said.usage.append(usage)
    if isinstance(session, Run):
        device = state.slots.store.values[slot]
        if device["counted_at_ms"]:
            state.adviser.after_counter(slot, float(device["counted_m"]), int(device["counted_at_ms"]))
        said.insights += state.adviser.after_run(slot, session, known)
        said.alerts += state.alerts.after_run(slot, session)
        state.shift.after_run(slot, session)
    else:
        said.insights += state.adviser.after_cycle(slot, session, known)
        said.alerts += state.alerts.after_cycle(slot, session)
        state.shift.after_cycle(slot, session)


def _count_minutes(state: DeskState, register: Register, arrivals: Arrivals) -> None:
    """Add readings to their minutes, where their devices stood then."""

    def stand_of(slot: int, at_ms: int) -> Stand:
        known = register.of(state.slots.name(slot))
        return stand_at(known, known.material or state.slots.material(slot) or None, at_ms)

    for product, readings in arrivals.readings.items():
        state.minutes.add(product, readings, state.slots.of_names, stand_of, state.newest_received_ms)
