"""Numbers, names and partitions of many uploads at once, against Python's and Kafka's own."""

from __future__ import annotations

import json

import numpy as np
import pytest
from aiokafka.partitioner import murmur2
from hypothesis import given
from hypothesis import strategies as st

from producers.load_digits import listed, named, partitions_of, thousandths, whole


@given(st.lists(st.integers(0, 10**12 - 1), min_size=1))
def test_whole_numbers_are_led_by_blanks(values: list[int]) -> None:
    assert listed(whole(np.array(values), 12)) == [f"{value:12d}".encode() for value in values]


@given(st.lists(st.integers(0, 10**15 - 1), min_size=1))
def test_thousandths_have_three_decimals(values: list[int]) -> None:
    found = listed(thousandths(np.array(values), 16))
    assert found == [f"{value // 1000}.{value % 1000:03d}".rjust(16).encode() for value in values]
    assert [round(json.loads(text) * 1000) for text in found] == values


@pytest.mark.parametrize("value", [-1, 10_000])
def test_a_number_that_does_not_fit_is_told(value: int) -> None:
    with pytest.raises(ValueError, match="do not fit into 4 digits"):
        whole(np.array([0, value]), 4)


@given(st.lists(st.integers(0, 999_999), min_size=1), st.integers(1, 64), st.text("abc-", min_size=1, max_size=9))
def test_names_have_six_digits_and_go_where_java_clients_put_them(
    numbers: list[int], partitions: int, prefix: str
) -> None:
    names = named(prefix, np.array(numbers))
    assert listed(names) == [f"{prefix}{number:06d}".encode() for number in numbers]
    assert partitions_of(names, partitions).tolist() == [
        (murmur2(name) & 0x7FFFFFFF) % partitions for name in listed(names)
    ]


def test_rows_are_listed_without_the_nuls_behind_them() -> None:
    rows = np.array([b'{"a":1}', b"{}"]).view(np.uint8).reshape(2, -1)
    assert listed(rows) == [b'{"a":1}', b"{}"]
