"""Settings of a stream worker."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EngineSettings:
    """How a worker runs.

    Attributes:
        kafka: Bootstrap servers, `host:port[,host:port]`.
        app: Name of the consumer group and first part of state topics and transaction ids.
        slot: This worker's fixed place in the group; a restart with the same slot takes its partitions back.
        checkpoint_s: Longest time between an upload and the commit of what it caused.
        checkpoint_uploads: Most uploads in one transaction.
        fetch_bytes: Most bytes fetched of a partition at once; bounds the size of a batch.
        session_timeout_s: Silence after which the group gives a worker's partitions to others.
    """

    kafka: str
    app: str = "vaxel"
    slot: int | None = None
    checkpoint_s: float = 0.5
    checkpoint_uploads: int = 50_000
    fetch_bytes: int = 4 * 1024 * 1024
    session_timeout_s: float = 10.0
