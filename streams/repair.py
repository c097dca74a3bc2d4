"""Makes uploads fit to come back out of failed events: unchanged, or rewritten by a rule. Pure.

An upload keeps its identity, device and number, so that dedup sees what it has seen before.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from schemas.units import Conversion
from streams.product import PRODUCTS
from streams.refusal import Refused, examine, json_kind
from streams.repair_rule import AS_IS, KNOWN, Convert, Drop, Rename, Rule, Set, conversion

ROUNDED_DIGITS = 9
"""Behind the point, in the contract's unit: finer than anything measures, coarser than the noise of a product."""

_VERSIONS = {product.telemetry: product.versions for product in PRODUCTS}


@dataclass(frozen=True)
class Held:
    """A failed event, as far as bringing it back needs it.

    Attributes:
        key: The record's key, if it was readable text.
        repair: The repair by which it had come back when it was refused, if it had.
    """

    topic: str
    partition: int
    offset: int
    key: str | None
    reason: str
    original: bytes
    repair: str | None = None

    @property
    def place(self) -> str:
        """Where it came from, as people and `vaxel failed show` name it."""
        return f"{self.topic}[{self.partition}]@{self.offset}"


@dataclass(frozen=True)
class Fit:
    """An upload that the contract lets in; `value` is what goes back to its topic."""

    held: Held
    device_id: str
    seq: int
    value: bytes


@dataclass(frozen=True)
class Unfit:
    """An upload that stays where it is, and why: a reason of `schemas.failures`, or one of a rewrite's own.

    A rewrite's own are `repaired_before`, `not_rewritable` and `unchanged`.
    """

    held: Held
    reason: str
    detail: str


@dataclass(frozen=True)
class Changed:
    """One field before and after; None where it is not there, else JSON."""

    field: str
    before: str | None
    after: str | None


def as_it_is(held: Held, asked_for: str | None = None) -> Fit | Unfit:
    """The upload unchanged, if the contract lets it in today.

    Args:
        asked_for: The reason that a person has named. Uploads under another key than their device, and those of a
            firmware that is held, come back only if it is theirs: the door does not look at either again.
    """
    if held.reason == "cohort_differs" and asked_for != held.reason:
        return Unfit(
            held, held.reason, "its firmware is held; select reason cohort_differs to let these in as they are"
        )
    return _judged(held, held.original, asked_for)


def rewritten(held: Held, rule: Rule) -> Fit | Unfit:
    """The upload after all steps of the rule, if they change it and the contract lets the outcome in.

    What a repair has rewritten already, only a rule that says so rewrites again, and no rule its own work: litres
    turned from millilitres twice would still be litres that the contract lets in.
    """
    if (told := _rewritten_before(held, rule)) is not None:
        return Unfit(held, "repaired_before", told)
    try:
        upload = _parsed(held.original, rule)
        before = dict(upload)
        for number, step in enumerate(rule.rewrite, 1):
            try:
                _STEPS[type(step)](upload, step)
            except ValueError as error:
                raise ValueError(f"step {number}: {error}") from error
        if _same(before, upload):
            return Unfit(held, "unchanged", "no step of the rule changes anything in it")
        value = json.dumps(upload, separators=(",", ":")).encode()
    except RecursionError:
        return Unfit(held, "not_rewritable", "nested too deeply")
    except ValueError as error:
        return Unfit(held, "not_rewritable", str(error))
    return _judged(held, value, rule.select.reason)


def _rewritten_before(held: Held, rule: Rule) -> str | None:
    if held.repair is None or held.repair == AS_IS:
        return None
    if held.repair == rule.folder_name:
        return "this very rule has rewritten it already"
    only = "a rule rewrites it once more only with `again = true` beside its name"
    return None if rule.again else f"came back by {held.repair} and was refused again; {only}"


def changed_fields(before: bytes, after: bytes) -> list[Changed]:
    """The fields in which two JSON objects differ, in their order."""
    old, new = json.loads(before), json.loads(after)
    names = [*old, *(name for name in new if name not in old)]
    pairs = [
        Changed(name, *(json.dumps(side[name]) if name in side else None for side in (old, new))) for name in names
    ]
    return [pair for pair in pairs if pair.before != pair.after]


def _judged(held: Held, value: bytes, asked_for: str | None) -> Fit | Unfit:
    if held.topic not in _VERSIONS:
        return Unfit(held, "unknown_version", f"no contract describes uploads of topic {held.topic!r}")
    verdict = examine(value, _VERSIONS[held.topic])
    if isinstance(verdict, Refused):
        return Unfit(held, verdict.reason, verdict.detail)
    if verdict.device_id != held.key and asked_for != "wrong_key":
        found = f"device_id is {verdict.device_id!r}, its record's key was {held.key!r}"
        return Unfit(held, "wrong_key", f"{found}; select reason wrong_key to let these in under device_id")
    return Fit(held, verdict.device_id, verdict.seq, value)


def _parsed(original: bytes, rule: Rule) -> dict[str, Any]:
    outermost: list[tuple[str, Any]] = []

    def remembered(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        outermost[:] = pairs  # The outermost object is the last to be complete.
        return dict(pairs)

    try:
        upload = json.loads(original.decode(), object_pairs_hook=remembered)
    except ValueError as error:  # of JSON and of UTF-8
        raise ValueError(f"not readable as JSON: {str(error)[:200]}") from error
    if not isinstance(upload, dict):
        raise ValueError(f"a JSON {json_kind(upload)} where an object is expected")
    meant = {step.field for step in rule.rewrite} | KNOWN.keys()
    for name, times in Counter(name for name, _ in outermost).items():
        if times > 1 and name in meant:
            raise ValueError(f"key {name!r} stands there {times} times: which one counts, no rule can say")
    return upload


def _same(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Also in type: 1 and true are equal in Python, not in an upload."""
    return json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)


def _set(upload: dict[str, Any], step: Set) -> None:
    upload[step.field] = step.value


def _rename(upload: dict[str, Any], step: Rename) -> None:
    if step.field in upload:
        if step.to in upload:
            raise ValueError(f"{step.to} is there already, beside {step.field}")
        upload[step.to] = upload.pop(step.field)


def _convert(upload: dict[str, Any], step: Convert) -> None:
    if step.field not in upload:
        return
    known = conversion(step.unit, step.to)
    assert known is not None, "the rule was checked"
    is_whole = KNOWN[step.field].value.kind == "int"
    value = upload[step.field]
    try:
        if isinstance(value, list):
            upload[step.field] = [_in_our_unit(one, known, is_whole) for one in value]
        else:
            upload[step.field] = _in_our_unit(value, known, is_whole)
    except ValueError as error:
        raise ValueError(f"{step.field} holds {error}") from error


def _in_our_unit(value: Any, known: Conversion, is_whole: bool) -> float | int | None:
    """A number, in quotes or not, in the contract's unit."""
    if value is None:
        return None
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError
        ours = known.to_ours(float(value))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{repr(value)[:60]}, which is no number") from error
    if not isfinite(ours):
        raise ValueError(f"{repr(value)[:60]}, which is no finite number")
    return round(ours) if is_whole else round(ours, ROUNDED_DIGITS)


def _drop(upload: dict[str, Any], step: Drop) -> None:
    upload.pop(step.field, None)


_STEPS: dict[type, Callable[[dict[str, Any], Any], None]] = {
    Set: _set,
    Rename: _rename,
    Convert: _convert,
    Drop: _drop,
}


@dataclass
class Tally:
    """How many uploads stay for which reason, and where the first of each was refused."""

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, tuple[str, str]] = field(default_factory=dict)

    def add(self, unfit: Unfit) -> None:
        """Count one more."""
        self.counts[unfit.reason] += 1
        self.first.setdefault(unfit.reason, (unfit.held.place, unfit.detail))

    def rows(self) -> list[dict[str, Any]]:
        """Reason, count, place and detail of the first; most first."""
        found = [(reason, count, *self.first[reason]) for reason, count in self.counts.most_common()]
        return [dict(zip(("reason", "count", "place", "detail"), row, strict=True)) for row in found]
