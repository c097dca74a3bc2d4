"""Every field of every contract says what it is: meaning, class, unit, and what an upload may hold."""

from __future__ import annotations

import importlib
import pkgutil
from typing import get_args

import pytest

import schemas
from schemas.fields import Contract, DataClass
from schemas.forms import Column, columns
from schemas.records import TABLES
from schemas.snapshot import FieldForm, snapshot
from schemas.topics import TOPICS
from schemas.uploads import SHOE_VERSIONS, WASHER_VERSIONS, Upload

NUMBERS = ("int", "float", "integer", "decimal")


def all_contracts() -> list[type[Contract]]:
    """Every contract that any module of `schemas` declares."""
    for module in pkgutil.iter_modules(schemas.__path__, "schemas."):
        importlib.import_module(module.name)
    found, unseen = list[type[Contract]](), [Contract]
    while unseen:
        below = unseen.pop().__subclasses__()
        unseen += below
        found += [model for model in below if model.__module__.startswith("schemas.")]
    return sorted(found, key=lambda model: model.__name__)


EVERY_COLUMN = [(model, column) for model in all_contracts() for column in columns(model)]
UPLOAD_COLUMNS = [(model, column) for model in (*WASHER_VERSIONS, *SHOE_VERSIONS) for column in columns(model)]


def test_there_are_as_many_upload_versions_as_models() -> None:
    leaves = {model for model in all_contracts() if issubclass(model, Upload) and model is not Upload}
    assert leaves == {*WASHER_VERSIONS, *SHOE_VERSIONS}


def test_every_field_has_a_meaning() -> None:
    assert [f"{model.__name__}.{column.name}" for model, column in EVERY_COLUMN if not column.meaning] == []


def test_every_field_has_a_class_of_the_one_list() -> None:
    known = get_args(DataClass)
    assert [f"{model.__name__}.{column.name}" for model, column in EVERY_COLUMN if column.data_class not in known] == []


def test_every_number_has_a_unit() -> None:
    lacking = [
        f"{model.__name__}.{column.name}"
        for model, column in EVERY_COLUMN
        if column.value.kind in NUMBERS and not column.unit
    ]
    assert lacking == []


def test_units_are_named_by_the_end_of_the_field_s_name() -> None:
    ends = {"_wh": "Wh", "_mwh": "mWh", "_w": "W", "_ms": "ms", "_l": "l", "_m": "m", "_pct": "%", "_deg": "°"}
    wrong = [
        f"{model.__name__}.{column.name} is in {column.unit}"
        for model, column in EVERY_COLUMN
        for end, unit in ends.items()
        if column.name.endswith(end) and column.unit.split(" ", 1)[0] != unit
    ]
    assert wrong == []


def is_bounded(column: Column) -> bool:
    """Whether a hostile device cannot put anything there: a range with two ends, a pattern, a list, or a yes or no."""
    shape = column.value
    has_range = shape.minimum is not None and shape.maximum is not None
    return shape.kind == "bool" or has_range or shape.pattern is not None or shape.choices is not None


@pytest.mark.parametrize(
    ("model", "column"), UPLOAD_COLUMNS, ids=[f"{model.__name__}.{column.name}" for model, column in UPLOAD_COLUMNS]
)
def test_an_upload_s_field_is_bounded_and_a_channel_has_a_greatest_length(model: type[Upload], column: Column) -> None:
    assert is_bounded(column), model
    assert not column.is_list or column.max_length is not None


def test_an_addition_may_be_null_so_that_leaving_it_out_says_nothing() -> None:
    for model, column in UPLOAD_COLUMNS:
        if column.is_addition:
            assert column.nullable, (model, column.name)
            assert model.model_fields[column.name].default is None


def test_health_and_location_are_only_where_a_consent_is() -> None:
    for model in (*WASHER_VERSIONS, *SHOE_VERSIONS):
        classes = {column.data_class for column in columns(model)}
        names = {column.name for column in columns(model)}
        assert "health" not in classes or "health_consent" in names
        assert "location" not in classes or "location_consent" in names


def test_every_column_of_a_record_table_has_meaning_class_and_where_it_counts_something_a_unit() -> None:
    tables = snapshot("", [], TOPICS, TABLES).tables
    held = [(f"{table}.{name}", form) for table, forms in tables.items() for name, form in forms.items()]

    def is_told(form: FieldForm) -> bool:
        return bool(form.meaning and form.data_class) and (form.kind not in NUMBERS or bool(form.unit))

    assert [name for name, form in held if not is_told(form)] == []
