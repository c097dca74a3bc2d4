"""Parts of an invoice's evidence that lines point to: sessions by root, terms by hash; do they fit? Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Generic, TypeVar

from sinks.records.billing.months import instant, local_day, month_of, name_of, next_month
from sinks.records.billing.rating import RatedSession, root_of
from sinks.records.billing.terms import (
    ContractTerms,
    Tariff,
    as_json,
    contract_from,
    plain,
    tariff_from,
    tariff_json,
    version,
)

Part = TypeVar("Part")


@dataclass(frozen=True)
class Known(Generic[Part]):
    """Parts by the hash that lines name them by, and what did not fit."""

    found: dict[str | None, Part] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def known_sessions(told: Mapping[str, Sequence[Sequence[Any]]]) -> Known[Sequence[RatedSession]]:
    known: Known[Sequence[RatedSession]] = Known()
    for root, rows in told.items():
        sessions = [session_from(row) for row in rows]
        known.found[root] = sessions
        if [session.line() for session in sessions] != [list(row) for row in rows]:
            known.faults.append(f"A session behind {root[:12]} is not written as sessions are.")
        ids = [session.session_id for session in sessions]
        if ids != sorted(set(ids)):
            known.faults.append(f"The sessions behind {root[:12]} are not each there once, in order.")
        if root_of(sessions) != root:
            known.faults.append(f"The sessions behind {root[:12]} have another Merkle root: {root_of(sessions)[:12]}.")
    return known


def known_contracts(told: Mapping[str, Mapping[str, Any]]) -> Known[ContractTerms]:
    known: Known[ContractTerms] = Known()
    for key, terms in told.items():
        known.found[key] = contract_from(terms)
        if version(terms) != key or as_json(known.found[key]) != terms:
            known.faults.append(f"The contract's terms are not those of version {key[:12]}.")
    return known


def known_tariffs(told: Mapping[str, Mapping[str, Any]]) -> Known[Tariff]:
    known: Known[Tariff] = Known()
    for key, terms in told.items():
        known.found[key] = tariff_from(terms)
        if version(terms) != key or tariff_json(known.found[key]) != terms:
            known.faults.append(f"The prices are not those of version {key[:12]}.")
    return known


def session_from(row: Sequence[Any] | Mapping[str, Any]) -> RatedSession:
    """A session of evidence, as a list or as an object. Raises ValueError, KeyError where it is none."""
    session_id, number, ended_at_ms, quantity, waived = (
        (row[name] for name in ("session_id", "version", "ended_at_ms", "quantity", "waived"))
        if isinstance(row, Mapping)
        else row
    )
    return RatedSession(str(session_id), int(number), int(ended_at_ms), Decimal(quantity), waived)


def misfits(
    contract: ContractTerms, tariff: Tariff, sessions: Sequence[RatedSession], month: date, contract_no: str
) -> Iterator[str]:
    """What of contract, prices, sessions and month of use does not go together."""
    if contract.contract_no != contract_no:
        yield "it goes by the terms of another contract"
    if any((price.kind, price.country) != (contract.kind, contract.country) for price in tariff.prices):
        yield "its prices are for another kind of contract or country"
    days = [price.valid_from for price in tariff.prices]
    if (
        days != sorted(set(days))
        or days[0] >= next_month(month)
        or any(not month < day < next_month(month) for day in days[1:])
    ):
        yield f"its prices are not those of {name_of(month)}"
    rules = {rule.rule_no: rule for rule in tariff.waivers}
    for session in sessions:
        ended_at = instant(session.ended_at_ms)
        day = local_day(ended_at, contract.country)
        if month_of(day) != month:
            yield f"session {session.session_id} did not end in {name_of(month)}"
        if ended_at < contract.valid_from or (contract.valid_to is not None and ended_at >= contract.valid_to):
            yield f"session {session.session_id} did not end while the contract was valid"
        if tariff.first.unit == "km":
            is_counted = session.quantity >= 0 and session.quantity * 1000 % 1 == 0
        else:
            is_counted = session.quantity == 1
        if not is_counted:
            yield f"session {session.session_id} counts {plain(session.quantity)}"
        if session.waived is not None:
            rule = rules.get(session.waived)
            if rule is None or day < rule.valid_from or (rule.valid_to is not None and day >= rule.valid_to):
                yield f"session {session.session_id} is waived by rule {session.waived}, which did not hold"
