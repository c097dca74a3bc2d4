"""What others read of the contracts: JSON Schemas, the AsyncAPI document, and snapshots of releases.

`python -m schemas.published` writes them to docs/ anew; a test says when they are stale.
`python -m schemas.published RELEASE` keeps the contracts as they are as a release that later ones are compared with.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from schemas import asyncapi, lake
from schemas.errors import UsageError
from schemas.fields import Contract
from schemas.forms import json_schema
from schemas.records import TABLES
from schemas.snapshot import Snapshot, snapshot
from schemas.topics import TOPICS
from schemas.versions import contracts_of

RELEASES = Path(__file__).with_name("releases")
CURRENT = "current"
_JSON_SCHEMA = "https://json-schema.org/draft/2020-12/schema"


def published_contracts() -> dict[str, type[Contract]]:
    """By name: every version of every upload, and what topics and lake tables hold, in the order of the flow.

    Files between commands of one release (truth, fleet, repairs) are nobody else's business.
    """
    models = [contract for topic in TOPICS for contract in contracts_of(topic)]
    models += [table.contract for table in lake.TABLES]
    return {model.__name__: model for model in models}


def contracts_named(name: str) -> tuple[type[Contract], ...]:
    """The published contract of that name, or all that a topic of that name holds; in whatever case.

    Raises:
        UsageError: there is none.
    """
    known = published_contracts()
    by_name = {topic.name.lower(): contracts for topic in TOPICS if (contracts := contracts_of(topic))}
    by_name |= {own.lower(): (contract,) for own, contract in known.items()}
    found = by_name.get(name.lower())
    if found is None:
        accepted = ", ".join(known)
        raise UsageError(f"there is no contract and no topic {name!r}; accepted are topics and {accepted}")
    return found


def json_schema_document(contract: type[Contract]) -> dict[str, Any]:
    """The contract as a JSON Schema document of its own."""
    return {"$schema": _JSON_SCHEMA, "$id": f"urn:vaxel:schema:{contract.__name__}", **json_schema(contract)}


def asyncapi_document() -> dict[str, Any]:
    """All topics as an AsyncAPI document."""
    return asyncapi.document(TOPICS, version("vaxel"))


def current() -> Snapshot:
    """The contracts as they are."""
    return snapshot(CURRENT, published_contracts().values(), TOPICS, TABLES)


def releases() -> list[str]:
    """Names of the kept releases, oldest first."""
    return sorted((path.stem for path in RELEASES.glob("*.json")), key=_by_number)


def documents() -> dict[str, str]:
    """Text of every generated document, by its path below docs/."""
    schemas = {
        f"schemas/{name}.json": _written(json_schema_document(contract))
        for name, contract in published_contracts().items()
    }
    return {"asyncapi.json": _written(asyncapi_document()), **schemas}


def release_text(release: str) -> str:
    """The contracts as they are, as the file of a release."""
    return _written(snapshot(release, published_contracts().values(), TOPICS, TABLES).to_json())


def _written(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _by_number(release: str) -> tuple[tuple[int, str], ...]:
    return tuple((int(part) if part.isdigit() else -1, part) for part in release.split("."))


def _write(folder: Path, texts: Iterable[tuple[str, str]]) -> None:
    for name, text in texts:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _write(RELEASES, [(f"{sys.argv[1]}.json", release_text(sys.argv[1]))])
    else:
        _write(Path(__file__).parents[1] / "docs", documents().items())
