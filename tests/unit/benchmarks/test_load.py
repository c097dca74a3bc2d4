"""The truth of a load is computed without its bytes; here it is held against them."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from aiokafka import ConsumerRecord

from benchmarks.engine.faust_process import energy_uwh
from benchmarks.engine.load import LOADS, Cycle, Load, Sums
from schemas.uploads import WASHER_VERSIONS, WasherUpload
from streams.batch import Place
from streams.decode import Decoder
from streams.intake import taken_in
from streams.product import WASHER
from streams.state import State
from streams.step import step

DEVICES = 7


def a_load(name: str, uploads: int) -> Load:
    return LOADS[name](uploads, DEVICES, 2)


@pytest.mark.parametrize(("name", "uploads"), [("single", 900), ("packed", 400), ("packed", 3)])
def test_truth_is_what_the_bytes_say(name: str, uploads: int) -> None:
    load = a_load(name, uploads)
    sent = [WasherUpload.model_validate_json(value) for _, value in load.values()]
    assert len(sent) == uploads
    sums: dict[str, Sums] = {}
    readings: Counter[str] = Counter()
    cycle_uwh: Counter[str] = Counter()
    ended: dict[str, bool] = defaultdict(bool)
    for upload in sent:
        before = sums.get(upload.device_id, Sums(0, 0))
        own_uwh = energy_uwh(upload.lead_ms, upload.offset_ms, upload.power_w)
        sums[upload.device_id] = Sums(before.uploads + 1, before.energy_uwh + own_uwh)
        cycle = f"{upload.device_id}:{upload.cycle_started_ms}"
        readings[cycle] += len(upload.power_w)
        cycle_uwh[cycle] += own_uwh
        ended[cycle] |= upload.cycle_ended
    truth = load.truth()
    assert truth.devices == sums
    assert truth.cycles == {name: Cycle(readings[name], cycle_uwh[name], ended[name]) for name in readings}


@pytest.mark.parametrize("name", LOADS)
def test_each_device_counts_its_uploads_and_stays_in_its_partition(name: str) -> None:
    load = a_load(name, 50)
    numbers: dict[str, list[int]] = defaultdict(list)
    for device, value in load.values():
        upload = WasherUpload.model_validate_json(value)
        assert upload.device_id == load.device_ids()[device]
        numbers[upload.device_id].append(upload.seq)
    assert all(own == list(range(len(own))) for own in numbers.values())
    assert {load.partition_of(device) for device in range(DEVICES)} == {0, 1}


@pytest.mark.parametrize("name", LOADS)
def test_the_stream_lets_every_upload_in(name: str) -> None:
    load, soon_ms = a_load(name, 600), 1_790_000_000_000
    records = [
        ConsumerRecord("t", 0, offset, soon_ms, 1, load.device_ids()[device].encode(), value, None, 0, 0, ())
        for offset, (device, value) in enumerate(load.values())
    ]
    batch, refused = taken_in(Decoder(WASHER_VERSIONS), Place("t", 0), records)
    outputs = step(WASHER, State(WASHER), batch, refused)
    assert outputs.failed == []
    assert outputs.receipts.num_rows == 600


def test_a_load_gives_the_same_bytes_every_time() -> None:
    assert list(a_load("packed", 30).values()) == list(a_load("packed", 30).values())
