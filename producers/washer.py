"""A washing machine that reports its cycles: 20 readings in 5 minutes, a heartbeat twice a day."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from random import Random

import numpy as np

from producers.device import Episode
from producers.uploads import Session, Shape, Upload
from producers.wash_cycle import Curve, wash_cycle
from producers.wash_recipes import RECIPES, nominal_load_kg
from producers.washer_cycle import Cycle, Silence, silence, told
from producers.washer_owner import owner
from producers.washer_uploads import Board, Counters
from producers.washer_wear import DRAIN_SLOW_FROM, wear_so_far
from schemas.catalogue import WASHER_BY_MATERIAL
from schemas.fleet import FleetDevice, LifeEvent
from schemas.uploads import Alert

CYCLES_PER_DAY = (0.5, 1.5)
"""Lowest and highest mean number of cycles a day of a machine in use."""

HOUR_WEIGHTS = (1, 1, 1, 1, 1, 2, 5, 8, 9, 9, 8, 7, 6, 5, 5, 6, 7, 9, 10, 9, 7, 5, 3, 2)
"""How likely a cycle starts in each local hour."""

UNBALANCE_BELOW = 0.85
"""Share of the wanted drum speed below which the machine complains."""

_TYPICAL_CYCLE_WH, _TYPICAL_CYCLE_L = 680.0, 47.0
_MEAN_UNBALANCE_KG = 0.15
_POWER_CUT = 0.005
_POWER_CUT_ENDS_CYCLE = 0.3
_POWER_CUT_S = (120, 2_400)
_DOOR_OPEN_S = (60, 900)
_USED_BOARD_CYCLES = (40, 1_500)


class Washer:
    """Counters, wear and habits of one machine; `session` and `heartbeat` move it on, `happen` changes it.

    `nature` draws what the device and its owner are, `rng` what they do.
    """

    heartbeat_every_ms = 12 * 3_600_000

    def __init__(self, device: FleetDevice, earlier_cycles: int, nature: Random, rng: Random) -> None:
        self._model = WASHER_BY_MATERIAL[device.material]
        self._rng = rng
        self._noise = np.random.Generator(np.random.PCG64(rng.getrandbits(64)))
        self._owner = owner(device.country, nature)
        self._wear = wear_so_far(earlier_cycles, self._owner, nature)
        self._board = Board(device.device_id, device.material, device.firmware)
        self._counters = _counted(0, earlier_cycles)

    def happen(self, event: LifeEvent) -> None:
        """From now on firmware and board are as the event says, and after a sale the owner is another one.

        A new board begins at 0, or where it stood in another machine: half of the time each. One whose firmware cannot
        say that it is another one gets the old one's counters written into it. Wear stays.
        """
        self._board = replace(self._board, firmware=event.firmware, board_no=event.board_no, mistake=event.mistake)
        if event.kind == "board_swapped" and self._board.knows_alerts:
            board = Random(f"{event.device_id}/{event.board_no}/board")
            cycles = board.randint(*_USED_BOARD_CYCLES) if board.random() < 0.5 else 0
            self._counters = _counted(self._counters.seq, cycles)
        elif event.kind == "resold":
            self._owner = owner(event.country, Random(f"{event.device_id}/{event.customer_id}/nature"))

    def session(self, start_ms: int) -> Episode:
        """A cycle that begins at `start_ms`, or a while later, when somebody has shut the door."""
        if self._rng.random() >= self._owner.forgets_door:
            cycle = self._cycle(start_ms)
            return Episode(cycle.sent_at_ms[-1], cycle.uploads)
        before, board = self._counters, self._board
        if board.knows_alerts:
            self._counters = replace(before, seq=before.seq + 1)
        cycle = self._cycle(start_ms + 1000 * self._rng.randint(*_DOOR_OPEN_S))
        if not board.knows_alerts:
            return Episode(cycle.sent_at_ms[-1], cycle.uploads)
        return Episode(
            cycle.sent_at_ms[-1], lambda: [board.sign_of_life(start_ms, before, "door_open"), *cycle.uploads()]
        )

    def heartbeat(self, at_ms: int) -> Episode:
        """An upload without readings; now and then the door stands open."""
        before, board = self._counters, self._board
        alert: Alert | None = "door_open" if self._rng.random() < self._owner.forgets_door else None
        self._counters = replace(before, seq=before.seq + 1)
        return Episode(at_ms, partial(_alone, board, at_ms, before, alert))

    def _cycle(self, start_ms: int) -> Cycle:
        rng, owner, before = self._rng, self._owner, self._counters
        programme = owner.programme(rng)
        load_kg = min(nominal_load_kg(self._model, programme) * owner.load_share(rng), self._model.capacity_kg)
        unbalance_kg = rng.expovariate(1 / _MEAN_UNBALANCE_KG)
        wear, condition = self._wear, self._wear.condition
        run = partial(
            wash_cycle,
            self._model,
            programme,
            load_kg,
            owner.inlet_c,
            self._noise,
            unbalance_kg=unbalance_kg,
            condition=condition,
        )
        curve, gap = run(), None
        if rng.random() < _POWER_CUT:
            gap = self._silence(curve)
            curve = run(cut=gap.cut)
        complaints: list[tuple[int, Alert]] = []
        if condition.blocked >= DRAIN_SLOW_FROM:
            complaints.append((curve.drained - 1, "drain_slow"))
        if curve.spun_at < UNBALANCE_BELOW:
            complaints.append((curve.power_w.size - 1, "unbalance"))
        session = Session(
            product="washer",
            device_id=self._board.device_id,
            material=self._board.material,
            session_no=before.cycles + 1,
            started_at_ms=start_ms,
            ended_at_ms=start_ms,
            amount=0.0,
            last_seq=before.seq,
            programme=programme,
            shape=Shape(
                bearing=wear.bearing,
                scale_mm=wear.scale_mm,
                blocked_share=wear.blocked,
                load_kg=load_kg,
                unbalance_kg=unbalance_kg,
                power_cut_s=None if gap is None else gap.duration_ms / 1000,
            ),
        )
        cycle = told(session, curve, gap, complaints, self._board, before, rng)
        self._counters = cycle.after
        wash_l = float(curve.water_l[curve.heat_end - 1])
        self._wear = wear.after(wash_l, RECIPES[programme].suds_c, load_kg, owner)
        return cycle

    def _silence(self, curve: Curve) -> Silence:
        ends = self._rng.random() < _POWER_CUT_ENDS_CYCLE
        return silence(curve, 1000 * self._rng.randint(*_POWER_CUT_S), self._rng, ends=ends)


def _alone(board: Board, at_ms: int, counters: Counters, alert: Alert | None) -> list[Upload]:
    return [board.sign_of_life(at_ms, counters, alert)]


def _counted(seq: int, cycles: int) -> Counters:
    return Counters(seq, cycles, cycles * _TYPICAL_CYCLE_WH, cycles * _TYPICAL_CYCLE_L)
