"""Which contracts a topic holds: of telemetry every version of its product's upload, at once."""

from __future__ import annotations

from schemas.fields import Contract
from schemas.topics import Topic
from schemas.uploads import SHOE_VERSIONS, WASHER_VERSIONS


def contracts_of(topic: Topic) -> tuple[type[Contract], ...]:
    """The contracts of a topic's records, oldest first; none for a topic whose records have no contract."""
    if topic.contract is None:
        return ()
    for versions in (WASHER_VERSIONS, SHOE_VERSIONS):
        if topic.contract in versions:
            return versions
    return (topic.contract,)
