"""What refused uploads held, for who has the key: the stream seals it, and the lake keeps it sealed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from schemas.errors import OutsideError, UsageError
from schemas.sealing import BrokenSealError, context_of, is_sealed, unseal
from streams.failed_record import KIND
from vaxel.keys import VARIABLE, known_keys

Opened = Callable[[str, int, int, bytes], bytes]
"""Topic, partition, offset and bytes of a failed event to the bytes of its upload. Those that no seal is on stay.

Raises UsageError where the key is another one, or none is there; OutsideError where the lake does not hold what was
sealed.
"""


def opener(environ: Mapping[str, str], data_dir: Path) -> Opened:
    """Opens with the key of this installation, which is looked for when the first sealed event comes; never made."""
    return opener_of(lambda: known_keys(environ, data_dir).sealing)


def opener_of(sealing_key: Callable[[], bytes]) -> Opened:
    """Opens with that key, asked for once."""
    known = cache(sealing_key)

    def opened(topic: str, partition: int, offset: int, value: bytes) -> bytes:
        if not is_sealed(value):
            return value
        told = f"cannot open what the failed event of {topic}[{partition}]@{offset} held"
        try:
            return unseal(known(), value, context_of(KIND, topic, partition, offset))
        except BrokenSealError as error:
            raise OutsideError(f"{told}: {error}") from error
        except ValueError as error:
            raise UsageError(f"{told}: {error}. {VARIABLE} names the directory of the workers' keys") from error

    return opened


def _no_key() -> bytes:
    raise UsageError("what failed events held is sealed, and no key was given")


WITHOUT_KEY = opener_of(_no_key)
"""Opens what older workers wrote, before there were seals."""
