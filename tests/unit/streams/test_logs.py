"""The log: readable text or one JSON object per line; the last words stay what the supervisor quotes."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator

import pyarrow as pa
import pytest
from confluent_kafka import KafkaError, KafkaException

from schemas.errors import UnreachableError
from streams.logs import LOG, Format, configure, last_words, tell, tell_of_bug, words_of


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
    assert re.search(r"ValueError at streams/test_logs\.py:\d+$", lines[1]["traceback"])


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_what_an_error_quotes_is_not_logged_nor_what_its_causes_quote(
    log_format: Format, capfd: pytest.CaptureFixture[str]
) -> None:
    configure("INFO", log_format)
    name = "-".join(["Ingrid", "Planted"])  # source lines are in a traceback, too

    def takes_in() -> None:
        try:
            pa.array([1.0, name], pa.float64())
        except pa.ArrowInvalid as error:
            raise LookupError(f"no number: {name}") from error

    with pytest.raises(LookupError, match=name) as caught:
        takes_in()
    assert name in str(caught.value.__cause__)
    logging.getLogger("faust").warning("broken", exc_info=caught.value)
    tell_of_bug(LookupError, caught.value, caught.value.__traceback__)
    said = f"{capfd.readouterr().err} {words_of(caught.value)}"
    assert name not in said
    assert "ArrowInvalid at streams/test_logs.py:" in said
    assert said.count("LookupError at streams/test_logs.py:") == 3


def test_what_outside_systems_and_we_ourselves_say_is_told_in_full() -> None:
    assert words_of(UnreachableError("Kafka is away")) == "Kafka is away"
    assert "disk full" in words_of(OSError(28, "disk full"))
    assert "_TIMED_OUT" in words_of(KafkaException(KafkaError(KafkaError._TIMED_OUT)))
    assert words_of(AssertionError("Ingrid Planted")) == "AssertionError"


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
