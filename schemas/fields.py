"""How a field is declared: its type, unit, range, data class (decision D11) and meaning, in one place."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

DataClass = Literal["technical", "usage", "personal", "health", "location", "trade_secret"]

# Identifiers travel into file paths, SQL output and other companies' systems: plain ASCII, bounded, starting with a
# letter, so that neither a number nor a hostile string can pass for one.
IDENTIFIER = r"^[A-Za-z][A-Za-z0-9._-]{0,63}$"
FIRMWARE = r"^[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4}$"

LARGEST_EXACT_INTEGER = 2**53 - 1
"""Largest integer that survives a JSON parser working in doubles (RFC 8259, section 6)."""

EARLIEST_MS = 978_307_200_000
"""2001-01-01 UTC. A device clock before it was never set: no connected product here is older."""


class Contract(BaseModel):
    """Base of all contracts: immutable; unknown fields are ignored, so that a newer device can add one."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


def described(
    meaning: str,
    data_class: DataClass = "technical",
    unit: str = "",
    **limits: Any,
) -> Any:
    """A pydantic field with unit and data class kept in its JSON Schema.

    Args:
        unit: SI symbol or a word; empty for identifiers, texts and counts without one.
        limits: pydantic's own (`ge`, `le`, `pattern`, `max_length`).
    """
    return Field(description=meaning, json_schema_extra={"unit": unit, "class": data_class}, **limits)


DeviceId = Annotated[str, described("Which device; the key of its records in Kafka", "usage", pattern=IDENTIFIER)]
Seq = Annotated[
    int,
    described("The device's own upload number, one more for each new upload", unit="1", ge=0, le=LARGEST_EXACT_INTEGER),
]
Material = Annotated[str, described("Material number of the model, as in ERP", pattern=IDENTIFIER)]
Firmware = Annotated[str, described("Version of the device's program: major.minor.patch", pattern=FIRMWARE)]
EventTimeMs = Annotated[
    int,
    described("Instant on the device's clock", "usage", "ms since 1970 UTC", ge=EARLIEST_MS, le=LARGEST_EXACT_INTEGER),
]
ReceivedAtMs = Annotated[int, described("When Kafka took the upload in", "technical", "ms since 1970 UTC")]
Count = Annotated[int, described("How many", unit="1", ge=0, le=LARGEST_EXACT_INTEGER)]
