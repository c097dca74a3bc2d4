"""Failed events as the lake holds them, and which of their uploads have been accepted since."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from schemas.errors import OutsideError, UsageError
from schemas.failures import FailedEvent
from schemas.forms import columns, duckdb_columns
from schemas.lake import FAILED_EVENTS, UPLOADS
from sinks.lake.connection import open_reader, outside
from sinks.lake.tables import columns_in_lake
from streams.repair import Fit, Held
from streams.repair_rule import Selection
from vaxel.opening import WITHOUT_KEY, Opened
from vaxel.settings import Addresses

ROWS_AT_ONCE = 100
"""Each may hold `KEPT_BYTES`."""
_DECLARED = duckdb_columns(FailedEvent).split(", ")
_PLACE = re.compile(
    r"(?P<topic>[^\[\]@:\ud800-\udfff]+)(?:\[(?P<p1>\d{1,18})\]@(?P<o1>\d{1,18})|:(?P<p2>\d{1,18}):(?P<o2>\d{1,18}))"
)


@dataclass(frozen=True)
class Answer:
    """Rows with the names of their columns."""

    names: list[str]
    rows: list[tuple[Any, ...]]

    def objects(self) -> list[dict[str, Any]]:
        """Row by row, by name."""
        return [dict(zip(self.names, row, strict=True)) for row in self.rows]


class FailedEvents:
    """What the lake knows of refused uploads. Only reads."""

    def __init__(
        self, lake: duckdb.DuckDBPyConnection, known_columns: Sequence[str], opened: Opened = WITHOUT_KEY
    ) -> None:
        """Args:
        known_columns: Of the lake's table; a column that it does not have yet reads as null.
        opened: Opens the bytes of refused uploads, where they are asked for.
        """
        self._lake = lake
        self._opened = opened
        # ("field", '"field" VARCHAR'), ...
        declared = zip((column.lake_name for column in columns(FailedEvent)), _DECLARED, strict=True)
        read = ", ".join(
            f'"{name}"' if name in known_columns else f'null::{column.split(" ", 1)[1]} as "{name}"'
            for name, column in declared
        )
        self._failed = f'(select {read} from "{FAILED_EVENTS.name}")'

    def groups(self, chosen: Selection, limit: int | None) -> Answer:
        """How many there are of each kind, from how many devices, when, and how many have come back since.

        Those that a repair had brought back before are a kind of their own.
        """
        where, values = _condition(chosen)
        return self._ask(
            f"""
            with failed as (select * from {self._failed} where {where})
            select reason, material, firmware, field, repair, count(*) as events, count(distinct device_id) as devices,
                   min(received_at) as first_seen, max(received_at) as last_seen,
                   count(*) filter (where {_IS_BACK}) as came_back
            from failed group by all order by events desc, reason, material, firmware, field, repair {_limit(limit)}
            """,
            values,
        )

    def each(self, chosen: Selection, limit: int | None) -> Answer:
        """One row an event, newest first."""
        where, values = _condition(chosen)
        return self._ask(
            f"""
            with failed as (select * from {self._failed} where {where})
            select {_PLACE_SQL} as place, received_at, device_id, seq, material, firmware, reason, field, found,
                   accepted, detail, repair, {_IS_BACK} as came_back
            from failed order by received_at desc, topic, partition, "offset" desc {_limit(limit)}
            """,
            values,
        )

    def one(self, place: str) -> dict[str, Any]:
        """The failed event at that place: all that is kept of it, its bytes opened.

        Args:
            place: `topic[partition]@offset` or `topic:partition:offset`; of the topic a piece will do.
        Raises:
            UsageError: no place, or no failed event there, or more than one; or its bytes cannot be opened.
        """
        found = _PLACE.fullmatch(place)
        if found is None:
            raise UsageError(f"{place!r} is no place: TOPIC[PARTITION]@OFFSET or TOPIC:PARTITION:OFFSET is accepted")
        partition, offset = int(found["p1"] or found["p2"]), int(found["o1"] or found["o2"])
        answer = self._ask(
            f"""select distinct {_PLACE_SQL} as place, * from {self._failed}
                where contains(topic, $topic) and partition = $partition and "offset" = $offset order by place""",
            {"topic": found["topic"], "partition": partition, "offset": offset},
        )
        rows = answer.objects()
        rows = [row for row in rows if row["topic"] == found["topic"]] or rows
        if not rows:
            raise UsageError(f"the lake holds no failed event at {place!r}; those it holds: vaxel failed list --each")
        if len(rows) > 1:
            raise UsageError(f"{place!r} may be any of {', '.join(row['place'] for row in rows)}: say which")
        (row,) = rows
        return row | {"original": self._opened(row["topic"], row["partition"], row["offset"], row["original"])}

    def count(self, chosen: Selection) -> int:
        """How many are chosen."""
        where, values = _condition(chosen)
        return int(self._ask(f"select count(*) from {self._failed} where {where}", values).rows[0][0])

    def count_back(self, chosen: Selection) -> int:
        """How many of those chosen have been accepted since they were refused."""
        where, values = _condition(chosen)
        query = f"select count(*) from {self._failed} as failed where {where} and {_IS_BACK}"
        return int(self._ask(query, values).rows[0][0])

    def held(self, chosen: Selection) -> Iterator[Held]:
        """Those chosen, in order of arrival, a few at a time: their bytes may be many."""
        return self._held(*_condition(chosen))

    def still_held(self, chosen: Selection) -> Iterator[Held]:
        """Those of them that have not been accepted since."""
        where, values = _condition(chosen)
        return self._held(f"{where} and not {_IS_BACK}", values)

    def _held(self, where: str, values: dict[str, Any]) -> Iterator[Held]:
        names = 'topic, partition, "offset", device_id, reason, original, repair'
        order = 'received_at, topic, partition, "offset"'
        cursor = self._lake.cursor()  # other questions may be asked in between
        with outside("read the failed events"):
            database = self._ask("select current_database()", {}).rows[0][0]
            cursor.execute(f'use "{database}"')
            cursor.execute(f"select {names} from {self._failed} as failed where {where} order by {order}", values)
            while rows := cursor.fetchmany(ROWS_AT_ONCE):
                for own_topic, own_partition, own_offset, device_id, reason, original, repair in rows:
                    place = own_topic, own_partition, own_offset
                    yield Held(*place, device_id, reason, self._opened(*place, original), repair)

    def cohorts(self, chosen: Selection) -> Answer:
        """What firmware measures in another unit than its model, by material, firmware and field; how many are held.

        What has been accepted since is not held.

        Of several units found the newest counts: the more of a cohort has been seen, the better its scale is known.
        """
        where, values = _condition(chosen)
        return self._ask(
            f"""select material, firmware, field, arg_max(found, (received_at, "offset")) as found,
                       arg_max(accepted, (received_at, "offset")) as accepted, count(*) as events
                from {self._failed} as failed
                where {where} and reason = 'cohort_differs' and not {_IS_BACK} group by all order by all""",
            values,
        )

    def not_accepted(self, fits: Sequence[Fit]) -> list[Fit]:
        """Those whose device and number the lake does not hold as accepted."""
        wanted = pa.table(
            {
                "device_id": pa.array([fit.device_id for fit in fits], pa.string()),
                "seq": pa.array([fit.seq for fit in fits], pa.int64()),
            }
        )
        self._lake.register("wanted", wanted)
        rows = self._ask(
            f"""select distinct device_id, seq from "{UPLOADS.name}" semi join wanted using (device_id, seq)
                where outcome = 'accepted'""",
            {},
        ).rows
        accepted = set(rows)
        return [fit for fit in fits if (fit.device_id, fit.seq) not in accepted]

    def refused_again(self) -> set[tuple[str, int, str]]:
        """Device, number and repair of uploads that had come back and were refused again; not of the second of two."""
        rows = self._ask(
            f"""select distinct device_id, seq, repair from {self._failed}
                where repair is not null and seq is not null and reason not in ('late', 'number_reused')""",
            {},
        ).rows
        return {(device_id, seq, repair) for device_id, seq, repair in rows}

    def _ask(self, query: str, values: dict[str, Any]) -> Answer:
        with outside("read the failed events"):
            self._lake.execute(query, values)
            return Answer([column[0] for column in self._lake.description or ()], self._lake.fetchall())


_PLACE_SQL = """topic || '[' || partition || ']@' || "offset\""""
_IS_BACK = f"""exists (
    from "{UPLOADS.name}" as back where back.outcome = 'accepted' and back.device_id = failed.device_id
    and back.seq = failed.seq and (back.received_at > failed.received_at or failed.reason = 'late'
    or (failed.reason = 'number_reused' and failed.repair is not null)))"""
"""Accepted after it was refused, or before where it was refused as the second of two: late, or brought back under a
number that is taken. Else a number that was used before does not bring it back: that was another upload.
"""


def failed_events(addresses: Addresses, opened: Opened) -> FailedEvents:
    """The lake's failed events.

    Raises:
        UnreachableError: the lake's catalogue does not answer.
        OutsideError: there is no lake yet, or nothing was ever taken into it.
    """
    lake = open_reader(addresses.catalog, addresses.lake_files)
    with outside("look for the failed events"):
        there = columns_in_lake(lake)
    missing = [table.name for table in (FAILED_EVENTS, UPLOADS) if table.name not in there]
    if missing:
        raise OutsideError(f"The lake has no table {', '.join(missing)} yet. Fill it: vaxel run --until-idle")
    return FailedEvents(lake, list(there[FAILED_EVENTS.name]), opened)


_CONDITIONS = {
    "reason": "reason = $reason",
    "material": "material = $material",
    "firmware": "firmware = $firmware",
    "field": "field = $field",
    "device": "device_id = $device",
    "since": "received_at >= $since",
    "until": "received_at < $until",
}


def _condition(chosen: Selection) -> tuple[str, dict[str, Any]]:
    """SQL and its parameters; instants lose their zone, since the lake's have none and are UTC."""
    values = {name: value for name, value in chosen if value is not None}
    where = " and ".join(_CONDITIONS[name] for name in values) or "true"
    return where, values | {name: values[name].replace(tzinfo=None) for name in ("since", "until") if name in values}


def _limit(limit: int | None) -> str:
    return "" if limit is None else f"limit {limit}"
