"""A firmware roll-out that somebody orders: to how many devices, from when on, and what it gets wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from random import Random

from producers.fleet_calendar import DAY_MS, midnight_ms
from producers.mistakes import mistakes_of
from schemas.errors import UsageError
from schemas.fleet import Product

ACCEPTED = "PRODUCT:FIRMWARE@DAY, then *SHARE and !MISTAKE if wanted, such as washer:3.3.0@2026-05-10*0.5!power_kw"

_FORM = re.compile(
    r"(?P<product>[^:]*):(?P<firmware>[^@]*)@(?P<day>[^*!]*)(?:\*(?P<share>[^!]*))?(?:!(?P<mistake>.*))?", re.DOTALL
)
_PRODUCT = re.compile("washer|shoe")
_FIRMWARE = re.compile(r"[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4}")
_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SHARE = re.compile(r"[0-9]*\.?[0-9]+")


@dataclass(frozen=True, slots=True)
class RollOut:
    """One firmware for the devices of one product that are connected then, whatever they had before.

    Attributes:
        day: The 24 hours from midnight UTC in which it is installed.
        share: Of the devices, above 0 to 1.
        mistake: Name in `producers.mistakes.MISTAKES`, null for firmware that measures right.
    """

    product: Product
    firmware: str
    day: date
    share: float = 1.0
    mistake: str | None = None

    def __str__(self) -> str:
        """As `roll_out` reads it; equal ones are the same text."""
        mistake = "" if self.mistake is None else f"!{self.mistake}"
        return f"{self.product}:{self.firmware}@{self.day}*{self.share}{mistake}"

    def installed_at_ms(self, device_id: str) -> int | None:
        """When a device of this product installs it; null if it is not among them."""
        rng = Random(f"{device_id}/roll-out/{self.firmware}@{self.day}")
        if rng.random() >= self.share:
            return None
        return midnight_ms(self.day) + rng.randrange(DAY_MS)


def roll_out(text: str) -> RollOut:
    """The roll-out that a text of the form `washer:3.3.0@2026-05-10*0.5!power_kw` asks for.

    Raises:
        UsageError: Another form, a day that does not exist, a share outside (0, 1], a mistake the product cannot make.
    """
    parts = _FORM.fullmatch(text)
    if parts is None:
        raise _refused(text, "a part is missing")
    if not _PRODUCT.fullmatch(parts["product"]):
        raise _refused(text, f"there is no product {parts['product']!r}")
    if not _FIRMWARE.fullmatch(parts["firmware"]):
        raise _refused(text, f"the firmware {parts['firmware']!r} is not three numbers, each below 10000")
    product: Product = "washer" if parts["product"] == "washer" else "shoe"
    day, share = _day(text, parts["day"]), _share(text, parts["share"])
    return RollOut(product, parts["firmware"], day, share, _mistake(text, product, parts["mistake"]))


def _day(text: str, day: str) -> date:
    if not _DAY.fullmatch(day):
        raise _refused(text, f"the day {day!r} is not of the form YYYY-MM-DD")
    try:
        return date.fromisoformat(day)
    except ValueError:
        raise _refused(text, f"there is no day {day}") from None


def _share(text: str, share: str | None) -> float:
    if share is None:
        return 1.0
    if not _SHARE.fullmatch(share) or not 0 < float(share) <= 1:
        raise _refused(text, f"the share is {share!r}, above 0 to 1 is accepted")
    return float(share)


def _mistake(text: str, product: Product, mistake: str | None) -> str | None:
    if mistake is not None and mistake not in mistakes_of(product):
        known = ", ".join(mistakes_of(product))
        raise UsageError(f"--roll-out {text!r}: a {product} cannot make the mistake {mistake!r}; accepted is {known}")
    return mistake


def _refused(text: str, why: str) -> UsageError:
    return UsageError(f"--roll-out {text!r}: {why}; accepted is {ACCEPTED}")
