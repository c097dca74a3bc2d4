"""Devices for the stream: a simulated fleet, and recordings of real machines and runs.

In:            a seed and rates (simulate), or recording files (replay); nothing from Kafka.
Out:           uploads on telemetry.*, keyed by device; a truth folder of what was acknowledged (`schemas.truth`).
Guarantee:     the same seed gives the same bytes; idempotent producer; the truth is written from Kafka's
               acknowledgements, also when interrupted.
On failure:    an unreadable recording is a `RecordingError` before anything is sent; a broker that does not answer is
               an `UnreachableError`, and the truth of what was acknowledged until then is still written.
"""
