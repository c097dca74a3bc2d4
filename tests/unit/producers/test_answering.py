"""Devices that are asked for uploads send them again as they were, if they still have them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from producers import answering
from producers.answering import sent_again
from producers.answering_commands import wanted
from producers.answering_truth import ANSWER_RUN, answered, told_fleets
from producers.fault_rates import declared
from producers.fleet import FIRST_DAY_MS, Fleet, fleet
from producers.ledger import Ledger
from producers.simulation import deliveries
from producers.truth_folder import new_truth_folder
from producers.truth_options import keep_options
from producers.uploads import Delivery
from schemas.desk import Command
from schemas.truth import TrueRecord, TrueSession, TrueUpload

DAYS = 4
OPTIONS: dict[str, int | str] = {
    "--seed": 3,
    "--washers": 3,
    "--shoes": 3,
    "--roll-out": "washer:3.3.0@2026-05-06!power_kw",
}


@cache
def sent() -> list[Delivery]:
    return list(deliveries(a_fleet(), declared(["lost=0.2"], is_rest_without=True)))


def a_fleet() -> Fleet:
    from producers.roll_out import roll_out

    return fleet(3, 3, 3, FIRST_DAY_MS, DAYS, [roll_out(str(OPTIONS["--roll-out"]))])


def newest() -> dict[str, int]:
    return {delivery.upload.device_id: delivery.upload.seq for delivery in sent()}


def lost() -> dict[str, set[int]]:
    asked: dict[str, set[int]] = {}
    for delivery in sent():
        if delivery.is_lost:
            asked.setdefault(delivery.upload.device_id, set()).add(delivery.upload.seq)
    return asked


def test_what_was_lost_is_sent_again_byte_for_byte() -> None:
    again = list(sent_again(a_fleet(), lost(), newest()))
    missing = {(d.upload.device_id, d.upload.seq): d.value for d in sent() if d.is_lost}
    assert {(d.upload.device_id, d.upload.seq): d.value for d in again} == missing
    assert len(again) == len(missing) > 20


def test_an_upload_in_a_wrong_unit_is_as_wrong_again() -> None:
    mistaken = {(d.upload.device_id, d.upload.seq) for d in sent() if d.fault == "wrong_unit"}
    asked = {device_id: {seq for own, seq in mistaken if own == device_id} for device_id, _ in mistaken}
    again = list(sent_again(a_fleet(), asked, newest()))
    assert {(d.upload.device_id, d.upload.seq) for d in again} == mistaken
    assert not any(d.intact for d in again)


def test_a_device_has_only_its_newest_uploads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "DEVICE_MEMORY_UPLOADS", 5)
    everything = {device_id: set(range(seq + 1)) for device_id, seq in newest().items()}
    for delivery in sent_again(a_fleet(), everything, newest()):
        upload = delivery.upload
        assert newest()[upload.device_id] - 5 < upload.seq <= newest()[upload.device_id]


def test_devices_of_other_fleets_do_not_answer() -> None:
    assert list(sent_again(a_fleet(), {"wm-4-000000": {1}}, newest())) == []


def test_the_truth_tells_the_fleet_how_far_it_came_and_what_was_sent_again(tmp_path: Path) -> None:
    tell(tmp_path, "simulate-3", sent())
    (told,) = told_fleets(tmp_path)
    assert told.newest == newest()
    again = list(sent_again(told.fleet(), lost(), told.newest))
    assert len(again) == sum(map(len, lost().values())), "the fleet that lives on is the same so far"
    assert answered(tmp_path) == set()
    tell(tmp_path, ANSWER_RUN, again[:3])
    assert answered(tmp_path) == {(d.upload.device_id, d.upload.seq) for d in again[:3]}


def tell(data_dir: Path, name: str, told: list[Delivery]) -> None:
    """As publishing does it."""
    folder, ledger = new_truth_folder(data_dir, f"20260601T000000Z-{name}"), Ledger()
    if name != ANSWER_RUN:
        keep_options(folder.path, "simulate", OPTIONS)
    for offset, delivery in enumerate(told):
        ledger.send(delivery)
        if not delivery.is_lost:
            ledger.acknowledge(delivery, 0, offset)
    for contract in (TrueSession, TrueUpload, TrueRecord):
        folder.append(contract, ledger.take(contract))
    folder.finish()


def test_commands_that_have_expired_or_are_none_ask_for_nothing() -> None:
    command = Command(
        command_id="c", device_id="w-1", product="washer", kind="send_again", from_seq=3, to_seq=5,
        asked_at_ms=1, expires_at_ms=100,
    )  # fmt: skip
    later = command.model_copy(update={"from_seq": 4, "to_seq": 7, "expires_at_ms": 200})
    values = [command.model_dump_json().encode(), later.model_dump_json().encode(), b"?"]
    early, late = wanted(values, 50), wanted(values, 150)
    assert (early.numbers, early.commands, early.unread) == ({"w-1": {3, 4, 5, 6}}, 2, 1)
    assert (late.numbers, late.expired) == ({"w-1": {4, 5, 6}}, 1)
    early.without([("w-1", 4), ("w-2", 3)])
    assert early.count == 3
