"""Faust workers that turn uploads into facts: decode, check, dedupe, sessionise, write on.

In:            telemetry.* (JSON uploads of devices; anything at all may arrive).
Out:           receipts, readings.* (Arrow frames), sessions.* (JSON versions), failed-events; state.* (own memory).
Guarantee:     each upload becomes exactly one of accepted, duplicate, failed; outputs, state and input position of a
               partition are one Kafka transaction.
On failure:    bad data is a value with a reason; any doubt about a transaction ends the process, which starts again.
"""
