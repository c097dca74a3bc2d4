"""Names why an upload is refused: the slow path, taken only for uploads that the fast path would not let in.

Pure. Its verdict is the contract's own: an upload that only looked wrong comes back as a model and is let in.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from schemas.failures import Reason
from schemas.fields import EARLIEST_MS
from schemas.uploads import MAX_UPLOAD_BYTES, Upload

_OPENING = re.compile(r"[\[{][\[{\s]*")
DEEPEST = 1_000
"""Brackets in a row. Python's own limit differs from version to version, and its verdict must not."""

SHOWN_CHARACTERS = 60
LONGEST_INTEGER = 400
"""Digits; a double holds at most 309, and Python refuses to read more than 4,300."""
REASONS: frozenset[str] = frozenset(get_args(Reason))


@dataclass(frozen=True)
class Refused:
    """Why an upload does not count, in a code and in a sentence that a person understands."""

    reason: Reason
    detail: str


class _Constant(float):
    """NaN or an infinity written as such: no JSON, but harmless where nobody reads it."""


def examine(original: bytes | None, model: type[Upload]) -> Upload | Refused:
    """The upload in those bytes, or why there is none. What an unknown field holds does not matter, nor how often."""
    if not original:
        return Refused("empty", "the record has no bytes")
    if len(original) > MAX_UPLOAD_BYTES:
        return Refused("too_large", f"{len(original)} bytes, at most {MAX_UPLOAD_BYTES} are accepted")
    try:
        text = original.decode("utf-8")
    except UnicodeDecodeError as error:
        return Refused("not_utf8", f"byte {original[error.start]:#04x} at position {error.start} is not UTF-8")
    outermost: list[tuple[str, Any]] = []

    def remembered(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        outermost[:] = pairs  # The outermost object is the last to be complete.
        return dict(pairs)

    if any(run[0].count("[") + run[0].count("{") >= DEEPEST for run in _OPENING.finditer(text)):
        return Refused("not_json", "nested too deeply")
    try:
        value = json.loads(text, object_pairs_hook=remembered, parse_constant=_Constant, parse_int=_integer)
    except RecursionError:
        return Refused("not_json", "nested too deeply")
    except ValueError as error:
        return Refused("not_json", str(error)[:200])
    if not isinstance(value, dict):
        return Refused("not_an_object", f"a JSON {type(value).__name__} where an object is expected")
    known = [(key, found) for key, found in outermost if key in model.model_fields]
    return _twice(known) or _not_json(known) or _judged(value, model)


def _twice(pairs: list[tuple[str, Any]]) -> Refused | None:
    times = Counter(key for key, _ in pairs)
    return next(
        (Refused("duplicate_key", f"key {key!r} stands there {n} times") for key, n in times.items() if n > 1), None
    )


def _not_json(pairs: list[tuple[str, Any]]) -> Refused | None:
    for key, found in pairs:
        for value in found if isinstance(found, list) else [found]:
            if isinstance(value, _Constant):
                return Refused("not_json", f"{key} holds {float(value)}, which is not JSON")
    return None


def _integer(digits: str) -> int | float:
    """As Python reads it, but too long for Python's patience is too large for any contract."""
    return int(digits) if len(digits) <= LONGEST_INTEGER else float(digits)


def _judged(value: dict[str, Any], model: type[Upload]) -> Upload | Refused:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        return _named(error)


def _named(error: ValidationError) -> Refused:
    """The first fault as reason and sentence, and how many more there are."""
    faults = error.errors(include_url=False)
    first = faults[0]
    reason, sentence = _reason(first)
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return Refused(reason, sentence + more)


def _reason(fault: ErrorDetails) -> tuple[Reason, str]:
    place = ".".join(str(part) for part in fault["loc"])
    found = repr(fault["input"])[:SHOWN_CHARACTERS]
    kind, message = fault["type"], fault["msg"]
    if kind == "missing":
        return "missing_field", f"{place} is missing"
    if kind == "value_error":
        # Contracts raise their rules between fields as "reason: sentence".
        code, _, sentence = str(fault["ctx"]["error"]).partition(": ")
        return (code if code in REASONS else "bad_format"), sentence  # type: ignore[return-value]
    sentence = f"{place}: {message}, found {found}"
    if kind == "greater_than_equal" and fault["ctx"]["ge"] == EARLIEST_MS:
        return "time_out_of_bounds", sentence
    if kind in ("greater_than_equal", "less_than_equal", "finite_number", "too_long"):
        return "out_of_range", sentence
    if kind in ("string_pattern_mismatch", "literal_error"):
        return "bad_format", sentence
    return "wrong_type", sentence
