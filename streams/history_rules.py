"""The rule file of a backfill: thresholds that decide what sessions are and say, and prices for uses paid singly. Pure.

TOML with the tables `cycles` (`streams.curve_rules`), `anomalies` (`streams.wash_anomalies`), `runs`
(`streams.motion`) and `prices.CURRENCY`. What a file leaves out stays as it is in this code. A price may be a text or a
number: either is read as a decimal, digit by digit. `streams.history_rule_file` writes such files.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from decimal import Decimal
from typing import Any

from schemas.errors import UsageError
from streams import curve_rules, motion, wash_anomalies
from streams.product import Thresholds

TABLES: Mapping[str, str] = {"cycles": "curve", "anomalies": "wash", "runs": "run"}
"""Table of the file, and field of `Thresholds`."""
PRICE_NAMES = ("pay_per_wash", "pay_per_km")
MOST_PRICE = Decimal(1_000_000)
_CURRENCY = re.compile(r"[A-Z]{3}")
_DECIMAL = re.compile(r"[0-9]+(\.[0-9]+)?")
"""A price as a text. Python reads more as one: other scripts' digits, 1_0, 1e3."""
_LARGEST = 2**53


@dataclass(frozen=True)
class Rules:
    """What a backfill goes by.

    Attributes:
        prices: By currency and kind of contract (`PRICE_NAMES`), for a wash or a kilometre.
    """

    thresholds: Thresholds = field(default_factory=Thresholds)
    prices: Mapping[tuple[str, str], Decimal] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Twelve hex digits that are the same for the same numbers, however a file wrote them."""
        prices = {f"{currency}.{name}": str(price.normalize()) for (currency, name), price in self.prices.items()}
        text = json.dumps([asdict(self.thresholds), prices], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def read_rules(text: str, where: str) -> Rules:
    """The rules that a TOML text declares.

    Args:
        where: Names the text in errors.
    Raises:
        UsageError: no TOML; a table or key that is not known, or a value that is no such number: one of them is told.
    """
    try:
        declared = tomllib.loads(text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{where} is not TOML: {error}") from error
    _known(declared, (*TABLES, "prices"), where)
    thresholds = Thresholds()
    for table, name in TABLES.items():
        present = getattr(thresholds, name)
        changed = _numbers(declared.get(table, {}), present, f"{where}: {table}")
        thresholds = replace(thresholds, **{name: replace(present, **changed)})
    return Rules(thresholds, dict(_prices(declared.get("prices", {}), f"{where}: prices")))


def _numbers(
    given: object, present: curve_rules.Rules | wash_anomalies.Rules | motion.Rules, where: str
) -> dict[str, Any]:
    """The table's values, each of the type that the rule has: whole milliseconds, or any number."""
    kinds = {own.name: type(getattr(present, own.name)) for own in fields(present)}
    found: dict[str, Any] = {}
    for name, value in _table(given, tuple(kinds), where).items():
        is_whole = kinds[name] is int
        accepted = "a whole number" if is_whole else "a number"
        is_number = isinstance(value, int if is_whole else int | Decimal) and not isinstance(value, bool)
        if not is_number or not Decimal(value).is_finite() or not 0 <= value <= _LARGEST:
            raise UsageError(f"{where}.{name} is {_shown(value)}; {accepted} from 0 to 2^53 is accepted")
        found[name] = kinds[name](value)
    return found


def _prices(given: object, where: str) -> list[tuple[tuple[str, str], Decimal]]:
    found = []
    if not isinstance(given, dict):
        raise UsageError(f"{where} is no table of currencies: [prices.EUR] is accepted")
    for currency, own in given.items():
        if not _CURRENCY.fullmatch(currency):
            raise UsageError(f"{where}.{currency!s:.60} is no currency; three capital letters as in EUR are accepted")
        for name, value in _table(own, PRICE_NAMES, f"{where}.{currency}").items():
            found.append(((currency, name), _price(value, f"{where}.{currency}.{name}")))
    return found


def _price(value: object, where: str) -> Decimal:
    is_plain = bool(_DECIMAL.fullmatch(value)) if isinstance(value, str) else isinstance(value, int | Decimal)
    price = Decimal(value) if is_plain and not isinstance(value, bool) else None  # type: ignore[arg-type]
    if price is None or not price.is_finite() or not 0 <= price <= MOST_PRICE:
        raise UsageError(f'{where} is {_shown(value)}; a decimal as in "1.20", from 0 to {MOST_PRICE}, is accepted')
    return price


def _table(given: object, names: tuple[str, ...], where: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise UsageError(f"{where} is {_shown(given)}; a table with {', '.join(names)} is accepted")
    _known(given, names, where)
    return given


def _known(given: Mapping[str, Any], names: tuple[str, ...], where: str) -> None:
    unknown = next((name for name in given if name not in names), None)
    if unknown is not None:
        raise UsageError(f"{where}: {unknown!s:.60} is not known; {', '.join(names)} are")


def _shown(value: object) -> str:
    """The value as the file has it: a text in quotes, so that one sees it is one."""
    return f"{value!r:.60}" if isinstance(value, str) else f"{value!s:.60}"
