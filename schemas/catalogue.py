"""The models this company sells: material number, name, and what the label on the box promises.

Producers build devices from it, record systems seed their materials from it. Invented, but within what such products
do: a label's energy is that of a nominal load (`NOMINAL_LOAD_SHARE` of the capacity) at 15 °C inlet water.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from schemas.uploads import Programme

NOMINAL_LOAD_SHARE = 0.7
"""Share of the drum's capacity that the label speaks of."""

PLUG_METER = "PLUG-METER"
"""Material of a smart plug in front of somebody's washing machine: a recording, not a product of ours."""

OTHER_LOADS_W = 1_000.0
"""Spinning, pumps and electronics beside heater and drum, with room for a meter's error."""

RUN_RECORDER = "RUN-RECORDER"
"""Material of a watch or phone that recorded a run: a recording, not a product of ours."""


@dataclass(frozen=True)
class Label:
    """What one programme draws per cycle, as printed on the box."""

    energy_wh: float
    water_l: float


@dataclass(frozen=True)
class WasherModel:
    """A washing machine of the catalogue.

    Attributes:
        heater_w: Electric power of the heater.
        motor_w: Mean power of drum motor, pump and electronics while the drum turns the laundry.
        heating_factor: Energy really drawn for heating over what physics asks for; 1.0 is a perfect machine.
    """

    material: str
    name: str
    capacity_kg: float
    max_rpm: int
    heater_w: float
    motor_w: float
    heating_factor: float
    labels: Mapping[Programme, Label]


@dataclass(frozen=True)
class ShoeModel:
    """A running shoe of the catalogue, sold in pairs with one pod.

    Attributes:
        has_contact_sensor: Whether the pod measures ground contact time.
    """

    material: str
    name: str
    mass_g: int
    has_contact_sensor: bool


def _labels(cotton: Label, synthetics: Label, eco: Label, quick: Label, wool: Label) -> Mapping[Programme, Label]:
    return {"cotton": cotton, "synthetics": synthetics, "eco": eco, "quick": quick, "wool": wool}


WASHERS: tuple[WasherModel, ...] = (
    WasherModel(
        "WM-6010",
        "Lagan 6",
        6.0,
        1200,
        1950.0,
        95.0,
        1.12,
        _labels(Label(1180, 52), Label(690, 50), Label(730, 42), Label(300, 34), Label(350, 46)),
    ),
    WasherModel(
        "WM-7020",
        "Nissan 7",
        7.0,
        1400,
        2000.0,
        90.0,
        1.08,
        _labels(Label(1200, 55), Label(690, 52), Label(730, 44), Label(300, 35), Label(350, 47)),
    ),
    WasherModel(
        "WM-8030",
        "Ätran 8",
        8.0,
        1400,
        2100.0,
        80.0,
        1.05,
        _labels(Label(1220, 58), Label(690, 54), Label(710, 45), Label(300, 36), Label(340, 48)),
    ),
    WasherModel(
        "WM-9040",
        "Viskan 9",
        9.0,
        1600,
        2200.0,
        70.0,
        1.03,
        _labels(Label(1240, 60), Label(690, 55), Label(690, 46), Label(300, 37), Label(340, 48)),
    ),
    WasherModel(
        "WM-1150",
        "Klarälven 11",
        11.0,
        1400,
        2300.0,
        85.0,
        1.20,
        _labels(Label(1440, 70), Label(770, 62), Label(770, 52), Label(335, 42), Label(365, 52)),
    ),
)

SHOES: tuple[ShoeModel, ...] = (
    ShoeModel("SH-110", "Stig Easy", 285, has_contact_sensor=False),
    ShoeModel("SH-220", "Stig Tempo", 240, has_contact_sensor=True),
    ShoeModel("SH-330", "Stig Race", 205, has_contact_sensor=True),
    ShoeModel("SH-440", "Stig Trail", 310, has_contact_sensor=True),
)

WASHER_BY_MATERIAL = {model.material: model for model in WASHERS}
SHOE_BY_MATERIAL = {model.material: model for model in SHOES}

_FIRST_MADE_MS = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp()) * 1000

LAUNCHED_MS: Mapping[str, int] = dict.fromkeys([*WASHER_BY_MATERIAL, *SHOE_BY_MATERIAL], _FIRST_MADE_MS)
"""When the first device of each model was made: none can speak of an earlier instant."""

LONGEST_SESSION_MS = 2 * 86_400_000
"""Longer than any wash cycle with a delayed start, and than any run: one wrong field must not make a cycle of years."""

LARGEST_LOAD_W: Mapping[str, int] = {
    model.material: round(model.heater_w + model.motor_w + OTHER_LOADS_W) for model in WASHERS
}
"""Most power that each model can draw on its fuse."""

LARGEST_SPEED_M_PER_S = 12.5
"""Nobody has run faster (world record over 100 m: 12.4 m/s at its best)."""

HOTTEST_SUDS_C = 100.0
