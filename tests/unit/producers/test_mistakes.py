"""What a firmware's unit or rate mistake does to an upload."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.mistakes import MISTAKES, RateMistake, UnitMistake, mistaken, mistakes_of
from producers.uploads import encode
from schemas.units import CONVERSIONS
from schemas.uploads import ShoeUpload, Upload, WasherUpload, channels
from streams.refusal import Refused, examine

AT_MS = 1_778_000_000_000


def washer(**own: Any) -> dict[str, Any]:
    return {
        "device_id": "wm-7-000001", "seq": 4, "sent_at_ms": AT_MS + 61_000, "material": "WM-6010", "firmware": "3.3.0",
        "start_ms": AT_MS + 15_000, "lead_ms": 15_000, "offset_ms": [0, 15_000, 30_000, 45_000],
        "cycle_no": 7, "cycle_started_ms": AT_MS, "cycle_ended": False, "programme": "cotton", "lifetime_cycles": 7,
        "lifetime_energy_wh": 512.25, "lifetime_water_l": 90.5, "power_w": [8.0, 2045.3, 2050.1, 0.0],
        "water_l": [2.5, 15.25, None, 16.0], "temperature_c": [14.9, 39.4, 57.2, None], "drum_rpm": [0, 52, 52, 52],
        **own,
    }  # fmt: skip


def shoe(**own: Any) -> dict[str, Any]:
    return {
        "device_id": "sh-7-000001", "seq": 4, "sent_at_ms": AT_MS + 61_000, "material": "SH-220", "firmware": "2.1.0",
        "start_ms": AT_MS + 3_000, "lead_ms": 3_000, "offset_ms": [0, 3_000, 6_000], "run_no": 3,
        "run_started_ms": AT_MS, "run_ended": False, "health_consent": True, "lifetime_distance_m": 90_000.5,
        "lifetime_steps": 83_000, "distance_m": [8.23, 16.51, 24.8], "cadence_spm": [168, 171, None],
        "heart_rate_bpm": None, "ground_contact_ms": [250, 251, 249],
        **own,
    }  # fmt: skip


UPLOADS: dict[str, tuple[dict[str, Any], type[Upload]]] = {
    "washer": (washer(), WasherUpload),
    "shoe": (shoe(), ShoeUpload),
}


def product_of(mistake: str) -> str:
    return "washer" if mistake in mistakes_of("washer") else "shoe"


def test_without_a_mistake_everything_stays() -> None:
    assert mistaken(washer(), None) == washer()


@pytest.mark.parametrize(
    ("mistake", "channel", "found"),
    [
        ("temperature_f", "temperature_c", [58.8, 102.9, 135.0, None]),
        ("power_kw", "power_w", [0.008, 2.045, 2.05, 0.0]),
        ("power_dw", "power_w", [80, 20453, 20501, 0]),
        ("water_ml", "water_l", [2500, 15250, None, 16000]),
        ("distance_ft", "distance_m", [27.0, 54.2, 81.4]),
        ("distance_km", "distance_m", [0.008, 0.017, 0.025]),
        ("cadence_one_foot", "cadence_spm", [84, 86, None]),
    ],
)
def test_a_channel_is_told_in_the_foreign_unit_as_devices_round(mistake: str, channel: str, found: list[Any]) -> None:
    fields = UPLOADS[product_of(mistake)][0]
    told = mistaken(fields, mistake)
    assert told[channel] == found
    assert [type(value) for value in told[channel]] == [type(value) for value in found]
    assert told == {**fields, channel: found}


@pytest.mark.parametrize("fields", [washer(), shoe()])
def test_a_rate_declared_twice_as_high_halves_all_times_between_readings(fields: dict[str, Any]) -> None:
    told = mistaken(fields, "rate_double")
    assert told["lead_ms"] * 2 == fields["lead_ms"]
    assert [offset_ms * 2 for offset_ms in told["offset_ms"]] == fields["offset_ms"]
    assert {**told, "lead_ms": 0, "offset_ms": []} == {**fields, "lead_ms": 0, "offset_ms": []}


@given(lead_ms=st.integers(0, 60_000), offsets=st.lists(st.integers(0, 86_400_000), max_size=30).map(sorted))
def test_a_wrong_rate_keeps_the_contract(lead_ms: int, offsets: list[int]) -> None:
    channels_ = {name: [1.0] * len(offsets) for name in ("power_w", "water_l", "temperature_c", "drum_rpm")}
    fields = washer(lead_ms=lead_ms, offset_ms=offsets, **channels_)
    WasherUpload.model_validate(fields)
    WasherUpload.model_validate(mistaken(fields, "rate_double"))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_breaks_the_contract_only_as_it_says(mistake: str) -> None:
    fields, model = UPLOADS[product_of(mistake)]
    kind = MISTAKES[mistake]
    verdict = examine(encode(mistaken(fields, mistake)), [model])
    breaks = kind.breaks if isinstance(kind, UnitMistake) else None
    assert (verdict.reason if isinstance(verdict, Refused) else None) == breaks


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("product", ["washer", "shoe"])
def test_null_stays_null_and_the_fields_given_stay_as_they_are(mistake: str, product: str) -> None:
    fields, model = UPLOADS[product]
    for changed in (
        fields,
        {**fields, **dict.fromkeys(channels(model), None)},
        {**fields, "offset_ms": [], **{name: [] for name in channels(model)}},
        {name: value for name, value in fields.items() if name not in channels(model)},
    ):
        before = copy.deepcopy(changed)
        told = mistaken(changed, mistake)
        assert changed == before
        assert [value is None for value in told.values()] == [value is None for value in changed.values()]
        for name in channels(model):
            if changed.get(name) is not None:
                assert [value is None for value in told[name]] == [value is None for value in changed[name]]


def test_every_unit_mistake_has_a_way_back() -> None:
    for kind in MISTAKES.values():
        if isinstance(kind, RateMistake):
            continue
        conversion = CONVERSIONS[kind.ours][kind.foreign]
        model = WasherUpload if kind.product == "washer" else ShoeUpload
        assert kind.channel in channels(model)
        fields = UPLOADS[kind.product][0]
        name = next(name for name, other in MISTAKES.items() if other is kind)
        back = [conversion.to_ours(value) for value in mistaken(fields, name)[kind.channel] if value is not None]
        step = 10**-kind.decimals * conversion.factor
        assert back == pytest.approx([value for value in fields[kind.channel] if value is not None], abs=step)


def test_products_make_their_own_mistakes_and_both_mistake_the_rate() -> None:
    assert set(mistakes_of("washer")) | set(mistakes_of("shoe")) == set(MISTAKES)
    assert set(mistakes_of("washer")) & set(mistakes_of("shoe")) == {"rate_double"}
