"""The desk: where facts of devices meet what the record systems know of owners, contracts and consents.

In:            receipts, readings, sessions and failed events of the stream; `reference.*` of the record systems.
Out:           usage, insights, alerts, completeness, commands, minutes of the fleet (`schemas.desk`).
Guarantee:     exactly once: outputs, state and all input positions of a partition are one Kafka transaction. What is
               said in the end does not depend on the order in which the inputs came.
On failure:    the process ends, whatever is uncommitted is done again by the next one.
"""
