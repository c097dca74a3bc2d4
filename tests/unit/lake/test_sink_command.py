from __future__ import annotations

import pytest

from schemas.topics import SESSIONS_WASHER
from sinks.lake.shares import Share
from sinks.lake.sink import Settings
from vaxel.__main__ import run
from vaxel.commands.sink import start_line


def test_a_topic_that_the_lake_does_not_read_cannot_be_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sink", "lake", "--accept-topic", SESSIONS_WASHER, "--accept-topic", "sesions.washer.v1"]) == 2
    told = capsys.readouterr().err
    assert "Cannot accept topic 'sesions.washer.v1': the lake does not read it. Its topics are " in told
    assert SESSIONS_WASHER in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [("--share", "4/3", "I/N is accepted"), ("--memory", "80%", "such as 500MB or 2GB"), ("--memory", "2", "2GB")],
)
def test_what_is_no_share_and_no_size_is_one_line_and_exit_code_2(
    option: str, value: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["sink", "lake", option, value]) == 2
    told = capsys.readouterr().err
    assert says in told
    assert told.count("\n") == 1


def test_the_first_line_says_what_is_carried_where_how_often_and_who_can_ask() -> None:
    whole = start_line(Settings(), "kafka:9092", "/data/lake", "127.0.0.1", 0)
    assert whole == (
        "sink: all partitions of 14 topics at kafka:9092, into /data/lake; stores every 1 s, or at 1,000,000 rows or "
        "268 MB; no /metrics and /health (--port)"
    )
    half = start_line(Settings(Share(1, 2), 5_000, 10**6, 0.2), "kafka:9092", "s3://bucket/lake", "::1", 8081)
    assert half == (
        "sink: share 1/2 of the partitions of 14 topics at kafka:9092, into s3://bucket/lake; stores every 0.2 s, or "
        "at 5,000 rows or 1.0 MB; serves http://[::1]:8081/metrics and /health"
    )
