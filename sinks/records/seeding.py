"""Sets up the record systems and fills them with what they would hold already: products, sales, customers.

In:            the fleet's devices.
Out:           tables of `schemas.records` and `schemas.gearbox`; rows of everything the gearbox does not feed.
Guarantee:     only adds: a second run with the same fleet changes nothing, and no run touches a field a flow feeds.
On failure:    nothing is half-seeded: it is one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from psycopg import sql

from schemas.catalogue import SHOES, WASHERS
from schemas.fleet import FleetDevice
from schemas.gearbox import DDL as GEARBOX_DDL
from schemas.records import CUSTOMER, MATERIAL, OWNERSHIP, PLANT, SERIAL_NUMBER, SYSTEMS, RecordTable, system_ddl
from sinks.records.database import Connection, session
from sinks.records.people import person
from sinks.records.values import Value

_SETUP_LOCK = 7_305_823
"""Number of the advisory lock that lets one seeding run at a time: IF NOT EXISTS alone is no protection."""

_PLANTS = (("1010", "Norrköping washers", "SE"), ("1020", "Brno washers", "CZ"), ("2010", "Porto shoes", "PT"))
_PLANT_OF_MATERIAL = {"WM-6010": "1020", "WM-7020": "1020"} | {shoe.material: "2010" for shoe in SHOES}
_MAIN_PLANT = "1010"

LIST_PRICE_EUR = {
    "WM-6010": Decimal("429.00"),
    "WM-7020": Decimal("549.00"),
    "WM-8030": Decimal("699.00"),
    "WM-9040": Decimal("899.00"),
    "WM-1150": Decimal("1090.00"),
    "SH-110": Decimal("129.00"),
    "SH-220": Decimal("159.00"),
    "SH-330": Decimal("219.00"),
    "SH-440": Decimal("169.00"),
}

_SALES_FROM_SERIALS = """
INSERT INTO erp.monthly_sales (material, month, sold_qty)
SELECT material.material, month::date, count(unit.serial)
FROM erp.material
CROSS JOIN (
  SELECT generate_series(
    date_trunc('month', min(sold_on)::timestamp), date_trunc('month', max(sold_on)::timestamp), '1 month'
  ) AS month
  FROM erp.serial_number
) AS months
LEFT JOIN erp.serial_number AS unit
  ON unit.material = material.material AND date_trunc('month', unit.sold_on::timestamp) = month
GROUP BY material.material, month
ON CONFLICT (material, month) DO UPDATE SET sold_qty = excluded.sold_qty
  WHERE monthly_sales.sold_qty < excluded.sold_qty
"""
"""A figure for every model and month, from the first sale to the last; never lowered, for ERP may know of more."""


def set_up(dsn: str) -> None:
    """Makes the schemas and tables that are not there yet."""
    with session(dsn) as connection, connection.transaction():
        _set_up(connection)


def seed(dsn: str, devices: Sequence[FleetDevice]) -> dict[str, int]:
    """Sets up the tables, adds what is missing for these devices, and gives the rows added or raised per table."""
    with session(dsn) as connection, connection.transaction():
        _set_up(connection)
        written = {
            MATERIAL.full_name: _add(
                connection, MATERIAL, "material description product label_wh_per_cycle list_price", _materials()
            ),
            PLANT.full_name: _add(connection, PLANT, "plant name country", _PLANTS),
            SERIAL_NUMBER.full_name: _add(
                connection, SERIAL_NUMBER, "serial material sold_on plant", map(_serial_number, devices)
            ),
            CUSTOMER.full_name: _add(
                connection, CUSTOMER, "customer_id name email language country", _customers(devices)
            ),
            OWNERSHIP.full_name: _add(
                connection,
                OWNERSHIP,
                "device_id customer_id owned_from owned_to",
                _first_owners(connection, devices),
            ),
        }
        written["erp.monthly_sales"] = connection.execute(_SALES_FROM_SERIALS).rowcount
    return written


def _set_up(connection: Connection) -> None:
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [_SETUP_LOCK])
    # IF NOT EXISTS says so each time something does: not news here.
    connection.execute("SET LOCAL client_min_messages = warning")
    for statements in (*map(system_ddl, SYSTEMS), GEARBOX_DDL):
        connection.execute(statements.encode())


def _add(connection: Connection, table: RecordTable, columns: str, rows: Iterable[tuple[Value, ...]]) -> int:
    """Number of rows added; those whose key is there already stay as they are."""
    names = columns.split()
    statement = sql.SQL("INSERT INTO {table} ({columns}) VALUES ({values}) ON CONFLICT DO NOTHING").format(
        table=sql.Identifier(table.system, table.name),
        columns=sql.SQL(", ").join(map(sql.Identifier, names)),
        values=sql.SQL(", ").join([sql.Placeholder()] * len(names)),
    )
    with connection.cursor() as cursor:
        cursor.executemany(statement, rows)
        return max(cursor.rowcount, 0)


def _materials() -> list[tuple[Value, ...]]:
    washers = [
        (
            model.material,
            model.name,
            "washer",
            Decimal(str(model.labels["eco"].energy_wh)),
            LIST_PRICE_EUR[model.material],
        )
        for model in WASHERS
    ]
    return [*washers, *((model.material, model.name, "shoe", None, LIST_PRICE_EUR[model.material]) for model in SHOES)]


def _serial_number(device: FleetDevice) -> tuple[Value, ...]:
    plant = _PLANT_OF_MATERIAL.get(device.material, _MAIN_PLANT)
    return device.device_id, device.material, device.sold_on, plant


def _first_owners(connection: Connection, devices: Sequence[FleetDevice]) -> list[tuple[Value, ...]]:
    """From the day of sale; a unit that has had an owner is CRM's business."""
    owned = {row["device_id"] for row in connection.execute("SELECT device_id FROM crm.ownership")}
    return [
        (device.device_id, device.customer_id, device.sold_on, None)
        for device in devices
        if device.customer_id is not None and device.device_id not in owned
    ]


def _customers(devices: Sequence[FleetDevice]) -> list[tuple[Value, ...]]:
    homes = {device.customer_id: device.country for device in devices if device.customer_id is not None}
    rows: list[tuple[Value, ...]] = []
    for customer_id, country in sorted(homes.items()):
        customer = person(customer_id, country)
        rows.append((customer_id, customer.name, customer.email, customer.language, country))
    return rows
