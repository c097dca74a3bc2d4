"""How many examples properties try: few here, many with VAXEL_TEST_EXAMPLES=1000."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("vaxel", max_examples=int(os.environ.get("VAXEL_TEST_EXAMPLES", "25")), deadline=None)
settings.load_profile("vaxel")
