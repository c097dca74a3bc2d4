"""What `vaxel state` prints: sizes of the state, one device of it, and what a decision would do."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from streams.batch import Place
from streams.device_view import DeviceView
from streams.inspection import PartitionState

WIDEST_COLUMNS = 200


def as_objects(found: Sequence[PartitionState]) -> dict[str, Any]:
    """Partitions and their total, for --json."""
    now_ms = _now_ms()
    partitions = [
        {
            "topic": state.place.topic,
            "partition": state.place.partition,
            "position": None if state.position is None else asdict(state.position),
            "first_offset": state.first_offset,
            "end_offset": state.end_offset,
            "lag": state.lag,
            "misfit": state.misfit,
            "written_at_ms": state.written_ms,
            "age_s": None if state.written_ms is None else (now_ms - state.written_ms) / 1000,
            "rows": state.rows,
            "kafka_bytes": state.kafka_bytes,
            "memory_bytes": state.memory_bytes,
            "schema_versions": state.schema_versions,
        }
        for state in found
    ]
    total = {
        "lag": sum(state.lag or 0 for state in found),
        "rows": _total_rows(found),
        "kafka_bytes": sum(state.kafka_bytes for state in found),
        "memory_bytes": sum(state.memory_bytes for state in found),
    }
    return {"partitions": partitions, "total": total}


def print_table(found: Sequence[PartitionState]) -> None:
    """Partitions and their total, for people."""
    total_rows = _total_rows(found)
    table = Table(box=None, pad_edge=False, show_footer=True, header_style="bold", footer_style="bold")
    table.add_column("partition", "total")
    for name, footer in (
        ("position", ""),
        ("lag", f"{sum(state.lag or 0 for state in found):,}"),
        ("checkpoint", ""),
        ("age", ""),
        *((name, f"{rows:,}") for name, rows in total_rows.items()),
        ("in Kafka", _size(sum(state.kafka_bytes for state in found))),
        ("in memory", _size(sum(state.memory_bytes for state in found))),
        ("version", ""),
    ):
        table.add_column(name, footer, justify="right", no_wrap=True)
    now_ms = _now_ms()
    for state in found:
        position = state.position
        table.add_row(
            f"{state.place.topic}[{state.place.partition}]",
            "-" if position is None else f"{position.next_offset:,}",
            "?" if state.lag is None else f"{state.lag:,}",
            "-" if position is None else f"{position.checkpoint:,}",
            "-" if state.written_ms is None else _age(now_ms - state.written_ms),
            *(f"{state.rows[name]:,}" for name in total_rows),
            _size(state.kafka_bytes),
            _size(state.memory_bytes),
            ", ".join(map(str, state.schema_versions)) or "-",
        )
    console = Console(highlight=False)
    console.width = max(console.width, WIDEST_COLUMNS) if not console.is_terminal else console.width
    console.print(table)
    for state in found:
        if state.misfit is not None:
            what = f"{state.place.topic} {state.place.partition}"
            typer.echo(
                f"{state.place.topic}[{state.place.partition}] {state.misfit}. "
                f"Choose: vaxel state continue {what}, or vaxel state reset {what}"
            )


def print_device(place: Place, view: DeviceView) -> None:
    """One device of one partition, for people."""
    unseen = f", not {_ranges(view.unseen_seq)}" if view.unseen_seq else ""
    last = "not known" if view.received_at_ms is None else _instant(view.received_at_ms)
    lines = [
        f"{view.device_id} in {place.topic}[{place.partition}]",
        f"  newest upload {view.newest_seq}; of the last 64 numbers seen: {_ranges(view.seen_seq)}{unseen}",
        f"  last upload received {last}",
        f"  {len(view.sessions)} sessions that may still change, {view.pieces} pieces of a power curve",
    ]
    for session in view.sessions:
        rest = {name: value for name, value in session.items() if name not in SHOWN and value is not None}
        amounts = ", ".join(f"{name} {value}" for name, value in rest.items())
        start, end = (_instant(int(str(session[name]))) for name in ("started_at_ms", "ended_at_ms"))
        lines.append(f"  {session['session_id']} version {session['version']} {session['status']}: {start} to {end}")
        lines.append(f"    {amounts}")
    typer.echo("\n".join(lines))


SHOWN = ("session_id", "version", "status", "device_id", "started_at_ms", "ended_at_ms", "known_at_ms")


def going_on(found: PartitionState) -> str:
    """What `continue` would do, in numbers."""
    assert found.position is not None, "checked before"
    lost = found.first_offset - found.position.next_offset
    is_same_topic = found.position.topic_id == found.topic_id
    gap = (
        f"{lost:,} offsets"
        if is_same_topic and lost > 0
        else f"whatever it held from offset {found.position.next_offset:,} on"
    )
    return (
        f"{found.place.topic}[{found.place.partition}] {found.misfit}. To continue keeps {remembered(found)} "
        f"and goes on at offset {found.first_offset:,} of {found.end_offset:,}; lost: {gap}. "
        "A worker that owns it starts again."
    )


def beginning_anew(found: PartitionState) -> str:
    """What `reset` would do, in numbers."""
    return (
        f"To reset {found.place.topic}[{found.place.partition}] forgets {remembered(found)} "
        f"({_size(found.kafka_bytes)}) and begins at offset {found.first_offset:,} of {found.end_offset:,}: "
        f"{found.end_offset - found.first_offset:,} offsets count, also where they did before. "
        "A worker that owns it starts again."
    )


def remembered(found: PartitionState) -> str:
    """Rows by store, in a few words."""
    return ", ".join(f"{rows:,} {name}" for name, rows in found.rows.items())


def _total_rows(found: Iterable[PartitionState]) -> dict[str, int]:
    total: dict[str, int] = {}
    for state in found:
        for name, rows in state.rows.items():
            total[name] = total.get(name, 0) + rows
    return total


def _ranges(numbers: Sequence[int]) -> str:
    """Numbers, ascending, as ranges.

    >>> _ranges([1, 2, 3, 7, 9, 10])
    '1-3, 7, 9-10'
    """
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][-1] + 1:
            found[-1] = [found[-1][0], number]
        else:
            found.append([number])
    return ", ".join("-".join(map(str, ends)) for ends in found)


def _size(size_bytes: int) -> str:
    """A size in the largest unit that leaves at least one.

    >>> _size(0), _size(1_500), _size(2_000_000)
    ('0 B', '1.5 kB', '2.0 MB')
    """
    size, unit = float(size_bytes), "B"
    for larger in ("kB", "MB", "GB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"


def _age(age_ms: int) -> str:
    """An age in its largest unit.

    >>> _age(-3), _age(61_000), _age(90_000_000)
    ('0 s', '1 min', '1 d')
    """
    for unit, unit_ms in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000)):
        if age_ms >= unit_ms:
            return f"{age_ms // unit_ms} {unit}"
    return f"{max(age_ms, 0) // 1000} s"


def _instant(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}"


def _now_ms() -> int:
    return int(time.time() * 1000)  # noqa: TID251  (a shell: ages on the screen)
