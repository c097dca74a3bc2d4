"""Who wears a shoe: level, body, habits. Drawn once, the same ever after."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from producers.route import COUNTRIES, Home, Loop, a_home, a_loop, a_neighbour
from producers.runner_injury import SOUND, Health, Injury, an_injury
from producers.training import LEVEL_WEIGHTS, LEVELS, Level

_HAS_HEART_STRAP = 0.7
_HAS_GPS = 0.55
_AGREES_TO_LOCATION = 0.6
_GETS_INJURED = 0.25

_TYPICAL_PACE = 0.95
"""Mean speed over a week's runs, over the easy one."""


@dataclass(frozen=True, slots=True)
class Body:
    """What decides how a run looks, besides its plan.

    Attributes:
        easy_m_per_s: Speed at which the runner is warm and at ease.
        leg_m: Leg length; taller runners take fewer, longer steps.
        endurance_s: Time at ease after which the runner is tired.
        left_share_pct: Left foot's share of ground contact time while the runner is sound.
    """

    easy_m_per_s: float
    resting_bpm: float
    highest_bpm: float
    leg_m: float
    endurance_s: float
    left_share_pct: float


@dataclass(frozen=True, slots=True)
class Runner:
    """A person with a body, a plan, and what the phone may know of both.

    Attributes:
        loop: Where the phone has GPS on; None where it has not.
    """

    level: Level
    body: Body
    has_heart_strap: bool
    location_consent: bool
    injury: Injury | None
    home: Home | None
    loop: Loop | None

    @property
    def typical_run_m(self) -> float:
        return self.level.typical_run_s * self.body.easy_m_per_s * _TYPICAL_PACE

    def health(self, at_ms: int) -> Health:
        return SOUND if self.injury is None else self.injury.health(at_ms)


def a_runner(nature: Random, country: str, friend_of: Runner | None = None) -> Runner:
    """Somebody drawn from `nature`.

    Args:
        country: Where the runner lives; in a country without known cities GPS stays off.
        friend_of: A neighbour who borrows the shoes, and does so only while sound.
    """
    level = nature.choices(LEVELS, LEVEL_WEIGHTS)[0]
    body = Body(
        easy_m_per_s=nature.uniform(*level.easy_m_per_s),
        resting_bpm=nature.uniform(48, 62) - (6 if level.name == "ambitious" else 0),
        highest_bpm=nature.uniform(172, 198),
        leg_m=nature.uniform(0.8, 1.0),
        endurance_s=nature.uniform(*level.endurance_s),
        left_share_pct=min(max(nature.gauss(50.0, 0.6), 48.5), 51.5),
    )
    has_heart_strap = nature.random() < _HAS_HEART_STRAP
    location_consent = nature.random() < _AGREES_TO_LOCATION
    injury = an_injury(nature) if friend_of is None and nature.random() < _GETS_INJURED else None
    has_gps = nature.random() < _HAS_GPS
    home: Home | None = None
    if friend_of is not None and friend_of.home is not None:
        home = a_neighbour(friend_of.home, nature)
    elif country in COUNTRIES:
        home = a_home(country, nature)
    return Runner(
        level=level,
        body=body,
        has_heart_strap=has_heart_strap,
        location_consent=location_consent,
        injury=injury,
        home=home,
        loop=a_loop(home, nature) if has_gps and home is not None else None,
    )
