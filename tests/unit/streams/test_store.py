"""State survives as what its checkpoints wrote, whatever Kafka's compaction left of it."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.devices import DEVICE
from streams.frames import frame, read_frame
from streams.store import PAGES, SCHEMA_VERSION, Slice, Store, from_frame, to_frame
from tests.unit.examples import examples

THING = np.dtype([("name", "S8"), ("number", "i8"), ("bits", "u8"), ("part", "f8"), ("flag", "?"), ("kind", "i1")])

GOLDEN = Path(__file__).parents[2] / "golden"
Kept = dict[str, Slice]
"""A compacted topic: the newest record of each key."""


def a_store(kept: Kept | None = None) -> Store:
    store = Store(THING)
    store.restore(sorted((kept or {}).values(), key=lambda part: part.checkpoint))
    return store


def save(store: Store, checkpoint: int, kept: Kept) -> None:
    """What a checkpoint writes, as `streams.memory.changes` names it."""
    for kind, part in (("delta", store.delta(checkpoint)), ("page", store.page(checkpoint))):
        for number, slice_ in enumerate(part.parts() if part is not None else ()):
            kept[f"{kind}-{checkpoint % PAGES}.{number}"] = slice_


def content(store: Store) -> dict[int, object]:
    return {row: store.values[row].item() for row in store.rows().tolist()}


def write(store: Store, rows: npt.NDArray[np.int64], number: int) -> None:
    store.values["name"][rows] = f"n{number}".encode()
    store.values["number"][rows] = number
    store.values["bits"][rows] = 2**64 - 1 - number
    store.values["flag"][rows] = number % 2 == 1
    store.touch(rows)


def test_giving_nothing_back_leaves_no_trace() -> None:
    """Each checkpoint gives back what is over, mostly nothing: a trace of each would fill the memory."""
    store = a_store()
    store.free(store.take(1))
    before = len(store._free)
    for _ in range(100):
        store.free(np.empty(0, dtype=np.int64))
    assert len(store._free) == before


def test_rows_taken_are_zeroed_and_those_given_back_come_first() -> None:
    store = a_store()
    rows = store.take(3)
    write(store, rows, 7)
    store.free(rows[1:2])
    again = store.take(2)
    assert again.tolist() == [1, 3]
    assert store.values["number"][again].tolist() == [0, 0]
    assert store.rows().tolist() == [0, 1, 2, 3]
    assert len(store) == 4


def test_taking_no_rows_gives_none() -> None:
    assert a_store().take(0).tolist() == []


def test_rows_come_back_in_any_number_and_each_once() -> None:
    store = a_store()
    store.take(10)
    store.free(np.array([1, 2, 3]))
    store.free(np.array([7, 5]))
    assert sorted([*store.take(1), *store.take(3), *store.take(4)]) == [1, 2, 3, 5, 7, 10, 11, 12]
    assert len(store) == 13


def test_many_rows_are_taken_freed_and_restored() -> None:
    store = a_store()
    rows = store.take(100_000)
    store.free(rows[::2])
    part = store.delta(1)
    assert part is not None
    again = a_store({"delta-1": part})
    assert len(again) == 50_000
    assert len(np.unique(again.take(60_000))) == 60_000
    assert again.rows().tolist() == list(range(110_000))


def test_a_store_grows_and_keeps_what_it_holds() -> None:
    store = a_store()
    for number in range(40):
        write(store, store.take(100), number)
    assert store.values["number"][: len(store)].tolist() == [number for number in range(40) for _ in range(100)]


def test_an_unchanged_store_writes_nothing() -> None:
    store, kept = a_store(), Kept()
    write(store, store.take(10), 1)
    for checkpoint in range(1, PAGES + 1):
        save(store, checkpoint, kept)
    assert store.delta(PAGES + 1) is None
    assert all(store.page(checkpoint) is None for checkpoint in range(PAGES + 1, 2 * PAGES + 1))


def test_a_change_that_was_only_in_a_delta_outlives_a_restart() -> None:
    store, kept = a_store(), Kept()
    write(store, store.take(PAGES), 1)
    save(store, 1, kept)
    store = a_store(kept)
    for checkpoint in range(2, 2 * PAGES + 2):  # by now every delta of before is overwritten
        write(store, np.array([0]), checkpoint)
        save(store, checkpoint, kept)
    assert content(a_store(kept)) == content(store)


@examples(25)
@given(seed=st.integers(0, 2**32), restarts=st.integers(0, 4), span=st.sampled_from([PAGES // 2, 3 * PAGES]))
def test_a_store_restored_at_any_checkpoint_is_the_live_one(seed: int, restarts: int, span: int) -> None:
    rng, store, kept, checkpoint = Random(seed), a_store(), Kept(), 0
    for _ in range(restarts + 1):
        for _ in range(rng.randrange(span)):
            checkpoint += 1
            _change(store, rng, checkpoint)
            save(store, checkpoint, kept)
        saved = content(store)
        _change(store, rng, 0)  # lost: never saved
        store = a_store(kept)
        assert content(store) == saved
        assert set(store.take(3).tolist()).isdisjoint(saved)
        store = a_store(kept)


def _change(store: Store, rng: Random, number: int) -> None:
    for _ in range(rng.choice([0, 0, 1, 3])):
        rows = store.rows()
        match rng.randrange(3):
            case 0:
                write(store, store.take(rng.choice([1, 2, 50])), number)
            case 1 if len(rows):
                write(store, np.array(rng.sample(rows.tolist(), min(3, len(rows)))), number)
            case 2 if len(rows):
                store.free(np.array(rng.sample(rows.tolist(), min(rng.choice([1, 40]), len(rows)))))


def test_a_large_change_is_saved_in_parts_that_need_not_be_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.store.PART_ROWS", 10)
    store, kept = a_store(), Kept()
    write(store, store.take(50 * PAGES), 1)
    for checkpoint in range(1, 3 * PAGES):
        write(store, np.arange(checkpoint % 3 * 25), checkpoint)
        save(store, checkpoint, kept)
        assert all(len(part.rows) <= 10 for part in kept.values())
    assert content(a_store(kept)) == content(store)


@given(st.integers(0, 300))
@examples(10)
def test_a_slice_comes_back_from_its_frame_as_it_was(count: int) -> None:
    store = a_store()
    write(store, store.take(count), 5)
    part = Slice(9, store.rows(), store.used[:count].copy(), store.values[:count].copy())
    back = from_frame(read_frame(frame(to_frame(part))), THING)
    assert back.checkpoint == 9
    assert back.rows.tolist() == part.rows.tolist()
    assert back.used.tolist() == part.used.tolist()
    assert back.values.tolist() == part.values.tolist()


def test_state_of_another_schema_version_is_refused() -> None:
    store = a_store()
    store.take(1)
    part = store.delta(1)
    assert part is not None
    table = to_frame(part).replace_schema_metadata({"checkpoint": "1", "schema_version": str(SCHEMA_VERSION + 1)})
    with pytest.raises(ValueError, match=f"version {SCHEMA_VERSION + 1} found"):
        from_frame(table, THING)
    with pytest.raises(ValueError, match="version 0 found"):
        from_frame(table.replace_schema_metadata(None), THING)


def test_a_field_of_fields_is_read_as_an_older_version_had_it_and_what_came_later_is_zero() -> None:
    old = np.dtype([("slot", "i8"), ("own", [("key", "u8"), ("figure", "f4")], 2)])
    new = np.dtype([("slot", "i8"), ("own", [("key", "u8"), ("figure", "f4"), ("became_known_ms", "i8")], 2)])
    store = Store(old)
    rows = store.take(1)
    store.values[rows] = [(7, [(1, 0.5), (2, 1.5)])]
    table = to_frame(Slice(1, store.rows(), store.used[:1].copy(), store.values[:1].copy()))
    back = from_frame(table.replace_schema_metadata({"checkpoint": "1", "schema_version": "4"}), new)
    assert back.values["slot"].tolist() == [7]
    assert back.values["own"].tolist() == [[(1, 0.5, 0), (2, 1.5, 0)]]
    with pytest.raises(ValueError, match="bytes are known"):
        from_frame(table, new)


def test_state_of_other_fields_is_refused() -> None:
    store = a_store()
    store.take(1)
    part = store.delta(1)
    assert part is not None
    with pytest.raises(ValueError, match="are known"):
        from_frame(to_frame(part).drop_columns(["flag"]), THING)


def test_state_of_version_1_is_read_its_devices_of_unknown_age() -> None:
    part = from_frame(read_frame((GOLDEN / "state_devices_v1.frame").read_bytes()), DEVICE)
    assert (part.checkpoint, part.rows.tolist(), part.used.tolist()) == (321, [0, 64, 128, 192], [1, 1, 0, 1])
    assert part.values[["device_id", "newest", "window", "label", "received_ms"]].tolist() == [
        (b"w-1", 70, 2**64 - 1, 1_767_265_200_000, 0),
        (b"d" * 64, 0, 1, 0, 0),
        (b"", 0, 0, 0, 0),
        (b"p-7", 2**62, 5, 0, 0),
    ]
    back = from_frame(read_frame(frame(to_frame(part))), DEVICE)
    assert back.values.tobytes() == part.values.tobytes(), "written again as the newest version"
    assert not part.values["bodies"].any(), "of bodies, boards and counters nothing is known"


def test_state_of_version_2_without_its_field_is_refused() -> None:
    store = Store(DEVICE)
    store.take(1)
    part = store.delta(1)
    assert part is not None
    with pytest.raises(ValueError, match="are known"):
        from_frame(to_frame(part).drop_columns(["received_ms"]), DEVICE)


def test_fields_of_several_dimensions_come_back_as_they_were() -> None:
    store = Store(np.dtype([("table", "i4", (2, 3))]))
    rows = store.take(3)
    store.values["table"][rows] = np.arange(18).reshape(3, 2, 3)
    saved = store.delta(1)
    assert saved is not None
    assert np.array_equal(from_frame(to_frame(saved), store.values.dtype).values, store.values[rows])
