"""`vaxel relay` as a user types it, and that nothing personal leaves with what it tells."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition

from schemas.outbox import KINDS
from schemas.topics import REFERENCES, relay_topic
from sinks.records import outbox
from tests.integration.records.conftest import DEVICES
from tests.integration.records.relaying import query
from vaxel.__main__ import run

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

PLANTED = "Zacharias Quist"
CUSTOMER = "cu-Quistpersson"


@pytest.fixture
def data_dir(kafka_bootstrap: str, records_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory without a stack: its keys are made there, the systems are the test's."""
    known = {
        "VAXEL_KAFKA": kafka_bootstrap,
        "VAXEL_RECORDS": records_dsn,
        "VAXEL_LAKE_CATALOG": "nowhere",
        "VAXEL_LAKE_FILES": "nowhere",
        "VAXEL_KEYS": "",
    }
    for name, value in known.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def all_bytes(kafka: str, topics: list[str]) -> bytes:
    """Keys, values and headers of all that is in the topics, aborted transactions included."""
    consumer = Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": "it",
            "isolation.level": "read_uncommitted",
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
    )
    known = consumer.list_topics(timeout=30).topics
    unfinished = {(topic, number) for topic in topics for number in known[topic].partitions}
    consumer.assign([TopicPartition(*place, 0) for place in unfinished])
    found = bytearray()
    while unfinished:
        message = consumer.poll(30)
        assert message is not None, "Kafka is silent"
        error = message.error()
        if error is not None:
            assert error.code() == KafkaError._PARTITION_EOF, error
            unfinished.discard((str(message.topic()), int(message.partition() or 0)))
            continue
        found += (message.key() or b"") + b"\n" + (message.value() or b"") + repr(message.headers()).encode() + b"\n"
    consumer.close()
    return bytes(found)


def test_no_name_no_address_and_no_customer_number_leaves_the_record_systems(
    data_dir: Path, kafka_bootstrap: str, records_dsn: str, capfd: pytest.CaptureFixture[str]
) -> None:
    query(records_dsn, f"INSERT INTO crm.customer VALUES ('{CUSTOMER}', '{PLANTED}', 'zq@mail.example', 'sv', 'SE')")
    query(records_dsn, f"INSERT INTO crm.custody VALUES ('planted-1', '2026-04-01', NULL, '{CUSTOMER}', 'sold')")
    query(records_dsn, f"INSERT INTO crm.custody VALUES ('planted-2', '2026-04-01', NULL, '{CUSTOMER}', '{PLANTED}')")
    query(records_dsn, f"INSERT INTO crm.preference VALUES ('{CUSTOMER}', 'Europe/Berlin', 2, NULL, '{PLANTED}')")
    query(
        records_dsn, f"INSERT INTO crm.consent VALUES ('co-{PLANTED}', '{CUSTOMER}', NULL, 'care', '2026-04-01', NULL)"
    )
    query(
        records_dsn,
        f"INSERT INTO billing.contract VALUES ('ct-77', 'planted-1', '{CUSTOMER}', 'flat', 'SE', '2026-04-01', NULL)",
    )
    assert run(["relay", "--until-idle", "--again", "--json", "--data-dir", str(data_dir)]) == 1
    told = capfd.readouterr()
    assert "cannot tell custody of planted-2" in told.err
    written = all_bytes(kafka_bootstrap, [*REFERENCES, relay_topic().name])
    assert b'"planted-1"' in written
    assert b"ct-77" in written
    personal = query(records_dsn, "SELECT customer_id, name, email FROM crm.customer")
    words = {str(value) for row in personal for value in row.values()} - {"cu-1", "cu-2", "cu-3"}
    assert PLANTED in words
    found = [word for word in words if word.encode() in written or word in told.out + told.err]
    assert found == []
    assert b'"cu-' not in written, "short customer numbers"
    key = (data_dir / "keys" / "pseudonym.key").read_text().strip()
    assert key.encode() not in written + told.out.encode() + told.err.encode()


def test_each_transaction_is_an_object_and_the_sum_a_sentence(
    data_dir: Path, records_dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["relay", "--until-idle", "--again", "--json", "--data-dir", str(data_dir)]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert set(told["records"]) == set(KINDS)
    assert told["records"]["device"] == len(DEVICES)
    query(records_dsn, "UPDATE crm.custody SET kind = 'rented' WHERE device_id = 'wm-1'")
    assert run(["relay", "--until-idle", "--data-dir", str(data_dir)]) == 0
    assert capsys.readouterr().out == "told: custody 1\n"
    assert run(["relay", "--until-idle", "--data-dir", str(data_dir)]) == 0
    assert capsys.readouterr().out == "told: nothing new\n"


def test_it_runs_until_a_polite_kill_and_ends_well(data_dir: Path, records_dsn: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "vaxel", "relay", "--again", "--data-dir", str(data_dir)],
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline_s = time.monotonic() + 60
    query(records_dsn, "UPDATE crm.custody SET kind = 'rented' WHERE device_id = 'wm-2'")
    while outbox.waiting(records_dsn) and time.monotonic() < deadline_s:
        time.sleep(0.1)
    assert outbox.waiting(records_dsn) == 0
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert out.startswith("told: consent ")


def test_what_stands_in_the_way_is_one_line_and_an_exit_code(
    data_dir: Path,
    fresh_database: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def told(*, of: str, to: str) -> tuple[int, str]:
        with monkeypatch.context() as patched:
            patched.setenv(of, to)
            code = run(["relay", "--until-idle", "--data-dir", str(data_dir)])
        return code, capsys.readouterr().err

    code, line = told(of="VAXEL_RECORDS", to="postgresql://nobody:secret@127.0.0.1:1/nowhere")
    assert (code, line.count("\n"), "secret" in line) == (3, 1, False)
    code, line = told(of="VAXEL_RECORDS", to=fresh_database())
    assert (code, line.count("\n")) == (2, 1)
    assert "have no outbox yet: `vaxel seed` makes it." in line
    code, line = told(of="VAXEL_KAFKA", to="127.0.0.1:1")
    assert (code, line.count("\n")) == (3, 1)
    code, line = told(of="VAXEL_KEYS", to="/nowhere")
    assert (code, line.count("\n")) == (2, 1)
    assert "there is no key /nowhere/pseudonym.key" in line
