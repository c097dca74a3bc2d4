"""Where Kafka, the lake and the record systems are: from VAXEL_* variables, else from the running local stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from schemas.errors import UnreachableError

VARIABLES = {
    "kafka": "VAXEL_KAFKA",
    "catalog": "VAXEL_LAKE_CATALOG",
    "lake_files": "VAXEL_LAKE_FILES",
    "records": "VAXEL_RECORDS",
}
"""Variable of each address."""


@dataclass(frozen=True)
class Addresses:
    """What every stage needs to find its outside systems.

    Attributes:
        kafka: Bootstrap servers, `host:port,host:port`.
        catalog: DSN of the PostgreSQL database that holds the lake's catalogue.
        lake_files: Directory (or S3 prefix) of the lake's Parquet files.
        records: DSN of the PostgreSQL database of the record systems.
    """

    kafka: str
    catalog: str = field(repr=False)
    lake_files: str
    records: str = field(repr=False)


def addresses(environ: Mapping[str, str], data_dir: Path) -> Addresses:
    """All four addresses; a variable wins over the local stack, and an empty one counts as not set.

    Raises:
        UnreachableError: some are not set and no local stack runs in `data_dir`; the message names them all.
    """
    known = {name: environ[variable] for name, variable in VARIABLES.items() if environ.get(variable, "") != ""}
    missing = [name for name in VARIABLES if name not in known]
    if missing:
        from deploy.stack import find  # noqa: PLC0415  (not needed where all are set)

        stack = find(data_dir)
        if stack is None:
            names = ", ".join(VARIABLES[name] for name in missing)
            start = f"Start it: vaxel up --data-dir {data_dir} (or set {names})"
            raise UnreachableError(f"no local stack runs in {data_dir.absolute()}. {start}")
        known |= {name: str(getattr(stack, name)) for name in missing}
    return Addresses(**known)


def kafka_address(environ: Mapping[str, str], data_dir: Path) -> str:
    """Kafka's address alone, for stages that need nothing else.

    Raises:
        UnreachableError: it is not set and no local stack runs in `data_dir`.
    """
    return environ.get(VARIABLES["kafka"], "") or addresses(environ, data_dir).kafka
