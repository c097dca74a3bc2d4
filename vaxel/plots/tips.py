"""What marks of a picture tell where the mouse rests. Pure but for the one dictionary that is filled."""

from __future__ import annotations

from typing import Any

Tips = dict[str, str]
"""Text of each mark, by the id that it has in the SVG."""


def tip_of(tips: Tips, text: str) -> str:
    """The id for a mark that tells this text, which is noted under it."""
    name = f"tip-{len(tips)}"
    tips[name] = text
    return name


def said(value: Any) -> str:
    """A number in three digits, or what else it is.

    >>> said(1234.5), said(0.12345), said("eco")
    ('1,234', '0.123', 'eco')
    """
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.3g}"
    return str(value)
