"""Fills the record systems with what they would hold already: products, sales, customers, contracts, warranties.

In:            the fleet's devices, what happened to them, and how their owners run.
Out:           rows of what the gearbox does not feed, in tables that `seeding_setup` makes.
Guarantee:     only adds, and ends what has ended since: a second run with the same fleet changes nothing, and no run
               touches a field a flow feeds.
On failure:    nothing is half-seeded: it is one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from schemas.fleet import FleetDevice, LifeEvent
from schemas.records import (
    CASE,
    MATERIAL,
    MONTHLY_SALES,
    PART,
    PLANT,
    SERIAL_NUMBER,
    SPARE_PART,
    SPARE_PARTS_DEMAND,
    WARRANTY,
)
from sinks.records.assortment import PLANTS, materials, parts_in_stock, serial_number, spare_parts
from sinks.records.billing.seed_prices import FIRST_PERIOD
from sinks.records.database import Connection, session
from sinks.records.people import Training
from sinks.records.roles import make_roles
from sinks.records.seeded import consents, custody_news, held_by
from sinks.records.seeded_demand import planned_demand
from sinks.records.seeded_service import cases, warranties
from sinks.records.seeding_billing import seed_billing
from sinks.records.seeding_crm import known_custodies, seed_crm
from sinks.records.seeding_rows import add
from sinks.records.seeding_setup import Tell, ignore, make_tables, set_up

__all__ = ["Runner", "seed", "set_up"]

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


@dataclass(frozen=True)
class Runner:
    """An owner of a shoe: how they run in it, and whether they agree to the keeping of positions."""

    device_id: str
    customer_id: str
    agrees_to_location: bool
    training: Training


def seed(
    dsn: str,
    devices: Sequence[FleetDevice],
    events: Sequence[LifeEvent] = (),
    runners: Sequence[Runner] = (),
    *,
    first_period: date = FIRST_PERIOD,
    tell: Tell = ignore,
    environ: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, int]:
    """Sets up the tables, adds what is missing for these devices, and gives the rows added or changed per table.

    Args:
        events: What happened to the devices, in the order of time: sales and resales make custody.
        runners: The owners of shoes, of each customer the one that counts last.
        first_period: First day of the first month that is billed.
        tell: Gets a line for whatever the operator should know.
        environ: Where variables may say how systems are reached; roles of these keep their passwords.
    Raises:
        UsageError: The owner may not make the roles.
    """
    held = held_by(devices, events)
    agreed = consents(held, {(own.device_id, own.customer_id) for own in runners if own.agrees_to_location})
    trainings = {own.customer_id: own.training for own in runners}
    make_roles(dsn, environ)
    with session(dsn) as connection, connection.transaction():
        make_tables(connection, tell)
        news = custody_news(known_custodies(connection), held)
        return {
            **_seed_erp(connection, devices),
            **seed_crm(connection, devices, held, news, agreed, trainings),
            **_seed_service(connection, devices),
            **seed_billing(connection, news, first_period),
        }


def _seed_erp(connection: Connection, devices: Sequence[FleetDevice]) -> dict[str, int]:
    return {
        MATERIAL.full_name: add(
            connection, MATERIAL, "material description product label_wh_per_cycle list_price", materials()
        ),
        PLANT.full_name: add(connection, PLANT, "plant name country", PLANTS),
        SERIAL_NUMBER.full_name: add(
            connection, SERIAL_NUMBER, "serial material sold_on plant registered_at", map(serial_number, devices)
        ),
        MONTHLY_SALES.full_name: connection.execute(_SALES_FROM_SERIALS).rowcount,
        SPARE_PART.full_name: add(
            connection, SPARE_PART, "part description product list_price pack_qty", spare_parts()
        ),
        SPARE_PARTS_DEMAND.full_name: add(
            connection, SPARE_PARTS_DEMAND, "part plant month planned_qty", planned_demand(devices)
        ),
    }


def _seed_service(connection: Connection, devices: Sequence[FleetDevice]) -> dict[str, int]:
    return {
        PART.full_name: add(connection, PART, "part description stock_qty", parts_in_stock()),
        WARRANTY.full_name: add(connection, WARRANTY, "serial starts_on ends_on terms", warranties(devices)),
        CASE.full_name: add(
            connection, CASE, "case_id device_id kind status title opened_at assigned_to", cases(devices)
        ),
    }
