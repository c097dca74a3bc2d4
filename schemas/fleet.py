"""What the company knows of each device it made: the registration rows that seed the record systems."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from schemas.fields import IDENTIFIER, Contract, DeviceId, Firmware, Material, described

Product = Literal["washer", "shoe"]


class FleetDevice(Contract):
    """One device as made, sold and, perhaps, registered by its first customer.

    What comes later, such as newer firmware or another owner, is in its `LifeEvent`s.
    """

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
    paired_with: Annotated[
        DeviceId | None, described("The other shoe, where each shoe of a pair has a pod of its own", "usage")
    ] = None


LifeEventKind = Literal[
    "sold",
    "activated",
    "resold",  # to another customer, who uses it in another way and maybe elsewhere
    "lent",  # to a friend for some runs: the customer stays, the body does not
    "returned",
    "board_swapped",  # repaired: the lifetime counters start again, or jump to where the new board stands
    "firmware_installed",
]


class LifeEvent(Contract):
    """Something that happened to a device, by the device maker's own books. Fields say what holds from then on.

    A device notes it once the session is over that is under way then, if one is. Until it is activated nobody knows
    its owner. Both shoes of a pair change hands at the same instant; each is repaired and updated on its own.
    """

    device_id: DeviceId
    at_ms: Annotated[int, described("When", "usage", "ms since 1970 UTC")]
    kind: Annotated[LifeEventKind, described("What happened", "usage")]
    customer_id: Annotated[str | None, described("Owner from then on", "personal", pattern=IDENTIFIER)]
    health_consent: Annotated[
        bool | None,
        described(
            "That owner agreed to keep heart rate and contact time; null for washers, and while nobody owns it",
            "personal",
        ),
    ]
    country: Annotated[str, described("Where it is from then on: ISO 3166 code", "usage", pattern=r"^[A-Z]{2}$")]
    time_zone: Annotated[str, described("Where it stands: name in the IANA time zone database", "usage")]
    firmware: Firmware
    board_no: Annotated[int, described("Main boards it has had", "technical", "1", ge=0)]
    mistake: Annotated[str | None, described("Unit mistake that this firmware makes, if any")]
