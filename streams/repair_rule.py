"""A declared rewrite of refused uploads, as data: what a person writes into a TOML file and others can review. Pure.

name = "water-in-ml"
why = "WM-8030 with firmware 2.4.0 measures water in millilitres"

[select]
reason = "out_of_range"
material = "WM-8030"
firmware = "2.4.0"

[[rewrite]]
step = "convert"
field = "water_l"
from = "ml"
to = "l"
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from math import isfinite
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from schemas.failures import Reason
from schemas.fields import IDENTIFIER
from schemas.forms import Column, columns
from schemas.units import CONVERSIONS, Conversion
from schemas.uploads import SHOE_VERSIONS, WASHER_VERSIONS

AS_IS = "as-is"
"""Name of what comes back unchanged; no rule may have it."""

IDENTITY = ("device_id", "seq")
"""What makes an upload itself. Dedup recognises it by them, so no rewrite may touch them."""

KNOWN: dict[str, Column] = {
    column.name: column for model in (*WASHER_VERSIONS, *SHOE_VERSIONS) for column in columns(model)
}
"""Every field that any upload may have."""

_FACTOR = re.compile(r"factor ([0-9]+(?:\.[0-9]+)?(?:e[-+]?[0-9]+)?)")


def _known(field: str) -> str:
    if field not in KNOWN:
        raise ValueError(f"no upload has a field {field!r}; there are {', '.join(KNOWN)}")
    return _no_identity(field)


def _no_identity(field: str) -> str:
    if field in IDENTITY:
        raise ValueError(f"{field} is an upload's identity, by which it is told from duplicates: no rule changes it")
    return field


def _utc(at: datetime) -> datetime:
    try:
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("in UTC it is outside the years 1 to 9999") from error


def _writable(text: str) -> str:
    if "\0" in text or not _is_utf8(text):
        raise ValueError(f"{text!r} is no text that an upload can hold")
    return text


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _plain(value: Any) -> Any:
    for one in value if isinstance(value, list) else [value]:
        if not isinstance(one, bool | int | float | str | None) or (isinstance(one, float) and not isfinite(one)):
            found = "a list" if isinstance(one, list) else "a table" if isinstance(one, dict) else repr(one)
            raise ValueError(f"a text, a number, true, false, or a list of them is accepted, found {found}")
    return value


FieldName = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_no_identity)]
KnownField = Annotated[FieldName, AfterValidator(_known)]
Chosen = Annotated[str, AfterValidator(_writable)]
Instant = Annotated[datetime, AfterValidator(_utc)]
Value = Annotated[Any, AfterValidator(_plain)]


class _Declared(BaseModel):
    """Immutable; a key that nobody knows is a slip of the pen, not an addition."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)


class Selection(_Declared):
    """Which failed events; all of its conditions hold. `[since, until)` is when Kafka took them in."""

    reason: Reason | None = None
    material: Chosen | None = None
    firmware: Chosen | None = None
    field: Chosen | None = None
    device: Chosen | None = None
    since: Instant | None = None
    until: Instant | None = None


class Set(_Declared):
    """Gives a field a value, whether it is there or not. TOML has no null: `null = true` is one."""

    step: Literal["set"]
    field: KnownField
    value: Value = None
    null: bool = False

    @model_validator(mode="after")
    def _one_of_both(self) -> Set:
        if (self.value is None) != self.null:
            raise ValueError("either value = ... or null = true")
        return self


class Rename(_Declared):
    """Moves a value to the contract's name."""

    step: Literal["rename"]
    field: FieldName = Field(alias="from")
    to: KnownField


class Convert(_Declared):
    """Turns numbers of another unit into the contract's; of a channel each one, nulls stay."""

    step: Literal["convert"]
    field: KnownField
    unit: str = Field(alias="from")
    to: str

    @model_validator(mode="after")
    def _convertible(self) -> Convert:
        ours = KNOWN[self.field].unit
        if ours in CONVERSIONS and self.to != ours:
            raise ValueError(f"{self.field} is in {ours!r}, so that is what it is converted to, not {self.to!r}")
        if self.to not in CONVERSIONS:
            raise ValueError(f"nothing is converted to {self.to!r}; there are {', '.join(CONVERSIONS)}")
        if conversion(self.unit, self.to) is None:
            known = ", ".join(CONVERSIONS[self.to])
            raise ValueError(f"from {self.unit!r} to {self.to!r} is not known; there are {known}, 'factor NUMBER'")
        return self


class Drop(_Declared):
    """Leaves a field out."""

    step: Literal["drop"]
    field: FieldName


Step = Annotated[Set | Rename | Convert | Drop, Field(discriminator="step")]


class Rule(_Declared):
    """A repair: which failed events, and the steps that are done to each of them, in their order.

    Attributes:
        again: Also to those that another repair had brought back and that were refused again. What that one has
            converted is converted already.
    """

    file_name: ClassVar[str] = "rule.toml"

    name: Annotated[str, Field(pattern=IDENTIFIER)]
    why: Annotated[str, Field(min_length=1, max_length=1_000)]
    again: bool = False
    select: Selection
    rewrite: Annotated[list[Step], Field(min_length=1)]

    @model_validator(mode="after")
    def _says_which(self) -> Rule:
        if self.name == AS_IS:
            raise ValueError(f"name: {AS_IS!r} is what comes back unchanged")
        if self.select == Selection():
            raise ValueError(f"select: needs at least one of {', '.join(Selection.model_fields)}")
        return self

    @property
    def folder_name(self) -> str:
        """The name and what tells this rule from any other of that name."""
        declared = self.model_dump(mode="json", by_alias=True)
        if not self.again:  # as rules were written before there was `again`: folders of theirs keep their names
            del declared["again"]
        written = json.dumps(declared, sort_keys=True).encode()
        return f"{self.name}-{hashlib.sha256(written).hexdigest()[:12]}"


def conversion(unit: str, to: str) -> Conversion | None:
    """From a foreign unit to the contract's `to`; None if nobody knows.

    `factor 3.1` stands for a scale without a name: the device says 3.1 times what it should.
    """
    if (found := _FACTOR.fullmatch(unit)) is not None:
        factor = float(found[1])
        return Conversion(1 / factor) if factor > 0 and isfinite(factor) else None
    return CONVERSIONS.get(to, {}).get(unit)
