"""The ground truth of a load, as tables that `TruthFolder.append` takes. Nobody adds it up upload by upload."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from producers.load_digits import Bytes, Integers
from producers.load_uploads import Devices, Volley
from schemas.fields import Contract
from schemas.fleet import FleetDevice
from schemas.forms import arrow_schema
from schemas.truth import TrueRecord, TrueSession, TrueTotal, TrueUpload

_DEVICES_AT_ONCE = 100_000


def upload_rows(volley: Volley) -> pa.Table:
    """Each upload, as meant to be sent."""
    of, place = volley.devices.templates, volley.place
    return _table(
        TrueUpload,
        device_id=texts(volley.names),
        seq=volley.seq,
        product=_same(of.product, place.size),
        sent_at_ms=volley.started_at_ms + of.sent_ms[place],
        reading_count=of.reading_count[place],
        session_started_at_ms=volley.started_at_ms,
        amount=of.amount[place],
        last_reading_at_ms=volley.started_at_ms + of.last_reading_ms[place],
        ends_session=of.ends_session[place],
        is_lost=np.zeros(place.size, np.bool_),
    )


def session_rows(volley: Volley) -> pa.Table:
    """Each session of which the first upload is among these."""
    begun = volley.chosen(np.flatnonzero(volley.begins_session))
    sessions, template = [played.session for played in volley.devices.templates.sessions], begun.template
    lasted_ms = np.array([session.ended_at_ms - session.started_at_ms for session in sessions])
    return _table(
        TrueSession,
        product=_same(volley.devices.templates.product, template.size),
        device_id=texts(begun.names),
        material=_of(template, (session.material for session in sessions), pa.string()),
        session_no=begun.earlier + 1,
        programme=_of(template, (session.programme for session in sessions), pa.string()),
        started_at_ms=begun.started_at_ms,
        ended_at_ms=begun.started_at_ms + lasted_ms[template],
        amount=np.array([session.amount for session in sessions])[template],
    )


def record_rows(volley: Volley, topic: str, partition: int, offsets: Integers) -> pa.Table:
    """Each upload as the record that Kafka holds, all of one partition."""
    count = offsets.size
    return _table(
        TrueRecord,
        topic=_same(topic, count),
        partition=_same(partition, count),
        offset=offsets,
        device_id=texts(volley.names),
        seq=volley.seq,
        reading_count=volley.devices.templates.reading_count[volley.place],
        intact=_same(True, count),
        fault=pa.nulls(count, pa.string()),
    )


def fleet_rows(devices: Devices) -> Iterator[pa.Table]:
    """The devices: sold and at home as the one whose session they play, each of a customer of its own.

    Firmware and consent are those of the session, whatever the other device was made with.
    """
    as_made = [
        played.device.model_copy(
            update={"firmware": played.told[0]["firmware"], "health_consent": played.told[0].get("health_consent")}
        )
        for played in devices.templates.sessions
    ]
    for numbers in _all_numbers(devices):
        template = numbers % len(as_made)
        names = texts(devices.names(numbers))
        same = {
            name: _of(template, (getattr(device, name) for device in as_made), field.type)
            for name, field in ((field.name, field) for field in arrow_schema(FleetDevice))
        }
        own = {
            "device_id": names,
            "customer_id": pa.compute.binary_join_element_wise("cu", names, "-"),
            "paired_with": pa.nulls(numbers.size, pa.string()),
        }
        yield _table(FleetDevice, **same | own)


def total_rows(devices: Devices, sent: Integers) -> Iterator[pa.Table]:
    """What each device did that sent anything.

    Args:
        sent: Number of uploads of each device.
    """
    of = devices.templates
    read = np.append(0, np.cumsum(of.reading_count))
    amounts = np.array([played.session.amount for played in of.sessions])
    for every in _all_numbers(devices):
        numbers = every[sent[every] > 0]
        template = numbers % len(of.sessions)
        whole, more = np.divmod(sent[numbers], of.upload_count[template])
        begun = whole + (more > 0)
        first = of.first[template]
        in_session = read[first + of.upload_count[template]] - read[first]
        yield _table(
            TrueTotal,
            product=_same(of.product, numbers.size),
            device_id=texts(devices.names(numbers)),
            session_count=begun,
            amount=begun * amounts[template],
            upload_count=sent[numbers],
            lost_count=np.zeros_like(numbers),
            reading_count=whole * in_session + read[first + more] - read[first],
        )


def texts(rows: Bytes) -> pa.StringArray:
    """Each row as a text."""
    count, width = rows.shape
    ends = np.arange(count + 1, dtype=np.int32) * width
    return pa.StringArray.from_buffers(count, pa.py_buffer(ends), pa.py_buffer(np.ascontiguousarray(rows)))


def _all_numbers(devices: Devices) -> Iterator[Integers]:
    for start in range(0, len(devices), _DEVICES_AT_ONCE):
        yield np.arange(start, min(start + _DEVICES_AT_ONCE, len(devices)))


def _table(contract: type[Contract], **made: Any) -> pa.Table:
    return pa.table(made).select(arrow_schema(contract).names)


def _same(value: Any, count: int) -> pa.Array:
    return pa.repeat(value, count)


def _of(template: Integers, values: Iterable[Any], kind: pa.DataType) -> pa.Array:
    """The value of each upload's template."""
    return pa.array(list(values), kind).take(pa.array(template))
