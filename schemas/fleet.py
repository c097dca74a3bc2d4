"""What the company knows of each device it made: the registration rows that seed the record systems."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from schemas.fields import IDENTIFIER, Contract, DeviceId, Firmware, Material, described

Product = Literal["washer", "shoe"]


class FleetDevice(Contract):
    """One device as made, sold and, perhaps, registered by a customer."""

    device_id: DeviceId
    product: Annotated[Product, described("Kind of product", "usage")]
    material: Material
    firmware: Firmware
    country: Annotated[str, described("Where it was sold: ISO 3166 code", "usage", pattern=r"^[A-Z]{2}$")]
    time_zone: Annotated[str, described("Where it stands: name in the IANA time zone database", "usage")]
    sold_on: Annotated[date, described("Local day of the sale", "usage")]
    activated_on: Annotated[date | None, described("Local day it first spoke to us; null: never", "usage")]
    customer_id: Annotated[
        str | None,
        described("Customer number in CRM; null until the device is activated", "personal", pattern=IDENTIFIER),
    ]
    health_consent: Annotated[
        bool | None, described("The runner agreed to keep heart rate and contact time; null for washers", "personal")
    ]
