"""A rule file of a backfill as text, for people to change: each key with what it means, and its unit. Pure.

Meanings are what the dataclasses of the rules say under their fields: there is no second text to keep alike.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import asdict

from streams.history_rules import PRICE_NAMES, TABLES, Rules

WIDTH = 100
_UNITS = (
    ("_mm_per_ms", "mm a ms, which is m/s"),
    ("_ms", "ms"),
    ("_wh", "Wh"),
    ("_w", "W"),
    ("_below", "as a share of 1"),
    ("_from", "times"),
)
"""How a key ends, and the unit it is in."""
_PRICES = "Prices of uses that are paid singly, by currency: a wash, a kilometre. Without one, such a use is in no sum."
_EXAMPLE = ("[prices.EUR]", 'pay_per_wash = "1.20"', 'pay_per_km = "0.06"')


def as_toml(rules: Rules) -> str:
    """The rules as a file that `read_rules` reads as the same. Without prices, an example of them is commented out."""
    lines = []
    for table, name in TABLES.items():
        present = getattr(rules.thresholds, name)
        values = asdict(present)
        lines += [*_comment(inspect.cleandoc(type(present).__doc__ or "")), f"[{table}]"]
        for keys, meaning in meanings(type(present)):
            lines += ["", *_comment(meaning)]
            lines += [f"{key} = {values[key]!r}  # {unit(key)}" for key in keys]
        lines.append("")
    lines += _comment(_PRICES)
    if not rules.prices:
        lines += [f"# {line}" for line in _EXAMPLE]
    for currency in sorted({currency for currency, _ in rules.prices}):
        own = ((name, rules.prices.get((currency, name))) for name in PRICE_NAMES)
        lines += [f"[prices.{currency}]", *(f'{name} = "{price:f}"' for name, price in own if price is not None), ""]
    return "\n".join(lines)


def meanings(rules: type) -> Iterator[tuple[list[str], str]]:
    """Fields of a dataclass of rules that share a meaning, and the meaning: the text below the last of them."""
    (made,) = ast.parse(textwrap.dedent(inspect.getsource(rules))).body
    assert isinstance(made, ast.ClassDef)
    fields: list[str] = []
    for part in made.body:
        match part:
            case ast.AnnAssign(target=ast.Name(id=name)):
                fields.append(name)
            case ast.Expr(value=ast.Constant(value=str(text))) if fields:
                yield fields, " ".join(text.split()).replace("`", "")
                fields = []


def unit(key: str) -> str:
    """What a key is measured in, by its name.

    >>> unit("pause_ms"), unit("slowest_mm_per_ms")
    ('ms', 'mm a ms, which is m/s')
    """
    return next(told for end, told in _UNITS if key.endswith(end))


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(" ".join(text.split()), WIDTH)]
