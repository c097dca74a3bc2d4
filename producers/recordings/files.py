"""Recording files: opened, unpacked, recognised by content, read.

In:            paths.
Out:           recordings; nothing is sent before all of them are read.
Guarantee:     two files never become the same device.
On failure:    `RecordingError`: file, what is wrong with it, what is accepted.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from producers.recordings import fit, gpx, plug_meter, tcx
from producers.recordings.plug_meter import DEFAULT_ZONE, PlugRecording
from producers.recordings.run import RunRecording
from schemas.errors import RecordingError
from schemas.fields import EARLIEST_MS

ACCEPTED = "plug-meter CSV (tracebase), TCX, GPX and FIT, each also .gz, and what `vaxel capture` wrote"
MAX_BYTES = 256 * 1024 * 1024

_GZIP_MAGIC = b"\x1f\x8b"
_HEAD_BYTES = 4_096
_ID_LENGTH = 64

Recording = PlugRecording | RunRecording


def read_all(
    paths: Sequence[Path],
    zone: ZoneInfo = DEFAULT_ZONE,
    *,
    now_ms: int,
    on_read: Callable[[int], None] = lambda _count: None,
) -> list[Recording]:
    """Every file's recording, in the order of their first readings.

    Args:
        zone: Of plug meters, whose files hold local times without a zone.
        on_read: Gets the number of files read so far, after each.

    Raises:
        RecordingError: The first file that cannot be read or whose times the stream would refuse, or two that would
            be the same device.
    """
    by_device: dict[str, Path] = {}
    recordings = []
    for path in paths:
        recording = read(path, zone)
        _require_possible_times(path, recording, now_ms)
        other = by_device.setdefault(recording.device_id, path)
        if other is not path:
            raise RecordingError(
                f"{str(path)!r} and {str(other)!r} would both be the device {recording.device_id}: "
                "files of different names are accepted"
            )
        recordings.append(recording)
        on_read(len(recordings))
    return sorted(recordings, key=lambda recording: int(recording.at_ms[0]))


def read(path: Path, zone: ZoneInfo = DEFAULT_ZONE) -> Recording:
    """One file's recording.

    Raises:
        RecordingError: It cannot be read as any of the accepted formats.
    """
    try:
        data = _content(path)
        head = data[:_HEAD_BYTES]
        if head[8:12] == b".FIT":
            return fit.parse(device_id("run", path), data)
        if b"<TrainingCenterDatabase" in head:
            return tcx.parse(device_id("run", path), data.lstrip())
        if b"<gpx" in head:
            return gpx.parse(device_id("run", path), data)
        if plug_meter.LINE.search(head):
            return plug_meter.parse(device_id("plug", path), data, zone)
    except RecordingError as error:
        raise RecordingError(f"Cannot replay {str(path)!r}: {error}") from error
    raise RecordingError(f"Cannot replay {str(path)!r}: it begins with {head[:20]!r}; accepted are {ACCEPTED}")


def _require_possible_times(path: Path, recording: Recording, now_ms: int) -> None:
    first_ms, last_ms = int(recording.at_ms[0]), int(recording.at_ms[-1])
    if first_ms < EARLIEST_MS or last_ms > now_ms:
        raise RecordingError(
            f"Cannot replay {str(path)!r}: its times are {_utc(first_ms)} to {_utc(last_ms)}; "
            f"accepted are {_utc(EARLIEST_MS)} to now, {_utc(now_ms)}"
        )


def _utc(at_ms: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)
    return f"{moment.isoformat(timespec='seconds').removesuffix('+00:00')}Z"


def device_id(prefix: str, path: Path) -> str:
    """A device named after the file: stable, and safe as an identifier."""
    name = re.sub(r"(\.csv|\.tcx|\.gpx|\.fit)?(\.gz)?$", "", path.name, flags=re.IGNORECASE)
    identifier = f"{prefix}-{re.sub(r'[^A-Za-z0-9._-]', '-', name)}"
    if len(identifier) <= _ID_LENGTH and identifier == f"{prefix}-{name}":
        return identifier
    return f"{identifier[: _ID_LENGTH - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            packed = file.read(MAX_BYTES + 1)
        if packed[:2] == _GZIP_MAGIC:
            with gzip.open(path) as file:
                packed = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise RecordingError(f"{error.strerror if error.strerror else error}; accepted are {ACCEPTED}") from error
    except (EOFError, zlib.error) as error:
        raise RecordingError(f"not a whole gzip file: {error}") from error
    if len(packed) > MAX_BYTES:
        raise RecordingError(f"larger than {MAX_BYTES // 2**20} MiB, which no day and no run is")
    return packed
