"""What the desk makes of facts and of what the record systems know: usage, insights, alerts, completeness, commands.

`version` rises with every change of the same thing; the newest counts. `evidence` is a JSON object of the numbers
behind a statement, their units in their names.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from schemas.facts import InstantMs, Partition
from schemas.fields import Contract, Count, DeviceId, Firmware, Material, ReceivedAtMs, described
from schemas.fleet import Product
from schemas.reference import ContractKind, CustodyKind, Subject

Version = Annotated[
    int, described("Rises with every change of the same thing; the highest counts", "technical", "1", ge=1)
]
ProductKind = Annotated[Product, described("Kind of product", "usage")]
Country = Annotated[str | None, described("Where the device stood: ISO 3166 code; null: not known", "usage")]
Evidence = Annotated[str, described("The numbers behind it, units in their names: a JSON object", "usage")]
SessionId = Annotated[str | None, described("The session it is about; null: none alone", "usage")]

UsageStatus = Literal[
    "attributed",  # somebody had the device then
    "unowned",  # the device is known, nobody had it then
    "unknown_device",  # kept aside until a registration arrives
    "withdrawn",  # the session was none
]


class Usage(Contract):
    """One session as somebody's use of a device: who had it then, under which contract (as of event time)."""

    session_id: Annotated[str, described("The session, as in wash_cycles and runs", "usage")]
    version: Version
    session_version: Annotated[int, described("Version of the session it is about", "technical", "1", ge=1)]
    status: Annotated[
        UsageStatus,
        described(
            "attributed: somebody had the device then; unowned: nobody had; unknown_device: no record system knows the "
            "device yet; withdrawn: the session was none"
        ),
    ]
    device_id: DeviceId
    product: ProductKind
    material: Material
    firmware: Firmware
    started_at_ms: InstantMs
    ended_at_ms: InstantMs
    local_day: Annotated[date | None, described("Day it began, where the device stood", "usage")]
    energy_wh: Annotated[float | None, described("Energy drawn; washers only", "usage", "Wh", ge=0)]
    water_l: Annotated[float | None, described("Water drawn; washers only", "usage", "l", ge=0)]
    distance_m: Annotated[float | None, described("Distance; shoes only", "usage", "m", ge=0)]
    subject: Annotated[Subject | None, described("Who had it then, as a pseudonym; null: nobody", "personal")]
    custody_kind: Annotated[CustodyKind | None, described("How it had come to them", "usage")]
    custody_from_ms: Annotated[int | None, described("Since when they had it", "usage", "ms since 1970 UTC")]
    country: Country
    time_zone: Annotated[str | None, described("Where it stood: name in the IANA time zone database", "usage")]
    contract_no: Annotated[str | None, described("Contract it was used under", "usage")]
    contract_kind: Annotated[ContractKind | None, described("How it is paid for", "usage")]
    known_at_ms: ReceivedAtMs


InsightKind = Literal[
    "cycle_cost",  # what the last cycle cost, and a cheaper programme that washes as well
    "descale",
    "filter_blocking",
    "load_too_small",
    "pace_advice",
    "heart_rate_advice",
    "asymmetry",
    "fatigue",
    "shoe_worn_out",
    "next_session",  # the training plan's next run, adapted to what was run
]


class Insight(Contract):
    """Advice to a person, in their language, with its reason."""

    insight_id: Annotated[str, described("Device, kind and event: the same when it is told again", "usage")]
    subject: Subject
    device_id: DeviceId
    kind: Annotated[InsightKind, described("What it is about", "usage")]
    session_id: SessionId
    at_ms: Annotated[int, described("The event it follows from", "usage", "ms since 1970 UTC")]
    language: Annotated[str, described("Language of the texts: ISO 639 code", "usage")]
    title: Annotated[str, described("What to do, in a few words", "personal")]
    text: Annotated[str, described("What to do and why, with the numbers", "personal")]
    reason: Annotated[str, described("The rule that speaks, in English, for whoever asks why", "personal")]
    evidence: Annotated[str, described("The numbers behind it, units in their names: a JSON object", "health")]
    uses_health: Annotated[bool, described("Whether heart rate or contact times are behind it")]
    version: Annotated[int, described("Version of the session it follows from; the newest counts", unit="1", ge=1)]
    known_at_ms: ReceivedAtMs


AlertKind = Literal[
    "bearing",
    "heater_scale",
    "drain_pump",
    "unbalance",
    "dormant",  # it was used regularly, and is no more
    "cohort_shift",  # a firmware's cycles or runs differ from those of its model before
]


class Alert(Contract):
    """Something the maker should look at: of a device, or of a firmware cohort (device_id null)."""

    alert_id: Annotated[
        str, described("Device (or model and firmware), kind and event: the same in every version", "usage")
    ]
    version: Version
    status: Annotated[Literal["raised", "cleared"], described("Whether it still holds")]
    kind: Annotated[AlertKind, described("What is the matter", "usage")]
    product: ProductKind
    device_id: Annotated[
        str | None, described("Which device; null: all of a model with one firmware, a cohort", "usage")
    ]
    material: Material
    firmware: Firmware
    session_id: SessionId
    at_ms: Annotated[int, described("The event it follows from", "usage", "ms since 1970 UTC")]
    score: Annotated[float, described("How far from usual, on the scale that `reason` names", "usage", "1")]
    threshold: Annotated[float, described("From which score it is raised", "usage", "1")]
    reason: Annotated[str, described("The rule that speaks, in English", "usage")]
    evidence: Evidence


CompletenessVerdict = Literal[
    "complete",
    "gap",  # the device counted more than arrived
    "surplus",  # more arrived than the device counted
    "reset",  # its counters began anew and nothing explains it
    "rollover",  # its counters passed their highest value
    "swapped",  # another main board was declared, and all that can be told is there
    "unexplained",  # counters fell or jumped in a way that none of these explains
]


class Completeness(Contract):
    """What one device counted in one month in one pair of hands, against what of it arrived."""

    device_id: DeviceId
    product: ProductKind
    month: Annotated[date, described("First day of the month (UTC)", "usage")]
    custody_from_ms: Annotated[
        int | None, described("Begin of the custody; null: nobody's", "usage", "ms since 1970 UTC")
    ]
    version: Version
    verdict: Annotated[
        CompletenessVerdict,
        described(
            "complete: all that was counted arrived; gap: less arrived; surplus: more did; reset: the counter began "
            "anew and nothing explains it; rollover: it passed its highest value; swapped: a new main board was "
            "declared, and nothing is missing as far as can be told; unexplained: the counter fell or jumped otherwise",
            "usage",
        ),
    ]
    unit: Annotated[Literal["Wh", "m"], described("Unit of the three figures that follow")]
    counted: Annotated[float, described("Advance of the lifetime counter", "usage", "Wh or m")]
    arrived: Annotated[float, described("Sum of what arrived", "usage", "Wh or m")]
    missing: Annotated[float, described("counted less arrived; below zero for a surplus", "usage", "Wh or m")]
    missing_uploads: Annotated[int, described("Upload numbers that never arrived", "technical", "1", ge=0)]
    refused_uploads: Annotated[int, described("Upload numbers that were refused", "technical", "1", ge=0)]
    boards: Annotated[
        int, described("Main boards that counted in it; 2: one was replaced by another", "technical", "1", ge=1)
    ]
    known_at_ms: ReceivedAtMs


DEVICE_MEMORY_UPLOADS = 2_000
"""How many of its newest uploads a device keeps, to send them again: months of a washer, weeks of a shoe."""


class Command(Contract):
    """What a device is asked to do: to send again what has never arrived, numbers [from_seq, to_seq)."""

    command_id: Annotated[str, described("Device and numbers: the same when it is asked again")]
    device_id: DeviceId
    product: ProductKind
    kind: Annotated[Literal["send_again"], described("What to do")]
    from_seq: Annotated[int, described("First number", unit="1", ge=0)]
    to_seq: Annotated[int, described("The number after the last one", unit="1", ge=1)]
    asked_at_ms: ReceivedAtMs
    expires_at_ms: Annotated[int, described("After that it would be refused", "technical", "ms since 1970 UTC")]


class FleetMinute(Contract):
    """What one model's devices in one country did in one minute, as far as one partition's devices go."""

    minute_at_ms: Annotated[int, described("Begin of the minute, event time", "usage", "ms since 1970 UTC")]
    partition: Partition
    product: ProductKind
    material: Material
    country: Country
    version: Version
    devices: Annotated[int, described("Devices with readings in it", "usage", "1", ge=0)]
    readings: Count
    energy_wh: Annotated[float | None, described("Energy; washers only", "usage", "Wh", ge=0)]
    known_at_ms: ReceivedAtMs
