"""Wash cycles found behind plug meters against what really ran: simulated machines seen through their watts alone.

A plug knows neither programme nor session nor drum. Uploads of simulated machines are stripped down to their power,
some are lost, some come twice, and the stream's own step finds cycles in the rest.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from benchmarks.alerts_fleet import washers
from benchmarks.cycle_quality import batch_of, batches, sent_by
from producers.uploads import Session, Upload
from schemas.catalogue import PLUG_METER
from schemas.forms import arrow_schema
from schemas.uploads import WasherUpload
from streams.product import WASHER
from streams.state import State
from streams.step import step

KEPT = ("device_id", "seq", "sent_at_ms", "firmware", "start_ms", "lead_ms", "offset_ms", "power_w")


@dataclass(frozen=True)
class Detection:
    """Cycles that ran, cycles found, and those of either that have a partner.

    Attributes:
        ran: Cycles of which at least one upload with readings arrived.
        found: Cycles found.
        right: Found ones that share most of their time with one that ran, one to one.
        recognised, named_right: Right ones that a programme was named of, and rightly.
    """

    ran: int
    found: int
    right: int
    recognised: int
    named_right: int


def detection(seed: int, machines: int, days: int, lost: float) -> Detection:
    """Of a fleet of that seed, each machine behind a plug."""
    state, rng = State(WASHER), Random(seed)
    ran: dict[str, dict[int, Session]] = defaultdict(dict)
    facts: dict[str, Mapping[str, Any]] = {}
    for sent in batches(sent_by(washers(seed, machines, days))):
        arrived: list[Upload] = []
        for one in sent:
            if rng.random() < lost:
                continue
            upload = stripped(one.upload)
            if one.upload.part is not None and one.upload.reading_count:
                session = one.upload.part.session
                ran[session.device_id][session.started_at_ms] = session
            arrived += [upload] * (2 if rng.random() < lost else 1)
        for fact in step(WASHER, state, batch_of(arrived)).sessions:
            facts[str(fact["session_id"])] = fact
        state.tidy()
    found = [fact for fact in facts.values() if fact["status"] != "withdrawn"]
    pairs = [(fact, own) for fact in found if (own := _partner(fact, ran[str(fact["device_id"])])) is not None]
    distinct = {(session.device_id, session.started_at_ms) for _, session in pairs}
    named = [(fact, session) for fact, session in pairs if fact["programme"] is not None]
    return Detection(
        sum(map(len, ran.values())),
        len(found),
        len(distinct),
        len(named),
        sum(fact["programme"] == session.programme for fact, session in named),
    )


def stripped(upload: Upload) -> Upload:
    """The same as a plug in front of the machine would send it."""
    said = json.loads(upload.value)
    known = {name: said[name] for name in KEPT} | {"material": PLUG_METER, "cycle_ended": False}
    row = dict.fromkeys(arrow_schema(WasherUpload).names) | known
    return replace(upload, value=json.dumps(row).encode())


def _partner(fact: Mapping[str, Any], ran: Mapping[int, Session]) -> Session | None:
    """The cycle that a found one shares most of its time with, and more than half of the longer of both."""
    start_ms, end_ms = int(fact["started_at_ms"]), int(fact["ended_at_ms"])

    def shared_ms(session: Session) -> int:
        return min(end_ms, session.ended_at_ms) - max(start_ms, session.started_at_ms)

    best = max(ran.values(), key=shared_ms, default=None)
    if best is None:
        return None
    longer_ms = max(end_ms - start_ms, best.ended_at_ms - best.started_at_ms)
    return best if 2 * shared_ms(best) > longer_ms else None
