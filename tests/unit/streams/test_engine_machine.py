"""Checkpoints, crashes and rebalances in any order: what is committed is what a dictionary says of the same uploads.

The state topic is a dictionary with the semantics of Kafka's transactions: what was not committed vanishes, and a
former owner commits nothing. What runs between is the product's own: `step`, `changes`, `restored`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from streams.batch import Outputs
from streams.memory import Position, changes, restored
from streams.product import SHOE, WASHER, Product
from streams.state import State
from streams.step import step
from tests.unit.examples import examples
from tests.unit.streams.arrivals import arriving, some_uploads
from tests.unit.streams.building import (
    MINUTE_MS,
    NOON_MS,
    Upload,
    a_batch,
    a_washer_upload,
    newest_sessions,
    taken_in,
)
from tests.unit.streams.model import TOLD_APART, WAITED_FOR, Model, readings_of
from tests.unit.streams.oracle import Oracle, closely
from tests.unit.streams.test_step_detected import ONE, QUIET, uploads_of

DEVICES = ("w-0", "w-1")
FIRST_SEQ = 1_000
AGAIN = 10


class Broker:
    """One input partition, what was committed of it, and who may commit."""

    def __init__(self) -> None:
        self.log: list[tuple[Upload, str]] = []
        self.records: dict[bytes, bytes] = {}
        self.said: list[Outputs] = []
        self.owner = 0
        self.next_offset = 0

    def commit(self, owner: int, records: dict[bytes, bytes], said: list[Outputs], next_offset: int) -> bool:
        """All or nothing; nothing from a former owner."""
        if owner != self.owner:
            return False
        self.records.update(records)
        self.said += said
        self.next_offset = next_offset
        return True


class Owner:
    """What `streams.checkpoint.Partition` does, without Kafka."""

    def __init__(self, broker: Broker) -> None:
        broker.owner += 1
        self.number, self.broker = broker.owner, broker
        self.state, kept = restored(WASHER, broker.records)
        self.position = kept if kept is not None else Position("topic", 0, 0)
        self.applied = self.position.next_offset
        self.said: list[Outputs] = []

    def take_in(self, size: int) -> None:
        run = self.broker.log[self.applied : self.applied + size]
        batch = a_batch(WASHER, [upload for upload, _ in run], self.applied, key=[key for _, key in run])
        self.said.append(step(WASHER, self.state, batch))
        self.applied += len(run)

    def commit(self) -> bool:
        position = Position("topic", self.applied, self.position.checkpoint + 1)
        self.state.tidy()
        records = dict(changes(self.state, position))
        said, self.said, self.position = self.said, [], position
        return self.broker.commit(self.number, records, said, self.applied)


class Washer:
    """A device: what it sends next."""

    def __init__(self, device_id: str) -> None:
        self.device_id, self.seq, self.cycle, self.started_ms = device_id, FIRST_SEQ, 0, 0
        self.now_ms, self.left_out = NOON_MS, 0

    def upload(self, kind: str, gap: int = 1, readings: int = 0) -> Upload:
        """`first`, `next` or `last` of a cycle, or `idle`; without a cycle any but `idle` begins one."""
        self.seq += gap
        self.now_ms += 5 * MINUTE_MS
        if kind == "first" or (kind != "idle" and not self.started_ms):
            self.cycle, self.started_ms = self.cycle + 1, self.now_ms
        named = {"cycle_no": self.cycle, "cycle_started_ms": self.started_ms, "cycle_ended": kind == "last"}
        unnamed = {"cycle_no": None, "cycle_started_ms": None, "cycle_ended": False}
        upload = a_washer_upload(
            device_id=self.device_id, seq=self.seq, start_ms=self.now_ms, sent_at_ms=self.now_ms + MINUTE_MS,
            offset_ms=[1_000 * number for number in range(readings)],
            power_w=[100.0 + self.seq + number for number in range(readings)], water_l=[1.0] * readings,
            temperature_c=None, **(unnamed if kind == "idle" else named),
        )  # fmt: skip
        if kind in ("idle", "last"):
            self.started_ms = 0
        return upload


class EngineMachine(RuleBasedStateMachine):
    """Anything that may happen to one partition, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.broker = Broker()
        self.owner = Owner(self.broker)
        self.zombies: list[Owner] = []
        self.washers = [Washer(device_id) for device_id in DEVICES]
        self.held: list[Upload] = []
        self.checked = -1

    def send(self, upload: Upload, key: str | None = None) -> None:
        self.broker.log.append((upload, upload["device_id"] if key is None else key))

    @rule(
        device=st.sampled_from([0, 1]),
        kinds=st.lists(st.sampled_from(["first", "next", "next", "last", "idle"]), min_size=1, max_size=6),
        gap=st.sampled_from([1, 1, 2, 3, TOLD_APART - 1, TOLD_APART + 5]),
        readings=st.integers(0, 2),
        is_held=st.booleans(),
    )
    def a_device_sends(self, device: int, kinds: list[str], gap: int, readings: int, is_held: bool) -> None:
        washer = self.washers[device]
        # Of more numbers that never came only some are waited for, which the model knows nothing of.
        gap = gap if washer.left_out + gap + len(self.held) < WAITED_FOR else 1
        washer.left_out += gap - 1
        uploads = [washer.upload(kind, gap if place == 0 else 1, readings) for place, kind in enumerate(kinds)]
        if is_held:
            self.held.append(uploads.pop(0))
        for upload in uploads:
            self.send(upload)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def what_was_held_back_comes(self, data: st.DataObject) -> None:
        self.send(self.held.pop(data.draw(st.integers(0, len(self.held) - 1))))

    @precondition(lambda self: self.broker.log)
    @rule(data=st.data(), count=st.integers(1, 5))
    def a_stretch_is_sent_again(self, data: st.DataObject, count: int) -> None:
        start = data.draw(st.integers(0, len(self.broker.log) - 1))
        self.broker.log += self.broker.log[start : start + count]

    @rule(device=st.sampled_from([0, 1]))
    def somebody_writes_under_another_name(self, device: int) -> None:
        self.send(Washer(DEVICES[device]).upload("first"), key=DEVICES[1 - device])

    @rule(size=st.integers(0, 8))
    def a_run_is_taken_in(self, size: int) -> None:
        self.owner.take_in(size)

    @rule()
    def a_checkpoint_commits(self) -> None:
        assert self.owner.commit(), "the owner may commit"

    @rule()
    def the_worker_crashes(self) -> None:
        self.owner = Owner(self.broker)

    @rule(size=st.integers(0, 8))
    def the_worker_crashes_within_a_checkpoint(self, size: int) -> None:
        self.owner.take_in(size)
        list(changes(self.owner.state, self.owner.position))
        self.owner = Owner(self.broker)

    @rule()
    def another_worker_takes_over(self) -> None:
        self.zombies.append(self.owner)
        self.owner = Owner(self.broker)

    @precondition(lambda self: self.zombies)
    @rule(size=st.integers(0, 8))
    def a_former_owner_goes_on(self, size: int) -> None:
        zombie = self.zombies.pop(0)
        zombie.take_in(size)
        assert not zombie.commit(), "a former owner commits nothing"

    @invariant()
    def what_is_committed_is_what_the_model_says(self) -> None:
        if self.broker.next_offset != self.checked:
            self.checked = self.broker.next_offset
            check(self.broker.log[: self.checked], self.broker.said)

    def teardown(self) -> None:
        """In the end all is sent, some of it once more to a new owner; all sessions are over, all is accounted for."""
        for upload in [*self.held, *(washer.upload("idle") for washer in self.washers)]:
            self.send(upload)
        for _ in range(2):
            self.owner.take_in(len(self.broker.log))
            assert self.owner.commit()
            check(self.broker.log, self.broker.said)
            self.owner = Owner(self.broker)
            self.broker.log += self.broker.log[-AGAIN:]
        assert {session["status"] for session in newest_sessions(self.broker.said).values()} <= {"closed", "corrected"}


def check(log: Sequence[tuple[Upload, str]], said: Sequence[Outputs]) -> None:
    """That this was said of that part of the log, all of it and nothing else, once and in order."""
    model = Model()
    outcomes = {
        offset: model.outcome(upload) if key == upload["device_id"] else "wrong_key"
        for offset, (upload, key) in enumerate(log)
    }
    accepted = [upload for offset, (upload, _) in enumerate(log) if outcomes[offset] == "accepted"]
    receipts = [row for outputs in said for row in outputs.receipts.to_pylist()]
    told = [(row["offset"], row["outcome"]) for row in receipts]
    failed = [(event.offset, event.reason) for outputs in said for event in outputs.failed]
    assert len(told) + len(failed) == len(log), "every upload is accounted for once"
    assert told == sorted(told), "receipts are in the order of the log"
    assert dict(told) | dict(failed) == outcomes
    readings = [row for outputs in said for row in outputs.readings.to_pylist()]
    found = [(row["device_id"], row["seq"], row["measured_at_ms"]) for row in readings]
    assert found == [reading for upload in accepted for reading in readings_of(upload)]
    oracle = Oracle("cycle", accepted)
    expected, sessions = oracle.sessions(), newest_sessions(said)
    assert sessions.keys() == expected.keys()
    for session_id, session in sessions.items():
        parts = len(oracle.parts[session_id])
        if session["status"] == "open":
            assert 1 <= session["version"] <= parts
        else:
            assert session["version"] == parts + 1, "each part counts once"
            assert closely(session, expected[session_id]), session_id


TestEngine = EngineMachine.TestCase
TestEngine.settings = settings(examples(12), stateful_step_count=20)


def plugs(rng: Random) -> list[Upload]:
    return uploads_of("".join(rng.choice([ONE, QUIET, "j..", "   "]) for _ in range(6)) + QUIET, 5)


STREAMS: dict[str, tuple[Product, Callable[[Random], list[Upload]]]] = {
    "washers": (WASHER, lambda rng: some_uploads(rng, "cycle", devices=2)),
    "shoes": (SHOE, lambda rng: some_uploads(rng, "run", devices=2)),
    "plugs": (WASHER, plugs),
}


def lines(said: Sequence[Outputs]) -> list[Any]:
    """All that was said, but not how it was cut: receipts, readings, refusals, and sessions that are over."""
    sessions = {name: fact for name, fact in newest_sessions(said).items() if fact["status"] != "open"}
    rows = [
        [row for outputs in said for row in getattr(outputs, name).to_pylist()] for name in ("receipts", "readings")
    ]
    return [*rows, [event for outputs in said for event in outputs.failed], sessions]


@pytest.mark.parametrize("name", STREAMS)
@examples(3)
@given(seed=st.integers(0, 2**32))
def test_steps_that_were_lost_in_a_crash_leave_no_trace_when_taken_again(name: str, seed: int) -> None:
    rng = Random(seed)
    product, make = STREAMS[name]
    uploads = arriving(rng, make(rng))
    state, records, said, offset = State(product), dict[bytes, bytes](), list[Outputs](), 0
    sizes: list[int] = []
    for checkpoint in range(1, len(uploads) + 1):
        batch = uploads[offset : offset + rng.choice([1, 5, 20])]
        sizes.append(len(batch))
        if rng.random() < 0.5:  # lost: a longer or shorter run, and perhaps its checkpoint
            step(product, state, a_batch(product, uploads[offset : offset + rng.choice([1, 7, 30])], offset))
            state.tidy()
            state, _ = restored(product, records)
        said.append(step(product, state, a_batch(product, batch, offset)))
        offset += len(batch)
        state.tidy()
        records.update(changes(state, Position("topic", offset, checkpoint)))
        if offset == len(uploads):
            break
    # Cut alike: the start that names a cycle found in a curve is the first one known when it is told.
    assert lines(said) == lines(taken_in(product, State(product), uploads, sizes))


@pytest.mark.parametrize("name", STREAMS)
@examples(3)
@given(seed=st.integers(0, 2**32))
def test_a_suffix_that_is_sent_again_leaves_receipts_of_duplicates_and_nothing_else(name: str, seed: int) -> None:
    rng = Random(seed)
    product, make = STREAMS[name]
    uploads = arriving(rng, make(rng))
    state = State(product)
    taken_in(product, state, uploads, [rng.randrange(len(uploads))])
    again = uploads[-rng.randrange(1, 30) :]
    said = taken_in(product, state, again, [rng.randrange(len(again))])
    assert [row["outcome"] for outputs in said for row in outputs.receipts.to_pylist()] == ["duplicate"] * len(again)
    assert [(len(outputs.readings), outputs.sessions, outputs.failed) for outputs in said] == [(0, [], [])] * len(said)
