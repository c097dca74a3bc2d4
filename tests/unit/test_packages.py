from __future__ import annotations

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("package", ["schemas", "producers", "streams", "sinks", "deploy", "vaxel", "benchmarks"])
def test_a_top_level_package_is_ours_and_not_a_foreign_one_of_that_name(package: str) -> None:
    found = importlib.import_module(package).__file__
    assert found is not None
    assert Path(found) == ROOT / package / "__init__.py"
