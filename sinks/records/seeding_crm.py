"""CRM's part of seeding: customers and their accounts, who has what, consents, campaigns, what people noted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from schemas.fleet import FleetDevice
from schemas.records import ACCOUNT, ACTIVITY, CAMPAIGN, CONSENT, CUSTODY, CUSTOMER, OWNERSHIP, PREFERENCE
from sinks.records.database import Connection
from sinks.records.people import Training, person, preference
from sinks.records.seeded import Consented, CustodyNews, Held, Last
from sinks.records.seeded_accounts import CAMPAIGNS, Account, accounts, activities
from sinks.records.seeding_rows import Row, add, each


def known_custodies(connection: Connection) -> dict[str, Last]:
    """The newest custody of each unit in CRM."""
    rows = connection.execute(
        "SELECT DISTINCT ON (device_id) device_id, from_at, to_at, customer_id FROM crm.custody "
        "ORDER BY device_id, from_at DESC"
    )
    return {row["device_id"]: Last(row["from_at"], row["to_at"], row["customer_id"]) for row in rows}


def seed_crm(
    connection: Connection,
    devices: Sequence[FleetDevice],
    held: Sequence[Held],
    news: CustodyNews,
    agreed: Iterable[Consented],
    trainings: Mapping[str, Training],
) -> dict[str, int]:
    """Rows added or changed, by table."""
    homes = {own.customer_id: own.country for own in held}
    account_of = accounts(homes)
    has_accounts = connection.execute("SELECT FROM crm.account LIMIT 1").fetchone() is not None
    joined = 0 if has_accounts else _join_accounts(connection, account_of)
    return {
        ACCOUNT.full_name: add(
            connection,
            ACCOUNT,
            "account_id name kind country",
            sorted((own.account_id, own.name, own.kind, own.country) for own in set(account_of.values())),
        ),
        CUSTOMER.full_name: joined
        + add(
            connection,
            CUSTOMER,
            "customer_id name email language country account_id",
            [_customer(customer_id, country, account_of) for customer_id, country in sorted(homes.items())],
        ),
        PREFERENCE.full_name: add(
            connection,
            PREFERENCE,
            "customer_id time_zone insights_per_week max_heart_rate_bpm goal weekly_km runs_per_week",
            _preferences(held, trainings),
        ),
        OWNERSHIP.full_name: add(
            connection, OWNERSHIP, "device_id customer_id owned_from owned_to", _first_owners(connection, devices)
        ),
        CUSTODY.full_name: _end_custodies(connection, news)
        + add(
            connection,
            CUSTODY,
            "device_id from_at to_at customer_id kind",
            ((own.device_id, own.from_at, own.to_at, own.customer_id, own.kind) for own in news.added),
        ),
        CONSENT.full_name: add(
            connection,
            CONSENT,
            "consent_no customer_id device_id purpose granted_at",
            ((own.consent_no, own.customer_id, own.device_id, own.purpose, own.granted_at) for own in agreed),
        ),
        CAMPAIGN.full_name: add(connection, CAMPAIGN, "campaign_id name starts_on ends_on", CAMPAIGNS),
        ACTIVITY.full_name: add(connection, ACTIVITY, "activity_id customer_id kind at note", activities(held)),
    }


def _join_accounts(connection: Connection, account_of: Mapping[str, Account]) -> int:
    """Customers of a time before there were accounts get theirs, once: later it is people's business."""
    return each(
        connection,
        "UPDATE crm.customer SET account_id = %s WHERE customer_id = %s AND account_id IS NULL",
        [(own.account_id, customer_id) for customer_id, own in account_of.items()],
    )


def _customer(customer_id: str, country: str, account_of: Mapping[str, Account]) -> Row:
    customer = person(customer_id, country)
    account_id = account_of[customer_id].account_id
    return customer_id, customer.name, customer.email, customer.language, country, account_id


def _first_owners(connection: Connection, devices: Sequence[FleetDevice]) -> list[Row]:
    """From the day of sale; a unit that has had an owner is CRM's business."""
    owned = {row["device_id"] for row in connection.execute("SELECT device_id FROM crm.ownership")}
    return [
        (device.device_id, device.customer_id, device.sold_on, None)
        for device in devices
        if device.customer_id is not None and device.device_id not in owned
    ]


def _preferences(held: Iterable[Held], trainings: Mapping[str, Training]) -> list[Row]:
    zones = {own.customer_id: own.time_zone for own in held}
    rows: list[Row] = []
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


def _end_custodies(connection: Connection, news: CustodyNews) -> int:
    return each(
        connection,
        "UPDATE crm.custody SET to_at = %s WHERE device_id = %s AND from_at = %s",
        [(end, device_id, begin) for (device_id, begin), end in news.ended.items()],
    )
