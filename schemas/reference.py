"""What the record systems tell the stream of each device: `reference.*`, one record a device, the newest stays.

A record holds the whole history of its device as known now, as lists of equal length, one entry an interval, oldest
first: a late correction replaces the record, so nobody ever sees half of one. Intervals are half-open, `[from, to)`,
`to` null while it goes on. People are pseudonyms (`schemas.pseudonyms`): no name, address or customer number is here.
`revision` rises with every record of a device; a lower one than known is old news.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from schemas.fields import Contract, DeviceId, Material, described
from schemas.fleet import Product

CustodyKind = Literal["sold", "rented", "resold", "swapped"]
ContractKind = Literal["owned", "pay_per_wash", "pay_per_km", "flat"]
Purpose = Literal["health", "location", "coaching", "care"]
"""health: heart rate and contact times are kept; location: positions are kept; coaching: advice from health values;
care: advice on the machine. Advice that needs health values asks for health and coaching."""

Goal = Literal["health", "10k", "half_marathon", "marathon"]

SUBJECT = r"^p[a-z2-7]{26}$"
"""A pseudonym of a person."""

Subject = Annotated[str, described("The person, as a pseudonym", "personal", pattern=SUBJECT)]
Revision = Annotated[int, described("Rises with each record of the device", "technical", "1", ge=1)]
Subjects = Annotated[list[Subject], described("The person of each interval, as a pseudonym", "personal")]
MOST_PRICE = 1e6
"""Of a kilowatt-hour or a cubic metre, in any currency; more is a mistake."""
_CountryCode = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
_Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class DeviceReference(Contract):
    """What ERP knows of a unit: that it was made, what it is, when it was sold."""

    device_id: DeviceId
    revision: Revision
    product: Annotated[Product, described("Kind of product", "usage")]
    material: Material
    plant: Annotated[str, described("Where it was made: the batch is plant and month of sale")]
    sold_on: Annotated[date | None, described("Local day of the sale; null while in stock", "usage")]
    registered_at_ms: Annotated[int, described("When ERP first told of it", "technical", "ms since 1970 UTC")]


class History(Contract):
    """Base of references with intervals: all lists are equally long, intervals ascend and do not overlap."""

    device_id: DeviceId
    revision: Revision
    from_ms: Annotated[list[int], described("Begin of each interval", "usage", "ms since 1970 UTC")]
    to_ms: Annotated[
        list[int | None], described("End of each interval; null while it goes on", "usage", "ms since 1970 UTC")
    ]

    @model_validator(mode="after")
    def _intervals_fit(self) -> History:
        lists = {name: value for name in type(self).model_fields if isinstance(value := getattr(self, name), list)}
        if len({len(value) for value in lists.values()}) > 1:
            told = ", ".join(f"{name} {len(value)}" for name, value in lists.items())
            raise ValueError(f"unequal_lengths: {told}")
        for start_ms, end_ms in zip(self.from_ms, self.to_ms, strict=True):
            if end_ms is not None and end_ms <= start_ms:
                raise ValueError(f"wrong_interval: it ends at {end_ms} and begins at {start_ms}")
        return self


class CustodyHistory(History):
    """Who had the device from when to when, and where: all of a custody that the lake keeps."""

    kind: Annotated[list[CustodyKind], described("How it came to them", "usage")]
    subject: Subjects
    country: Annotated[list[_CountryCode], described("Where it stands: ISO 3166 code", "usage")]
    time_zone: Annotated[list[str], described("Where it stands: name in the IANA time zone database", "usage")]


class CustodyReference(CustodyHistory):
    """Who had the device from when to when, where, and how they want to be spoken to."""

    language: Annotated[list[str], described("ISO 639 code of the language they read", "personal")]
    insights_per_week: Annotated[
        list[Annotated[int, Field(ge=0)]], described("Most advice they want in a week", "personal", "1/week")
    ]
    max_heart_rate_bpm: Annotated[
        list[Annotated[float, Field(ge=100, le=240)] | None],
        described("Their highest heart rate, if told", "health", "1/min"),
    ]
    goal: Annotated[list[Goal | None], described("What their fitness programme prepares for", "personal")]
    weekly_km: Annotated[
        list[Annotated[float, Field(ge=0, le=500)] | None],
        described("Kilometres a week of their programme", "personal", "km/week"),
    ]
    runs_per_week: Annotated[
        list[Annotated[int, Field(ge=1, le=14)] | None],
        described("Runs a week of their programme", "personal", "1/week"),
    ]


class ContractReference(History):
    """What the device is used under, and what energy and water cost there."""

    contract_no: Annotated[list[str], described("Number in billing", "usage")]
    kind: Annotated[list[ContractKind], described("How it is paid for", "usage")]
    currency: Annotated[list[_Currency], described("ISO 4217 code of the prices", "usage")]
    energy_price_per_kwh: Annotated[
        list[Annotated[float, Field(ge=0, le=MOST_PRICE)]], described("Price of energy", "usage", "currency/kWh")
    ]
    water_price_per_m3: Annotated[
        list[Annotated[float, Field(ge=0, le=MOST_PRICE)]], described("Price of water", "usage", "currency/m³")
    ]


class ConsentReference(History):
    """What people agreed to, for this device, from when to when: intervals of different purposes may overlap."""

    subject: Subjects
    purpose: Annotated[list[Purpose], described("What for", "personal")]


Reference = DeviceReference | CustodyReference | ContractReference | ConsentReference
