"""What the stream is told of one device, built from rows of the record systems. Pure.

Rows are foreign: people make mistakes in them. Of intervals that overlap the one that began last holds while it lasts;
when it ends, the one around it goes on: after a loan a device is its owner's again. Of those that begin together the
one that ends last holds. One that ends before it begins says nothing.

A preference that cannot be read counts as not told, a purpose that is none of ours as no consent. Anything else that
does not fit the contract is refused, with the name of the field and without what it holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from heapq import heappop, heappush
from itertools import groupby, zip_longest
from math import isnan
from operator import itemgetter
from typing import Any, TypeVar, get_args
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from schemas.reference import (
    ConsentReference,
    ContractReference,
    CustodyKind,
    CustodyReference,
    DeviceReference,
    Goal,
    Purpose,
    Reference,
)

Row = Mapping[str, Any]
"""Columns of one row by name; instants as milliseconds since 1970, `from_ms` and `to_ms` where it is an interval."""
SubjectOf = Callable[[str], str]
"""The pseudonym of a customer number."""

R = TypeVar("R", bound=Reference)

LEAST_BPM, MOST_BPM = 100, 240
MOST_KM_PER_WEEK = 500
MOST_RUNS_PER_WEEK = 14
NO_ADVICE, SOME_LANGUAGE = 0, "en"
"""How somebody is spoken to of whom CRM holds nothing: not at all."""
SOMEWHERE, SOME_ZONE = "ZZ", "UTC"
"""Where somebody is of whom nobody can read where: ISO 3166 keeps ZZ free for that."""

_COUNTRY = re.compile("[A-Z]{2}")
_LANGUAGE = re.compile("[A-Za-z0-9]{1,8}(-[A-Za-z0-9]{1,8}){0,7}")  # the shape of a tag (BCP 47), known or not


@dataclass(frozen=True)
class Rows:
    """Rows by device; prices by country."""

    devices: dict[str, Row]
    custodies: dict[str, list[Row]]
    contracts: dict[str, list[Row]]
    consents: dict[str, list[Row]]
    prices: dict[str, list[Row]]


class RefusedError(ValueError):
    """Rows that do not fit the contract; the message names the field."""


def device_reference(row: Row, revision: int) -> DeviceReference:
    """What ERP knows of a unit.

    Raises:
        RefusedError: A value is none the contract takes. So for the others.
    """
    return _built(DeviceReference, {**row, "revision": revision})


def custody_reference(
    device_id: str, rows: Iterable[Row], revision: int, subject_of: SubjectOf, *, without_unknown_kinds: bool = False
) -> CustodyReference:
    """Who had the device from when to when, in any order of rows.

    Args:
        without_unknown_kinds: Whoever it came to in a way that is none counts as nobody, instead of being refused.
    """
    held = untangled(rows)
    if without_unknown_kinds:
        held = [row for row in held if row["kind"] in get_args(CustodyKind)]
    return _built(
        CustodyReference,
        {
            **_head(device_id, revision, held),
            "kind": [row["kind"] for row in held],
            "subject": [subject_of(row["customer_id"]) for row in held],
            "country": [_fitting(_COUNTRY, row["country"], SOMEWHERE) for row in held],
            "time_zone": [row["time_zone"] if _is_zone(row["time_zone"]) else SOME_ZONE for row in held],
            "language": [_fitting(_LANGUAGE, row["language"], SOME_LANGUAGE) for row in held],
            "insights_per_week": [max(0, _told(row["insights_per_week"], NO_ADVICE)) for row in held],
            "max_heart_rate_bpm": [_within(row["max_heart_rate_bpm"], LEAST_BPM, MOST_BPM) for row in held],
            "goal": [row["goal"] if row["goal"] in get_args(Goal) else None for row in held],
            "weekly_km": [_within(row["weekly_km"], 0, MOST_KM_PER_WEEK) for row in held],
            "runs_per_week": [_within(row["runs_per_week"], 1, MOST_RUNS_PER_WEEK) for row in held],
        },
    )


def contract_reference(
    device_id: str, rows: Iterable[Row], prices: Mapping[str, Sequence[Row]], revision: int
) -> ContractReference:
    """What the device was used under, an entry for each time in which contract and prices stayed the same.

    Args:
        prices: By country, in any order. The first of a country holds before it, too.
    """
    held = [part for row in untangled(rows) for part in _priced(row, prices.get(row["country"], ()))]
    return _built(
        ContractReference,
        {
            **_head(device_id, revision, held),
            "contract_no": [row["contract_no"] for row in held],
            "kind": [row["kind"] for row in held],
            "currency": [row["currency"] for row in held],
            "energy_price_per_kwh": [float(row["energy_per_kwh"]) for row in held],
            "water_price_per_m3": [float(row["water_per_m3"]) for row in held],
        },
    )


def consent_reference(device_id: str, rows: Iterable[Row], revision: int, subject_of: SubjectOf) -> ConsentReference:
    """What people agreed to for this device, in any order of rows; declarations that overlap count as one."""
    known = [{**row, "subject": subject_of(row["customer_id"])} for row in rows if row["purpose"] in get_args(Purpose)]
    by_person = itemgetter("subject", "purpose")
    held = [part for _, own in groupby(sorted(known, key=by_person), by_person) for part in _joined(own)]
    held.sort(key=itemgetter("from_ms", "subject", "purpose"))
    return _built(
        ConsentReference,
        {
            **_head(device_id, revision, held),
            "subject": [row["subject"] for row in held],
            "purpose": [row["purpose"] for row in held],
        },
    )


def untangled(rows: Iterable[Row]) -> list[Row]:
    """The rows in order of time, none of them empty, each cut to when it holds; one that goes on later is there again.

    At any instant that row holds which began last of those that have begun and not ended; of those that began together
    the one that ends last.
    """
    sound = sorted(filter(_is_sound, rows), key=_by_begin)
    edges = sorted({edge for row in sound for edge in (row["from_ms"], row["to_ms"]) if edge is not None})
    running: list[int] = []  # places in `sound`, negative: a heap gives the least
    begun = 0
    parts: list[tuple[int, int, int | None]] = []
    for edge, end in zip_longest(edges, edges[1:]):
        while begun < len(sound) and sound[begun]["from_ms"] <= edge:
            heappush(running, -begun)
            begun += 1
        while running and _has_ended(sound[-running[0]], edge):
            heappop(running)
        if not running:
            continue
        start = edge
        if parts and (parts[-1][0], parts[-1][2]) == (-running[0], edge):
            start = parts.pop()[1]
        parts.append((-running[0], start, end))
    return [{**sound[place], "from_ms": start, "to_ms": end} for place, start, end in parts]


def _joined(rows: Iterable[Row]) -> Iterator[Row]:
    """The times of one person's declarations on one purpose, those that touch as one."""
    current: dict[str, Any] | None = None
    for row in sorted(filter(_is_sound, rows), key=itemgetter("from_ms")):
        if current is not None and (current["to_ms"] is None or row["from_ms"] <= current["to_ms"]):
            ends = (current["to_ms"], row["to_ms"])
            current["to_ms"] = None if None in ends else max(ends)
            continue
        if current is not None:
            yield current
        current = dict(row)
    if current is not None:
        yield current


def _priced(row: Row, prices: Sequence[Row]) -> Iterator[Row]:
    """A contract cut where prices of its country change."""
    if not prices:
        raise RefusedError("country: billing has no utility price there")
    ordered = sorted(prices, key=itemgetter("from_ms"))
    begins = [row["from_ms"], *(price["from_ms"] for price in ordered[1:])]
    for price, begin, end in zip(ordered, begins, [*begins[1:], None], strict=True):
        part = {**price, **row, "from_ms": max(begin, row["from_ms"]), "to_ms": _earlier(row["to_ms"], end)}
        if _is_sound(part):
            yield part


def _head(device_id: str, revision: int, held: Sequence[Row]) -> dict[str, Any]:
    return {
        "device_id": device_id,
        "revision": revision,
        "from_ms": [row["from_ms"] for row in held],
        "to_ms": [row["to_ms"] for row in held],
    }


def _is_sound(row: Row) -> bool:
    return row["from_ms"] is not None and (row["to_ms"] is None or row["from_ms"] < row["to_ms"])


def _has_ended(row: Row, at_ms: int) -> bool:
    return row["to_ms"] is not None and row["to_ms"] <= at_ms


def _by_begin(row: Row) -> tuple[int, bool, int]:
    return row["from_ms"], row["to_ms"] is None, row["to_ms"] or 0


def _earlier(one: int | None, other: int | None) -> int | None:
    ends = [end for end in (one, other) if end is not None]
    return min(ends) if ends else None


def _told(value: Any, otherwise: Any) -> Any:
    return otherwise if value is None else value


def _fitting(form: re.Pattern[str], value: str | None, otherwise: str) -> str:
    return value if value is not None and form.fullmatch(value) else otherwise


def _within(value: Any, least: float, most: float) -> Any:
    # PostgreSQL has a NaN among its decimals, which Python refuses to compare.
    return value if value is not None and not isnan(value) and least <= value <= most else None


@lru_cache(maxsize=1024)
def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # a name that is none may be any path
        return False
    return True


def _built(contract: type[R], fields: dict[str, Any]) -> R:
    try:
        return contract(**fields)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)[0]
        raise RefusedError(f"{'.'.join(map(str, found['loc']))}: {found['msg']}") from None
