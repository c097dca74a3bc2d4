"""Which record systems there are, what pace each bears, and where it is reached."""

from __future__ import annotations

import hashlib
import hmac
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Literal

from psycopg import conninfo
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.errors import UsageError
from schemas.gearbox_ledger import LEDGER_ROLE

VARIABLE = "VAXEL_RECORDS_"
"""Begin of the variable that says where a system is reached (`VAXEL_RECORDS_ERP`), where it is somewhere else."""


class System(BaseModel):
    """One record system.

    Attributes:
        rows_per_s: Most rows written in any second, whoever asks for it.
        chunk_rows: Most rows in one transaction.
        nightly: Daily window of the nightly gear, `HH:MM-HH:MM`; it may pass midnight.
        change_window: Weekly window, `Sun HH:MM-HH:MM`.
        chunk_s: Most seconds that one transaction may take.
        retry_first_s: Wait after the first failure; doubled each time,
        retry_most_s: up to this.
        breaker_failures: So many failures in a row, and it is left alone for `breaker_rest_s`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: Literal["postgres", "http"]
    time_zone: str
    rows_per_s: int = Field(gt=0)
    chunk_rows: int = Field(gt=0)
    nightly: str = Field(pattern=r"^\d\d:\d\d-\d\d:\d\d$")
    change_window: str = Field(pattern=r"^(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d\d:\d\d-\d\d:\d\d$")
    chunk_s: float = Field(default=30, gt=0)
    retry_first_s: float = Field(default=1, gt=0)
    retry_most_s: float = Field(default=300, gt=0)
    breaker_failures: int = Field(default=5, gt=0)
    breaker_rest_s: float = Field(default=60, gt=0)


def systems() -> dict[str, System]:
    """All record systems by name, as `flows/systems.toml` declares them."""
    text = (resources.files("sinks.records") / "flows" / "systems.toml").read_text("utf-8")
    try:
        return {name: System(name=name, **body) for name, body in tomllib.loads(text).items()}
    except ValidationError as error:
        found = error.errors()[0]
        raise UsageError(f"Cannot read systems.toml: {'.'.join(map(str, found['loc']))}: {found['msg']}") from error


def role_of(system: str) -> str:
    """The PostgreSQL role as which the gearbox writes into a system: rights on that system's schema alone."""
    return f"vaxel_{system}"


def role_password(records_dsn: str, role: str) -> str | None:
    """The role's password: derived from the owner's, so that nobody keeps it; None: the owner has none."""
    own = conninfo.conninfo_to_dict(records_dsn).get("password")
    return None if own is None else hmac.new(str(own).encode(), role.encode(), hashlib.sha256).hexdigest()


def _as_role(records_dsn: str, role: str) -> str:
    return conninfo.make_conninfo(records_dsn, user=role, password=role_password(records_dsn, role))


def system_address(environ: Mapping[str, str], records_dsn: str, system: str) -> str:
    """Where a system is reached: `VAXEL_RECORDS_<SYSTEM>`, else the records' database as the system's own role."""
    return environ.get(f"{VARIABLE}{system.upper()}") or _as_role(records_dsn, role_of(system))


def ledger_address(environ: Mapping[str, str], records_dsn: str) -> str:
    """Where the ledger is: `VAXEL_LEDGER`, else the records' database as the ledger's own role."""
    return environ.get("VAXEL_LEDGER") or _as_role(records_dsn, LEDGER_ROLE)
