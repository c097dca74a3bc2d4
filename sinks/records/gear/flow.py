"""A flow: one SQL model over the lake, and the declaration of the record fields it feeds and how far it may go."""

from __future__ import annotations

import hashlib
import tomllib
from decimal import Decimal
from importlib import resources
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from schemas.errors import UsageError
from schemas.records import BY_NAME, RecordTable

Gear = Literal["live", "hourly", "nightly", "change_window"]
Purpose = Literal["contract", "warranty", "billing", "health", "location", "coaching", "care"]
CONSENTED: frozenset[Purpose] = frozenset(["health", "location", "coaching", "care"])
"""Purposes that need the person's consent; the others have a contract or a law behind them."""
PERSONAL = frozenset(["personal", "health", "location"])
"""Classes of data that no flow may feed without a purpose."""

CURRENCY = "currency"
"""Unit of columns whose currency another column tells."""

FLOWS = "sinks.records"
"""Package whose folder `flows` holds the flows."""


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FedField(_Declared):
    """One field of the target that the flow owns.

    Attributes:
        gear: How fast the field may move.
        null_overwrites: Whether "not known" in the model empties a value in the target.
        person_wins: What becomes of a value that somebody set after us: `keep` it, or `ask` for an approval, or
            `overwrite` it.
        purpose: What the value is for; of purposes that need consent, any one of those named suffices.
    """

    gear: Gear
    null_overwrites: bool = False
    person_wins: Literal["keep", "ask", "overwrite"] = "keep"
    purpose: tuple[Purpose, ...] = ()


class Limits(_Declared):
    """How far a change set and a day may go. Over a limit of a set it is refused, over one of a day it waits."""

    max_rows: int = Field(gt=0)
    max_share_of_rows: float = Field(gt=0, le=1)
    max_rows_per_day: int = Field(gt=0)
    max_money: Decimal | None = Field(default=None, gt=0)
    max_money_per_day: Decimal | None = Field(default=None, gt=0)


class Approval(_Declared):
    """Whose approval a change set needs.

    Attributes:
        role: Who may approve; not the author.
        free_rows: A set that changes no more rows passes by rule,
        free_share: if those of them that are there already are no more than this share of the target's rows,
        free_money: and it moves no more money.
    """

    role: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    free_rows: int = Field(default=0, ge=0)
    free_share: float = Field(default=1, ge=0, le=1)
    free_money: Decimal = Field(default=Decimal(0), ge=0)


class Completeness(_Declared):
    """How complete the device months behind a row have to be; the model tells it as `gate_complete_share`.

    Attributes:
        min_share: Share of complete device months; below it a person has to approve the row. A null passes.
    """

    min_share: float = Field(gt=0, le=1)


class Flow(_Declared):
    """The parsed declaration, together with its model.

    Attributes:
        version: Raised by hand when the meaning of a field changes.
        title: What it is for, in a line.
        target: Record table, `system.table`.
        adds_rows: Whether a key that the target does not hold becomes a row; else it is only named.
        removes_rows: Whether a row of ours that the model names no more is deleted.
        consent_subject: Key or evidence column (`why_*`) with the customer number that consent is asked of.
        money_field: Field whose movement counts against the limits of money, which hold in each currency by itself.
        money_currency_field: Field or part of the key with its currency; null: all is of one.
        shape: A function that makes rows of what the model produced (`billing`); else the model's rows are the rows.
        expires_after_h: An open change set that nobody applied is void afterwards.
        model_sql: One SELECT; its columns are the key, the fields, any number of `why_*` columns kept as evidence, and
            `gate_complete_share`.
        digest: Start of the SHA-256 over declaration and model.
    """

    name: str
    title: str = Field(min_length=1)
    version: int = Field(gt=0)
    target: str
    key: tuple[str, ...] = Field(min_length=1)
    adds_rows: bool = False
    removes_rows: bool = False
    consent_subject: str | None = None
    money_field: str | None = None
    money_currency_field: str | None = None
    shape: Literal["rows", "billing"] = "rows"
    expires_after_h: int = Field(default=168, gt=0)
    every_s: int = Field(default=3600, gt=0)
    fields: dict[str, FedField] = Field(min_length=1)
    limits: Limits
    approval: Approval | None = None
    completeness: Completeness | None = None
    model_sql: str
    digest: str

    @property
    def table(self) -> RecordTable:
        return BY_NAME[self.target]

    @property
    def system(self) -> str:
        return self.target.partition(".")[0]

    @property
    def full_version(self) -> str:
        return f"{self.version}-{self.digest}"

    def consents(self, field: str) -> frozenset[Purpose]:
        """Purposes of which the person must have agreed to one before the field is written; empty: none is needed."""
        purpose = self.fields[field].purpose
        return frozenset(purpose) if purpose and CONSENTED.issuperset(purpose) else frozenset()

    @model_validator(mode="after")
    def _fits_its_target(self) -> Self:
        if self.target not in BY_NAME:
            raise ValueError(f"target {self.target!r} is no record table; known: {', '.join(BY_NAME)}")
        if self.key != self.table.key:
            raise ValueError(f"key {self.key} is not the key of {self.target}: {self.table.key}")
        unknown = [name for name in self.fields if name not in self.table.column_names or name in self.key]
        if unknown:
            raise ValueError(f"{self.target} has no changeable field {', '.join(unknown)}")
        return self

    @model_validator(mode="after")
    def _is_bounded(self) -> Self:
        personal = [
            name
            for name, fed in self.fields.items()
            if self.table.column(name).data_class in PERSONAL and not fed.purpose
        ]
        if personal:
            raise ValueError(f"{', '.join(personal)} is personal and no purpose is declared")
        asked = [name for name in self.fields if self.consents(name)]
        if asked and self.consent_subject is None:
            raise ValueError(f"{', '.join(asked)} needs a consent, and consent_subject does not say whose")
        if self.money_field is not None:
            if self.money_field not in self.fields:
                raise ValueError(f"money_field {self.money_field!r} is not one of the fields")
            if self.limits.max_money is None or self.limits.max_money_per_day is None:
                raise ValueError("limits have no max_money or max_money_per_day, and the flow moves money")
            if self.money_currency_field is None and self.table.column(self.money_field).unit == CURRENCY:
                raise ValueError(f"{self.money_field} is of many currencies, and money_currency_field names no field")
        if self.money_currency_field not in (None, *self.key, *self.fields):
            raise ValueError(f"money_currency_field {self.money_currency_field!r} is not one of key and fields")
        if self.removes_rows:
            others = [name for name in self.table.column_names if name not in (*self.key, *self.fields)]
            if others:  # with the row, what people have set in them would be gone
                raise ValueError(f"it removes rows and does not feed {', '.join(others)}, which may be people's")
        if self.adds_rows:
            needed = [
                column.name
                for column in self.table.columns
                if not column.nullable and not column.default and column.name not in (*self.key, *self.fields)
            ]
            if needed:
                raise ValueError(f"it adds rows and does not feed {', '.join(needed)}, which may not be null")
        return self


def parse(name: str, declaration: str, model_sql: str) -> Flow:
    """The flow that a declaration (TOML) and a model (SQL) make.

    Raises:
        UsageError: The declaration is not TOML, or does not fit its target; the message says where.
    """
    digest = hashlib.sha256(f"{declaration}\n{model_sql}".encode()).hexdigest()[:12]
    try:
        return Flow(name=name, model_sql=model_sql, digest=digest, **tomllib.loads(declaration))
    except ValidationError as error:
        found = error.errors()[0]
        where = ".".join(str(part) for part in found["loc"]) or "the declaration"
        raise UsageError(f"Cannot read flow {name!r}: {where}: {found['msg']}") from error
    except (tomllib.TOMLDecodeError, TypeError) as error:
        raise UsageError(f"Cannot read flow {name!r}: {error}") from error


def names() -> list[str]:
    """Names of all flows, sorted."""
    return sorted(entry.name for entry in (resources.files(FLOWS) / "flows").iterdir() if entry.is_dir())


def load(name: str) -> Flow:
    """The flow of that name.

    Raises:
        UsageError: There is none, or it cannot be read.
    """
    if name not in names():
        raise UsageError(f"There is no flow {name!r}; flows are {', '.join(names())}.")
    folder = resources.files(FLOWS) / "flows" / name
    return parse(name, (folder / "flow.toml").read_text("utf-8"), (folder / "model.sql").read_text("utf-8"))
