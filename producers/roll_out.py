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
    r"(?P<product>washer|shoe):(?P<firmware>[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4})@(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:\*(?P<share>[0-9]*\.?[0-9]+))?(?:!(?P<mistake>[a-z_]+))?",
    re.ASCII,
)


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
    found = _FORM.fullmatch(text)
    if found is None:
        raise UsageError(f"--roll-out {text!r}: accepted is {ACCEPTED}")
    product: Product = "washer" if found["product"] == "washer" else "shoe"
    try:
        day = date.fromisoformat(found["day"])
    except ValueError as error:
        raise UsageError(f"--roll-out {text!r}: there is no day {found['day']}; accepted is {ACCEPTED}") from error
    share = 1.0 if found["share"] is None else float(found["share"])
    if not 0 < share <= 1:
        raise UsageError(f"--roll-out {text!r}: the share is {share}; above 0 to 1 is accepted")
    mistake = found["mistake"]
    if mistake is not None and mistake not in mistakes_of(product):
        known = ", ".join(mistakes_of(product))
        raise UsageError(f"--roll-out {text!r}: a {product} cannot make the mistake {mistake!r}; accepted is {known}")
    return RollOut(product, found["firmware"], day, share, mistake)
