"""What of the record systems the stream is told, as data: which change of which table concerns which devices.

Each such change writes an entry into `reference.outbox`, by a trigger and so in the change's own transaction. An entry
only names a device and what to tell of it; the relay builds the whole record from the tables when it comes to it. So a
correction of last year takes the same way as the news of today, and no person's data waits in the outbox. A table that
is emptied at once (TRUNCATE) concerns all devices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, get_args

from schemas import topics
from schemas.records import (
    CONSENT,
    CONTRACT,
    CUSTODY,
    CUSTOMER,
    MATERIAL,
    PREFERENCE,
    SERIAL_NUMBER,
    UTILITY_PRICE,
    RecordTable,
)

ReferenceKind = Literal["device", "custody", "contract", "consent"]
KINDS: Final[tuple[ReferenceKind, ...]] = get_args(ReferenceKind)

TOPIC_OF: Mapping[ReferenceKind, str] = MappingProxyType(
    {
        "device": topics.REFERENCE_DEVICE,
        "custody": topics.REFERENCE_CUSTODY,
        "contract": topics.REFERENCE_CONTRACT,
        "consent": topics.REFERENCE_CONSENT,
    }
)


@dataclass(frozen=True)
class Source:
    """A table whose changes are told.

    Attributes:
        columns: Those whose change matters; an update of others writes nothing.
        devices: SQL that gives the devices a row concerns; the row is called `{row}`.
    """

    table: RecordTable
    kind: ReferenceKind
    columns: tuple[str, ...]
    devices: str

    @property
    def name(self) -> str:
        return f"tell_{self.kind}"


SOURCES: tuple[Source, ...] = (
    Source(SERIAL_NUMBER, "device", SERIAL_NUMBER.column_names, "SELECT {row}.serial"),
    Source(
        MATERIAL,
        "device",
        ("material", "product"),
        "SELECT serial FROM erp.serial_number WHERE serial_number.material = {row}.material",
    ),
    Source(CUSTODY, "custody", CUSTODY.column_names, "SELECT {row}.device_id"),
    Source(
        CUSTOMER,
        "custody",
        ("customer_id", "language", "country"),
        "SELECT device_id FROM crm.custody WHERE custody.customer_id = {row}.customer_id",
    ),
    Source(
        PREFERENCE,
        "custody",
        PREFERENCE.column_names,
        "SELECT device_id FROM crm.custody WHERE custody.customer_id = {row}.customer_id",
    ),
    Source(CUSTODY, "consent", ("device_id", "customer_id"), "SELECT {row}.device_id"),
    Source(
        CONSENT,
        "consent",
        CONSENT.column_names,
        "SELECT device_id FROM crm.custody WHERE custody.customer_id = {row}.customer_id "
        "AND ({row}.device_id IS NULL OR custody.device_id = {row}.device_id)",
    ),
    Source(CONTRACT, "contract", CONTRACT.column_names, "SELECT {row}.device_id"),
    Source(
        UTILITY_PRICE,
        "contract",
        UTILITY_PRICE.column_names,
        "SELECT device_id FROM billing.contract WHERE contract.country = {row}.country",
    ),
)

_OUTBOX = """
CREATE SCHEMA IF NOT EXISTS reference;
CREATE TABLE IF NOT EXISTS reference.outbox (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind       text NOT NULL,
  device_id  text NOT NULL,
  written_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX IF NOT EXISTS outbox_by_device ON reference.outbox (device_id, kind);
-- Which outbox this is: numbers of entries mean nothing in another one.
CREATE TABLE IF NOT EXISTS reference.identity (
  is_one boolean PRIMARY KEY DEFAULT true CHECK (is_one),
  outbox uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO reference.identity DEFAULT VALUES ON CONFLICT DO NOTHING;
"""

_DEVICES_OF: Mapping[ReferenceKind, str] = MappingProxyType(
    {
        "device": "SELECT serial AS device_id FROM erp.serial_number",
        "custody": "SELECT DISTINCT device_id FROM crm.custody",
        "contract": "SELECT DISTINCT device_id FROM billing.contract",
        "consent": "SELECT DISTINCT device_id FROM crm.custody",
    }
)

ALL = " UNION ALL ".join(f"SELECT '{kind}' AS kind, device_id FROM ({own}) AS own" for kind, own in _DEVICES_OF.items())
"""All that there is to tell."""

# Whoever may change a record may not, for that, read or write the outbox: the function does, as its owner.
_TRIGGER = """
CREATE OR REPLACE FUNCTION {system}.{name}_of_{table}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS
$$ BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    INSERT INTO reference.outbox (kind, device_id)
    SELECT '{kind}', device_id FROM ({all}) AS known;
    RETURN NULL;
  END IF;
  IF TG_OP = 'UPDATE' AND ({old}) IS NOT DISTINCT FROM ({new}) THEN RETURN NULL; END IF;
  INSERT INTO reference.outbox (kind, device_id)
  SELECT '{kind}', device_id FROM ({of_old} UNION {of_new}) AS concerned (device_id) WHERE device_id IS NOT NULL;
  RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER {name} AFTER INSERT OR UPDATE OR DELETE ON {system}.{table}
  FOR EACH ROW EXECUTE FUNCTION {system}.{name}_of_{table}();
-- Before: afterwards nobody knows whom the rows spoke of.
CREATE OR REPLACE TRIGGER {name}_emptied BEFORE TRUNCATE ON {system}.{table}
  FOR EACH STATEMENT EXECUTE FUNCTION {system}.{name}_of_{table}();
"""


def _trigger(source: Source) -> str:
    return _TRIGGER.format(
        system=source.table.system,
        table=source.table.name,
        name=source.name,
        kind=source.kind,
        all=_DEVICES_OF[source.kind],
        old=", ".join(f'OLD."{name}"' for name in source.columns),
        new=", ".join(f'NEW."{name}"' for name in source.columns),
        of_old=source.devices.format(row="OLD"),
        of_new=source.devices.format(row="NEW"),
    )


DDL = _OUTBOX + "".join(map(_trigger, SOURCES))
"""Statements that make the outbox and the triggers, once the record systems' tables are there. Safe to run again."""
