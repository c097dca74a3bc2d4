"""Which fleets a data directory's truth tells of, how far they have come, and what they have sent again already.

In:            the folders of `producers.truth_folder`; options of `producers.truth_options`.
Out:           nothing is written.
On failure:    a folder that cannot be read: `OutsideError`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from producers.fleet import DAY_MS, FIRST_DAY_MS, Fleet, fleet
from producers.roll_out import roll_out
from producers.truth_folder import FILES, told_so_far
from producers.truth_options import OPTIONS_FILE, Options
from schemas.errors import OutsideError
from schemas.fields import Contract
from schemas.truth import TRUTH_FOLDER, TrueRecord, TrueUpload

ANSWER_RUN = "answer"
"""Part of the name of a run that sends again."""

_LONGEST_SESSION_DAYS = 2


@dataclass
class ToldFleet:
    """A simulated fleet, as far as its runs have told.

    Attributes:
        newest: The highest number that each device meant to send.
        until_ms: When the last of them left.
    """

    options: Options
    newest: dict[str, int] = field(default_factory=dict)
    until_ms: int = FIRST_DAY_MS

    @property
    def seed(self) -> int:
        return int(self.options["--seed"])

    def fleet(self) -> Fleet:
        """The fleet with all its days from the first one on."""
        orders = [roll_out(text) for text in str(self.options["--roll-out"]).split()]
        days = (self.until_ms - FIRST_DAY_MS) // DAY_MS + 1 + _LONGEST_SESSION_DAYS
        washers, shoes = int(self.options["--washers"]), int(self.options["--shoes"])
        return fleet(self.seed, washers, shoes, FIRST_DAY_MS, days, orders)


def told_fleets(data_dir: Path) -> list[ToldFleet]:
    """The fleets that were simulated here, by seed."""
    found: dict[int, ToldFleet] = {}
    for path in sorted((data_dir / TRUTH_FOLDER).glob(f"*/{OPTIONS_FILE}")):
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise OutsideError(f"Cannot read {str(path)!r}: it does not hold the options of a run") from error
        if kept["kind"] != "simulate":
            continue
        told = found.setdefault(int(kept["options"]["--seed"]), ToldFleet(kept["options"]))
        uploads = _rows(path.parent, TrueUpload, ["device_id", "seq", "sent_at_ms"])
        for row in uploads.group_by("device_id").aggregate([("seq", "max"), ("sent_at_ms", "max")]).to_pylist():
            told.newest[row["device_id"]] = max(told.newest.get(row["device_id"], 0), row["seq_max"])
            told.until_ms = max(told.until_ms, row["sent_at_ms_max"])
    return [found[seed] for seed in sorted(found)]


def answered(data_dir: Path) -> set[tuple[str, int]]:
    """Device and number of each upload that Kafka has acknowledged of those that were sent again."""
    found: set[tuple[str, int]] = set()
    for folder in _answers(data_dir):
        rows = _rows(folder, TrueRecord, ["device_id", "seq"])
        found.update(zip(rows.column("device_id").to_pylist(), rows.column("seq").to_pylist(), strict=True))
    return found


def _answers(data_dir: Path) -> Iterator[Path]:
    return (path for path in sorted((data_dir / TRUTH_FOLDER).glob(f"*-{ANSWER_RUN}*")) if path.is_dir())


def _rows(folder: Path, contract: type[Contract], names: list[str]) -> pa.Table:
    """Some columns of what a run told; of one that was killed or is under way, of what it told so far."""
    path = folder / FILES[contract]
    if not path.exists():
        return told_so_far(folder, contract).select(names)
    try:
        return pq.read_table(path, columns=names)
    except (OSError, pa.ArrowInvalid) as error:
        raise OutsideError(f"Cannot read {str(path)!r}: {error}") from error
