"""Every property tries the usual number of examples unless it says otherwise (`tests.unit.examples`)."""

from __future__ import annotations

from hypothesis import settings

from tests.unit.examples import USUAL, examples

settings.register_profile("vaxel", examples(USUAL))
settings.load_profile("vaxel")
