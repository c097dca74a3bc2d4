"""What `vaxel failed` prints: failed events, what a rule makes of them, what came back. For people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sinks.lake.answers import as_text, table_lines
from streams.repair import Fit, changed_fields
from streams.repair_rule import AS_IS
from vaxel.commands.options import DEFAULT_DATA_DIR, command

SHOWN_BYTES = 4_096
"""Of an upload that is no text; `--json` has all."""
WIDEST_VALUE = 60

_HEX_PER_LINE = 16


def event_lines(event: Mapping[str, Any]) -> Iterator[str]:
    """All that is known of a failed event, then its bytes: JSON laid out, text, or hexadecimal."""
    told = {name: value for name, value in event.items() if name not in ("place", "original")}
    yield event["place"]
    width = max(map(len, told))
    for name, value in told.items():
        yield f"  {name:{width}}  {'-' if value is None else _printable(as_text(value))}"
    original = event["original"]
    yield f"  original, {len(original):,} bytes:"
    yield from (f"    {line}" for line in _readable(original))


def event_object(event: Mapping[str, Any]) -> dict[str, Any]:
    """The same for programs: bytes as text where they are UTF-8, else in hexadecimal as `original_hex`."""
    told = {
        name: value if value is None or isinstance(value, int) else as_text(value)
        for name, value in event.items()
        if name != "original"
    }
    original = event["original"]
    try:
        return told | {"original": original.decode()}
    except UnicodeDecodeError:
        return told | {"original_hex": original.hex()}


def trial_lines(report: Mapping[str, Any], examples: Sequence[Fit]) -> Iterator[str]:
    """What a rule would do: a few uploads before and after, how many would come in, and why others would not."""
    for fit in examples:
        yield f"{fit.held.place}  {fit.device_id} seq {fit.seq}"
        rows = [
            (changed.field, _short(changed.before), _short(changed.after))
            for changed in changed_fields(fit.held.original, fit.value)
        ]
        yield from (f"  {line}" for line in list(table_lines(("field", "before", "after"), rows, len(rows)))[:-1])
    yield f"{report['selected']:,} failed events selected, {report['fit']:,} would be let in"
    yield from unfit_lines(report["unfit"])


def repair_lines(report: Mapping[str, Any], data_dir: Path = DEFAULT_DATA_DIR) -> Iterator[str]:
    """What a rule did."""
    before = f", {report['before']:,} were there before" if report["before"] else ""
    yield f"{report['selected']:,} failed events selected, {report['added']:,} repaired{before}: {report['folder']}"
    yield from unfit_lines(report["unfit"])
    if report["added"] or report["before"]:
        yield f"bring them back with: {command('failed', 'replay', report['repair'], data_dir=data_dir)}"


def replay_lines(report: Mapping[str, Any], data_dir: Path = DEFAULT_DATA_DIR) -> Iterator[str]:
    """What came back."""
    stopped = "interrupted: " if report["interrupted"] else ""
    by = "as they are" if report["repair"] == AS_IS else f"by {report['repair']}"
    if report["sent"]:
        yield (
            f"{stopped}{report['acknowledged']:,} of {report['sent']:,} uploads acknowledged in {report['seconds']} s, "
            f"{by}"
        )
    else:
        yield f"{stopped}no upload was sent back {by}"
    for name, told in (
        ("back_before", "are back already: Kafka had acknowledged them"),
        ("accepted_before", "are in the lake already under their device and number"),
    ):
        if report[name]:
            yield f"  {report[name]:,} {told}"
    yield from unfit_lines(report["unfit"])
    if report["acknowledged"]:
        yield f"take them in with: {command('run', '--until-idle', data_dir=data_dir)}"


def unfit_lines(unfit: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Why some stay, with the first of each kind."""
    for row in unfit:
        detail = _printable(row["detail"])
        yield f"  {row['count']:,} stay, {row['reason']}: {detail} (first {row['place']})"


def _short(value: str | None) -> str:
    if value is None:
        return "(none)"
    return value if len(value) <= WIDEST_VALUE else value[: WIDEST_VALUE - 1] + "…"


def _readable(original: bytes) -> Iterator[str]:
    try:
        text = original.decode()
    except UnicodeDecodeError:
        yield from _hexadecimal(original)
        return
    try:
        upload = json.loads(text)
        if not isinstance(upload, dict):
            raise ValueError
        lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in upload.items()]
    except (ValueError, RecursionError):
        lines = text[:SHOWN_BYTES].splitlines()
        if len(text) > SHOWN_BYTES:
            lines.append(f"... {len(text) - SHOWN_BYTES:,} characters more")
    yield from map(_printable, lines)


def _hexadecimal(original: bytes) -> Iterator[str]:
    """Offset, bytes, and the letters among them."""
    for start in range(0, min(len(original), SHOWN_BYTES), _HEX_PER_LINE):
        line = original[start : start + _HEX_PER_LINE]
        letters = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in line)
        yield f"{start:08x}  {line.hex(' '):{_HEX_PER_LINE * 3 - 1}}  {letters}"
    if len(original) > SHOWN_BYTES:
        yield f"... {len(original) - SHOWN_BYTES:,} bytes more"


def _printable(text: str) -> str:
    """A device's text must not reach the terminal as an escape sequence."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape", "surrogatepass").decode() for letter in text
    )
