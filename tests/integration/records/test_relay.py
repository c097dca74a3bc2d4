"""The relay on a real Kafka and a real PostgreSQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import psycopg
import pytest
from confluent_kafka import KafkaError, Message, Producer

from schemas.errors import UnreachableError, UsageError
from schemas.pseudonyms import pseudonym
from schemas.topics import REFERENCE_CUSTODY, TELEMETRY_PRODUCER, TELEMETRY_WASHER
from sinks.records import outbox, seeding
from sinks.records.relay import Relay, RelaySettings, Told
from sinks.records.relay_loop import run
from tests.integration.records.conftest import DEVICES
from tests.integration.records.relaying import KEY, PARTITIONS, newest, query, relay, seen, settings_for

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]


@pytest.fixture
def settings(kafka_bootstrap: str, records_dsn: str, fresh_topic: Callable[..., str]) -> RelaySettings:
    return settings_for(kafka_bootstrap, records_dsn, fresh_topic)


def told_of(settings: RelaySettings) -> dict[Any, Any]:
    return newest(seen(settings.kafka, settings.topics))


def test_all_that_was_seeded_is_told_once(settings: RelaySettings) -> None:
    counted = Counter[str]()
    for told in relay(settings):
        counted.update(told.records)
    assert counted == {"device": 5, "custody": 4, "consent": 4, "contract": 4}
    assert len(seen(settings.kafka, settings.topics)) == 17
    assert outbox.waiting(settings.records) == 0
    assert relay(settings) == []
    assert len(seen(settings.kafka, settings.topics)) == 17


def test_people_are_pseudonyms_and_what_they_own_is_as_in_the_tables(settings: RelaySettings) -> None:
    relay(settings)
    known = told_of(settings)
    assert known["device", "wm-1"]["material"] == "WM-8030"
    assert known["device", "wm-1"]["sold_on"] == "2026-03-03"
    custody = known["custody", "wm-1"]
    assert (custody["subject"], custody["to_ms"]) == ([pseudonym(KEY, "cu-1")], [None])
    assert (custody["country"], custody["time_zone"], custody["language"]) == (["SE"], ["Europe/Stockholm"], ["sv"])
    assert known["contract", "wm-1"]["currency"] == ["SEK"]
    assert ("custody", "wm-3") not in known, "nobody has it"


def test_a_device_is_told_of_in_the_partition_of_its_uploads(
    settings: RelaySettings, fresh_topic: Callable[..., str]
) -> None:
    relay(settings)
    telemetry = fresh_topic(TELEMETRY_WASHER, PARTITIONS)
    places: dict[str, int | None] = {}

    def report(_: KafkaError | None, message: Message) -> None:
        places[(message.key() or b"").decode()] = message.partition()

    producer = Producer({**TELEMETRY_PRODUCER, "bootstrap.servers": settings.kafka})
    for device_id in ("wm-1", "wm-2", "wm-3", "sh-1", "sh-2"):
        producer.produce(telemetry, b"{}", device_id, on_delivery=report)
    producer.flush(30)
    assert {own.key: own.partition for own in seen(settings.kafka, settings.topics)} == places
    assert len(set(places.values())) > 1


def test_a_late_correction_is_told_as_the_whole_history(settings: RelaySettings) -> None:
    relay(settings)
    before = told_of(settings)
    query(settings.records, "UPDATE crm.custody SET from_at = from_at - interval '30 days' WHERE device_id = 'wm-1'")
    (told,) = relay(settings)
    assert told.records == {"custody": 1}
    after = told_of(settings)
    assert before["custody", "wm-1"]["from_ms"][0] - after["custody", "wm-1"]["from_ms"][0] == 30 * 86_400_000
    assert after["custody", "wm-1"]["revision"] > before["custody", "wm-1"]["revision"]


def test_a_new_owner_is_told_with_custody_and_consents_of_both(settings: RelaySettings) -> None:
    relay(settings)
    query(settings.records, "UPDATE crm.custody SET to_at = '2026-05-10T12:00Z' WHERE device_id = 'wm-1'")
    query(settings.records, "INSERT INTO crm.custody VALUES ('wm-1', '2026-05-10T12:00Z', NULL, 'cu-2', 'resold')")
    relay(settings)
    known = told_of(settings)
    handover_ms = 1_778_414_400_000
    custody, consent = known["custody", "wm-1"], known["consent", "wm-1"]
    assert custody["subject"] == [pseudonym(KEY, "cu-1"), pseudonym(KEY, "cu-2")]
    assert (custody["to_ms"], custody["from_ms"][1]) == ([handover_ms, None], handover_ms)
    agreed = query(settings.records, "SELECT DISTINCT customer_id FROM crm.consent WHERE purpose = 'care'")
    people = {pseudonym(KEY, row["customer_id"]) for row in agreed}
    assert set(consent["subject"]) == people & set(custody["subject"])


def test_a_consent_withdrawn_is_told_for_devices_of_former_custody_too(settings: RelaySettings) -> None:
    query(settings.records, "UPDATE crm.custody SET to_at = '2026-05-10T12:00Z' WHERE device_id = 'sh-1'")
    query(
        settings.records, "INSERT INTO crm.consent VALUES ('co-9', 'cu-1', NULL, 'health', '2026-01-01T00:00Z', NULL)"
    )
    relay(settings)
    query(settings.records, "UPDATE crm.consent SET withdrawn_at = '2026-06-01T00:00Z' WHERE consent_no = 'co-9'")
    (told,) = relay(settings)
    assert told.records == {"consent": 2}, "wm-1, which cu-1 has, and sh-1, which cu-1 had"
    consent = told_of(settings)["consent", "sh-1"]
    ends = dict(zip(consent["purpose"], consent["to_ms"], strict=True))
    assert ends["health"] == 1_780_272_000_000


def test_what_is_not_told_of_writes_no_entry(settings: RelaySettings) -> None:
    relay(settings)
    query(settings.records, "UPDATE crm.customer SET name = 'New Name', engagement = 'daily', products_in_use = 3")
    query(settings.records, "UPDATE erp.material SET list_price = 1")
    query(settings.records, "UPDATE crm.custody SET kind = kind")
    assert outbox.waiting(settings.records) == 0


def test_another_price_or_language_is_told_of_each_device_concerned(settings: RelaySettings) -> None:
    relay(settings)
    query(settings.records, "UPDATE crm.customer SET language = 'de' WHERE customer_id = 'cu-1'")
    query(settings.records, "INSERT INTO billing.utility_price VALUES ('SE', '2026-05-01T00:00Z', 'SEK', 2.5, 60)")
    (told,) = relay(settings)
    assert told.records == {"custody": 2, "contract": 4}
    known = told_of(settings)
    assert known["custody", "sh-1"]["language"] == ["de"]
    assert known["contract", "wm-2"]["energy_price_per_kwh"] == [1.92, 2.5]


def test_an_entry_whose_transaction_ends_after_later_ones_is_not_lost(settings: RelaySettings) -> None:
    relay(settings)
    with psycopg.connect(settings.records) as slow:
        slow.execute("UPDATE crm.customer SET language = 'fi' WHERE customer_id = 'cu-2'")
        query(settings.records, "UPDATE crm.customer SET language = 'ja' WHERE customer_id = 'cu-3'")
        (told,) = relay(settings)
        assert told.records == {"custody": 1}
        slow.commit()
    (told,) = relay(settings)
    assert told.records == {"custody": 1}
    known = told_of(settings)
    assert (known["custody", "wm-2"]["language"], known["custody", "sh-2"]["language"]) == (["fi"], ["ja"])


def test_a_row_that_cannot_be_told_waits_and_holds_up_no_other(settings: RelaySettings) -> None:
    relay(settings)
    query(settings.records, "UPDATE crm.custody SET kind = 'stolen from Astrid' WHERE device_id = 'wm-1'")
    query(settings.records, "UPDATE crm.custody SET kind = 'rented' WHERE device_id = 'wm-2'")
    lines: list[str] = []
    (told,) = relay(settings, tell=lines.append)
    assert told.records == {"custody": 2}, "wm-2, and of wm-1 that nobody is known to have it"
    assert told_of(settings)["custody", "wm-1"]["from_ms"] == []
    assert lines == [
        "cannot tell custody of wm-1, it waits until the row is changed: "
        "kind.0: Input should be 'sold', 'rented', 'resold' or 'swapped'"
    ]
    assert outbox.waiting(settings.records) == 1
    query(settings.records, "UPDATE crm.custody SET kind = 'swapped' WHERE device_id = 'wm-1'")
    (told,) = relay(settings)
    assert (told.records, outbox.waiting(settings.records)) == ({"custody": 1}, 0)


def test_custody_in_part_ends_the_former_owner_s_and_is_told_once_while_it_stays_so(
    settings: RelaySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay(settings)
    query(settings.records, "UPDATE crm.custody SET to_at = '2026-05-10T12:00Z' WHERE device_id = 'wm-1'")
    query(settings.records, "INSERT INTO crm.custody VALUES ('wm-1', '2026-05-10T12:00Z', NULL, 'cu-2', 'found')")
    monkeypatch.setattr("sinks.records.relay.REFUSED_AGAIN_AFTER_S", -1.0)
    clock = iter(range(100, 1_000))
    with psycopg.connect(settings.records, autocommit=True, row_factory=psycopg.rows.dict_row) as connection:
        own = Relay(settings, KEY, connection, lambda: next(clock), again=False)
        told = [own.step() for _ in range(3)]
        assert [None if one is None else one.records for one, _ in told] == [{"custody": 1, "consent": 1}, None, None]
        assert all([one.device_id for one in refused] == ["wm-1"] for _, refused in told)
        custody = told_of(settings)["custody", "wm-1"]
        assert (custody["subject"], custody["to_ms"]) == ([pseudonym(KEY, "cu-1")], [1_778_414_400_000])
        query(settings.records, "UPDATE crm.custody SET kind = 'resold' WHERE kind = 'found'")
        assert own.step() == (Told(103, {"custody": 1}, 3), [])
    assert told_of(settings)["custody", "wm-1"]["to_ms"] == [1_778_414_400_000, None]
    assert outbox.waiting(settings.records) == 0


def test_a_newer_relay_puts_the_older_one_out_of_action(settings: RelaySettings) -> None:
    with (
        psycopg.connect(settings.records, autocommit=True, row_factory=psycopg.rows.dict_row) as one,
        psycopg.connect(settings.records, autocommit=True, row_factory=psycopg.rows.dict_row) as other,
    ):
        older = Relay(settings, KEY, one, lambda: 1, again=False)
        newer = Relay(settings, KEY, other, lambda: 1, again=False)
        with pytest.raises(UsageError, match="has taken over; only one can run"):
            older.step()
        assert newer.step()[0] is not None
    known = told_of(settings)
    assert len(known) == 17


def test_another_key_is_refused_until_all_is_told_anew(settings: RelaySettings) -> None:
    relay(settings)
    other = bytes(32)
    with pytest.raises(UsageError, match="another key than this one"):
        relay(settings, other)
    relay(settings, other, again=True)
    assert told_of(settings)["custody", "wm-1"]["subject"] == [pseudonym(other, "cu-1")]


def test_topics_created_again_are_told_all(settings: RelaySettings, fresh_topic: Callable[..., str]) -> None:
    relay(settings)
    moved = RelaySettings(
        settings.kafka,
        settings.records,
        settings.name,
        {**settings.topics, "custody": fresh_topic(REFERENCE_CUSTODY, PARTITIONS)},
        settings.state_topic,
    )
    relay(moved)
    assert len([own for own in seen(moved.kafka, moved.topics) if own.kind == "custody"]) == 4


def test_record_systems_that_hold_data_before_there_is_an_outbox_are_told(settings: RelaySettings) -> None:
    query(settings.records, "DELETE FROM reference.outbox")
    relay(settings)
    assert len(told_of(settings)) == 17


def test_systems_that_are_away_are_told_in_a_line_and_tried_again(settings: RelaySettings) -> None:
    nowhere = "postgresql://user:very-secret@127.0.0.1:1/nowhere"
    for broken, named in (
        (RelaySettings(settings.kafka, nowhere), r"127\.0\.0\.1:1/nowhere"),
        (RelaySettings("127.0.0.1:1", settings.records), r"127\.0\.0\.1:1"),
    ):
        with pytest.raises(UnreachableError, match=named) as caught:
            relay(broken)
        assert "very-secret" not in str(caught.value)
    lines: list[str] = []
    stop = Event()

    def tell(line: str) -> None:
        lines.append(line)
        if len(lines) == 2:
            stop.set()

    run(RelaySettings(settings.kafka, nowhere), KEY, until_idle=False, stop=stop, now_ms=lambda: 1, tell=tell)
    assert [line.rpartition(". Trying again in ")[2] for line in lines] == ["0.5 s.", "1 s."]


def test_a_running_relay_tells_within_moments_also_of_systems_set_up_later(
    settings: RelaySettings, fresh_database: Callable[[], str]
) -> None:
    empty = fresh_database()
    later = RelaySettings(settings.kafka, empty, settings.name, settings.topics, settings.state_topic)
    with pytest.raises(UsageError, match="have no outbox yet: `vaxel seed` makes it"):
        relay(later)
    stop, told = Event(), Event()

    def report(own: Told) -> None:
        if own.records.get("device") == len(DEVICES):
            told.set()

    lines: list[str] = []
    thread = Thread(
        target=run,
        args=(later, KEY),
        kwargs={"until_idle": False, "stop": stop, "now_ms": lambda: 1, "report": report, "tell": lines.append},
    )
    thread.start()
    seeding.seed(empty, DEVICES)
    assert told.wait(60)
    stop.set()
    thread.join(60)
    assert not thread.is_alive()
    assert len(lines) <= 1
