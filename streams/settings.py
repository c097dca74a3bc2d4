"""Settings of a stream worker."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class EngineSettings:
    """How a worker runs.

    Attributes:
        kafka: Bootstrap servers, `host:port[,host:port]`.
        app: Name of the consumer group and first part of state topics and transaction ids.
        slot: This worker's fixed place in the group; a restart with the same slot takes its partitions back.
        checkpoint_s: Longest time between an upload and the commit of what it caused.
        checkpoint_uploads: Most uploads in one transaction.
        fetch_bytes: Most bytes fetched of a partition at once, compressed as they are.
        run_uploads: Most uploads handed over at once; bounds the size of a batch.
        forget_after_days: A device that has not been heard of for longer is forgotten (`streams.idle`).
        buffer_bytes: Most memory of uploads that wait, all partitions together; one run each at least.
        session_timeout_s: Silence after which the group gives a worker's partitions to others.
        rebalance_timeout_s: How long the group waits for its workers when it shares out the partitions anew.
        http_host, http_port: Where `/metrics`, `/health` and `/devices/{id}` are served; port 0 serves nothing.
        advertise: Address under which other workers send those who ask for a device; empty for none.
        stuck_s: How long a partition may stand still while input waits before `/health` turns red.
        max_refused_share: Share of the newest uploads (`streams.limit`) that may be refused before the worker stops.
        trusted: Materials and firmware whose figures are right, however much they differ (`streams.cohorts`).
        sealing_key: Seals the bytes of refused uploads (`schemas.sealing`); None writes them as they came.
    """

    kafka: str
    app: str = "vaxel"
    slot: int | None = None
    checkpoint_s: float = 0.5
    checkpoint_uploads: int = 50_000
    fetch_bytes: int = 4 * 1024 * 1024
    run_uploads: int = 20_000
    forget_after_days: int = 400
    buffer_bytes: int = 256 * 1024 * 1024
    session_timeout_s: float = 10.0
    rebalance_timeout_s: float = 60.0
    http_host: str = "127.0.0.1"
    http_port: int = 0
    advertise: str = ""
    stuck_s: float = 30.0
    max_refused_share: float = 1.0
    trusted: frozenset[tuple[str, str]] = frozenset()
    sealing_key: bytes | None = field(default=None, repr=False)
