"""From when on a run of looking after the lake can do more than one now. Pure.

In:         what the lake holds, and the plan in force.
Out:        two instants, the earliest ones that can be.
Guarantee:  by the same rule as `expiry`, so that a run then does it, if no open transaction holds it up.
On failure: there is none.
"""

from __future__ import annotations

from dataclasses import dataclass

from sinks.lake.care_plan import Plan
from sinks.lake.expiry import replaced
from sinks.lake.extent import Holding


@dataclass(frozen=True)
class Waits:
    """Instants in ms since 1970 UTC, never before now; None: nothing waits.

    Attributes:
        expire_ms: From then on the first snapshot can go that keeps an old file.
        remove_ms: From then on the first file can be removed, by the run after the one that let its snapshot go.
    """

    expire_ms: int | None
    remove_ms: int | None


def waits(held: Holding, plan: Plan, now_ms: int) -> Waits:
    """What waits there, by the plan."""
    expire_ms = None
    if held.first_ended is not None:
        # A file goes with the last snapshot before the one that did without it.
        needing = [at_ms for number, at_ms in replaced(held.snapshots, now_ms) if number < held.first_ended]
        if needing:
            expire_ms = max(now_ms, needing[-1] + plan.snapshots_for_ms)
    found_ms = [] if expire_ms is None else [expire_ms + plan.grace_ms]
    if held.oldest_scheduled_ms is not None:
        found_ms.append(max(now_ms, held.oldest_scheduled_ms + plan.grace_ms))
    return Waits(expire_ms, min(found_ms, default=None))
