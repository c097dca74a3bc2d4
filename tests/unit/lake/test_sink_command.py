from __future__ import annotations

import pytest

from schemas.topics import SESSIONS_WASHER
from vaxel.__main__ import run


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
