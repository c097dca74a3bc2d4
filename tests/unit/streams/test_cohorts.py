"""A firmware that measures in another unit is held before it spoils the figures, and no other."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.catalogue import WASHER_BY_MATERIAL
from schemas.units import CONVERSIONS
from streams.batch import Outputs
from streams.cohorts import KNOWN_AFTER, MOST_FIRMWARES
from streams.memory import Position, changes, restored
from streams.product import WASHER
from streams.state import State
from streams.step import step
from tests.unit.examples import examples
from tests.unit.streams.building import MINUTE_MS, NOON_MS, Upload, a_batch, a_washer_upload, taken_in


class Machine:
    """A washing machine whose uploads look as those of its model do."""

    def __init__(
        self, device_id: str, firmware: str, rng: Random, power: float = 1.0, fahrenheit: bool = False
    ) -> None:
        self.device_id, self.firmware, self.rng = device_id, firmware, rng
        self.power, self.fahrenheit, self.seq = power, fahrenheit, 0

    def upload(self) -> dict[str, Any]:
        self.seq += 1
        at_ms = NOON_MS + self.seq * MINUTE_MS
        warm_c = self.rng.choice([15.0, 30.0, 40.0, 57.0])
        return a_washer_upload(
            device_id=self.device_id, seq=self.seq, firmware=self.firmware, start_ms=at_ms, sent_at_ms=at_ms + 2_000,
            cycle_started_ms=at_ms - MINUTE_MS, power_w=[self.rng.choice([32.0, 95.0, 2_050.0]) * self.power, 0.0],
            temperature_c=[round(warm_c * 9 / 5 + 32 if self.fahrenheit else warm_c, 1), None],
        )  # fmt: skip


def known_fleet(rng: Random) -> list[Upload]:
    """Uploads of right firmware, enough to know what the model measures."""
    machines = [Machine(f"w-{number}", "3.2.0", rng) for number in range(10)]
    return [machines[place % 10].upload() for place in range(KNOWN_AFTER + 20)]


def rolled_out(rng: Random, count: int = 60, **mistake: Any) -> list[Upload]:
    machines = [Machine(f"n-{number}", "3.3.0", rng, **mistake) for number in range(3)]
    return [machines[place % 3].upload() for place in range(count)]


def verdicts(uploads: Sequence[Upload], sizes: list[int] | None = None, state: State | None = None) -> list[str | None]:
    """The reason for which each upload is refused, None where it is let in."""
    found: list[str | None] = [None] * len(uploads)
    for outputs in taken_in(WASHER, state or State(WASHER), uploads, sizes or []):
        for event in outputs.failed:
            found[event.offset] = event.reason
    return found


def held(said: list[Outputs]) -> list[tuple[str | None, str | None]]:
    failed = [event for outputs in said for event in outputs.failed]
    return [(event.found, event.accepted) for event in failed if event.reason == "cohort_differs"]


@pytest.mark.parametrize(
    ("mistake", "unit", "ours"),
    [({"power": 0.001}, "kW", "W"), ({"fahrenheit": True}, "°F", "°C")],
)
def test_a_wrong_unit_is_held_with_the_unit_it_looks_like(mistake: dict[str, Any], unit: str, ours: str) -> None:
    rng, state = Random(1), State(WASHER)
    assert set(verdicts(known_fleet(rng), state=state)) == {None}
    said = taken_in(WASHER, state, rolled_out(rng, **mistake), [1] * 8 + [4] * 13)
    assert unit in CONVERSIONS[ours]
    assert sum(len(outputs.failed) for outputs in said) >= 40, "all but those in which nothing looked strange at first"
    assert held(said)[-1] == (unit, ours)


def test_a_right_firmware_is_never_held() -> None:
    rng, state = Random(2), State(WASHER)
    taken_in(WASHER, state, known_fleet(rng))
    assert set(verdicts(rolled_out(rng, 400), state=state)) == {None}


def test_the_first_machines_of_a_rare_model_are_held_against_the_others() -> None:
    rng, state = Random(6), State(WASHER)
    taken_in(WASHER, state, known_fleet(rng))
    rare = [{**upload, "material": "WM-9040"} for upload in rolled_out(rng, power=0.001)]
    assert verdicts(rare, state=state).count("cohort_differs") >= 55
    again = State(WASHER)
    taken_in(WASHER, again, known_fleet(rng))
    assert set(verdicts([{**upload, "material": "WM-9040"} for upload in rolled_out(rng)], state=again)) == {None}


def test_one_broken_device_holds_no_cohort() -> None:
    rng, state = Random(3), State(WASHER)
    taken_in(WASHER, state, known_fleet(rng))
    broken, right = Machine("n-1", "3.3.0", rng, fahrenheit=True), Machine("n-2", "3.3.0", rng)
    found = verdicts([machine.upload() for _ in range(40) for machine in (broken, right)], state=state)
    assert not any(found[1::2])
    assert any(found[0::2])


def test_what_is_repaired_passes_and_a_trusted_firmware_too() -> None:
    rng = Random(4)
    fleet, wrong = known_fleet(rng), rolled_out(rng, fahrenheit=True)
    state = State(WASHER)
    taken_in(WASHER, state, [*fleet, *wrong])
    right = [{**upload, "seq": 1_000 + place} for place, upload in enumerate(rolled_out(rng, 6))]
    assert set(verdicts(right, state=state)) == {"cohort_differs"}, "the cohort is held as a whole"
    batch = a_batch(WASHER, right)
    repaired = type(batch)(**{**vars(batch), "repairs": ["rule"] * 6})
    assert step(WASHER, state, repaired).failed == []
    trusting = State(WASHER)
    taken_in(WASHER, trusting, fleet)
    trusted = step(WASHER, trusting, a_batch(WASHER, wrong), trusted=frozenset([("WM-6010", "3.3.0")]))
    assert not [event for event in trusted.failed if event.reason == "cohort_differs"]


def test_held_firmware_stays_held_over_a_restart() -> None:
    rng, state = Random(5), State(WASHER)
    taken_in(WASHER, state, [*known_fleet(rng), *rolled_out(rng, power=0.001)])
    again, _ = restored(WASHER, dict(changes(state, Position("t", 1, 1))))
    assert set(verdicts(rolled_out(rng, 5), state=again)) <= {"cohort_differs", "late", "number_reused"}


def test_a_rate_declared_wrong_shows_in_the_machines_own_counter() -> None:
    def counting(uploads: list[Upload], shown: float) -> list[Upload]:
        """Uploads that hold half a minute at 1,200 W, and a counter that says so; the power is shown times that."""
        return [
            {
                **upload,
                "lead_ms": 30_000,
                "power_w": [1_200.0 * shown, 0.0],
                "lifetime_energy_wh": 10.0 * upload["seq"],
                "temperature_c": [40.0, None],
            }
            for upload in uploads
        ]

    rng, state = Random(10), State(WASHER)
    in_kw = [*counting(known_fleet(rng), 1.0), *counting(rolled_out(rng), 0.001)]
    assert held(taken_in(WASHER, State(WASHER), in_kw))[-1] == ("kW", "W"), "a known unit says more than a factor"
    assert set(verdicts(counting(known_fleet(rng), 1.0), state=state)) == {None}
    said = taken_in(WASHER, state, counting(rolled_out(rng), 0.5), [7] * 8)
    assert len(held(said)) >= 57, "all but the first of each machine, which no upload came before"
    assert held(said)[-1] == ("factor 0.5", "W")
    assert set(verdicts(counting([{**one, "firmware": "3.4.0"} for one in rolled_out(rng)], 1.0))) == {None}


def test_a_machine_in_a_cold_garage_is_no_wrong_unit() -> None:
    rng, state = Random(8), State(WASHER)
    frosty: list[Upload] = [
        {**upload, "temperature_c": [rng.choice([-10.0, 2.0, 40.0]), None]} for upload in known_fleet(rng)
    ]
    taken_in(WASHER, state, frosty)
    again = [{**upload, "temperature_c": [rng.choice([-9.0, -5.0, 0.5]), None]} for upload in rolled_out(rng, 100)]
    assert set(verdicts(again, state=state)) == {None}


def test_new_models_and_firmware_may_come_in_any_number_and_order() -> None:
    rng = Random(9)
    for sizes in ([1, 50], [200]):
        machine = Machine("w-1", "9.9.9", rng)
        uploads = [
            machine.upload()
            | {"material": rng.choice(list(WASHER_BY_MATERIAL)), "firmware": f"1.0.{rng.randrange(90)}"}
            for _ in range(600)
        ]
        assert set(verdicts(uploads, sizes)) == {None}


def test_made_up_firmware_and_models_do_not_make_the_state_grow() -> None:
    rng, state = Random(7), State(WASHER)
    machine = Machine("w-1", "9.9.9", rng)
    uploads = [machine.upload() | {"firmware": f"9.{place // 1000}.{place % 1000}"} for place in range(2_000)]
    taken_in(WASHER, state, uploads, [1_500])
    taken_in(WASHER, state, [machine.upload() | {"material": f"M-{place}"} for place in range(50)])
    assert len(state.stores["cohorts"]) == len(WASHER.measures) * (MOST_FIRMWARES + 3)


@examples(4)
@given(seed=st.integers(0, 2**32))
def test_nothing_depends_on_how_the_input_was_cut(seed: int) -> None:
    rng = Random(seed)
    uploads = known_fleet(rng)
    news = rolled_out(rng, 80, fahrenheit=True)
    for upload in news:
        uploads.insert(rng.randrange(KNOWN_AFTER // 2, len(uploads) + 1), upload)
    uploads.sort(key=lambda upload: (upload["seq"], upload["device_id"]))
    whole = verdicts(uploads)
    cut = [rng.choice([1, 3, 10, 200]) for _ in range(6)]
    assert verdicts(uploads, cut) == whole
