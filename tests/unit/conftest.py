"""Every property tries the usual number of examples unless it says otherwise (`tests.unit.examples`).

Modules and tests stay to the end, so the garbage collector does not go through them again and again: that was a
twentieth of the time.
"""

from __future__ import annotations

import gc

from hypothesis import settings

from tests.unit.examples import USUAL, examples

settings.register_profile("vaxel", examples(USUAL))
settings.load_profile("vaxel")
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)
    gc.enable()
