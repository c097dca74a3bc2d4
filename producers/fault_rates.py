"""How often each fault strikes: declared as shares of uploads, checked, and drawn."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from functools import cache
from itertools import accumulate
from typing import cast

from schemas.errors import UsageError
from schemas.truth import Fault


@dataclass(frozen=True)
class FaultRates:
    """Share of uploads that meet each fault of `schemas.truth.Fault`; an upload meets one at most.

    All faults but a wrong unit, which comes with a firmware and not by chance. What is replayed comes again after about
    100 later uploads of its device, too late for the stream to remember it: of a device that sends fewer in the run,
    or of its last 100, nothing comes again, and the share of all uploads is smaller than declared.

    Raises:
        UsageError: A share outside 0 to 1, or all together above 1.
    """

    lost: float = 0.001
    duplicated: float = 0.01
    altered: float = 0.0005
    late: float = 0.01
    reordered: float = 0.01
    replayed: float = 0.0005
    clock_drift: float = 0.0005
    clock_1970: float = 0.0003
    clock_9999: float = 0.0003
    truncated: float = 0.0005
    wrong_type: float = 0.0005
    wrong_value: float = 0.0005
    unknown_field: float = 0.0005
    wrong_encoding: float = 0.0003
    foreign: float = 0.0003
    hostile: float = 0.0005
    one_byte: float = 0.0003
    oversized: float = 0.00002  # a megabyte each
    empty: float = 0.0003
    unknown_device: float = 0.0005

    def __post_init__(self) -> None:
        shares = asdict(self)
        for name, share in shares.items():
            if not 0 <= share <= 1:
                raise UsageError(f"--fault {name}={share}: a share of uploads from 0 to 1 is accepted")
        if (total := math.fsum(shares.values())) > 1:
            largest = ", ".join(f"{name} {shares[name]}" for name in sorted(shares, key=lambda name: -shares[name])[:2])
            raise UsageError(
                f"--fault: the sum of all shares, {total:.6g} (the largest: {largest}), is above 1: an upload meets "
                "one fault at most, and --no-faults sets the others to 0"
            )


NAMES = tuple(field.name for field in fields(FaultRates))
NO_FAULTS = FaultRates(**dict.fromkeys(NAMES, 0.0))


def declared(options: Iterable[str], *, is_rest_without: bool = False) -> FaultRates:
    """Rates from texts NAME=SHARE; the others are the defaults, or 0.

    Raises:
        UsageError: A text that is no such.
    """
    shares = asdict(NO_FAULTS if is_rest_without else FaultRates())
    for option in options:
        name, equals, share = option.partition("=")
        if not equals or name not in NAMES:
            raise UsageError(f"--fault {option}: NAME=SHARE is accepted, NAME being one of {', '.join(NAMES)}")
        try:
            shares[name] = float(share)
        except ValueError:
            raise UsageError(f"--fault {option}: a share of uploads from 0 to 1 is accepted") from None
    return FaultRates(**shares)


@cache
def stretches(rates: FaultRates) -> tuple[tuple[float, Fault], ...]:
    """Upper end of each fault's stretch of [0, 1), ascending."""
    shares = {name: share for name, share in asdict(rates).items() if share}
    return tuple(zip(accumulate(shares.values()), cast("list[Fault]", list(shares)), strict=True))
