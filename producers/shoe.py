"""A running shoe whose phone reports runs: 20 readings a minute, a heartbeat once a day."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from math import exp, expm1
from random import Random
from zoneinfo import ZoneInfo

import numpy as np

from producers.device import READINGS_PER_UPLOAD, Episode
from producers.fleet_pairs import pair_id
from producers.run_curve import Condition, RunCurve, run_curve
from producers.runner import Runner, a_runner
from producers.shoe_upload import Counters, Feet, Pod, run_uploads, sign_of_life
from producers.training import Kind, workout
from producers.uploads import Session
from schemas.catalogue import SHOE_BY_MATERIAL
from schemas.fleet import FleetDevice, LifeEvent

RUNS_PER_DAY = (0.75, 1.0)
"""Lowest and highest mean number of chances to run a day. Whether there is a run is the training week's to say."""

HOUR_WEIGHTS = (0, 0, 0, 0, 0, 3, 8, 9, 6, 4, 3, 3, 4, 3, 2, 3, 5, 9, 10, 7, 4, 2, 1, 0)
"""How likely a run starts in each local hour."""

RETIRED_M = (500_000.0, 1_100_000.0)
"""Lowest and highest distance at which a pair is worn out, and its runner buys the next one."""

_SIMULATED_WEEKS = 2
"""Of its owner's running, what a pair has left at the first upload at least: the days that are usually simulated."""

_STEPS_PER_M = 0.925

_FOAM_M = 500_000.0
"""Distance in which foam loses most of what it will lose; ground contact is measurably longer after 320 km (Kong,
Candelaria & Smith, 2009)."""

_USED_BOARD = 0.5
_USED_BOARD_M = (50_000.0, 900_000.0)

_CONTACT_NOISE_MS, _SHARE_NOISE_PCT = 3.0, 0.35


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be done at one chance to run: a kind of run, and how much of its usual length."""

    kind: Kind
    share: float


class Shoe:
    """Counters and runner of one pair, or of one shoe of a pair whose shoes have a pod each.

    `nature` draws what its owner is and is the same for both shoes of a pair, `rng` how the pod measures. What a run is
    like comes from the pair and its start alone, so both shoes run the same one.
    """

    heartbeat_every_ms = 24 * 3_600_000

    def __init__(self, device: FleetDevice, earlier_runs: int, nature: Random, rng: Random) -> None:
        """A shoe at its first upload.

        Args:
            earlier_runs: Chances to run that the owner has had until then, as `session` is called for. How many of
                them were runs in this pair, is for its lifetime to say.
        """
        self._device = device
        self._pair = pair_id(device)
        self._noise = np.random.Generator(np.random.PCG64(rng.getrandbits(64)))
        self._zone = ZoneInfo(device.time_zone)
        self._owner = self._wearer = a_runner(nature, device.country)
        self._pod = Pod(
            device_id=device.device_id,
            material=device.material,
            firmware=device.firmware,
            board_no=0,
            mistake=None,
            health_consent=device.health_consent is True,
            location_consent=self._owner.location_consent,
            has_heart_strap=self._owner.has_heart_strap,
            has_contact_sensor=SHOE_BY_MATERIAL[device.material].has_contact_sensor,
            loop=self._owner.loop,
        )
        runs = _earlier_runs(earlier_runs, self._owner, nature.uniform(*RETIRED_M))
        self._foam_m = runs * self._owner.typical_run_m
        self._counters = Counters(0, runs, self._foam_m, self._foam_m * _STEPS_PER_M)

    def session(self, start_ms: int) -> Episode:
        """The run that the training week asks for; on a day of rest, and while an injury heals, a heartbeat."""
        plan = self._plan(start_ms)
        if plan.kind == "rest":
            return self.heartbeat(start_ms)
        runner, rng = self._wearer, Random(f"{self._pair}/{start_ms}")
        health = runner.health(start_ms)
        curve = run_curve(
            runner.body,
            workout(runner.level, plan.kind, plan.share, rng),
            Condition(wear=1 - exp(-self._foam_m / _FOAM_M), injury=health.severity),
            np.random.Generator(np.random.PCG64(rng.getrandbits(64))),
        )
        shift_pct = health.severity * (runner.injury.left_shift_pct if runner.injury is not None else 0.0)
        feet = self._feet(curve, runner.body.left_share_pct + shift_pct)
        return self._run(start_ms, curve, feet)

    def heartbeat(self, at_ms: int) -> Episode:
        """An upload without readings."""
        pod, before = self._pod, self._counters
        self._counters = replace(before, seq=before.seq + 1)
        return Episode(at_ms, lambda: [sign_of_life(pod, before, at_ms)])

    def happen(self, event: LifeEvent) -> None:
        """Take over what holds from this event on."""
        self._zone = ZoneInfo(event.time_zone)
        self._pod = replace(self._pod, firmware=event.firmware, board_no=event.board_no, mistake=event.mistake)
        if event.kind == "board_swapped":
            self._swap_board(event)
        elif event.kind == "resold":
            self._owner = a_runner(Random(f"{self._pair}/{event.customer_id}/nature"), event.country)
            self._wear(self._owner)
            self._pod = replace(
                self._pod,
                health_consent=event.health_consent is True,
                location_consent=self._owner.location_consent,
            )
        elif event.kind == "lent":
            friend = Random(f"{self._pair}/{event.at_ms}/friend")
            self._wear(a_runner(friend, event.country, friend_of=self._owner))
        elif event.kind == "returned":
            self._wear(self._owner)

    def _plan(self, start_ms: int) -> _Plan:
        runner = self._wearer
        health = runner.health(start_ms)
        weekday = datetime.fromtimestamp(start_ms / 1000, self._zone).weekday()
        kind = runner.level.week[weekday]
        if health.share == 0:
            return _Plan("rest", 0.0)
        if runner is not self._owner and kind == "rest":
            return _Plan("easy", 1.0)  # nobody borrows shoes in order not to run
        return _Plan("easy" if health.share < 1 and kind != "rest" else kind, health.share)

    def _feet(self, curve: RunCurve, left_share_pct: float) -> Feet:
        """What this pod measures: both feet's mean, or its own foot's contact; the pair's lower number is the left."""
        share_pct = left_share_pct + _SHARE_NOISE_PCT * self._noise.standard_normal(curve.at_ms.size)
        contact_ms = curve.contact_ms + _CONTACT_NOISE_MS * self._noise.standard_normal(curve.at_ms.size)
        if self._device.paired_with is None:
            return Feet(contact_ms, share_pct)
        own_pct = left_share_pct if self._device.device_id == self._pair else 100 - left_share_pct
        return Feet(contact_ms * own_pct / 50, share_pct)

    def _run(self, start_ms: int, curve: RunCurve, feet: Feet) -> Episode:
        pod, before, count = self._pod, self._counters, curve.at_ms.size
        uploads = -(-count // READINGS_PER_UPLOAD)
        lasts = np.minimum(np.arange(1, uploads + 1) * READINGS_PER_UPLOAD, count) - 1
        sent_at_ms = (start_ms + curve.at_ms[lasts] + self._noise.integers(200, 3_000, uploads)).tolist()
        distance_m = float(curve.distance_m[-1])
        self._foam_m += distance_m
        self._counters = Counters(
            seq=before.seq + uploads,
            runs=before.runs + 1,
            distance_m=before.distance_m + distance_m,
            steps=before.steps + float(curve.steps[-1]),
        )
        session = Session(
            product="shoe",
            device_id=pod.device_id,
            material=pod.material,
            session_no=self._counters.runs,
            started_at_ms=start_ms,
            ended_at_ms=start_ms + int(curve.at_ms[-1]),
            amount=distance_m,
            last_seq=self._counters.seq - 1,
        )
        return Episode(sent_at_ms[-1], partial(run_uploads, pod, session, curve, feet, sent_at_ms, before))

    def _swap_board(self, event: LifeEvent) -> None:
        """The phone's numbers go on; the board counts from where it stands, which is not 0 if it was used before.

        Firmware that cannot tell of a new board gets the old one's counters written into it.
        """
        if not self._pod.knows_additions:
            return
        rng = Random(f"{event.device_id}/{event.at_ms}/board")
        stands_at_m = rng.uniform(*_USED_BOARD_M) if rng.random() < _USED_BOARD else 0.0
        self._counters = replace(self._counters, distance_m=stands_at_m, steps=stands_at_m * _STEPS_PER_M)

    def _wear(self, runner: Runner) -> None:
        self._wearer = runner
        self._pod = replace(self._pod, has_heart_strap=runner.has_heart_strap, loop=runner.loop)


def _earlier_runs(chances: int, owner: Runner, retired_m: float) -> int:
    """Runs in this pair before its first upload: fewer than all, the nearer all of them come to what a pair lasts.

    Whoever runs that far has other pairs too. What is left lasts for the weeks that are usually simulated; in months
    of simulated life a pair goes on beyond its end, since devices are not replaced.
    """
    week = owner.level.runs_a_week
    lasts = retired_m / owner.typical_run_m - _SIMULATED_WEEKS * week
    return int(lasts * -expm1(-chances * week / 7 / lasts))
