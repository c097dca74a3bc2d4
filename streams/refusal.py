"""Names why an upload is refused: the slow path, taken only for uploads that the fast path would not let in.

Pure. Its verdict is the contract's own: an upload that only looked wrong comes back as a model and is let in. What it
says is read by everybody, so it quotes of the upload only what `streams.quoting` lets through.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from schemas.failures import Reason
from schemas.fields import EARLIEST_MS, FIRMWARE, IDENTIFIER, LARGEST_EXACT_INTEGER
from schemas.uploads import MAX_UPLOAD_BYTES, VERSION_FIELD, Upload, WasherUploadV2
from streams.quoting import quoted, without_long_numbers

_OPENING = re.compile(r"[\[{][\[{\s]*")
DEEPEST = 1_000
"""Brackets in a row. Python's own limit differs from version to version, and its verdict must not."""

LONGEST_INTEGER = 400
"""Digits; a double holds at most 309, and Python refuses to read more than 4,300."""
_IDENTIFIER, _FIRMWARE = re.compile(IDENTIFIER), re.compile(FIRMWARE)
_DIGITS = re.compile(r"[0-9]{1,16}")
REASONS: frozenset[str] = frozenset(get_args(Reason))


@dataclass(frozen=True)
class Refused:
    """Why an upload does not count, in a code and in a sentence that a person understands.

    Attributes:
        field, found, accepted: What is at fault where, if it is one field.
        seq, material, firmware: What the upload says of itself, as far as it is what it should be.
    """

    reason: Reason
    detail: str
    field: str | None = None
    found: str | None = None
    accepted: str | None = None
    seq: int | None = None
    material: str | None = None
    firmware: str | None = None


class _Constant(float):
    """NaN or an infinity written as such: no JSON, but harmless where nobody reads it."""


def examine(original: bytes | None, versions: Sequence[type[Upload]]) -> Upload | Refused:
    """The upload in those bytes, or why there is none. What an unknown field holds does not matter, nor how often.

    Args:
        versions: Contracts of the product, oldest first. An upload that does not say its version is of the oldest.
    """
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
        return Refused("not_json", str(error)[:200])  # tells what is missing where, and a letter at most
    if not isinstance(value, dict):
        return Refused("not_an_object", f"a JSON {json_kind(value)} where an object is expected")
    itself = _of_itself(value)
    model = _version(value, versions)
    if isinstance(model, Refused):
        return replace(model, **itself)
    known = [(key, found) for key, found in outermost if key in model.model_fields]
    verdict = _twice(known) or _not_json(known) or _judged(value, model)
    return replace(verdict, **itself) if isinstance(verdict, Refused) else verdict


def json_kind(value: Any) -> str:
    """What JSON's reader found, in words that are not Python's."""
    kinds = {dict: "object", list: "list", str: "text", bool: "truth value", type(None): "null"}
    return kinds.get(type(value), "number")


def _version(value: dict[str, Any], versions: Sequence[type[Upload]]) -> type[Upload] | Refused:
    if VERSION_FIELD not in value:
        return versions[0]
    said = value[VERSION_FIELD]
    for version in versions:
        # Version 1 has no such field, and numbers in quotes count as numbers.
        if not isinstance(said, bool) and said in (version.version, str(version.version)):
            return version
    known = ", ".join(str(version.version) for version in versions)
    found = quoted(said, VERSION_FIELD, WasherUploadV2)
    return Refused("unknown_version", f"{VERSION_FIELD} is {found}, accepted: {known}", VERSION_FIELD, found, known)


def _of_itself(value: dict[str, Any]) -> dict[str, Any]:
    """Number, material and firmware, as far as they are what they should be."""
    seq = value.get("seq")
    if isinstance(seq, str) and _DIGITS.fullmatch(seq):  # numbers in quotes count as numbers
        seq = int(seq)
    itself: dict[str, Any] = {}
    if isinstance(seq, int) and not isinstance(seq, bool) and 0 <= seq <= LARGEST_EXACT_INTEGER:
        itself["seq"] = seq
    for name, pattern in (("material", _IDENTIFIER), ("firmware", _FIRMWARE)):
        if isinstance(value.get(name), str) and pattern.fullmatch(value[name]):
            itself[name] = value[name]
    return itself


def _twice(pairs: list[tuple[str, Any]]) -> Refused | None:
    times = Counter(key for key, _ in pairs)
    return next(
        (Refused("duplicate_key", f"key {key!r} stands there {n} times", key) for key, n in times.items() if n > 1),
        None,
    )


def _not_json(pairs: list[tuple[str, Any]]) -> Refused | None:
    for key, found in pairs:
        for value in found if isinstance(found, list) else [found]:
            if isinstance(value, _Constant):
                return Refused("not_json", f"{key} holds {float(value)}, which is not JSON", key, str(float(value)))
    return None


def _integer(digits: str) -> int | float:
    """As Python reads it, but too long for Python's patience is too large for any contract."""
    return int(digits) if len(digits) <= LONGEST_INTEGER else float(digits)


def _judged(value: dict[str, Any], model: type[Upload]) -> Upload | Refused:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        return _named(error, model)


def _named(error: ValidationError, model: type[Upload]) -> Refused:
    """The first fault as reason and sentence, and how many more there are."""
    faults = error.errors(include_url=False)
    refused = _reason(faults[0], model)
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return replace(refused, detail=refused.detail + more)


def _reason(fault: ErrorDetails, model: type[Upload]) -> Refused:
    place = ".".join(str(part) for part in fault["loc"])
    field = str(fault["loc"][0]) if fault["loc"] else None
    found = quoted(fault["input"], field or "", model)
    kind, message = fault["type"], fault["msg"]
    if kind == "missing":
        return Refused("missing_field", f"{place} is missing", field)
    if kind == "value_error":
        # Contracts raise their rules between fields as "reason: sentence".
        code, _, sentence = str(fault["ctx"]["error"]).partition(": ")
        word, told = sentence.split(" ", 1)[0], without_long_numbers(sentence)
        at_fault = word if word in model.model_fields else None
        return Refused(code if code in REASONS else "bad_format", told, at_fault)  # type: ignore[arg-type]
    sentence = f"{place}: {message}, found {found}"
    accepted = message.removeprefix("Input should be ").removeprefix("a valid ")
    return Refused(_code(fault), sentence, field, found, accepted)


def _code(fault: ErrorDetails) -> Reason:
    kind = fault["type"]
    if kind == "greater_than_equal" and fault["ctx"]["ge"] == EARLIEST_MS:
        return "time_out_of_bounds"
    if kind in ("greater_than_equal", "less_than_equal", "finite_number", "too_long"):
        return "out_of_range"
    if kind in ("string_pattern_mismatch", "literal_error"):
        return "bad_format"
    return "wrong_type"
