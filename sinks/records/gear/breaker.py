"""When a record system that fails is called again. Pure.

closed     it is called; after a failure not before `retry_at`, which moves away with each failure in a row
open       it failed too often: it is left alone until `retry_at`
half_open  one call is on its way to find out; its outcome closes or opens. Whoever made it may have died: after
           `retry_at` another one may
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sinks.records.gear.systems import System

_MOST_DOUBLINGS = 64
"""Beyond any wait; a power of two without bound would not be a float any more."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """Attributes:
    failures: In a row, up to now.
    retry_at: Not before; None: at once.
    """

    state: Literal["closed", "open", "half_open"] = "closed"
    failures: int = 0
    retry_at: datetime | None = None


def may_call(breaker: Breaker, now: datetime) -> bool:
    """Whether the system may be called now; say so with `called` before it is."""
    return breaker.retry_at is None or now >= breaker.retry_at


def called(system: System, breaker: Breaker, now: datetime) -> Breaker:
    """A call is on its way: of a breaker that is not closed, it is the only one for a rest."""
    if breaker.state == "closed":
        return breaker
    return Breaker("half_open", breaker.failures, now + timedelta(seconds=system.breaker_rest_s))


def failed(system: System, breaker: Breaker, now: datetime, jitter: float) -> Breaker:
    """The call failed.

    Args:
        jitter: 0 to 1, drawn at random: a wait is between half and all of what the failures ask for, and never less
            than `retry_first_s`.
    """
    failures = breaker.failures + 1
    if failures >= system.breaker_failures:
        return Breaker("open", failures, now + timedelta(seconds=system.breaker_rest_s))
    doubled_s = system.retry_first_s * 2.0 ** min(failures - 1, _MOST_DOUBLINGS)
    wait_s = max(min(doubled_s, system.retry_most_s) * (1 + jitter) / 2, min(system.retry_first_s, system.retry_most_s))
    return Breaker("closed", failures, now + timedelta(seconds=wait_s))


def succeeded(breaker: Breaker) -> Breaker:
    """The call was answered: whatever was before is over."""
    return breaker if breaker == Breaker() else Breaker()
