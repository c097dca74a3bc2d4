"""Answers to the questions about arrivals, readings, and what the stream said, as `true_answers` gives the others."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime
from statistics import fmean
from typing import Any
from zoneinfo import ZoneInfo

from schemas import topics
from tests.integration.pipeline.true_answers import FOUR_WEEKS_MS, Answer
from tests.integration.pipeline.true_fleet import DAY_MS, Row, TrueFleet


def late_uploads(fleet: TrueFleet) -> Answer:
    received = fleet.oracle.told("select device_id, seq, received_at_ms from uploads")
    received_ms = {(row["device_id"], row["seq"]): row["received_at_ms"] for row in received}
    last = fleet.oracle.told("select device_id, seq, max(at_ms) as at_ms from readings group by all")
    measured_ms = {(row["device_id"], row["seq"]): row["at_ms"] for row in last}
    groups: defaultdict[tuple[str, str], list[tuple[int, int | None]]] = defaultdict(list)
    newest: dict[str, int] = {}
    taken: set[tuple[str, int]] = set()
    for row in sorted(fleet.records, key=lambda own: (own["topic"], own["partition"], own["offset"])):
        name = row["device_id"], row["seq"]
        if not row["intact"] or name in taken:
            continue
        taken.add(name)
        unit = fleet.devices[row["device_id"]]
        behind = max(0, newest.get(row["device_id"], -1) - row["seq"])
        newest[row["device_id"]] = max(newest.get(row["device_id"], -1), row["seq"])
        delay_ms = received_ms[name] - measured_ms[name] if name in measured_ms else None
        groups[unit["product"], unit["material"]].append((behind, delay_ms))
    return [
        (
            *key,
            len(own),
            sum(behind > 0 for behind, _ in own),
            100 * fmean(behind > 0 for behind, _ in own),
            max(behind for behind, _ in own),
            100 * fmean(delay_ms > DAY_MS for _, delay_ms in own if delay_ms is not None),
        )
        for key, own in sorted(groups.items())
    ]


def failed_uploads(fleet: TrueFleet) -> Answer:
    refused: Counter[tuple[str, str]] = Counter()
    devices: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    of_firmware: Counter[str] = Counter()
    places: set[tuple[str, int, int]] = set()
    for told in fleet.refusals:
        places.add((told["topic"], int(told["partition"]), int(told["offset"])))
        why = told.get("firmware", "not readable"), told["reason"]
        refused[why] += 1
        of_firmware[why[0]] += 1
        if "device_id" in told:
            devices[why].add(told["device_id"])
    for message in fleet.messages(*topics.TELEMETRY):
        if (message.topic(), message.partition(), message.offset()) not in places:
            of_firmware[json.loads(message.value() or b"")["firmware"]] += 1
    return sorted(
        (
            (*why, count, len(devices[why]), None if why[0] == "not readable" else 100 * count / of_firmware[why[0]])
            for why, count in refused.items()
        ),
        key=lambda row: (-row[2], row[0], row[1]),
    )


@dataclass
class DeviceMonth:
    """What one device did in a month in one pair of hands, in Wh or m, as far as the numbers that came embrace it."""

    arrived: float = 0.0
    missing: float = 0.0
    uploads_not_taken: int = 0
    is_swapped: bool = False

    @property
    def has_gap(self) -> bool:
        """Counters tell hundredths."""
        return self.missing > 0.02


def completeness(fleet: TrueFleet) -> Answer:
    groups: defaultdict[tuple[str, date], list[DeviceMonth]] = defaultdict(list)
    for (device_id, month, _), device_month in device_months(fleet).items():
        groups[fleet.devices[device_id]["product"], month].append(device_month)
    answer: Answer = []
    for key, own in sorted(groups.items()):
        told = [row for row in own if row.has_gap or not row.is_swapped]
        missing = sum(row.missing for row in told)
        with_gap = sum(row.has_gap for row in told)
        answer.append(
            (
                *key,
                len(own),
                len(told) - with_gap,
                with_gap,
                len(own) - len(told),
                100 * with_gap / len(own),
                100 * missing / (missing + sum(row.arrived for row in told)),
                sum(row.uploads_not_taken for row in own),
            )
        )
    return answer


def device_months(fleet: TrueFleet) -> dict[tuple[str, date, int | None], DeviceMonth]:
    """By device, month, and begin of the custody. What is missing belongs to the upload after it."""
    sent_ms = {
        (row["device_id"], row["seq"]): row["sent_at_ms"]
        for row in fleet.oracle.told("select device_id, seq, sent_at_ms from uploads")
    }
    read = {(told["device_id"], int(told["seq"])) for told in fleet.refusals if "seq" in told and "device_id" in told}
    found: defaultdict[tuple[str, date, int | None], DeviceMonth] = defaultdict(DeviceMonth)
    for device_id, uploads in fleet.uploads.items():
        hole: list[Row] = []
        before: Row | None = None
        for upload in uploads:
            name = device_id, upload["seq"]
            if name not in fleet.accepted:
                hole.append(upload)
                continue
            own = found[device_id, *_month_and_custody(fleet, device_id, sent_ms[name])]
            arrived, advanced = _advances(upload["product"], before, hole, upload)
            own.arrived += arrived
            # Before its first upload a device counts nothing as missing; but a number that was read is known.
            own.uploads_not_taken += len(hole) if before else sum((device_id, lost["seq"]) in read for lost in hole)
            if before is not None:
                own.missing += advanced - arrived
                own.is_swapped |= fleet.board_at(device_id, sent_ms[name]) != fleet.board_at(
                    device_id, sent_ms[device_id, before["seq"]]
                )
            before, hole = upload, []
    return found


def _advances(product: str, before: Row | None, hole: list[Row], upload: Row) -> tuple[float, float]:
    """By how much the sums of what arrived, and the device's counter, advanced from one upload to a later one."""
    if product == "washer":
        return upload["amount"], upload["amount"] + sum(lost["amount"] for lost in hole)
    # A shoe tells how far its run has come: what was lost in the middle of a run, its next upload brings.
    at: dict[int | None, float] = {}
    for row in [*([before] if before else []), *hole, upload]:
        at[row["session_started_at_ms"]] = max(at.get(row["session_started_at_ms"], 0.0), row["amount"])
    session = before["session_started_at_ms"] if before else None
    come = before["amount"] if before else 0.0
    advanced = sum(at.values()) - come
    is_same = before is not None and session == upload["session_started_at_ms"]
    return max(0.0, upload["amount"] - come) if is_same else upload["amount"], advanced


def _month_and_custody(fleet: TrueFleet, device_id: str, sent_ms: int) -> tuple[date, int | None]:
    end_ms = sent_ms // DAY_MS * DAY_MS + DAY_MS - 1
    begins = [event["at_ms"] for event in fleet.events[device_id] if event["kind"] in ("sold", "resold")]
    month = datetime.fromtimestamp(sent_ms / 1000, UTC).date().replace(day=1)
    return month, max((begin for begin in begins if begin <= end_ms), default=None)


def load_by_hour(fleet: TrueFleet) -> Answer:
    readings = fleet.oracle.told(
        "select device_id, at_ms, power_w * span_ms / 3.6e6 as energy_wh from readings where power_w is not null"
    )
    energy_wh: defaultdict[int, float] = defaultdict(float)
    machines: defaultdict[int, set[str]] = defaultdict(set)
    for row in readings:
        zone = fleet.had_at(row["device_id"], row["at_ms"])["time_zone"]
        hour = datetime.fromtimestamp(row["at_ms"] / 1000, UTC).astimezone(ZoneInfo(zone)).hour
        energy_wh[hour] += row["energy_wh"]
        machines[hour].add(row["device_id"])
    total = sum(energy_wh.values())
    return [(hour, len(machines[hour]), own / 1000, 100 * own / total) for hour, own in sorted(energy_wh.items())]


def alerts_by_model(fleet: TrueFleet) -> Answer:
    versions: defaultdict[str, list[Row]] = defaultdict(list)
    for row in fleet.all_said(topics.ALERTS):
        versions[row["alert_id"]].append(row)
    signs = {
        "drain_pump": "slow_draining", "heater_scale": "slow_heating", "unbalance": "unbalanced",
        "bearing": "unbalanced",
    }  # fmt: skip
    cycles = fleet.said(topics.SESSIONS_WASHER, "session_id")
    groups: defaultdict[tuple[str, str], list[tuple[str | None, bool, bool]]] = defaultdict(list)
    for own in versions.values():
        last = max(own, key=lambda row: row["version"])
        if last["kind"] not in signs:
            continue
        raised_ms = min(row["at_ms"] for row in own if row["status"] == "raised")
        is_borne_out = any(
            cycle["device_id"] == last["device_id"]
            and raised_ms < cycle["started_at_ms"] <= raised_ms + FOUR_WEEKS_MS
            and signs[last["kind"]] in (cycle["anomalies"] or [])
            for cycle in cycles
        )
        told = last["device_id"], last["status"] == "raised", is_borne_out
        groups[last["material"], last["kind"]].append(told)
    return [
        (
            *key,
            len(own),
            len({device_id for device_id, _, _ in own if device_id is not None}),
            sum(is_up for _, is_up, _ in own),
            sum(is_borne_out for _, _, is_borne_out in own),
        )
        for key, own in sorted(groups.items())
    ]


def advice_and_after(fleet: TrueFleet) -> Answer:
    insights = fleet.said(topics.INSIGHTS, "insight_id")
    spoken_of = {row["session_id"] for row in insights}
    told_ms: dict[tuple[str, str], int] = {}
    for row in insights:
        name = row["kind"], row["device_id"]
        told_ms[name] = min(row["at_ms"], told_ms.get(name, row["at_ms"]))
    groups: defaultdict[str, list[tuple[str, bool, float, bool]]] = defaultdict(list)
    for (kind, device_id), at_ms in told_ms.items():
        for use in fleet.uses:
            if use.device_id != device_id or use.product != "washer" or use.session_id in spoken_of:
                continue
            if at_ms - FOUR_WEEKS_MS <= use.started_ms < at_ms + FOUR_WEEKS_MS:
                groups[kind].append((device_id, use.started_ms >= at_ms, use.amount, use.programme == "eco"))
    answer: Answer = []
    for kind, own in sorted(groups.items()):
        parts = [[row for row in own if row[1] == is_after] for is_after in (False, True)]
        energy: list[Any] = [fmean(row[2] for row in part) if part else None for part in parts]
        eco: list[Any] = [100 * fmean(row[3] for row in part) if part else None for part in parts]
        answer.append((kind, len({row[0] for row in own}), *map(len, parts), *energy, *eco))
    return answer
