"""Small references and sessions for tests of the desk."""

from __future__ import annotations

from datetime import date
from typing import Any

from schemas.facts import Run, WashCycle
from schemas.reference import ConsentReference, ContractReference, CustodyReference, DeviceReference
from streams.desk.register import Register

DAY_MS = 86_400_000
NOON_MS = 1_780_315_200_000
"""2026-06-01 12:00 UTC."""

ANNA, BERND = "p" + "a" * 26, "p" + "b" * 26

Span = tuple[int, int | None]


def a_device(device_id: str = "w-1", **fields: Any) -> DeviceReference:
    """A washing machine that ERP knows."""
    known: dict[str, Any] = {
        "device_id": device_id, "revision": 1, "product": "washer", "material": "WM-7020", "plant": "1020",
        "sold_on": date(2026, 5, 1), "registered_at_ms": NOON_MS - 31 * DAY_MS,
    }  # fmt: skip
    return DeviceReference.model_validate(known | fields)


def custodies(*owners: tuple[str, int, int | None], device_id: str = "w-1", revision: int = 1, **fields: Any) -> Any:
    """Who had it from when to when; each field for all of them."""
    each: dict[str, Any] = {
        "kind": "sold", "country": "DE", "time_zone": "Europe/Berlin", "language": "de", "insights_per_week": 5,
        "max_heart_rate_bpm": None, "goal": None, "weekly_km": None, "runs_per_week": None,
    } | fields  # fmt: skip
    return CustodyReference.model_validate(
        {
            "device_id": device_id,
            "revision": revision,
            "subject": [subject for subject, _, _ in owners],
            "from_ms": [start for _, start, _ in owners],
            "to_ms": [end for _, _, end in owners],
            **{name: [value] * len(owners) for name, value in each.items()},
        }
    )


def consents(*given: tuple[str, str, int, int | None], device_id: str = "w-1", revision: int = 1) -> ConsentReference:
    """Who agreed to which purpose from when to when."""
    return ConsentReference.model_validate(
        {
            "device_id": device_id,
            "revision": revision,
            "subject": [subject for subject, _, _, _ in given],
            "purpose": [purpose for _, purpose, _, _ in given],
            "from_ms": [start for _, _, start, _ in given],
            "to_ms": [end for _, _, _, end in given],
        }
    )


def contracts(*spans: Span, device_id: str = "w-1", revision: int = 1, kind: str = "pay_per_wash") -> ContractReference:
    """Contracts C-0, C-1 ... from when to when."""
    return ContractReference.model_validate(
        {
            "device_id": device_id,
            "revision": revision,
            "from_ms": [start for start, _ in spans],
            "to_ms": [end for _, end in spans],
            "contract_no": [f"C-{number}" for number in range(len(spans))],
            "kind": [kind] * len(spans),
            "currency": ["EUR"] * len(spans),
            "energy_price_per_kwh": [0.4] * len(spans),
            "water_price_per_m3": [4.5] * len(spans),
        }
    )


def a_cycle(started_ms: int = NOON_MS, **fields: Any) -> WashCycle:
    """A closed wash cycle of an hour and 800 Wh."""
    device_id = fields.get("device_id", "w-1")
    known: dict[str, Any] = {
        "session_id": f"{device_id}:{started_ms}", "version": 3, "status": "closed", "device_id": device_id,
        "material": "WM-7020", "firmware": "3.2.0", "session_no": 7, "started_at_ms": started_ms,
        "ended_at_ms": started_ms + 3_600_000, "reading_count": 240, "known_at_ms": started_ms + 3_700_000,
        "source": "reported", "programme": "eco", "energy_wh": 800.0, "peak_w": 2050.0, "water_l": 45.0,
    }  # fmt: skip
    return WashCycle.model_validate(known | fields)


def a_run(started_ms: int = NOON_MS, **fields: Any) -> Run:
    """A closed run of an hour and 10 km."""
    device_id = fields.get("device_id", "s-1")
    known: dict[str, Any] = {
        "session_id": f"{device_id}:{started_ms}", "version": 3, "status": "closed", "device_id": device_id,
        "material": "SH-220", "firmware": "2.1.0", "session_no": 7, "started_at_ms": started_ms,
        "ended_at_ms": started_ms + 3_600_000, "reading_count": 720, "known_at_ms": started_ms + 3_700_000,
        "distance_m": 10_000.0, "steps": 10_200, "avg_cadence_spm": 170.0, "avg_heart_rate_bpm": 150.0,
        "max_heart_rate_bpm": 172.0, "avg_ground_contact_ms": 240.0, "moving_s": 3_550.0, "pace_s_per_km": 355.0,
    }  # fmt: skip
    return Run.model_validate(known | fields)


def taught(*references: Any) -> Register:
    """A register that has learned them in this order."""
    register = Register()
    for reference in references:
        register.learn(reference)
    return register
