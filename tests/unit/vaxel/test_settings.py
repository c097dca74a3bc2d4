from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import UnreachableError, UsageError
from vaxel.commands.run import find_or_start
from vaxel.settings import VARIABLES, Addresses, addresses

ALL = {
    "VAXEL_KAFKA": "broker:9092",
    "VAXEL_LAKE_CATALOG": "postgresql://user:secret@db/lake",
    "VAXEL_LAKE_FILES": "s3://lake",
    "VAXEL_RECORDS": "postgresql://user:secret@db/records",
}


def test_variables_alone_are_enough(tmp_path: Path) -> None:
    assert addresses(ALL, tmp_path) == Addresses(
        "broker:9092", "postgresql://user:secret@db/lake", "s3://lake", "postgresql://user:secret@db/records"
    )


def test_all_missing_variables_are_named_together_with_the_way_out(tmp_path: Path) -> None:
    start = f"Start it: vaxel up --data-dir {tmp_path}"
    expected = f"no local stack runs in {tmp_path}. {start} (or set VAXEL_KAFKA, VAXEL_RECORDS)"
    environ = {name: value for name, value in ALL.items() if name not in {"VAXEL_KAFKA", "VAXEL_RECORDS"}}
    with pytest.raises(UnreachableError) as caught:
        addresses(environ, tmp_path)
    assert str(caught.value) == expected


def test_empty_variable_is_not_set(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="or set VAXEL_KAFKA"):
        addresses(ALL | {"VAXEL_KAFKA": ""}, tmp_path)


def test_every_address_has_a_variable_and_secrets_stay_out_of_its_repr() -> None:
    assert list(VARIABLES) == list(Addresses.__dataclass_fields__)
    assert "secret" not in repr(addresses(ALL, Path()))


def test_run_starts_no_stack_where_some_addresses_are_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def started(*_: object, **__: object) -> None:
        pytest.fail("a stack was started beside a Kafka that is elsewhere")

    monkeypatch.setattr("deploy.stack.up", started)
    monkeypatch.setenv("VAXEL_KAFKA", "production:9092")
    for variable in ("VAXEL_LAKE_CATALOG", "VAXEL_LAKE_FILES", "VAXEL_RECORDS"):
        monkeypatch.delenv(variable, raising=False)
    expected = (
        "none is started beside VAXEL_KAFKA. Set VAXEL_LAKE_CATALOG, VAXEL_LAKE_FILES, VAXEL_RECORDS too, or none"
    )
    with pytest.raises(UsageError, match=expected):
        find_or_start(tmp_path)
