"""From held firmware cohorts to rules that would let them in: proposals, for a person to look at. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from streams.repair_rule import KNOWN, conversion
from streams.repair_toml import read_rule


@dataclass(frozen=True)
class Cohort:
    """Held uploads of one firmware of one model, all at fault in the same field.

    Attributes:
        found: The foreign unit, or `factor NUMBER`.
        accepted: The contract's unit.
        events: How many are held.
    """

    material: str | None
    firmware: str | None
    field: str | None
    found: str | None
    accepted: str | None
    events: int

    def is_known(self) -> bool:
        """Whether anything can be proposed for it."""
        if self.material is None or self.firmware is None or self.field not in KNOWN:
            return False
        is_ours = self.accepted == KNOWN[self.field].unit
        return is_ours and conversion(self.found or "", self.accepted or "") is not None


@dataclass(frozen=True)
class Proposal:
    """A rule as TOML, and whose uploads it is for."""

    material: str
    firmware: str
    text: str


def proposals(cohorts: Sequence[Cohort]) -> list[Proposal]:
    """One rule for each firmware of each model: all its fields together, since one upload holds them all.

    Cohorts of which nobody knows a conversion give none.
    """
    known = sorted((cohort for cohort in cohorts if cohort.is_known()), key=_firmware_of)
    grouped = ((firmware, list(same)) for firmware, same in groupby(known, _firmware_of))
    return [Proposal(*firmware, _toml(*firmware, same)) for firmware, same in grouped]


def _firmware_of(cohort: Cohort) -> tuple[str, str]:
    return str(cohort.material), str(cohort.firmware)


def _toml(material: str, firmware: str, cohorts: Sequence[Cohort]) -> str:
    what = ", ".join(
        f"{cohort.field} in {cohort.found} instead of {cohort.accepted} ({cohort.events} held)" for cohort in cohorts
    )
    fields = "-".join(str(cohort.field) for cohort in cohorts)
    lines = [
        f"name = {_text(f'{material}-{firmware}-{fields}'[:64])}",
        f"why = {_text(f'{material} with firmware {firmware} measures {what}')}",
        "",
        "[select]",
        'reason = "cohort_differs"',
        f"material = {_text(material)}",
        f"firmware = {_text(firmware)}",
    ]
    for cohort in cohorts:
        lines += [
            "",
            "[[rewrite]]",
            'step = "convert"',
            f"field = {_text(str(cohort.field))}",
            f"from = {_text(str(cohort.found))}",
            f"to = {_text(str(cohort.accepted))}",
        ]
    text = "\n".join(lines) + "\n"
    read_rule(text, "the proposal")
    return text


def _text(value: str) -> str:
    """A basic string of TOML, which is written as in JSON but for letters beyond the basic plane."""
    return json.dumps(value, ensure_ascii=False)
