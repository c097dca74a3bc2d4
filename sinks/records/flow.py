"""A flow: one SQL model over the lake, and the declaration of the record fields it feeds and how far it may go."""

from __future__ import annotations

import hashlib
import tomllib
from importlib import resources
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from schemas.errors import UsageError
from schemas.records import BY_NAME, RecordTable

Gear = Literal["live", "hourly", "nightly", "change_window"]
Approval = Literal["none", "required"]


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FedField(_Declared):
    """One field of the target that the flow owns.

    Attributes:
        gear: How fast the field may move.
        null_overwrites: Whether "not known" in the model empties a value in the target.
    """

    gear: Gear
    null_overwrites: bool = False


class Limits(_Declared):
    """How far one change set may go before it is refused."""

    max_rows: int = Field(gt=0)
    max_share_of_rows: float = Field(gt=0, le=1)


class Flow(_Declared):
    """The parsed declaration, together with its model.

    Attributes:
        version: Raised by hand when the meaning of a field changes.
        target: Record table, `system.table`.
        model_sql: One SELECT; its columns are the key, the fields, and any number of `why_*` columns kept as evidence.
        digest: Start of the SHA-256 over declaration and model.
    """

    name: str
    version: int = Field(gt=0)
    target: str
    key: tuple[str, ...] = Field(min_length=1)
    fields: dict[str, FedField] = Field(min_length=1)
    limits: Limits
    approval: Approval
    model_sql: str
    digest: str

    @property
    def table(self) -> RecordTable:
        return BY_NAME[self.target]

    @property
    def full_version(self) -> str:
        return f"{self.version}-{self.digest}"

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
    return sorted(entry.name for entry in (resources.files(__package__) / "flows").iterdir() if entry.is_dir())


def load(name: str) -> Flow:
    """The flow of that name.

    Raises:
        UsageError: There is none, or it cannot be read.
    """
    if name not in names():
        raise UsageError(f"There is no flow {name!r}; flows are {', '.join(names())}.")
    folder = resources.files(__package__) / "flows" / name
    return parse(name, (folder / "flow.toml").read_text("utf-8"), (folder / "model.sql").read_text("utf-8"))
