"""The rules of `vaxel lake maintain`: from a file and from options, to a plan. Pure; no rule is guessed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from schemas.errors import UsageError

if TYPE_CHECKING:
    from sinks.lake.care_plan import Plan

SETTINGS = ("keep", "roll_up_after_days", "snapshots_for", "grace")
_LEAST_MS = 3_600_000
"""Under an hour, time travel and grace would cut the ground from under whoever just reads or writes."""


def rules_of(content: bytes, name: str) -> Mapping[str, Any]:
    """The settings in a file of that name.

    Raises:
        UsageError: it is not UTF-8, or no TOML.
    """
    try:
        rules = tomllib.loads(content.decode())
        repr(rules)  # what is wrong is quoted, and Python shows no number of thousands of digits
    except UnicodeDecodeError as error:
        raise UsageError(f"Cannot read the rules in {name!r}: not UTF-8 from byte {error.start} on.") from error
    except RecursionError as error:
        raise UsageError(f"Cannot read the rules in {name!r}: lists in lists in lists, too deep.") from error
    except ValueError as error:
        raise UsageError(f"Cannot read the rules in {name!r}: {error}") from error
    return rules


def plan_of(
    rules: Mapping[str, Any],
    keep: Sequence[str],
    roll_up_after_days: int | None,
    snapshots_for: str | None,
    grace: str | None,
) -> Plan:
    """The plan that a file's settings and the options make; options win.

    Args:
        keep: CLASS=DURATION or TABLE.CLASS=DURATION.
    Raises:
        UsageError: a setting that is not known, cannot be read, or would leave nothing.
    """
    from schemas.retention import DAY_MS, policy_from  # noqa: PLC0415
    from sinks.lake.care_plan import Plan  # noqa: PLC0415

    unknown = sorted(rules.keys() - set(SETTINGS))
    if unknown:
        names = ", ".join(map(repr, unknown))
        raise UsageError(f"Unknown settings {names} in the rules. Known: {', '.join(SETTINGS)}.")
    return Plan(
        policy_from(_kept(rules.get("keep", {}), keep), "keep"),
        _days(rules.get("roll_up_after_days") if roll_up_after_days is None else roll_up_after_days),
        _span_ms("snapshots_for", rules.get("snapshots_for") if snapshots_for is None else snapshots_for, 7 * DAY_MS),
        _span_ms("grace", rules.get("grace") if grace is None else grace, DAY_MS),
    )


def _kept(told: object, keep: Sequence[str]) -> Mapping[str, Any]:
    """Durations by class, and by class in tables of their own, with the options' ones over the file's."""
    if not isinstance(told, Mapping):
        raise UsageError(f'keep is {told!r} in the rules: expected a table, as in [keep] and health = "30d" below it.')
    kept = {name: dict(value) if isinstance(value, Mapping) else value for name, value in told.items()}
    seen = set()
    for entry in keep:
        where, equals, duration = entry.partition("=")
        if not equals:
            raise UsageError(f"Cannot read --keep {entry!r}: expected CLASS=DURATION or TABLE.CLASS=DURATION.")
        if where in seen:
            raise UsageError(f"--keep {where!r} is told twice: once is accepted.")
        seen.add(where)
        table, dot, data_class = where.rpartition(".")
        of_table = kept.setdefault(table, {}) if dot else kept
        if not isinstance(of_table, dict):
            raise UsageError(
                f"{table!r} is {of_table!r} in the rules' keep: expected its classes, as in usage = '30d'."
            )
        of_table[data_class] = duration
    return kept


def _days(told: object) -> int | None:
    from schemas.retention import LONGEST_YEARS  # noqa: PLC0415

    if told is None:
        return None
    longest = 365 * LONGEST_YEARS
    if not isinstance(told, int) or isinstance(told, bool) or not 1 <= told <= longest:
        raise UsageError(f"roll_up_after_days is {told!r}: expected a whole number of days from 1 to {longest:,}.")
    return told


def _span_ms(name: str, told: object, default_ms: int) -> int:
    from schemas.retention import duration_ms  # noqa: PLC0415

    if told is None:
        return default_ms
    if not isinstance(told, str):
        raise UsageError(f'{name} is {told!r}: expected a text, as in "30d".')
    span_ms = duration_ms(told)
    if span_ms < _LEAST_MS:
        raise UsageError(f"{name} is {told!r}: at least 1h is accepted, for whoever is reading or writing just now.")
    return span_ms
