"""The same sums as Faust's own guide would write them: KAFKA APP TOPIC PARTITIONS COMMIT_S."""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import Any

import faust

MS_PER_HOUR = 3_600_000


def main(kafka: str, app_name: str, topic: str, partitions: str, commit_s: str) -> None:
    """Run until stopped. One agent, one table in memory; what becomes of a crash is not the question."""
    app = faust.App(
        app_name,
        broker=f"kafka://{kafka}",
        store="memory://",
        broker_commit_interval=float(commit_s),
        topic_partitions=int(partitions),
        topic_replication_factor=1,
        web_enabled=False,
        worker_redirect_stdouts=False,
    )
    sums = app.Table("sums", default=lambda: [0, 0, -1], partitions=int(partitions))

    async def add(uploads: Any) -> None:
        async for upload in uploads:
            before = sums[upload["device_id"]]
            sums[upload["device_id"]] = [
                before[0] + 1,
                before[1] + energy_uwh(upload["lead_ms"], upload["offset_ms"], upload["power_w"]),
                max(before[2], upload["seq"]),
            ]

    app.agent(app.topic(topic, value_serializer="json"), name="add")(add)
    worker = faust.Worker(app, loglevel="WARNING", quiet=True, redirect_stdouts=False)
    worker.spinner = None  # no terminal games in logs
    worker.execute_from_commandline()


def energy_uwh(lead_ms: int, offset_ms: list[int], power_w: list[float]) -> int:
    """Energy of an upload in whole microwatt-hours: mean power times the time since the reading before."""
    span_ms = [lead_ms, *(later - earlier for earlier, later in pairwise(offset_ms))]
    return sum(round(power * span * (1_000_000 / MS_PER_HOUR)) for power, span in zip(power_w, span_ms, strict=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
