"""What is published of the contracts is the contracts' own, valid by the official schemas, and up to date."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator  # type: ignore[import-untyped]

from schemas.fields import Contract
from schemas.forms import columns
from schemas.published import asyncapi_document, documents, json_schema_document, published_contracts
from schemas.topics import TOPICS
from schemas.versions import contracts_of
from tests.unit.streams.building import a_plug_upload, a_shoe_upload, a_washer_upload

PROJECT = Path(__file__).parents[3]
OFFICIAL = PROJECT / "tests" / "data" / "asyncapi" / "asyncapi-3.0.0.schema.json.gz"
CONTRACTS = published_contracts()


@pytest.fixture(scope="module")
def official() -> Draft7Validator:
    with gzip.open(OFFICIAL) as file:
        return Draft7Validator(json.load(file))


def test_docs_are_what_the_contracts_give() -> None:
    stale = [
        name
        for name, text in documents().items()
        if not (PROJECT / "docs" / name).exists() or (PROJECT / "docs" / name).read_text(encoding="utf-8") != text
    ]
    assert stale == [], "write them anew: python -m schemas.published"


def test_docs_hold_no_schema_of_a_contract_that_is_gone() -> None:
    assert {path.stem for path in (PROJECT / "docs" / "schemas").glob("*.json")} == set(CONTRACTS)


def test_every_contract_of_a_topic_is_published() -> None:
    assert {contract for topic in TOPICS for contract in contracts_of(topic)} <= set(CONTRACTS.values())


def test_the_asyncapi_document_is_valid_by_the_official_schema(official: Draft7Validator) -> None:
    assert [error.message for error in official.iter_errors(asyncapi_document())] == []


def spoil_channel(document: dict[str, Any]) -> None:
    document["channels"]["receipts.v1"]["adress"] = "receipts.v1"


def spoil_action(document: dict[str, Any]) -> None:
    document["operations"]["streams.send.receipts.v1"]["action"] = "shout"


def spoil_payload(document: dict[str, Any]) -> None:
    document["components"]["schemas"]["Run"]["properties"]["version"]["type"] = "number of"


def spoil_binding(document: dict[str, Any]) -> None:
    document["channels"]["receipts.v1"]["bindings"]["kafka"]["partitions"] = "four"


@pytest.mark.parametrize("spoil", [spoil_channel, spoil_action, spoil_payload, spoil_binding])
def test_the_official_schema_would_find_a_fault(
    official: Draft7Validator, spoil: Callable[[dict[str, Any]], None]
) -> None:
    document = deepcopy(asyncapi_document())
    spoil(document)
    assert not official.is_valid(document)


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from ([part["$ref"]] if "$ref" in part else [])
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def test_every_reference_of_the_document_leads_somewhere() -> None:
    document = asyncapi_document()
    for reference in references(document):
        found: Any = document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        assert found


def test_the_document_names_every_topic_with_its_settings_and_both_its_ends() -> None:
    document = asyncapi_document()
    for topic in TOPICS:
        kafka = document["channels"][topic.name]["bindings"]["kafka"]
        told = {
            name: ",".join(value) if isinstance(value, list) else str(value)
            for name, value in kafka["topicConfiguration"].items()
        }
        assert {name: told[name] for name in topic.config() if name in told} == {
            name: value for name, value in topic.config().items() if name in told
        }
        ends = {
            operation["action"]
            for operation in document["operations"].values()
            if operation["channel"]["$ref"] == f"#/channels/{topic.name}"
        }
        assert ends == {"send", "receive"}


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
def test_a_json_schema_is_one_by_the_official_schema_and_says_unit_class_and_meaning(contract: type[Contract]) -> None:
    document = json_schema_document(contract)
    Draft202012Validator.check_schema(document)
    for column in columns(contract):
        told = document["properties"][column.name]
        assert (told["unit"], told["class"], told["description"]) == (column.unit, column.data_class, column.meaning)
        assert (column.name in document["required"]) is not column.is_addition


UPLOADS = [("WasherUpload", a_washer_upload()), ("WasherUpload", a_plug_upload()), ("ShoeUpload", a_shoe_upload())]


@pytest.mark.parametrize(("name", "upload"), UPLOADS)
def test_a_json_schema_takes_an_upload_and_refuses_one_that_lacks_a_field_or_goes_beyond_its_range(
    name: str, upload: dict[str, Any]
) -> None:
    validator = Draft202012Validator(json_schema_document(CONTRACTS[name]))
    assert validator.is_valid(upload)
    assert not validator.is_valid({key: value for key, value in upload.items() if key != "seq"})
    assert not validator.is_valid({**upload, "lead_ms": 60_001})
    assert not validator.is_valid({**upload, "firmware": "1.2"})
