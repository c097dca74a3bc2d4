from __future__ import annotations

from pathlib import Path

import pytest

from deploy.logs import LONGEST_REASON, TAIL_BYTES, reason_of_death

PORT_TAKEN = """\
[2026-01-02T03:04:05,678] ERROR Exiting Kafka due to fatal exception during startup. (kafka.Kafka$)
org.apache.kafka.common.KafkaException: Socket server failed to bind to 127.0.0.1:9092: Address already in use.
\tat kafka.network.Acceptor.openServerSocket(SocketServer.scala:630)
Caused by: java.net.BindException: Address already in use
\tat java.base/sun.nio.ch.Net.bind0(Native Method)
\t... 9 more
[2026-01-02T03:04:06,000] INFO shut down completed (kafka.server.BrokerServer)
"""
DISK_FULL = """\
[2026-01-02T03:04:05,678] ERROR Error while writing to checkpoint file /d/kafka/x (org.apache.kafka.storage)
java.io.IOException: No space left on device
\tat java.base/sun.nio.ch.UnixFileDispatcherImpl.write0(Native Method)
[2026-01-02T03:04:05,700] ERROR Shutdown broker because all log dirs in /d/kafka have failed (kafka.log.LogManager)
"""
POSTGRES = """\
2026-01-02 03:04:05.678 UTC [7] LOG:  starting PostgreSQL
2026-01-02 03:04:05.679 UTC [7] FATAL:  could not create lock file "postmaster.pid": Permission denied
2026-01-02 03:04:05.680 UTC [7] LOG:  database system is shut down
"""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (PORT_TAKEN, "Address already in use"),
        (DISK_FULL, "No space left on device"),
        (POSTGRES, 'could not create lock file "postmaster.pid": Permission denied'),
        ("initdb: error: directory exists but is not empty\n", "directory exists but is not empty"),
        ("Error: Could not find or load main class kafka.Kafka\n", "Could not find or load main class kafka.Kafka"),
        ("all is well\n\n", "all is well"),
    ],
)
def test_reason_is_the_line_a_person_would_look_for(tmp_path: Path, text: str, reason: str) -> None:
    log = tmp_path / "log"
    log.write_text(text)
    assert reason_of_death(log) == reason


def test_first_log_with_a_reason_wins_and_missing_logs_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "quiet").write_text("nothing to see\n")
    (tmp_path / "loud").write_text(POSTGRES)
    assert "Permission denied" in reason_of_death(tmp_path / "none", tmp_path / "quiet", tmp_path / "loud")


def test_empty_and_missing_logs_have_no_reason(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    assert reason_of_death(tmp_path / "empty", tmp_path / "none") == "it wrote nothing"


def test_long_logs_are_read_from_their_end_and_long_lines_are_cut(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("FATAL: old\n" + "x" * TAIL_BYTES + "\nFATAL: " + "new" * 1000)
    assert reason_of_death(log) == ("new" * 1000)[:LONGEST_REASON]
