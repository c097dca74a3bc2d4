"""A wash cycle cut into the uploads that tell it, power cuts included.

A machine without power is silent. Firmware that knows version 2 sends what it had measured as soon as power is back,
and goes on with a new upload; older firmware goes on with the half-full one. The first reading after the silence then
has no known span (`schemas.uploads.MAX_SPAN_MS`), and neither the stream nor the machine itself counts it.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from producers.device import READINGS_PER_UPLOAD
from producers.uploads import Part, Session, Upload
from producers.wash_cycle import PHASES, STEP_MS, Curve
from producers.wash_heat import PowerCut
from producers.washer_uploads import Board, Counters
from schemas.uploads import Alert

_REGULAR_MS = [step * STEP_MS for step in range(READINGS_PER_UPLOAD)]
_WAITING_RPM = 20
"""The drum turns so fast at most while water comes in."""
_EACH_PHASE = np.arange(len(PHASES))


@dataclass(frozen=True)
class Cycle:
    """What happened, and how it is cut: upload i holds the readings [edges[i], edges[i + 1]).

    Attributes:
        measured_ms: Time of each reading.
        energy_wh: What each reading counts for.
        part_wh: Energy of each upload's readings.
        sent_at_ms: When each upload is sent.
        alerts: By upload.
        before: Counters at its start, of its first upload.
    """

    session: Session
    curve: Curve
    edges: list[int]
    measured_ms: NDArray[np.int64]
    energy_wh: NDArray[np.float64]
    part_wh: NDArray[np.float64]
    sent_at_ms: list[int]
    alerts: dict[int, Alert]
    board: Board
    before: Counters

    @property
    def after(self) -> Counters:
        """Counters at its end."""
        return Counters(
            seq=self.before.seq + len(self.sent_at_ms),
            cycles=self.before.cycles + 1,
            energy_wh=self.before.energy_wh + float(self.part_wh.cumsum()[-1]),
            water_l=self.before.water_l + float(self.curve.water_l[self.edges[-1] - 1]),
        )

    def uploads(self) -> list[Upload]:
        """All of them, in the order of their sending."""
        curve, count, last = self.curve, self.edges[-1], len(self.sent_at_ms) - 1
        lifetime_wh = (self.part_wh.cumsum() + self.before.energy_wh).tolist()
        lifetime_l = (curve.water_l + self.before.water_l).tolist()
        channels = {
            "power_w": curve.power_w.tolist(),
            "phase": [PHASES[number] for number in curve.phase.tolist()],
            "water_l": curve.water_l.tolist(),
            "temperature_c": curve.temperature_c.tolist(),
            "drum_rpm": curve.drum_rpm.tolist(),
        }
        measured_ms, part_wh, phase_wh = self.measured_ms.tolist(), self.part_wh.tolist(), self._phase_wh()
        is_regular = measured_ms[-1] - measured_ms[0] == (count - 1) * STEP_MS
        uploads = []
        for number, (first, end) in enumerate(zip(self.edges, self.edges[1:], strict=False)):
            start_ms = measured_ms[first]
            cycle: dict[str, Any] = {
                "sent_at_ms": self.sent_at_ms[number],
                "start_ms": start_ms,
                "lead_ms": STEP_MS,
                "offset_ms": _REGULAR_MS[: end - first]
                if is_regular
                else [at_ms - start_ms for at_ms in measured_ms[first:end]],
                "cycle_no": self.session.session_no,
                "cycle_started_ms": self.session.started_at_ms,
                "cycle_ended": number == last,
                "programme": self.session.programme,
            }
            counters = Counters(
                self.before.seq + number, self.before.cycles + 1, lifetime_wh[number], lifetime_l[end - 1]
            )
            uploads.append(
                self.board.upload(
                    counters,
                    cycle,
                    {name: values[first:end] for name, values in channels.items()},
                    phase_wh=phase_wh[number],
                    alert=self.alerts.get(number),
                    part=Part(self.session, part_wh[number], measured_ms[end - 1], number == last),
                )
            )
        return uploads

    def _phase_wh(self) -> list[list[float]]:
        """Energy by phase from the cycle's start to the end of each upload; nothing where the firmware cannot say."""
        if not self.board.knows_phases:
            return [[]] * len(self.sent_at_ms)
        of_phase = self.energy_wh * (self.curve.phase[: self.edges[-1]] == _EACH_PHASE[:, None])
        by_upload = np.add.reduceat(of_phase, self.edges[:-1], axis=1).cumsum(axis=1)
        rows: list[list[float]] = by_upload.T.round(3).tolist()
        return rows


@dataclass(frozen=True)
class Silence:
    """What a power cut makes of a cycle: `duration_ms` without readings after `step` of them, and then the rest of it
    or, if it `ends` the cycle, nothing."""

    step: int
    duration_ms: int
    ends: bool

    @property
    def cut(self) -> PowerCut | None:
        """What the suds know of it."""
        return None if self.ends else PowerCut(self.step, self.duration_ms / 1000)


def silence(curve: Curve, duration_ms: int, rng: Random, *, ends: bool) -> Silence:
    """A power cut after a reading in which the drum turned, and never between two uploads.

    Something is left to send when power is back then, and it says something of the machine: a handful of readings of
    one that waits for water look like another unit to whoever does not know the rest.
    """
    steps = np.flatnonzero(curve.drum_rpm[:-1] > _WAITING_RPM) + 1
    within = steps[steps % READINGS_PER_UPLOAD > 0]
    return Silence(int(within[rng.randrange(within.size)]), duration_ms, ends)


def told(
    session: Session,
    curve: Curve,
    gap: Silence | None,
    complaints: list[tuple[int, Alert]],
    board: Board,
    before: Counters,
    rng: Random,
) -> Cycle:
    """The cycle as it is told; fills in what the session could not know before: its end, amount, and last number.

    Args:
        gap: The power cut in it, if any.
        complaints: Step at which the machine complains, and of what; of those of one upload the last is told.
        before: Counters at its start; `seq` is the number of its first upload.
    """
    count = gap.step if gap is not None and gap.ends else curve.power_w.size
    firsts = list(range(0, count, READINGS_PER_UPLOAD))
    measured_ms = session.started_at_ms + STEP_MS * np.arange(1, count + 1)
    energy_wh = curve.energy_wh[:count]
    back_ms = {}
    complaints = [complaint for complaint in complaints if complaint[0] < count]
    if gap is not None:
        complaints.append((gap.step - 1, "power_cut"))
        measured_ms[gap.step :] += gap.duration_ms
        if gap.ends or board.knows_phases:
            firsts = [*range(0, gap.step, READINGS_PER_UPLOAD), *range(gap.step, count, READINGS_PER_UPLOAD)]
            back_ms[gap.step] = gap.duration_ms
        else:
            energy_wh[gap.step] = 0.0
    edges = [*firsts, count]
    part_wh = np.add.reduceat(energy_wh, firsts)
    last_ms = measured_ms[np.array(edges[1:]) - 1].tolist()
    ready_ms = (at_ms + back_ms.get(end, 0) for at_ms, end in zip(last_ms, edges[1:], strict=True))
    session.amount = float(part_wh.sum())
    session.ended_at_ms = last_ms[-1]
    session.last_seq = before.seq + len(firsts) - 1
    return Cycle(
        session=session,
        curve=curve,
        edges=edges,
        measured_ms=measured_ms,
        energy_wh=energy_wh,
        part_wh=part_wh,
        sent_at_ms=[at_ms + rng.randint(200, 3_000) for at_ms in ready_ms],
        alerts={bisect_right(firsts, step) - 1: alert for step, alert in complaints},
        board=board,
        before=before,
    )
