"""The worker's log on stderr: readable text, or one JSON object per line. It holds no contents of uploads.

Nor do errors in it: the text of one that a conversion raises may quote the value that it could not convert.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Literal

from schemas.errors import VaxelError

Format = Literal["text", "json"]

LOG = logging.getLogger("vaxel.stream")
KAFKA_LOG = {"logger": logging.getLogger("librdkafka")}
"""For Kafka clients: librdkafka writes to stderr as it likes. It hands its lines over when the client is polled."""

QUIET = {"log_level": 0}
"""For clients that only ask: what matters of librdkafka's lines is in our errors."""


def tell(level: int, event: str, /, **facts: object) -> None:
    """Log an event with its facts: numbers and names, no contents of uploads and no secrets."""
    LOG.log(level, event, extra={"facts": facts})


_OF_KAFKA = frozenset(["aiokafka", "cimpl", "confluent_kafka"])
"""Modules whose errors tell of brokers and topics only."""

_Raised = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def words_of(error: BaseException) -> str:
    """The error in words: what it says, if that can be of no upload, else its kind and where it came up."""
    if isinstance(error, VaxelError):
        return str(error)
    if isinstance(error, OSError) or type(error).__module__.partition(".")[0] in _OF_KAFKA:
        return repr(error)
    frames: list[traceback.FrameSummary] = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in frames if "streams" in Path(frame.filename).parts] or frames
    place = f" at {'/'.join(Path(frames[-1].filename).parts[-2:])}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


class _Formatter(logging.Formatter):
    def formatException(self, ei: _Raised) -> str:  # noqa: N802 (logging's name)
        """Where it came up, without the error's own text unless `words_of` lets it through; causes first."""
        told, error = list[str](), ei[1]
        while error is not None:
            stack = "".join(traceback.format_tb(error.__traceback__))
            told.append(f"Traceback (most recent call last):\n{stack}{words_of(error)}")
            error = error.__cause__ or error.__context__
        return "\n\nof this came:\n\n".join(reversed(told))


class TextFormatter(_Formatter):
    """`2026-07-01T12:00:00.000Z INFO taken over topic=telemetry.washer.v1 partition=0 seconds=0.41`"""

    def format(self, record: logging.LogRecord) -> str:
        facts = "".join(f" {name}={value}" for name, value in _facts(record).items())
        line = f"{_time(record)} {record.levelname} {record.getMessage()}{facts}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(_Formatter):
    """`{"time": ..., "level": ..., "event": ..., "logger": ..., and the facts}`, in one line whatever they hold."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname,
            "event": record.getMessage(),
            "logger": record.name,
        }
        fields |= {name: value for name, value in _facts(record).items() if name not in fields}
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str)


def tell_of_bug(_kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """For `sys.excepthook`: a traceback on stderr that quotes no more than a log does."""
    print(_Formatter().formatException((type(error), error, trace)), file=sys.stderr, flush=True)  # noqa: T201


def configure(level: str, log_format: Format) -> None:
    """Send all logs to stderr; those of libraries from one level higher on.

    Never their DEBUG: there aiokafka writes whole answers of the broker down, uploads and all.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logging.root.handlers[:] = [handler]
    LOG.setLevel(level)
    logging.root.setLevel(logging.WARNING if LOG.level == logging.INFO else max(LOG.level, logging.INFO))


def last_words(what: str) -> str:
    """The line that a worker in doubt ends with, in the format of its log."""
    for handler in logging.root.handlers:
        if isinstance(handler.formatter, JsonFormatter):
            record = LOG.makeRecord(LOG.name, logging.CRITICAL, __file__, 0, "worker stops", (), None)
            record.facts = {"why": what}
            return handler.format(record)
    return f"vaxel: worker stops: {what}"


def _facts(record: logging.LogRecord) -> dict[str, object]:
    facts: dict[str, object] = getattr(record, "facts", {})
    return facts


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
