"""Looks after a lake as a process that can be killed: CATALOG FILES CALL (JSON)."""

from __future__ import annotations

import json
import sys

from schemas.retention import Policy
from sinks.lake.care import maintain
from sinks.lake.care_plan import Plan


def main(catalog: str, files: str, call: str) -> None:
    told = json.loads(call)
    policy = Policy({"health": told["health_ms"], "usage": told["usage_ms"]})
    plan = Plan(policy, told["roll_up_after_days"], snapshots_for_ms=0, grace_ms=0)
    maintain(catalog, files, plan, now_ms=told["at_ms"])


if __name__ == "__main__":
    main(*sys.argv[1:])
