"""What a repair of failed events keeps: its folder, and one row for each upload it made fit.

DATA_DIR/repairs/NAME-HASH/
    rule.toml               the rule as its author wrote it
    uploads-0001.parquet    uploads as they were and as they are; later ones hold what failed later
    acknowledged.txt        place of each that Kafka has acknowledged on its way back, one a line
"""

from __future__ import annotations

from typing import Annotated

from schemas.facts import Offset, Partition, Topic
from schemas.fields import Contract, DeviceId, Seq, described

REPAIRS_FOLDER = "repairs"
RULE_FILE = "rule.toml"
UPLOADS_FILES = "uploads-*.parquet"
ACKNOWLEDGED_FILE = "acknowledged.txt"


class RepairedUpload(Contract):
    """One upload before and after a repair, at the place it was refused at."""

    topic: Topic
    partition: Partition
    offset: Offset
    device_id: DeviceId
    seq: Seq
    before: Annotated[bytes, described("The record's value as it came, sealed", "personal")]
    after: Annotated[bytes, described("What goes back to its topic, sealed", "personal")]
