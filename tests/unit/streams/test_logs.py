"""The log: readable text or one JSON object per line; the last words stay what the supervisor quotes."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from streams.logs import LOG, configure, last_words, tell


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    handlers, level, own_level = logging.root.handlers[:], logging.root.level, LOG.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    LOG.setLevel(own_level)


def test_json_is_one_object_per_line_whatever_it_holds(capfd: pytest.CaptureFixture[str]) -> None:
    configure("INFO", "json")
    tell(logging.INFO, "taken over", place="telemetry.washer.v1[0]", seconds=0.41, level="a fact of that name")
    try:
        raise ValueError("a\nb")
    except ValueError:
        logging.getLogger("faust").warning("broken\nin two", exc_info=True)
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [(line["level"], line["event"]) for line in lines] == [("INFO", "taken over"), ("WARNING", "broken\nin two")]
    assert (lines[0]["place"], lines[0]["seconds"], lines[0]["logger"]) == ("telemetry.washer.v1[0]", 0.41, LOG.name)
    assert lines[1]["traceback"].endswith("ValueError: a\nb")


def test_text_is_a_readable_line(capfd: pytest.CaptureFixture[str]) -> None:
    configure("INFO", "text")
    tell(logging.INFO, "taken over", place="telemetry.washer.v1[0]", seconds=0.41)
    time, rest = capfd.readouterr().err.split(" ", 1)
    assert time.endswith("Z")
    assert rest == "INFO taken over place=telemetry.washer.v1[0] seconds=0.41\n"


def test_libraries_say_less_and_never_what_was_fetched(
    capfd: pytest.CaptureFixture[str],
) -> None:
    configure("INFO", "text")
    logging.getLogger("faust").info("Starting...")
    assert not capfd.readouterr().err
    configure("DEBUG", "text")
    logging.getLogger("aiokafka.conn").debug("Response: FetchResponse(... a customer's readings ...)")
    tell(logging.DEBUG, "checkpoint", uploads=3)
    said = capfd.readouterr().err
    assert said.endswith("DEBUG checkpoint uploads=3\n")
    assert "customer" not in said


def test_the_last_words_are_what_the_supervisor_quotes_and_json_in_a_json_log() -> None:
    configure("WARNING", "text")
    assert last_words("step failed: no space") == "vaxel: worker stops: step failed: no space"
    configure("WARNING", "json")
    line = json.loads(last_words("step failed: no space"))
    assert (line["level"], line["event"], line["why"]) == ("CRITICAL", "worker stops", "step failed: no space")
