"""No name, address, heart rate or place that nobody agreed to show leaves telemetry, truth and the record systems."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from confluent_kafka import Producer

from deploy.topics import ensure_topics
from schemas.failures import KEPT_BYTES, REPAIRED_HEADER
from schemas.topics import BY_NAME, FAILED_EVENTS, READINGS_WASHER, TELEMETRY, TELEMETRY_SHOE, TELEMETRY_WASHER
from streams.frames import frame
from tests.integration.pipeline.carrying import carry
from tests.integration.pipeline.planted import (
    Planted,
    anywhere,
    in_catalogue,
    in_files,
    in_topics,
)
from tests.integration.pipeline.terminal import Terminal, running_stack
from vaxel.settings import Addresses, addresses

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

STARTED_MS = 1_780_000_000_000
FLEET = ("--seed", "47", "--washers", "4", "--shoes", "4", "--days", "2")

NAMES = ("Ingrid Planted", "Åsa Öberg-Planted", "Planted, Jürgen")
ADDRESSES = ("ingrid@planted.example", "asa.oberg+shoes@planted.example", "+46 70 1740605", "19610412-1234")
HEART_RATES_BPM = (171.375, 168.625)
PLACES_DEG = (59.331258, 18.063241)
OUT_OF_RANGE = (371.375, 159.331258)
PLANTED = Planted((*NAMES, *ADDRESSES), (*HEART_RATES_BPM, *PLACES_DEG, *OUT_OF_RANGE))
POWER_W = 123.4375
"""A control: what may be seen is seen."""

Headers = list[tuple[str, str | bytes | None]]
Published = tuple[str, bytes | None, bytes, Headers]
"""Topic, key, value, headers."""


def a_washer(seq: int, **more: Any) -> dict[str, Any]:
    return {
        "device_id": "w-planted-1", "seq": seq, "sent_at_ms": STARTED_MS + seq * 60_000 + 60_000,
        "material": "WM-8030", "firmware": "1.0.0", "start_ms": STARTED_MS + seq * 60_000, "lead_ms": 0,
        "offset_ms": [0, 30_000], "cycle_no": 1, "cycle_started_ms": STARTED_MS, "cycle_ended": False,
        "programme": "eco", "lifetime_cycles": 0, "lifetime_energy_wh": 0.0, "lifetime_water_l": 0.0,
        "power_w": [POWER_W, POWER_W], "water_l": None, "temperature_c": None, "drum_rpm": None,
    } | more  # fmt: skip


def a_shoe(seq: int, **more: Any) -> dict[str, Any]:
    """Of a runner who has agreed to nothing."""
    return {
        "device_id": "s-planted-1", "seq": seq, "sent_at_ms": STARTED_MS + seq * 60_000 + 60_000,
        "material": "SH-220", "firmware": "1.0.0", "start_ms": STARTED_MS + seq * 60_000, "lead_ms": 0,
        "offset_ms": [0, 30_000], "run_no": 1, "run_started_ms": STARTED_MS, "run_ended": False,
        "health_consent": False, "lifetime_distance_m": 0.0, "lifetime_steps": 0,
        "distance_m": [seq * 100.0, seq * 100.0 + 50.0], "cadence_spm": [170.0, 170.0],
        "heart_rate_bpm": [*HEART_RATES_BPM], "ground_contact_ms": [HEART_RATES_BPM[0]] * 2,
        "contact_balance_pct": [50.0, 50.0], "location_consent": False,
        "latitude_deg": [PLACES_DEG[0]] * 2, "longitude_deg": [PLACES_DEG[1]] * 2,
    } | more  # fmt: skip


def published() -> Iterator[Published]:
    """Uploads that are let in, and uploads that are refused for every kind of reason, with persons in all of them."""
    of_whom = {"owner": {"name": NAMES[0], ADDRESSES[0]: [*NAMES, *ADDRESSES]}, "phone": ADDRESSES[2]}
    for seq in range(3):
        yield TELEMETRY_WASHER, b"w-planted-1", _json(a_washer(seq, **of_whom, cycle_ended=seq == 2)), []
        yield TELEMETRY_SHOE, b"s-planted-1", _json(a_shoe(seq, **of_whom, run_ended=seq == 2)), []
    refused = 100
    for text in (*NAMES, *ADDRESSES):
        for field in ("device_id", "material", "firmware", "programme", "alert", "schema_version", "power_w", "seq"):
            refused += 1
            upload = a_washer(refused, **of_whom) | {field: [text] if field == "power_w" else text}
            yield TELEMETRY_WASHER, b"w-planted-1", _json(upload), []
        key = text.encode()
        yield TELEMETRY_WASHER, key, _json(a_washer(0, **of_whom)), []
        yield TELEMETRY_SHOE, key, _json(a_shoe(0, **of_whom))[:-60], []
        yield TELEMETRY_SHOE, key, key, []
        yield TELEMETRY_WASHER, b"w-planted-1", _json(a_washer(1, **of_whom, note=text)), []  # a number used again
        repaired: Headers = [(REPAIRED_HEADER, key), ("from", key)]
        yield (
            TELEMETRY_WASHER,
            b"w-planted-2",
            _json(a_washer(1, device_id="w-planted-2", power_w=[text] * 2)),
            repaired,
        )
    torn = _json(a_shoe(7, **of_whom))
    missing = {name: value for name, value in a_shoe(8, **of_whom).items() if name != "distance_m"}
    large = _json(a_washer(9, **of_whom, more=[NAMES[0]] * 80_000))
    assert 1_000_000 < len(large) < KEPT_BYTES
    wrong: list[bytes] = [
        *(torn[:-40], torn + b"x", torn + b"\xff", b"[" + torn + b"]", torn * 2, _json(missing), large),
        torn.replace(b'"seq"', b'"seq": 1, "seq"'),
        torn.replace(str(HEART_RATES_BPM[0]).encode(), b"NaN", 1),
        _json(a_shoe(10, heart_rate_bpm=[OUT_OF_RANGE[0], HEART_RATES_BPM[0]])),
        _json(a_shoe(11, heart_rate_bpm=[str(OUT_OF_RANGE[0])] * 2)),
        _json(a_shoe(12, heart_rate_bpm=HEART_RATES_BPM[0])),
        _json(a_shoe(13, latitude_deg=[OUT_OF_RANGE[1]] * 2)),
        _json(a_shoe(14, health_consent=NAMES[0])),
        _json(a_shoe(15, distance_m=[0.0, 900_000.0])),
        _json(a_shoe(16, start_ms=STARTED_MS * 2, sent_at_ms=STARTED_MS * 2)),
    ]
    yield from ((TELEMETRY_SHOE, b"s-planted-1", value, []) for value in wrong)
    # Far behind the newest one: late.
    yield TELEMETRY_WASHER, b"w-planted-1", _json(a_washer(500, **of_whom)), []
    yield TELEMETRY_WASHER, b"w-planted-1", _json(a_washer(20, **of_whom)), []


def _json(upload: dict[str, Any]) -> bytes:
    return json.dumps(upload, ensure_ascii=len(upload) % 2 == 0).encode()


def publish(kafka: str, records: list[Published]) -> None:
    """Into topics, which are made if they are not there."""
    settings = {"bootstrap.servers": kafka, "partitioner": "murmur2_random", "message.max.bytes": 2_000_000}
    ensure_topics(
        kafka, [replace(BY_NAME[FAILED_EVENTS], name=name) for name in {row[0] for row in records} - {*BY_NAME}], 1
    )
    producer, errors = Producer({**settings, "compression.type": "lz4"}), list[object]()
    for topic, key, value, headers in records:
        producer.produce(topic, value, key, headers=headers, on_delivery=lambda error, _: errors.append(error))
    assert producer.flush(30) == 0
    assert set(errors) <= {None}


@dataclass(frozen=True)
class Ran:
    """A pipeline that has taken everything in."""

    terminal: Terminal
    found: Addresses
    planted: Planted
    """Also the customers of the record systems."""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    with running_stack(tmp_path_factory.mktemp("planted")) as terminal:
        found = addresses({}, terminal.data_dir)
        terminal.does("seed", *FLEET)
        terminal.does("simulate", *FLEET, "--fault", "duplicated=0.05", "--fault", "truncated=0.05")
        terminal.does("relay", "--until-idle")
        publish(found.kafka, list(published()))
        terminal.does("run", "--until-idle")
        assert carry(terminal), "there is something to carry"
        rule = terminal.folder / "rule.toml"
        rule.write_text(
            'name = "no-heart-rate"\nwhy = "out of range"\n[select]\nfield = "heart_rate_bpm"\n'
            '[[rewrite]]\nstep = "set"\nfield = "heart_rate_bpm"\nnull = true\n'
        )
        assert terminal.reports("failed", "repair", rule)["added"] >= 2
        terminal.does("failed", "replay", "no-heart-rate")
        terminal.does("run", "--until-idle")
        with psycopg.connect(found.records) as records:
            customers = records.execute("select name, email, customer_id from crm.customer").fetchall()
        texts = {text for customer in customers for text in customer}
        assert len(texts) > 6
        yield Ran(terminal, found, Planted((*PLANTED.texts, *sorted(texts)), PLANTED.numbers))


def test_nothing_personal_is_anywhere_but_where_it_belongs(ran: Ran) -> None:
    assert anywhere(ran.found, ran.terminal.data_dir, ran.planted) == []


def test_all_that_was_planted_was_there_to_be_found(ran: Ran) -> None:
    """In the topics that devices write to; and most of it was refused, each for another reason."""
    there = {what for _, what in in_topics(ran.found.kafka, PLANTED, TELEMETRY)}
    assert there == {*PLANTED.texts, *map(repr, PLANTED.numbers)}
    rows = ran.terminal.asks("select reason, count(*) as events from failed_events group by reason")
    assert {row["reason"] for row in rows} >= {
        *("bad_format", "duplicate_key", "late", "missing_field", "not_an_object", "not_json", "not_utf8"),
        *("number_reused", "out_of_physics", "out_of_range", "time_out_of_bounds", "too_large", "unknown_version"),
        *("wrong_key", "wrong_type"),
    }
    kept = ran.terminal.asks("select count(*) as readings from readings_shoe where device_id = 's-planted-1'")
    assert kept[0]["readings"] >= 6


def test_who_has_the_key_reads_what_was_refused(ran: Ran) -> None:
    (row,) = ran.terminal.asks(
        "select min(place) as place from (select topic || ':' || partition || ':' || \"offset\" "
        "as place from failed_events where reason = 'too_large')"
    )
    assert NAMES[0] in ran.terminal.does("failed", "show", row["place"])
    assert ran.terminal.types("failed", "show", row["place"], "--json").code == 0
    stranger = Terminal(ran.terminal.folder, {"VAXEL_KEYS": str(ran.terminal.folder / "nowhere")})
    said = stranger.types("failed", "show", row["place"])
    assert (said.code, said.err.count("\n"), said.out) == (2, 1, "")
    assert "there is no key" in said.err
    assert len(stranger.reports("failed", "list", "--each", "--limit", "5")) == 5
    assert stranger.types("verify").code == 2


def test_what_may_be_seen_is_found_in_topics_and_lake(ran: Ran) -> None:
    """The same search finds a planted power, packed in frames of Kafka and in Parquet."""
    power = Planted((), (POWER_W,))
    assert list(in_topics(ran.found.kafka, power, [READINGS_WASHER]))
    lake = [*in_files(ran.terminal.data_dir / "lake", power), *in_catalogue(ran.found.catalog, power)]
    assert lake


def test_the_search_finds_what_is_planted_on_purpose(ran: Ran) -> None:
    """In each kind of place; an engine that leaks would be seen."""
    visible = Planted(("Vendela Visible", "Väinö Visible"), (99.84375,))
    name = visible.texts[1]
    values: list[tuple[bytes | None, bytes, Headers]] = [
        (name.encode(), b"", []),
        (None, json.dumps({"who": name}).encode(), []),
        (None, b"", [("detail", name.encode())]),
        (None, frame(pa.table({"who": [name]})), []),
        (None, frame(pa.table({"bpm": [[1.0, 99.84375]]})), []),
        (None, frame(pa.table({"raw": [b"\0" + name.encode()]})), []),
    ]
    publish(ran.found.kafka, [("it-planted", key, value, headers) for key, value, headers in values])
    assert len(list(in_topics(ran.found.kafka, visible, ["it-planted"]))) == len(values)

    data_dir = ran.terminal.data_dir
    (data_dir / "logs" / "visible.log").write_text(f"WARNING refused: {name}\n")
    (data_dir / "repairs" / "visible").write_bytes(json.dumps({"who": name}).encode())
    pq.write_table(pa.table({"bpm": [99.84375]}), data_dir / "lake" / "visible.parquet", compression="zstd")
    with psycopg.connect(ran.found.catalog, autocommit=True) as catalogue:
        catalogue.execute("create table visible (max_value text, inlined bytea)")
        catalogue.execute("insert into visible values (%s, %s)", [name, name.encode()])
        try:
            places = {place for place, _ in anywhere(ran.found, data_dir, visible)}
        finally:
            catalogue.execute("drop table visible")
            for file in ("logs/visible.log", "repairs/visible", "lake/visible.parquet"):
                (data_dir / file).unlink()
    assert {place for place in places if not place.startswith(("it-planted", "kafka"))} == {
        *("logs/visible.log", "repairs/visible", "lake/visible.parquet", "public.visible"),
    }
    assert len([place for place in places if place.startswith("it-planted")]) == len(values)


def test_a_stream_without_its_key_would_be_seen(ran: Ran) -> None:
    """A failed event written as it came, as before there were seals."""
    upload = _json(a_washer(1, owner=NAMES[0]))
    publish(ran.found.kafka, [("it-unsealed", b"w-planted-1", upload, [("reason", b"late")])])
    assert [what for _, what in in_topics(ran.found.kafka, ran.planted, ["it-unsealed"])] == [NAMES[0]]
    assert not list(in_topics(ran.found.kafka, ran.planted, [FAILED_EVENTS]))
