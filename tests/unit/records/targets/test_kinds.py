"""Every kind of column that the schemas know is known to the adapters."""

from __future__ import annotations

from typing import get_args

from schemas.record_form import RecordColumn
from schemas.records import Kind
from sinks.records.targets.postgres_check import TYPES
from sinks.records.targets.postgres_staging import STAGED


def test_every_kind_can_be_staged_and_checked() -> None:
    assert set(STAGED) == set(TYPES) == set(get_args(Kind))


def test_a_checked_type_is_the_declared_one_in_postgresqls_own_words() -> None:
    words = {"timestamptz": "timestamp with time zone"}
    for kind in get_args(Kind):
        declared = RecordColumn("x", kind, "").postgres_type
        assert TYPES[kind] == words.get(declared, declared.replace(", ", ","))
