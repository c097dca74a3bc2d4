from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from deploy.kafka import new_cluster_id


@given(st.uuids())
def test_a_cluster_id_has_22_characters_and_never_begins_like_an_option(drawn: uuid.UUID) -> None:
    made = new_cluster_id(drawn)
    assert len(made) == 22
    assert not made.startswith("-")


def test_an_id_that_would_begin_with_a_dash_begins_with_an_underscore() -> None:
    assert new_cluster_id(uuid.UUID(bytes=b"\xfb" + bytes(15))).startswith("_")
