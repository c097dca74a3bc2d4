"""How many examples properties try: few here, 40 times as many with VAXEL_TEST_EXAMPLES=1000."""

from __future__ import annotations

import os

from hypothesis import settings

USUAL = 25
WANTED = int(os.environ.get("VAXEL_TEST_EXAMPLES", USUAL))


def examples(number: int) -> settings:
    """So many for a property that costs more or less than most, where the usual number is wanted of the others."""
    return settings(max_examples=max(1, number * WANTED // USUAL), deadline=None)
