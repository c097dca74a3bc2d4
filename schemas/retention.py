"""How long values stay in the lake: by data class, by table. Pure: a policy and the time in, removals out.

Nothing is removed by age unless told. A row goes as a whole when its table's own time (`AGEING`) lies further back than
its class is kept. Values of a stricter class in it (`STRICTER`) go earlier, and are null from then on, though the
contract may say that they never are.

`sink_position` and the reference tables (`NEVER`) have no age: the first is bookkeeping, the others say what is so now.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, get_args

from schemas import lake
from schemas.errors import UsageError
from schemas.fields import DataClass
from schemas.forms import columns

CLASSES: tuple[DataClass, ...] = get_args(DataClass)
STRICTER: tuple[DataClass, ...] = ("personal", "health", "location", "trade_secret")
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
_UNITS_MS = {"h": HOUR_MS, "d": DAY_MS, "w": 7 * DAY_MS, "y": 365 * DAY_MS}
LONGEST_YEARS = 1_000
"""So far back from now there is a calendar, in Python and in DuckDB."""


@dataclass(frozen=True)
class Ageing:
    """What the age of a table's rows is, and the class of a row as such.

    Attributes:
        by: The column, an instant, that lies further and further back.
        telling: Condition of rows whose texts tell values of a stricter class, `telling_class`: they go with it.
    """

    by: str
    row_class: DataClass
    telling: str = ""
    telling_class: DataClass | None = None


AGEING: Mapping[str, Ageing] = MappingProxyType(
    {
        "uploads": Ageing("received_at", "usage"),
        "readings_washer": Ageing("measured_at", "usage"),
        "readings_shoe": Ageing("measured_at", "usage"),
        "reading_hours_washer": Ageing("hour_at", "usage"),
        "reading_hours_shoe": Ageing("hour_at", "usage"),
        "wash_cycle_versions": Ageing("started_at", "usage"),
        "run_versions": Ageing("started_at", "usage"),
        # What was refused may hold anything about anybody.
        "failed_events": Ageing("received_at", "personal"),
        "usage_versions": Ageing("started_at", "usage"),
        "insight_versions": Ageing("happened_at", "personal", "uses_health", "health"),
        "alert_versions": Ageing("happened_at", "usage"),
        "completeness_versions": Ageing("known_at", "usage"),
        "fleet_minute_versions": Ageing("minute_at", "usage"),
    }
)
NEVER = frozenset({"sink_position", "device_versions", "custody_versions", "contract_versions"})


@dataclass(frozen=True)
class Policy:
    """How long each class is kept, in milliseconds, and in which table otherwise. Classes left out stay for ever."""

    keep_ms: Mapping[DataClass, int] = field(default_factory=dict)
    by_table: Mapping[str, Mapping[DataClass, int]] = field(default_factory=dict)

    def kept_ms(self, table: str, data_class: DataClass) -> int | None:
        """How long values of the class stay in the table; None: for ever."""
        return self.by_table.get(table, {}).get(data_class, self.keep_ms.get(data_class))


@dataclass(frozen=True)
class Removal:
    """Rows of a table that go, or columns of them that become null, where column `by` lies before the instant."""

    table: str
    by: str
    before_ms: int
    data_class: DataClass
    columns: tuple[str, ...] = ()
    """Empty: the rows go."""
    condition: str = ""


def removals(policy: Policy, now_ms: int) -> tuple[Removal, ...]:
    """What has to go by now, rows before values, in order of the tables.

    >>> [(r.table, r.columns) for r in removals(Policy({"location": DAY_MS}), 0)]
    [('readings_shoe', ('latitude_deg', 'longitude_deg'))]
    """
    return tuple(
        removal
        for table in lake.TABLES
        if table.name in AGEING
        for removal in (*_rows(policy, table, now_ms), *_values(policy, table, now_ms))
    )


def _rows(policy: Policy, table: lake.Table, now_ms: int) -> list[Removal]:
    ageing = AGEING[table.name]
    found = []
    kept_ms = policy.kept_ms(table.name, ageing.row_class)
    if kept_ms is not None:
        found.append(Removal(table.name, ageing.by, now_ms - kept_ms, ageing.row_class))
    if ageing.telling_class is not None:
        told_ms = policy.kept_ms(table.name, ageing.telling_class)
        if told_ms is not None and (kept_ms is None or told_ms < kept_ms):
            before_ms = now_ms - told_ms
            found.append(Removal(table.name, ageing.by, before_ms, ageing.telling_class, condition=ageing.telling))
    return found


def _values(policy: Policy, table: lake.Table, now_ms: int) -> list[Removal]:
    ageing = AGEING[table.name]
    row_kept_ms = policy.kept_ms(table.name, ageing.row_class)
    found = []
    for data_class in STRICTER:
        kept_ms = policy.kept_ms(table.name, data_class)
        names = tuple(column.lake_name for column in columns(table.contract) if column.data_class == data_class)
        if data_class == ageing.row_class or kept_ms is None or not names:
            continue
        if row_kept_ms is None or kept_ms < row_kept_ms:
            found.append(Removal(table.name, ageing.by, now_ms - kept_ms, data_class, names))
    return found


def duration_ms(text: str) -> int:
    """Milliseconds of a duration: a whole number and h, d, w or y (365 d).

    Raises:
        UsageError: not one of these, or longer than LONGEST_YEARS.

    >>> duration_ms("30d")
    2592000000
    """
    found = re.fullmatch(r"([0-9]{1,6})\s*([hdwy])", text.strip())
    if found is None:
        raise UsageError(f"Cannot read the duration {text!r}: expected a whole number and h, d, w or y, as in 30d.")
    told_ms = int(found[1]) * _UNITS_MS[found[2]]
    if told_ms > LONGEST_YEARS * _UNITS_MS["y"]:
        raise UsageError(f"The duration {text!r} is longer than {LONGEST_YEARS}y, the longest that is accepted.")
    return told_ms


def policy_from(document: Mapping[str, Any], where: str = "[keep]") -> Policy:
    """The policy of a table of durations, as read from TOML: `health = "30d"`, `readings_shoe.health = "7d"`.

    Raises:
        UsageError: a class or table that is not known, or that has nothing to remove; a duration that is none, or of
            no length, by which all would go, and whatever comes too.
    """
    keep: dict[DataClass, int] = {}
    by_table: dict[str, dict[DataClass, int]] = {}
    for name, value in document.items():
        if isinstance(value, Mapping):
            if name not in AGEING:
                raise UsageError(f"Unknown table {name!r} in {where}. Those with an age: {', '.join(AGEING)}.")
            by_table[name] = {_class(key, where): _duration(text, where) for key, text in value.items()}
        else:
            keep[_class(name, where)] = _duration(value, where)
    policy = Policy(keep, by_table)
    _refuse_idle(policy, where)
    return policy


def _refuse_idle(policy: Policy, where: str) -> None:
    """A rule that removes nothing, ever, is a misunderstanding: whoever wrote it believes that values go."""
    for data_class, kept_ms in policy.keep_ms.items():
        if not removals(Policy({data_class: kept_ms}), 0):
            raise UsageError(f"Nothing in the lake goes by class {data_class!r} alone, as {where} asks.")
    for table, keep in policy.by_table.items():
        for data_class, kept_ms in keep.items():
            if not removals(Policy({}, {table: {data_class: kept_ms}}), 0):
                raise UsageError(f"Nothing in table {table!r} goes by class {data_class!r}, as {where} asks.")


def _class(name: str, where: str) -> DataClass:
    for known in CLASSES:
        if name == known:
            return known
    if name in AGEING:
        raise UsageError(f"{name!r} is a table, in {where}: a class of it is expected, as in {name}.usage = '30d'.")
    raise UsageError(f"Unknown data class {name!r} in {where}. Known: {', '.join(CLASSES)}.")


def _duration(value: object, where: str) -> int:
    if not isinstance(value, str):
        raise UsageError(f'Cannot read the duration {value!r} in {where}: expected a text, as in "30d".')
    kept_ms = duration_ms(value)
    if not kept_ms:
        raise UsageError(f"The duration {value!r} keeps nothing, in {where}: at least 1h is accepted.")
    return kept_ms
