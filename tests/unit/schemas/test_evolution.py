"""An older upload becomes the newest version, and loses nothing that the newest version can say."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.evolution import LIFTS, MWH_PER_WH, canonical_schema, lifted
from schemas.forms import arrow_schema, columns
from schemas.uploads import SHOE_VERSIONS, WASHER_VERSIONS, Upload, WasherUpload, WasherUploadV2
from tests.unit.streams.building import a_plug_upload, a_shoe_upload, a_washer_upload

LARGEST_WH = 1e12
"""By the contract of version 1."""


def table(version: type[Upload], *uploads: dict[str, Any]) -> pa.Table:
    models = [version.model_validate(upload).model_dump() for upload in uploads]
    return pa.Table.from_pylist(models, schema=arrow_schema(version))


def washer_uploads() -> st.SearchStrategy[dict[str, Any]]:
    """Uploads of version 1 whose fields are there, null or, where they may be, left out."""
    energy = st.none() | st.floats(0, LARGEST_WH)
    water = st.none() | st.lists(st.none() | st.floats(0, 1_000), min_size=2, max_size=2)
    required = st.builds(
        a_washer_upload,
        seq=st.integers(0, 2**53 - 1),
        lifetime_energy_wh=energy,
        lifetime_cycles=st.none() | st.integers(0, 2**53 - 1),
        lifetime_water_l=st.none() | st.floats(0, 1e12),
        programme=st.none() | st.sampled_from(["eco", "wool"]),
        water_l=water,
        power_w=st.lists(st.floats(0, 10_000), min_size=2, max_size=2),
    )
    additions = st.fixed_dictionaries(
        {}, optional={"alert": st.sampled_from([None, "door_open"]), "board_no": st.integers(0, 1_000)}
    )
    return st.builds(lambda upload, more: upload | more, required, additions)


@given(st.lists(washer_uploads(), max_size=5))
def test_lifting_a_washer_s_upload_loses_nothing_but_digits_below_a_milliwatt_hour(
    uploads: list[dict[str, Any]],
) -> None:
    v1 = table(WasherUpload, *uploads)
    v2 = lifted(v1, WasherUpload, WASHER_VERSIONS)
    assert v2.num_rows == v1.num_rows
    for name in set(v1.column_names) - {"lifetime_energy_wh"}:
        assert v2.column(name).to_pylist() == v1.column(name).to_pylist(), name
    for mwh, wh in zip(
        v2.column("lifetime_energy_mwh").to_pylist(), v1.column("lifetime_energy_wh").to_pylist(), strict=True
    ):
        assert (mwh is None) is (wh is None)
        # Half a milliwatt-hour by rounding, and what a float of that size cannot tell apart anyway.
        assert wh is None or mwh / MWH_PER_WH == pytest.approx(wh, abs=0.0005 + 2e-15 * wh)


def test_the_largest_counter_of_version_1_is_one_of_version_2() -> None:
    v2 = lifted(table(WasherUpload, a_washer_upload(lifetime_energy_wh=LARGEST_WH)), WasherUpload, WASHER_VERSIONS)
    (energy,) = (column for column in columns(WasherUploadV2) if column.name == "lifetime_energy_mwh")
    assert energy.value.maximum is not None
    assert v2.column("lifetime_energy_mwh")[0].as_py() == 10**15 <= energy.value.maximum


def test_what_version_1_does_not_say_is_null_and_nothing_is_made_up() -> None:
    v2 = lifted(table(WasherUpload, a_washer_upload()), WasherUpload, WASHER_VERSIONS)
    (row,) = v2.to_pylist()
    unsaid = {name for name in v2.column_names if name not in WasherUpload.model_fields}
    assert {name: row[name] for name in unsaid - {"lifetime_energy_mwh", "schema_version"}} == dict.fromkeys(
        unsaid - {"lifetime_energy_mwh", "schema_version"}
    )
    assert (row["schema_version"], row["lifetime_energy_mwh"]) == (2, 70_500)


@pytest.mark.parametrize("versions", [WASHER_VERSIONS, SHOE_VERSIONS])
def test_every_version_has_a_way_to_the_newest_in_the_newest_s_columns(versions: tuple[type[Upload], ...]) -> None:
    assert [version.version for version in versions] == list(range(1, len(versions) + 1))
    for version in versions:
        empty = arrow_schema(version).empty_table()
        assert lifted(empty, version, versions).schema == canonical_schema(versions)
    assert set(versions[:-1]) <= set(LIFTS)
    assert versions[-1] not in LIFTS


def test_the_newest_version_comes_through_as_it_is() -> None:
    shoe = table(SHOE_VERSIONS[-1], a_shoe_upload())
    assert lifted(shoe, SHOE_VERSIONS[-1], SHOE_VERSIONS).to_pylist() == shoe.to_pylist()


def test_rows_lifted_one_by_one_are_those_lifted_together() -> None:
    uploads = [a_washer_upload(), a_plug_upload(), a_washer_upload(lifetime_energy_wh=0.1)]
    together = lifted(table(WasherUpload, *uploads), WasherUpload, WASHER_VERSIONS)
    one_by_one = [lifted(table(WasherUpload, upload), WasherUpload, WASHER_VERSIONS) for upload in uploads]
    assert pa.concat_tables(one_by_one).to_pylist() == together.to_pylist()


def test_all_fields_of_version_1_are_in_version_2_but_for_those_its_lift_turns_into_others() -> None:
    """A field of the old version that is forgotten in the new one would be lost without a word."""
    old, new = ({column.name for column in columns(version)} for version in (WasherUpload, WasherUploadV2))
    assert old - new == {"lifetime_energy_wh"}
