"""Sets up the record systems and fills them with what they would hold already: products, sales, customers, contracts.

In:            the fleet's devices, what happened to them, and how their owners run.
Out:           tables of `schemas.records`, `schemas.gearbox`, `schemas.outbox`; rows of what the gearbox does not feed.
Guarantee:     only adds, and ends what has ended since: a second run with the same fleet changes nothing, and no run
               touches a field a flow feeds.
On failure:    nothing is half-seeded: it is one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from psycopg import sql

from schemas.fleet import FleetDevice, LifeEvent
from schemas.gearbox import DDL as GEARBOX_DDL
from schemas.outbox import DDL as OUTBOX_DDL
from schemas.records import (
    CONSENT,
    CONTRACT,
    CUSTODY,
    CUSTOMER,
    MATERIAL,
    OWNERSHIP,
    PLANT,
    PREFERENCE,
    SERIAL_NUMBER,
    SYSTEMS,
    UTILITY_PRICE,
    RecordTable,
    system_ddl,
)
from sinks.records.assortment import PLANTS, materials, serial_number, utility_prices
from sinks.records.database import Connection, session
from sinks.records.people import Training, person, preference
from sinks.records.seeded import CustodyNews, Held, Last, consents, custody_news, held_by
from sinks.records.values import Value

_SETUP_LOCK = 7_305_823
"""Number of the advisory lock that lets one seeding run at a time: IF NOT EXISTS alone is no protection."""

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


@dataclass(frozen=True)
class Runner:
    """An owner of a shoe: how they run in it, and whether they agree to the keeping of positions."""

    device_id: str
    customer_id: str
    agrees_to_location: bool
    training: Training


def seed(
    dsn: str, devices: Sequence[FleetDevice], events: Sequence[LifeEvent] = (), runners: Sequence[Runner] = ()
) -> dict[str, int]:
    """Sets up the tables, adds what is missing for these devices, and gives the rows added or changed per table.

    Args:
        events: What happened to the devices, in the order of time: sales and resales make custody.
        runners: The owners of shoes, of each customer the one that counts last.
    """
    held = held_by(devices, events)
    agreed = consents(held, {(own.device_id, own.customer_id) for own in runners if own.agrees_to_location})
    trainings = {own.customer_id: own.training for own in runners}
    with session(dsn) as connection, connection.transaction():
        _set_up(connection)
        news = custody_news(_known(connection), held)
        written = {
            MATERIAL.full_name: _add(
                connection, MATERIAL, "material description product label_wh_per_cycle list_price", materials()
            ),
            PLANT.full_name: _add(connection, PLANT, "plant name country", PLANTS),
            SERIAL_NUMBER.full_name: _add(
                connection, SERIAL_NUMBER, "serial material sold_on plant registered_at", map(serial_number, devices)
            ),
            CUSTOMER.full_name: _add(connection, CUSTOMER, "customer_id name email language country", _customers(held)),
            PREFERENCE.full_name: _add(
                connection,
                PREFERENCE,
                "customer_id time_zone insights_per_week max_heart_rate_bpm goal weekly_km runs_per_week",
                _preferences(held, trainings),
            ),
            OWNERSHIP.full_name: _add(
                connection,
                OWNERSHIP,
                "device_id customer_id owned_from owned_to",
                _first_owners(connection, devices),
            ),
            CUSTODY.full_name: _end_custodies(connection, news)
            + _add(
                connection,
                CUSTODY,
                "device_id from_at to_at customer_id kind",
                ((own.device_id, own.from_at, own.to_at, own.customer_id, own.kind) for own in news.added),
            ),
            CONSENT.full_name: _add(
                connection,
                CONSENT,
                "consent_no customer_id device_id purpose granted_at",
                ((own.consent_no, own.customer_id, own.device_id, own.purpose, own.granted_at) for own in agreed),
            ),
            UTILITY_PRICE.full_name: _add(
                connection, UTILITY_PRICE, "country valid_from currency energy_per_kwh water_per_m3", utility_prices()
            ),
            CONTRACT.full_name: _end_contracts(connection, news)
            + _add(
                connection,
                CONTRACT,
                "contract_no device_id customer_id kind country valid_from valid_to",
                map(_contract, news.added),
            ),
        }
        written["erp.monthly_sales"] = connection.execute(_SALES_FROM_SERIALS).rowcount
    return written


def _set_up(connection: Connection) -> None:
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [_SETUP_LOCK])
    # IF NOT EXISTS says so each time something does: not news here.
    connection.execute("SET LOCAL client_min_messages = warning")
    for statements in (*map(system_ddl, SYSTEMS), GEARBOX_DDL, OUTBOX_DDL):
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


def _first_owners(connection: Connection, devices: Sequence[FleetDevice]) -> list[tuple[Value, ...]]:
    """From the day of sale; a unit that has had an owner is CRM's business."""
    owned = {row["device_id"] for row in connection.execute("SELECT device_id FROM crm.ownership")}
    return [
        (device.device_id, device.customer_id, device.sold_on, None)
        for device in devices
        if device.customer_id is not None and device.device_id not in owned
    ]


def _customers(held: Iterable[Held]) -> list[tuple[Value, ...]]:
    homes = {own.customer_id: own.country for own in held}
    rows: list[tuple[Value, ...]] = []
    for customer_id, country in sorted(homes.items()):
        customer = person(customer_id, country)
        rows.append((customer_id, customer.name, customer.email, customer.language, country))
    return rows


def _preferences(held: Iterable[Held], trainings: Mapping[str, Training]) -> list[tuple[Value, ...]]:
    zones = {own.customer_id: own.time_zone for own in held}
    rows: list[tuple[Value, ...]] = []
    for customer_id, time_zone in sorted(zones.items()):
        own = preference(customer_id, trainings.get(customer_id))
        rows.append(
            (
                customer_id,
                time_zone,
                own.insights_per_week,
                own.max_heart_rate_bpm,
                own.goal,
                own.weekly_km,
                own.runs_per_week,
            )
        )
    return rows


def _contract(own: Held) -> tuple[Value, ...]:
    return (
        own.contract_no,
        own.device_id,
        own.customer_id,
        own.contract_kind,
        own.country,
        own.from_at,
        own.to_at,
    )


def _known(connection: Connection) -> dict[str, Last]:
    """The newest custody of each unit in CRM."""
    rows = connection.execute(
        "SELECT DISTINCT ON (device_id) device_id, from_at, to_at, customer_id FROM crm.custody "
        "ORDER BY device_id, from_at DESC"
    )
    return {row["device_id"]: Last(row["from_at"], row["to_at"], row["customer_id"]) for row in rows}


def _end_custodies(connection: Connection, news: CustodyNews) -> int:
    return _each(
        connection,
        "UPDATE crm.custody SET to_at = %s WHERE device_id = %s AND from_at = %s",
        [(end, device_id, begin) for (device_id, begin), end in news.ended.items()],
    )


def _end_contracts(connection: Connection, news: CustodyNews) -> int:
    return _each(
        connection,
        "UPDATE billing.contract SET valid_to = %s WHERE device_id = %s AND valid_to IS NULL AND valid_from < %s",
        [(end, device_id, end) for (device_id, _), end in news.ended.items()],
    )


def _each(connection: Connection, statement: str, rows: Sequence[tuple[Value, ...]]) -> int:
    with connection.cursor() as cursor:
        cursor.executemany(statement.encode(), rows)
        return max(cursor.rowcount, 0)
