"""A fleet as it really was: from the truth that the simulator wrote aside, the record systems, and raw records.

Nothing of the lake is read here, and nothing of the stream's code is used: answers of the lake are held against it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import psycopg
import pyarrow.parquet as pq
from confluent_kafka import Message

from schemas import topics
from tests.integration.oracle.asking import Oracle
from tests.integration.pipeline.planted import records
from tests.integration.pipeline.test_oracle import newest
from vaxel.settings import Addresses

Row = Mapping[str, Any]

DAY_MS = 86_400_000

_KEYS: Mapping[str, tuple[str, ...]] = {
    "fleet": ("device_id",),
    "events": ("device_id", "at_ms", "kind"),
    "uploads": ("device_id", "seq"),
    "records": ("topic", "partition", "offset"),
    "sessions": ("device_id", "started_at_ms"),
    "conditions": ("device_id", "started_at_ms"),
}


@dataclass(frozen=True)
class Use:
    """One session that is over, as far as its uploads arrived.

    Attributes:
        amount: Energy in Wh, or distance in m.
        is_whole: Every upload of it arrived, and the power did not fail in it.
        owner: Customer number; None: nobody known.
    """

    session_id: str
    device_id: str
    product: str
    material: str
    programme: str | None
    firmware: str
    session_no: int | None
    started_ms: int
    ended_ms: int
    amount: float
    is_whole: bool
    owner: str | None
    country: str
    time_zone: str
    contract_no: str | None
    contract_kind: str | None

    @property
    def local_day(self) -> date:
        """Where the device stood."""
        return datetime.fromtimestamp(self.started_ms / 1000, ZoneInfo(self.time_zone)).date()


class TrueFleet:
    """The fleet of one run of the simulator, whose facts have all been taken in.

    Attributes:
        devices: By name, as made and sold.
        events: What happened to each device, oldest first.
        uploads: What each device meant to send, by number.
        accepted: Devices and numbers of uploads that arrived whole.
        oracle: What SQL says of the raw uploads.
    """

    def __init__(self, found: Addresses, data_dir: Path) -> None:
        self._folders = sorted((data_dir / "truth").iterdir())
        self._found = found
        self.devices = {row["device_id"]: row for row in self._told("fleet")}
        self.events = _by_device(self._told("events"), "at_ms")
        self.uploads = _by_device(self._told("uploads"), "seq")
        self.records = [row for row in self._told("records") if row["device_id"] in self.devices]
        self.accepted = {(row["device_id"], row["seq"]) for row in self.records if row["intact"]}
        self._power_cuts = {
            (row["device_id"], row["started_at_ms"])
            for row in self._told("conditions")
            if row["power_cut_s"] is not None
        }
        self.oracle = self._oracle()

    @cached_property
    def sessions(self) -> list[Row]:
        """Every session that there was, told or not."""
        return self._told("sessions")

    @cached_property
    def uses(self) -> list[Use]:
        """Every session that is over, by device and start."""
        sessions = _by_device(self.sessions, "started_at_ms")
        contracts = self._contracts()
        return [
            use
            for device_id, own in sessions.items()
            for session in own
            if (use := self._use(session, contracts[device_id])) is not None
        ]

    @cached_property
    def _firmware(self) -> Mapping[str, str]:
        """Firmware of each session, as its uploads say: who is about to start installs no update any more."""
        query = """select device_id || ':' || coalesce(cycle_started_ms, run_started_ms) as session_id,
                     arg_min(firmware, seq) as firmware
                   from uploads group by all"""
        return {row["session_id"]: row["firmware"] for row in self.oracle.told(query)}

    @cached_property
    def cycles(self) -> Mapping[str, Row]:
        """What SQL finds of each wash cycle in the raw uploads, by session."""
        return {row["session_id"]: row for row in self.oracle.asked("wash_cycles")}

    @cached_property
    def runs(self) -> Mapping[str, Row]:
        """What SQL finds of each run in the raw uploads, by session."""
        return {row["session_id"]: row for row in self.oracle.asked("runs")}

    @cached_property
    def plants(self) -> Mapping[str, str]:
        """Where each unit was made, as ERP has it."""
        with psycopg.connect(self._found.records) as connection:
            return dict(connection.execute("select serial, plant from erp.serial_number").fetchall())

    @cached_property
    def refusals(self) -> list[Mapping[str, str]]:
        """Headers of each failed event, and its key as `device_id`."""
        return [
            {name: bytes(value).decode() for name, value in cast("list[tuple[str, bytes]]", message.headers() or [])}
            | ({"device_id": cast("bytes", message.key()).decode()} if message.key() else {})
            for message in self.messages(topics.FAILED_EVENTS)
        ]

    def had_at(self, device_id: str, at_ms: int) -> Row:
        """What held of a device then: owner, place, firmware."""
        return [event for event in self.events[device_id] if event["at_ms"] <= at_ms][-1]

    def board_at(self, device_id: str, at_ms: int) -> int:
        """Main boards that it has had by then."""
        return int(self.had_at(device_id, at_ms)["board_no"])

    def said(self, topic: str, *name: str) -> list[Row]:
        """What the stream said last of each thing in a topic."""
        last: dict[tuple[Any, ...], Row] = {}
        for row in self.all_said(topic):
            key = tuple(row[own] for own in name)
            if key not in last or last[key]["version"] <= row["version"]:
                last[key] = row
        return list(last.values())

    def all_said(self, topic: str) -> list[Row]:
        """Everything that the stream said in a topic of JSON."""
        return [json.loads(message.value() or b"") for message in self.messages(topic)]

    def messages(self, *names: str) -> Iterator[Message]:
        """All that Kafka holds of these topics."""
        return records(self._found.kafka, names)

    def _use(self, session: Row, contracts: Sequence[Row]) -> Use | None:
        device_id, started_ms = session["device_id"], session["started_at_ms"]
        sent = [own for own in self.uploads[device_id] if own["session_started_at_ms"] == started_ms]
        arrived = [own for own in sent if (device_id, own["seq"]) in self.accepted]
        with_readings = [own for own in arrived if own["reading_count"]]
        if not with_readings:
            return None
        # It is over when its last upload came, or a later one of the device.
        newest_seq = max(own["seq"] for own in self.uploads[device_id] if (device_id, own["seq"]) in self.accepted)
        if not any(own["ends_session"] for own in arrived) and newest_seq <= sent[-1]["seq"]:
            return None
        amounts = [own["amount"] for own in arrived]
        held = self.had_at(device_id, started_ms)
        contract = next((own for own in contracts if own["from_ms"] <= started_ms < own["to_ms"]), None)
        return Use(
            session_id=f"{device_id}:{started_ms}",
            device_id=device_id,
            product=session["product"],
            material=session["material"],
            programme=session["programme"],
            firmware=self._firmware[f"{device_id}:{started_ms}"],
            session_no=session["session_no"],
            started_ms=started_ms,
            ended_ms=max(own["last_reading_at_ms"] for own in with_readings),
            amount=sum(amounts) if session["product"] == "washer" else max(amounts),
            is_whole=len(arrived) == len(sent) and (device_id, started_ms) not in self._power_cuts,
            owner=held["customer_id"],
            country=held["country"],
            time_zone=held["time_zone"],
            contract_no=None if contract is None else contract["contract_no"],
            contract_kind=None if contract is None else contract["kind"],
        )

    def _told(self, name: str) -> list[Row]:
        """Rows of all runs. What two of them tell is there once, as the later one has it, in the order of the first."""
        key = _KEYS[name]
        rows = (row for folder in self._folders for row in pq.read_table(folder / f"{name}.parquet").to_pylist())
        return list({tuple(row[own] for own in key): row for row in rows}.values())

    def _contracts(self) -> Mapping[str, list[Row]]:
        """What billing has, by device."""
        query = "select device_id, contract_no, kind, valid_from, valid_to from billing.contract"
        found: defaultdict[str, list[Row]] = defaultdict(list)
        with psycopg.connect(self._found.records) as connection:
            for device_id, contract_no, kind, begin, end in connection.execute(query):
                interval = {"from_ms": _ms(begin), "to_ms": 2**62 if end is None else _ms(end)}
                found[device_id].append({"contract_no": contract_no, "kind": kind, **interval})
        return found

    def _oracle(self) -> Oracle:
        intact = {(row["topic"], row["partition"], row["offset"]) for row in self.records if row["intact"]}
        sent = [
            (message.offset() or 0, message.timestamp()[1], bytes(message.value() or b""))
            for message in self.messages(*topics.TELEMETRY)
            if (message.topic(), message.partition(), message.offset()) in intact
        ]
        known = [
            (message.topic() or "", 0, 0, bytes(message.value() or b""))
            for message in self.messages(*topics.REFERENCES)
        ]
        return Oracle(sent, newest(known))


def _by_device(rows: Sequence[Row], order: str) -> Mapping[str, list[Row]]:
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda own: own[order]):
        found[row["device_id"]].append(row)
    return found


def _ms(instant: datetime) -> int:
    return round(instant.astimezone(UTC).timestamp() * 1000)
