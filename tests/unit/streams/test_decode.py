"""What a batch of uploads is decoded to: columns in one form, refusals that say what was found."""

from __future__ import annotations

from random import Random

import pytest

from schemas.uploads import ShoeUpload, Upload
from tests.unit.streams.building import a_second_washer_upload, a_shoe_upload, a_washer_upload, encoded
from tests.unit.streams.refused import FORMS, PLAIN, REFUSED, decoded, written


def test_a_refusal_names_the_field_what_it_held_and_what_is_accepted() -> None:
    (_, why), *_ = decoded(written(power_w="[10001, 1]")).refused
    assert (why.field, why.found, why.seq, why.material, why.firmware) == ("power_w", "10001", 1, "WM-6010", "1.2.3")
    assert why.accepted == "less than or equal to 10000"


def test_an_odd_way_of_writing_gives_the_same_columns() -> None:
    odd = written(
        seq='"1"', power_w='["100.0", "2e2"]', cycle_ended="0", offset_ms="[0, 1e3]", programme='"co\\u0074ton"'
    )
    first, second = decoded(PLAIN.encode(), odd).uploads.to_pylist()
    assert first == second


@pytest.mark.parametrize("model", FORMS)
def test_each_upload_keeps_its_additions_whatever_form_its_neighbours_have(model: type[Upload]) -> None:
    uploads = [upload for upload in FORMS[model] for _ in range(3)] * 2
    for order in range(2):
        Random(order).shuffle(uploads)
        found = decoded(*(encoded(upload) for upload in uploads), model=model).uploads.to_pylist()
        for upload, row in zip(uploads, found, strict=True):
            for name in ("board_no", "alert", "phase", "latitude_deg", "contact_balance_pct", "location_consent"):
                if name in row:
                    assert row[name] == upload.get(name), name


def test_a_second_version_says_the_same_as_the_first() -> None:
    first, second = decoded(PLAIN.encode(), encoded(a_second_washer_upload())).uploads.to_pylist()
    differing = {name for name in first if first[name] != second[name]}
    assert differing == {"phase", *(name for name in first if name.endswith("_energy_wh"))}


def test_an_addition_whose_key_is_written_with_an_escape_is_not_lost() -> None:
    value = encoded(a_washer_upload(board_no=3)).replace(b"board_no", b"board\\u005fno")
    assert decoded(PLAIN.encode(), value).uploads.column("board_no").to_pylist() == [None, 3]


def test_a_shoe_that_speaks_of_a_second_version_is_refused() -> None:
    (refused,) = decoded(encoded(a_shoe_upload(schema_version=2)), model=ShoeUpload).refused
    assert (refused[1].reason, refused[1].seq) == ("unknown_version", 1)


def test_every_refusal_says_what_was_found() -> None:
    result = decoded(*[value for _, value, _ in REFUSED])
    for row, why in result.refused:
        assert 10 < len(why.detail) < 400, REFUSED[row][0]
        why.detail.encode()


def test_no_uploads_give_none() -> None:
    result = decoded()
    assert (len(result.uploads), len(result.rows), result.refused) == (0, 0, [])


def test_a_batch_of_refused_uploads_only_gives_all_of_them_back() -> None:
    values = [value for _, value, _ in REFUSED]
    result = decoded(*values)
    assert [(row, why.reason) for row, why in result.refused] == [(row, case[2]) for row, case in enumerate(REFUSED)]


def test_bad_uploads_strewn_over_a_large_batch_are_refused_and_no_others() -> None:
    values: list[bytes | None] = [PLAIN.encode()] * 1_500
    strewn = {7 + 13 * index: case for index, case in enumerate(REFUSED)}
    for row, (_, value, _) in strewn.items():
        values[row] = value
    result = decoded(*values)
    assert {row: why.reason for row, why in result.refused} == {row: case[2] for row, case in strewn.items()}
    assert result.rows.to_pylist() == [row for row in range(len(values)) if row not in strewn]
