"""What a training week asks of runners: which run on which local weekday, and the stretches it is made of. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Literal

Kind = Literal["rest", "easy", "intervals", "tempo", "long"]
LevelName = Literal["novice", "regular", "ambitious"]

HARD_PACE = 1.1
"""Above it a stretch is hard, and run where nothing stops the runner: on a track, along a river."""

_WARM_UP_PACE, _COOL_DOWN_PACE = 0.90, 0.84
_TEMPO_PACE, _HARD_PACE, _RECOVERY_PACE, _LONG_PACE = 1.16, 1.30, 0.74, 0.96

_MEAN_BETWEEN_LIGHTS_S = 1_300.0
_LEAST_STRETCH_S = 30.0
_LIGHT_S = (9.0, 50.0)
_LONG_WAIT, _LONG_WAIT_S = 0.08, (70.0, 200.0)
"""Now and then it is a level crossing, a shoe lace, a neighbour: long enough that the upload after it knows nothing."""


@dataclass(frozen=True, slots=True)
class Level:
    """How fast, how long and how often somebody runs.

    Attributes:
        easy_m_per_s: Lowest and highest speed at which such a runner is at ease.
        endurance_s: Lowest and highest time at ease after which the runner is tired.
        week: What is planned on each local weekday, Monday first.
        minutes: Shortest and longest run of each kind.
        hard_s, recovery_s: Length of one interval, and of the jog after it.
    """

    name: LevelName
    easy_m_per_s: tuple[float, float]
    endurance_s: tuple[float, float]
    week: tuple[Kind, Kind, Kind, Kind, Kind, Kind, Kind]
    minutes: Mapping[Kind, tuple[float, float]]
    hard_s: float
    recovery_s: float

    @property
    def runs_a_week(self) -> int:
        return sum(kind != "rest" for kind in self.week)

    @property
    def typical_run_s(self) -> float:
        """Mean length of a run over the week."""
        return sum(sum(self.minutes[kind]) * 30 for kind in self.week if kind != "rest") / self.runs_a_week


NOVICE = Level(
    "novice",
    (2.1, 2.7),
    (1_500, 2_700),
    ("rest", "easy", "rest", "intervals", "rest", "rest", "long"),
    {"easy": (20, 35), "intervals": (26, 36), "tempo": (26, 36), "long": (35, 55)},
    hard_s=60,
    recovery_s=90,
)
REGULAR = Level(
    "regular",
    (2.6, 3.2),
    (3_000, 4_500),
    ("rest", "intervals", "rest", "tempo", "rest", "easy", "long"),
    {"easy": (30, 50), "intervals": (40, 55), "tempo": (40, 55), "long": (60, 90)},
    hard_s=180,
    recovery_s=120,
)
AMBITIOUS = Level(
    "ambitious",
    (3.1, 3.9),
    (4_800, 7_200),
    ("easy", "intervals", "easy", "tempo", "rest", "easy", "long"),
    {"easy": (40, 60), "intervals": (50, 65), "tempo": (50, 65), "long": (80, 120)},
    hard_s=240,
    recovery_s=120,
)
LEVELS, LEVEL_WEIGHTS = (NOVICE, REGULAR, AMBITIOUS), (35, 45, 20)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some time at one pace.

    Attributes:
        pace: Speed over the runner's easy speed; 0 stands still.
    """

    seconds: float
    pace: float


def workout(level: Level, kind: Kind, share: float, rng: Random) -> list[Stretch]:
    """The stretches of one run, waits at traffic lights included. It begins and ends in motion.

    Args:
        kind: Any but "rest".
        share: Of the usual length, in (0, 1].
    """
    total_s = rng.uniform(*level.minutes[kind]) * 60 * share
    return list(_with_lights(_planned(level, kind, total_s), rng))


def _planned(level: Level, kind: Kind, total_s: float) -> list[Stretch]:
    is_hard = kind in ("intervals", "tempo")
    warm_up = Stretch(min(600.0 if is_hard else 360.0, 0.3 * total_s), _WARM_UP_PACE)
    cool_down = Stretch(min(480.0 if is_hard else 180.0, 0.25 * total_s), _COOL_DOWN_PACE)
    main_s = total_s - warm_up.seconds - cool_down.seconds
    if kind == "intervals":
        repeats = max(3, int(main_s / (level.hard_s + level.recovery_s)))
        main = [Stretch(level.hard_s, _HARD_PACE), Stretch(level.recovery_s, _RECOVERY_PACE)] * repeats
    else:
        main = [Stretch(main_s, {"tempo": _TEMPO_PACE, "long": _LONG_PACE}.get(kind, 1.0))]
    return [warm_up, *main, cool_down]


def _with_lights(planned: list[Stretch], rng: Random) -> Iterator[Stretch]:
    """The stretches, cut by waits: a Poisson process over all that is not hard."""
    for stretch in planned:
        left_s = stretch.seconds
        while stretch.pace <= HARD_PACE:
            until_s = _LEAST_STRETCH_S + rng.expovariate(1 / _MEAN_BETWEEN_LIGHTS_S)
            if until_s > left_s - _LEAST_STRETCH_S:
                break
            yield Stretch(until_s, stretch.pace)
            yield Stretch(rng.uniform(*(_LONG_WAIT_S if rng.random() < _LONG_WAIT else _LIGHT_S)), 0.0)
            left_s -= until_s
        yield Stretch(left_s, stretch.pace)
