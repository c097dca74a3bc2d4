"""Where customers live, and what they answer: one customer, one home, one answer."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

_COUNTRIES = (
    ("SE", "Europe/Stockholm", 30),
    ("DE", "Europe/Berlin", 30),
    ("GB", "Europe/London", 12),
    ("FI", "Europe/Helsinki", 8),
    ("US", "America/New_York", 12),
    ("JP", "Asia/Tokyo", 8),
)
_WEIGHTS = [weight for _, _, weight in _COUNTRIES]
_CONSENT = 0.8

_STAYS_IN_COUNTRY = 0.7
_ASKED_AT_MOST = 30


@dataclass(frozen=True, slots=True)
class Home:
    """A customer, where their devices stand, and whether they agree to the keeping of health values."""

    customer_id: str
    country: str
    time_zone: str
    health_consent: bool


def home(seed: int, customer: int) -> Home:
    """The home of the customer of this number, >= 0."""
    rng = Random(f"cu-{seed}-{customer}/home")
    country, time_zone, _ = rng.choices(_COUNTRIES, _WEIGHTS)[0]
    return Home(f"cu-{seed}-{customer:06d}", country, time_zone, rng.random() < _CONSENT)


def next_home(seed: int, customers: int, present: Home, rng: Random) -> Home:
    """Another customer's home, for a device that is sold on: most are sold within their country.

    Args:
        customers: How many there are, >= 2.
    """
    stays = rng.random() < _STAYS_IN_COUNTRY
    found = present
    for _ in range(_ASKED_AT_MOST):
        asked = home(seed, rng.randrange(customers))
        if asked.customer_id != present.customer_id:
            found = asked
            if not stays or asked.country == present.country:
                return asked
    return found if found is not present else _neighbour(seed, customers, present)


def _neighbour(seed: int, customers: int, present: Home) -> Home:
    return next(
        other
        for other in (home(seed, number) for number in range(customers))
        if other.customer_id != present.customer_id
    )
