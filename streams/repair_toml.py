"""From what a person wrote to a rule or a selection, or to one line that says what is wrong with it. Pure."""

from __future__ import annotations

import tomllib
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from schemas.errors import UsageError
from streams.repair_rule import Rule, Selection

_SHOWN_CHARACTERS = 60


def read_rule(text: str, where: str) -> Rule:
    """The rule that the TOML text declares.

    Args:
        where: Names the text in errors.
    Raises:
        UsageError: no TOML, or no rule: what, where, and what is accepted.
    """
    try:
        return Rule.model_validate(_declared(text, where))
    except ValidationError as error:
        faults = error.errors(include_url=False)
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise UsageError(f"{where} is no rule for a repair: {_told(faults[0])}{more}") from error


def _declared(text: str, where: str) -> dict[str, Any]:
    """What the TOML text says, all of it such that JSON and error messages can hold it."""
    try:
        declared = tomllib.loads(text)
        if not _has_beyond_64_bits(declared):
            return declared
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{where} is not TOML: {error}") from error
    except RecursionError as error:
        raise UsageError(f"{where} is no rule for a repair: nested too deeply") from error
    except ValueError:  # of int(), for which 4,300 digits are too many
        pass
    raise UsageError(f"{where} is no rule for a repair: it holds a whole number beyond 64 bits")


def _has_beyond_64_bits(declared: dict[str, Any]) -> bool:
    """Without recursion: dotted keys nest as deeply as they are long."""
    waiting: list[Any] = [declared]
    while waiting:
        match waiting.pop():
            case dict() as table:
                waiting.extend(table.values())
            case list() as values:
                waiting.extend(values)
            case int() as number if not -(2**63) <= number < 2**63:
                return True
    return False


def selection(**conditions: Any) -> Selection:
    """The selection of those conditions, None being none.

    Raises:
        UsageError: a condition that no failed event can meet.
    """
    try:
        return Selection.model_validate(conditions)
    except ValidationError as error:
        raise UsageError(_told(error.errors(include_url=False)[0])) from error


def _told(fault: ErrorDetails) -> str:
    place = ".".join(str(part + 1 if isinstance(part, int) else part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"{place} is not known"
    if fault["type"] == "missing":
        return f"{place} is missing"
    if fault["type"].startswith("union_tag"):
        return f"{place}: step is one of set, rename, convert, drop"
    if fault["type"].startswith("datetime"):
        found = repr(fault["input"])[:_SHOWN_CHARACTERS]
        return f"{place}: {found} is no time; 2026-05-03 and 2026-05-03T07:00Z are accepted"
    message = fault["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else message
