"""Days of a washing machine at a smart plug, as the tracebase data set holds them.

A line is `dd/mm/yyyy HH:MM:SS;W averaged over 1 s;W averaged over 8 s`, about one a second, in local time of Darmstadt
without a zone. Source: A. Reinhardt et al., "On the Accuracy of Appliance Identification Based on Distributed Load
Metering Data", SustainIT 2012.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from numpy.typing import NDArray

from producers.recordings.slices import never_falling, slices, spans_ms
from producers.uploads import Upload, encode
from schemas.catalogue import PLUG_METER
from schemas.errors import RecordingError
from schemas.topics import TELEMETRY_WASHER

DEFAULT_ZONE = ZoneInfo("Europe/Berlin")
LINE = re.compile(rb"^\d\d/\d\d/\d{4} \d\d:\d\d:\d\d;", re.MULTILINE)
ACCEPTED = "dd/mm/yyyy HH:MM:SS;W;W"

MOST_UNREADABLE = 0.01
"""Share of lines that may be unreadable; with more, the file is not what it seems."""

_HIGHEST_W = 10_000.0
_HOUR_S = 3600


@dataclass(frozen=True)
class PlugRecording:
    """What one file says: mean power of the second before each time. Times ascend; equal ones are real."""

    device_id: str
    at_ms: NDArray[np.int64]
    power_w: NDArray[np.float64]
    unreadable_lines: int

    @property
    def energy_wh(self) -> float:
        """Power times the time since the reading before; gaps over 60 s count nothing."""
        return float((self.power_w * spans_ms(self.at_ms)).sum() / 3.6e6)

    def uploads(self) -> list[Upload]:
        """The file as uploads numbered from 0, without session: the stream finds the cycles in the power curve.

        The device is the file, not the plug: each file stands for itself, so that days may come in any order, and a
        file replayed again repeats numbers that were taken already instead of adding energy.
        """
        spans = spans_ms(self.at_ms)
        return [self._upload(seq, cut, int(spans[cut.start])) for seq, cut in enumerate(slices(self.at_ms))]

    def _upload(self, seq: int, cut: slice, lead_ms: int) -> Upload:
        at_ms = self.at_ms[cut]
        start_ms, last_ms = int(at_ms[0]), int(at_ms[-1])
        fields = {
            "device_id": self.device_id,
            "seq": seq,
            "sent_at_ms": last_ms,
            "material": PLUG_METER,
            "firmware": "0.0.0",
            "start_ms": start_ms,
            "lead_ms": lead_ms,
            "offset_ms": (at_ms - start_ms).tolist(),
            "cycle_no": None,
            "cycle_started_ms": None,
            "cycle_ended": False,
            "programme": None,
            "lifetime_cycles": None,
            "lifetime_energy_wh": None,
            "lifetime_water_l": None,
            "power_w": self.power_w[cut].tolist(),
            "water_l": None,
            "temperature_c": None,
            "drum_rpm": None,
        }
        return Upload(TELEMETRY_WASHER, self.device_id, seq, last_ms, at_ms.size, encode(fields), None)


def parse(device_id: str, data: bytes, zone: ZoneInfo = DEFAULT_ZONE) -> PlugRecording:
    """The recording in a file's content, whose local times are of that zone.

    Unreadable lines are left out and counted. A small negative power is the meter's zero error and becomes 0.

    Raises:
        RecordingError: Not readable as CSV, too many unreadable lines, fewer than two readings, or times out of order.
    """
    unreadable: list[str] = []
    stamps, powers, _ = _columns(data, unreadable)
    local = pc.strptime(stamps, format="%d/%m/%Y %H:%M:%S", unit="s", error_is_null=True)
    is_number = pc.match_substring_regex(powers, r"^\s*-?[0-9]{1,5}(\.[0-9]+)?\s*$")
    power = pc.cast(pc.utf8_trim_whitespace(pc.if_else(is_number, powers, pa.scalar(None, pa.string()))), pa.float64())
    in_calendar = pc.greater_equal(pc.year(local), 1)  # a clock that was never set may write the year 0
    usable = pc.fill_null(pc.and_(in_calendar, pc.less_equal(power, _HIGHEST_W)), False)
    bad = pc.filter(pc.binary_join_element_wise(stamps, powers, ";"), pc.invert(usable)).to_pylist()
    unreadable += bad
    local_s = local.filter(usable).cast(pa.int64()).to_numpy(zero_copy_only=False)
    if len(unreadable) > MOST_UNREADABLE * (local_s.size + len(unreadable)):
        raise RecordingError(
            f"{len(unreadable)} of {local_s.size + len(unreadable)} lines are unreadable, such as "
            f"{unreadable[0][:60]!r}; accepted is {ACCEPTED}"
        )
    if local_s.size < 2:
        raise RecordingError(f"{local_s.size} readings found; at least 2 lines {ACCEPTED} are needed")
    at_ms = never_falling(_utc_s(local_s, zone) * 1000)
    power_w = np.maximum(power.filter(usable).to_numpy(zero_copy_only=False), 0.0)
    return PlugRecording(device_id, at_ms, power_w, len(unreadable))


def _columns(data: bytes, unreadable: list[str]) -> tuple[pa.ChunkedArray, pa.ChunkedArray, pa.ChunkedArray]:
    """Time stamps and the two power columns as text; lines of another shape are noted.

    Raises:
        RecordingError: A line of megabytes.
    """

    def skip(row: pyarrow.csv.InvalidRow) -> str:
        unreadable.append(row.text or "")
        return "skip"

    names = ["stamp", "power_1s", "power_8s"]
    try:
        table = pyarrow.csv.read_csv(
            io.BytesIO(data.decode("utf-8", "replace").encode()),
            read_options=pyarrow.csv.ReadOptions(column_names=names, use_threads=False, block_size=1 << 22),
            parse_options=pyarrow.csv.ParseOptions(delimiter=";", quote_char=False, invalid_row_handler=skip),
            convert_options=pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
        )
    except pa.ArrowException as error:
        raise RecordingError(f"not readable as CSV: {error}; accepted are lines {ACCEPTED}") from error
    return table["stamp"], table["power_1s"], table["power_8s"]


def _utc_s(local_s: NDArray[np.int64], zone: ZoneInfo) -> NDArray[np.int64]:
    """Local times (as seconds since 1970 without a zone) in UTC.

    The hour that an autumn night has twice is its first pass until the clock falls back by more than half of it.
    Times in the hour that a spring night lacks are what a clock shows that was not put forward.
    """
    falls = np.append(False, np.diff(local_s) < -_HOUR_S // 2)
    hours, index = np.unique(local_s // _HOUR_S, return_inverse=True)
    first, second = (np.array([_offset_s(int(hour), fold, zone) for hour in hours])[index] for fold in (0, 1))
    has_fallen = np.cumsum(falls) > 0
    in_second_pass = (first > second) & has_fallen
    return local_s - np.where(in_second_pass, second, first)


def _offset_s(local_hour: int, fold: int, zone: ZoneInfo) -> int:
    local = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=local_hour)
    offset = local.replace(tzinfo=zone, fold=fold).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())
